"""Running MapServer as a CGI program (RFC 3875) for one request."""

from __future__ import annotations

import contextlib
import logging
import re
import resource
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gasflux_core.errors import Busy
from server.ows.addresses import mapserver_program
from server.ows.errors import MapServerFailed, NoMapServer, TooSlow
from server.ows.mapfile import CONFIGURATION, MAPFILE
from server.settings import Settings

LOG = logging.getLogger(__name__)

LARGEST_ANSWER = 128 * 1024**2
"""Bytes of one answer."""

_WAIT_SECONDS = 10.0
"""Longest wait for others that run."""

_PASSED_ON = ("content-type", "content-disposition")
"""Headers that MapServer may set."""


@dataclass(frozen=True)
class Answer:
    """What MapServer answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class MapServer:
    """The program, and how many of it run for this web worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = threading.BoundedSemaphore(settings.ows.parallel)

    def answer(self, folder: Path, query: str, body: bytes | None = None) -> Answer:
        """Answer a request from the map of a folder.

        :param query: key-value pairs, percent-encoded; only ones that a client may set.
        :param body: an XML document, in place of the query.
        :raises NoMapServer: there is none.
        :raises Busy: as many run already as may.
        :raises TooSlow: it took too long.
        :raises MapServerFailed: it gave no answer.
        """
        program = mapserver_program(self._settings)
        if program is None:
            raise NoMapServer(
                "This service has no MapServer, which WMS, WCS and WFS need. The results are there as OGC API - "
                "Features below this address, and as files."
            )
        if not self._places.acquire(timeout=_WAIT_SECONDS):
            raise Busy("As many maps are drawn as this service draws at a time. Try again soon.", retry_after=5)
        try:
            return _read(self._run(program, folder, query, body))
        finally:
            self._places.release()

    def _run(self, program: str, folder: Path, query: str, body: bytes | None) -> bytes:
        limits = self._settings.ows
        # Files, not pipes, on both sides of the one pipe that is read: so nothing can wait for anything else.
        with tempfile.TemporaryFile() as sent, tempfile.TemporaryFile() as complaints:
            sent.write(body or b"")
            sent.seek(0)
            environment = self._environment(folder, query, body)
            try:
                running = subprocess.Popen(
                    [program], stdin=sent, stdout=subprocess.PIPE, stderr=complaints, env=environment, cwd=folder
                )
            except OSError as error:
                LOG.error("MapServer (%s) can't be started: %s", program, error.strerror)
                raise NoMapServer(
                    "This service's MapServer can't be started; its operator finds the reason in the log. The results "
                    "are there as OGC API - Features, and as files."
                ) from None
            _hold(running.pid, limits.memory_limit, limits.time_limit)
            late = threading.Event()

            def end() -> None:
                late.set()
                running.kill()

            timer = threading.Timer(limits.time_limit, end)
            timer.start()
            # Its end closes the pipe, and waits for the program.
            with running:
                try:
                    content = running.stdout.read(LARGEST_ANSWER + 1) if running.stdout else b""
                finally:
                    timer.cancel()
                    running.kill()
            if late.is_set():
                raise TooSlow(
                    f"MapServer took longer than the {limits.time_limit:g} s that a request may take; ask for a "
                    "smaller part, or fewer pixels."
                )
            if len(content) > LARGEST_ANSWER:
                raise MapServerFailed("The answer is larger than this service gives; ask for a smaller part.")
            if not content:
                complaints.seek(0)
                told = " ".join(complaints.read(2000).decode(errors="replace").split())
                LOG.error("MapServer gave no answer in %s: %s", folder.name, told or "it said nothing")
        return content

    def _environment(self, folder: Path, query: str, body: bytes | None) -> dict[str, str]:
        """Nothing of this process's own: a mapfile could show what is in there."""
        address = urlsplit(self._settings.root)
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SERVER_NAME": address.hostname or "localhost",
            "SERVER_PORT": str(address.port or (443 if address.scheme == "https" else 80)),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SCRIPT_NAME": address.path,
            "REQUEST_METHOD": "GET" if body is None else "POST",
            "QUERY_STRING": query,
            "MS_MAPFILE": str(folder / MAPFILE),
            "MAPSERVER_CONFIG_FILE": str(folder / CONFIGURATION),
            "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
            "GDAL_PAM_ENABLED": "NO",
        }
        if body is not None:
            environment |= {"CONTENT_TYPE": "text/xml", "CONTENT_LENGTH": str(len(body))}
        return environment


def _hold(pid: int, memory: int, seconds: float) -> None:
    """Limits that the system itself holds the program to, where it can."""
    if not hasattr(resource, "prlimit"):
        return
    # It may have ended already.
    with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_AS, (memory, memory))
        resource.prlimit(pid, resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _read(content: bytes) -> Answer:
    """Headers and body of what a CGI program wrote."""
    head, gap, body = content.partition(b"\r\n\r\n")
    if not gap:
        head, gap, body = content.partition(b"\n\n")
    found: dict[str, str] = {}
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z0-9-]+", name):
            gap = b""
            break
        found[name.lower()] = value.strip()
    if not gap or "content-type" not in found:
        raise MapServerFailed("MapServer gave no answer to this request; the operator finds more in the log.")
    status = found.get("status", "200")[:3]
    headers = {name.title(): found[name] for name in _PASSED_ON if name in found}
    return Answer(int(status) if status.isdecimal() else 502, headers, body)
