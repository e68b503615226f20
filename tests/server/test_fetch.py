"""Fetching references: what becomes the input, and what never may."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from gasflux_core.errors import TooLarge
from server.fetch import exception_text
from server.jobs.request import InputItem
from tests.server.answers import OWS_EXCEPTION, Make, address, folder, make, refusal, server

__all__ = ["address", "folder", "make", "server"]

JOB = "12345678-1234-4234-8234-123456789abc"


# --- what comes through ---------------------------------------------------------------------------


def test_a_file_is_fetched(make: Make, address: str, folder: Path) -> None:
    first = make().fetch(f"{address}/data", folder, "flight")
    second = make().fetch(f"{address}/data", folder, "flight")
    assert first.read_bytes() == second.read_bytes() == b"a,b\n1,2\n"
    assert first != second
    assert first.parent == folder


def test_post_with_body_and_headers(make: Make, address: str, folder: Path, server: Any) -> None:
    item = InputItem(href=f"{address}/body?x=1&y=å b", method="POST", body="<q/>", headers={"X-Key": "secret"})
    assert make().fetch(item, folder, "flight").read_bytes() == b"<got/><q/>"
    method, path, headers, body = server.RequestHandlerClass.asked[-1]
    assert (method, path, body) == ("POST", "/body?x=1&y=%C3%A5%20b", b"<q/>")
    assert (headers["x-key"], headers["content-type"]) == ("secret", "text/xml")
    assert headers["host"] == address.removeprefix("http://")


def test_the_body_may_be_a_reference_itself(make: Make, address: str, folder: Path) -> None:
    item = InputItem(href=f"{address}/body", method="POST", body_href=f"{address}/data")
    assert make().fetch(item, folder, "flight").read_bytes() == b"<got/>a,b\n1,2\n"
    assert len(list(folder.iterdir())) == 1


def test_compressed_answers_are_opened(make: Make, address: str, folder: Path) -> None:
    assert make().fetch(f"{address}/gzip/70000", folder, "flight").read_bytes() == b"x" * 70000
    assert make().fetch(f"{address}/members", folder, "flight").read_bytes() == b"one,two"


def test_base64_is_decoded(make: Make, address: str, folder: Path) -> None:
    item = InputItem(href=f"{address}/encoded", encoding="base64")
    fetched = make().fetch(item, folder, "flight")
    assert fetched.read_bytes() == b"a,b"
    fetched.unlink()
    assert "base64" in refusal(make(), InputItem(href=f"{address}/data", encoding="base64"), folder)


def test_redirects_are_followed_five_times(make: Make, address: str, folder: Path) -> None:
    assert make().fetch(f"{address}/loop/4", folder, "flight").read_bytes() == b"a,b\n1,2\n"


def test_a_sixth_redirect_is_refused(make: Make, address: str, folder: Path) -> None:
    assert "more than 5 times" in refusal(make(), f"{address}/loop/5", folder)


def test_headers_stay_with_their_host(make: Make, address: str, folder: Path, server: Any) -> None:
    other = address.replace("127.0.0.1", "127.0.0.2")
    item = InputItem(href=f"{address}/to/{other}/data", headers={"Authorization": "Bearer x"})
    # Loopback is one network; both of its addresses reach this server only where the system has them.
    fetcher = make(("127.0.0.0/8",))
    try:
        socket.create_connection(("127.0.0.2", server.server_port), 1).close()
    except OSError:
        assert "can't be fetched" in refusal(fetcher, item, folder)
    else:
        fetcher.fetch(item, folder, "flight")
    with_header = [path for _, path, headers, _ in server.RequestHandlerClass.asked if "authorization" in headers]
    assert len(with_header) == 1


@pytest.mark.parametrize(("status", "method"), [("302", "GET"), ("303", "GET"), ("307", "POST"), ("308", "POST")])
def test_a_redirected_post(make: Make, address: str, folder: Path, server: Any, status: str, method: str) -> None:
    item = InputItem(href=f"{address}/to/{address}/body", method="POST", body="b", headers={"X-Status": status})
    make().fetch(item, folder, "flight")
    assert server.RequestHandlerClass.asked[-1][0] == method


def test_a_result_of_the_service_itself_comes_out_of_the_store(make: Make, folder: Path, tmp_path: Path) -> None:
    results = tmp_path / "outputs" / JOB
    results.mkdir(parents=True)
    (results / "table.csv").write_bytes(b"a,b")
    (tmp_path / "outputs" / "secret").write_bytes(b"s")
    own = f"http://service.example.org/outputs/{JOB}"
    # No host is allowed: the network isn't asked.
    fetcher = make(("nowhere.example.org",))
    assert fetcher.fetch(f"{own}/table.csv", folder, "flight").read_bytes() == b"a,b"
    for path in folder.iterdir():
        path.unlink()
    for url in (
        f"{own}/other.csv",
        f"{own}/..%2fsecret",
        f"{own}/../secret",
        "http://service.example.org/outputs/secret",
    ):
        assert "no result that is kept here" in refusal(fetcher, url, folder)


def test_files_of_open_folders(make: Make, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data-secret").mkdir()
    (tmp_path / "data" / "a b.csv").write_bytes(b"a,b")
    (tmp_path / "data-secret" / "s.csv").write_bytes(b"s")
    (tmp_path / "data" / "link.csv").symlink_to(tmp_path / "data-secret" / "s.csv")
    fetcher = make(folders=(tmp_path / "data",))
    base = f"file://{tmp_path}"
    fetched = fetcher.fetch(f"{base}/data/a%20b.csv", folder, "flight")
    assert fetched.read_bytes() == b"a,b"
    fetched.unlink()
    for name in ("data-secret/s.csv", "data/../data-secret/s.csv", "data/link.csv", "data/none", "data", "data/%00"):
        assert "no file in a folder that is open" in refusal(fetcher, f"{base}/{name}", folder)
    assert "no file in a folder that is open" in refusal(make(), f"{base}/data/a%20b.csv", folder)


# --- what does not --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("status/404", "status 404 Not Found"),
        ("status/500", "status 500"),
        ("status/204", "has no content"),
        ("refuse", "status 400 Bad Request: InvalidParameterValue no such layer"),
        ("exception", "answered with an exception: InvalidParameterValue no such layer"),
        ("html", "answered with a web page"),
        ("empty", "has no content"),
        ("torn", "broke off"),
        ("short", "broke off"),
        ("brotli", "encoding 'br'"),
        ("to/file:///etc/passwd", "leads to an address that is not fetched here"),
    ],
)
def test_only_the_thing_itself_becomes_the_input(make: Make, address: str, folder: Path, path: str, words: str) -> None:
    message = refusal(make(), f"{address}/{path}", folder)
    assert words in message
    assert f"{address}/{path}" in message
    assert "Input flight" in message


def test_a_page_is_fetched_where_a_page_is_wanted(make: Make, address: str, folder: Path) -> None:
    item = InputItem(href=f"{address}/html", media_type="text/html")
    assert b"Log in" in make().fetch(item, folder, "flight").read_bytes()


@pytest.mark.parametrize("path", ["endless", "gzip/5000000"])
def test_size_is_limited_while_it_comes(make: Make, address: str, folder: Path, path: str) -> None:
    with pytest.raises(TooLarge) as caught:
        make(limit=50_000).fetch(f"{address}/{path}", folder, "flight")
    assert caught.value.parameter == "flight"
    assert "50000 bytes" in caught.value.message
    assert list(folder.iterdir()) == []


def test_a_host_that_drips_is_cut_off(make: Make, address: str, folder: Path) -> None:
    start = time.monotonic()
    assert "longer than 0.4 s" in refusal(make(seconds=0.4), f"{address}/slow", folder)
    assert time.monotonic() - start < 2


def test_a_host_that_is_silent_is_cut_off(make: Make, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert "longer than 0.3 s" in refusal(make(seconds=0.3), url, folder)
        assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    "url",
    ["", "data", "ftp://example.org/a", "gopher://127.0.0.1/", "http://", "http://[::1", "http://a:99999/", "data:,x"],
)
def test_addresses_of_another_kind_are_refused(make: Make, folder: Path, url: str) -> None:
    assert "flight" in refusal(make(), url, folder)


@pytest.mark.parametrize("headers", [{"Host": "x"}, {"content-length": "1"}, {"Proxy-A": "1"}, {"A": "b\r\nC: d"}])
def test_headers_that_would_change_the_request_are_refused(
    make: Make, address: str, folder: Path, server: Any, headers: dict[str, str]
) -> None:
    refusal(make(), InputItem(href=f"{address}/data", headers=headers), folder)
    assert server.RequestHandlerClass.asked == []


def test_a_password_in_an_address_is_refused(make: Make, address: str, folder: Path) -> None:
    assert "Header" in refusal(make(), address.replace("//", "//me:secret@") + "/data", folder)


# --- exception documents --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (OWS_EXCEPTION, "InvalidParameterValue no such layer"),
        (OWS_EXCEPTION[:-40], "InvalidParameterValue no such layer"),
        (b"<ServiceExceptionReport><ServiceException code='A'>b</ServiceException></ServiceExceptionReport>", "A b"),
        (b"\xef\xbb\xbf <ExceptionReport/>", "without a text"),
        (b"<gml:FeatureCollection xmlns:gml='urn:g'/>", None),
        (b"a,b\n<ExceptionReport/>", None),
        (b"", None),
        (b"<", None),
    ],
)
def test_exception_documents_are_known(content: bytes, words: str | None) -> None:
    assert exception_text(content) == words
