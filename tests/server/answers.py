"""A small web server that answers in good and bad ways, and a fetcher to ask it with."""

from __future__ import annotations

import base64
import gzip
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gasflux_core.errors import InputError
from server.fetch import Fetcher
from server.jobs.request import InputItem
from server.store import FolderStore

OWS_EXCEPTION = (
    b'<?xml version="1.0"?><ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1" version="1.0.0">'
    b'<ows:Exception exceptionCode="InvalidParameterValue" locator="typeName"><ows:ExceptionText>no such layer'
    b"</ows:ExceptionText></ows:Exception></ows:ExceptionReport>"
)


class Handler(BaseHTTPRequestHandler):
    """Answers by the path; keeps what it was asked."""

    asked: list[tuple[str, str, dict[str, str], bytes]]

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        name, _, rest = self.path.lstrip("/").partition("/")
        getattr(self, f"on_{name.partition('?')[0]}")(rest)

    do_GET = do_POST = answer  # noqa: N815 - names of the library

    def send(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def on_data(self, _: str) -> None:
        self.send(b"a,b\n1,2\n")

    def on_body(self, _: str) -> None:
        self.send(b"<got/>" + self.asked[-1][3])

    def on_status(self, code: str) -> None:
        self.send(b"<html>sorry</html>", int(code))

    def on_refuse(self, _: str) -> None:
        self.send(OWS_EXCEPTION, 400)

    def on_exception(self, _: str) -> None:
        self.send(OWS_EXCEPTION)

    def on_html(self, _: str) -> None:
        self.send(b"\n <!DOCTYPE HTML><html><body>Log in</body></html>")

    def on_empty(self, _: str) -> None:
        self.send(b"")

    def on_encoded(self, _: str) -> None:
        self.send(base64.b64encode(b"a,b"))

    def on_gzip(self, size: str) -> None:
        self.send(gzip.compress(b"x" * int(size)), Content_Encoding="gzip")

    def on_members(self, _: str) -> None:
        self.send(gzip.compress(b"one,") + gzip.compress(b"two"), Content_Encoding="gzip")

    def on_torn(self, _: str) -> None:
        self.send(gzip.compress(b"x" * 1000)[:-9], Content_Encoding="gzip")

    def on_brotli(self, _: str) -> None:
        self.send(b"x", Content_Encoding="br")

    def on_short(self, _: str) -> None:
        self.send(b"only so much", Content_Length="1000")
        self.close_connection = True

    def on_endless(self, _: str) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * 10000)
        except OSError:
            pass

    def on_slow(self, _: str) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _i in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass

    def on_to(self, where: str) -> None:
        self.send(b"", int(self.headers.get("X-Status") or 302), Location=where)

    def on_loop(self, count: str) -> None:
        number = int(count)
        self.send(b"", 302, Location=f"/loop/{number - 1}" if number else "/data")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    handler = type("OwnHandler", (Handler,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def address(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


Make = Callable[..., Fetcher]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def fetcher(
        hosts: tuple[str, ...] = ("127.0.0.1",),
        limit: int = 100_000,
        seconds: float = 10.0,
        *,
        folders: Any = (),
        buckets: tuple[str, ...] = (),
        endpoint: str = "",
    ) -> Fetcher:
        settings = SimpleNamespace(
            server=SimpleNamespace(
                outputurl="http://service.example.org/outputs", maxsingleinputsize=limit, allowedinputpaths=folders
            ),
            security=SimpleNamespace(allowed_hosts=hosts, allowed_buckets=buckets, fetch_timeout=seconds),
            store=SimpleNamespace(endpoint=endpoint),
        )
        store = FolderStore(tmp_path / "outputs", tmp_path / "work", settings.server.outputurl)
        return Fetcher(settings, store)

    return fetcher


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "job"
    path.mkdir()
    return path


def refusal(fetcher: Fetcher, item: InputItem | str, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        fetcher.fetch(item, folder, "flight")
    assert caught.value.parameter == "flight"
    assert list(folder.iterdir()) == []
    return caught.value.message
