"""A small web server that gives inputs out, and takes what subscribers are told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Neighbour:
    """Another server on this machine."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    """Path → what it gives out there."""
    told: dict[str, list[Any]] = field(default_factory=dict)
    """Path → the JSON documents that were sent there."""

    def wait_for(self, path: str) -> Any:
        """The first document sent to a path."""
        limit = time.monotonic() + 30
        while not self.told.get(path):
            assert time.monotonic() < limit, f"nothing was sent to {path}"
            time.sleep(0.05)
        return self.told[path][0]


@pytest.fixture(scope="session")
def neighbour() -> Iterator[Neighbour]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = there.files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            there.told.setdefault(self.path, []).append(json.loads(body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there = Neighbour(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield there
    server.shutdown()
    server.server_close()
