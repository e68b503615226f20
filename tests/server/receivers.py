"""Servers of subscribers, which take notices in good and bad ways and keep what they were told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

from tests.server.answers import Handler


class Subscribed(Handler):
    """Answers notices in good and bad ways."""

    free: threading.Event

    def on_ok(self, _: str) -> None:
        self.send(b"thank you")

    def on_nothing(self, _: str) -> None:
        self.send_response(204)
        self.end_headers()

    def on_hang(self, _: str) -> None:
        self.free.wait(60)

    def on_drip(self, _: str) -> None:
        """Headers without end, one after the other."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(90):
            try:
                self.wfile.write(b"X-%d: x\r\n" % number)
            except OSError:
                return
            time.sleep(0.05)

    def on_endless(self, _: str) -> None:
        """One line without end."""
        try:
            while True:
                self.wfile.write(b"x" * 10000)
        except OSError:
            pass

    def on_go_on(self, _: str) -> None:
        try:
            while True:
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                time.sleep(0.01)
        except OSError:
            pass

    def on_nonsense(self, _: str) -> None:
        self.wfile.write(b"220 mail.example.org ESMTP\r\n")


class Receiver(ThreadingHTTPServer):
    """A subscriber's server."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.free = threading.Event()
        super().__init__(("127.0.0.1", port), type("Own", (Subscribed,), {"asked": self.asked, "free": self.free}))
        self.url = f"http://127.0.0.1:{self.server_port}"

    def told(self, path: str) -> list[dict[str, Any]]:
        """The bodies that came to a path."""
        return [json.loads(body) for _, asked, _, body in list(self.asked) if asked == path]


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    receiver = Receiver(port)
    threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.free.set()
        receiver.shutdown()
        receiver.server_close()
