"""A page of another origin in a real browser, and what it tells of the service."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LIMIT = 120
"""Seconds within which a page must have told something."""

MEDIA_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class Site:
    """A web site on a port of its own.

    :param files: name → content; a page sends what it found by POST to ``/told``, as JSON.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.told: queue.Queue[Any] = queue.Queue()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.lstrip("/")
                self.send_response(200 if name in files else 404)
                self.send_header("Content-Type", MEDIA_TYPES.get(Path(name).suffix, "text/plain"))
                self.end_headers()
                self.wfile.write(files.get(name, b""))

            def do_POST(self) -> None:
                site.told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def open(self) -> Iterator[Site]:
        """Serve until the end of the block."""
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()


def told_by_page(chromium: str, files: Mapping[str, bytes], folder: Path) -> Any:
    """What ``page.html`` among the files tells, opened in a browser without a window.

    :param folder: where the browser may keep its things.
    """
    log = folder / "browser.log"
    with Site(files).open() as site, log.open("w") as stream:
        command = [
            chromium,
            "--headless",
            "--no-sandbox",  # it refuses to run as root with one
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
            f"--user-data-dir={folder / 'profile'}",
            "--remote-debugging-port=0",  # keeps it from ending as soon as the page is loaded
            f"{site.url}/page.html",
        ]
        program = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
        try:
            return site.told.get(timeout=LIMIT)
        except queue.Empty:
            raise AssertionError(f"the page told nothing in {LIMIT} s:\n{log.read_text()[-3000:]}") from None
        finally:
            program.terminate()
            with suppress(subprocess.TimeoutExpired):
                program.wait(10)
            program.kill()
