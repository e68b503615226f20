"""How a run is doing, told as it happens: server-sent events, as many streams at once as there are threads to spare."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response
from sqlalchemy.exc import SQLAlchemyError

from gasflux_core.errors import Busy, GasFluxError
from server.jobs.queue import Jobs

_SHARE_OF_THREADS = 4
"""One in so many threads of a web worker may hold a stream."""

_LOOK_SECONDS = 0.3
_HEARTBEAT_SECONDS = 10.0
"""A client that is gone is noticed at the next thing that is sent to it."""

_LONGEST_SECONDS = 600.0
"""After that the browser comes again by itself, maybe to another worker."""

_AGAIN_SECONDS = 2


class Streams:
    """The streams of one web worker.

    :param threads: that the worker has.
    """

    def __init__(self, jobs: Jobs, threads: int) -> None:
        self._jobs = jobs
        self._places = threading.BoundedSemaphore(max(threads // _SHARE_OF_THREADS, 1))

    def open(self, tell: Callable[[], dict[str, Any]]) -> Response:
        """A stream of all that becomes new of a run, until its end.

        :param tell: reads how it is now; ``ended`` in it ends the stream.
        :raises Busy: as many are open as may.
        """
        if not self._places.acquire(blocking=False):
            raise Busy("As many pages are told of their runs' progress as can be. Ask at intervals instead.", 5)
        response = Response(self._events(tell), content_type="text/event-stream; charset=utf-8")
        # By the server, also where the client is gone before the first event.
        response.call_on_close(self._places.release)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"
        return response

    def _events(self, tell: Callable[[], dict[str, Any]]) -> Iterator[str]:
        yield f"retry: {_AGAIN_SECONDS * 1000}\n\n"
        began = beat = time.monotonic()
        last = ""
        while time.monotonic() - began < _LONGEST_SECONDS:
            try:
                told = tell()
            except (GasFluxError, SQLAlchemyError):
                # It is gone, or can't be read now: the page asks for itself, and is answered in words.
                yield "event: lost\ndata: {}\n\n"
                return
            data = json.dumps(told, ensure_ascii=False)
            if data != last:
                yield f"data: {data}\n\n"
                last, beat = data, time.monotonic()
            elif time.monotonic() - beat > _HEARTBEAT_SECONDS:
                yield ": still here\n\n"
                beat = time.monotonic()
            # A worker that ends waits for nobody.
            if told["ended"] or self._jobs.stopping.wait(_LOOK_SECONDS):
                return
