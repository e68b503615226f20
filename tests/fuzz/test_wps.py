"""Requests to the WPS as no client should send them: each gets a valid answer or a valid refusal, in time.

What comes is made from right requests (:mod:`tests.fuzz.wps_requests`), so that most of it gets past the first check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from werkzeug.test import TestResponse

from tests.fuzz.service import ANSWER_SECONDS, LONG, QUICK, fuzzed_app, leaks, requests
from tests.fuzz.wps_requests import DOCUMENTS, JOB, QUERIES, broken_documents, broken_queries
from tests.server.wps_processes import CAPABILITIES, DESCRIPTIONS, EXCEPTIONS, RESPONSE, official_schema

_WPS_2 = "wps/2.0/wps.xsd"

SCHEMAS = {
    "{http://www.opengis.net/wps/1.0.0}Capabilities": CAPABILITIES,
    "{http://www.opengis.net/wps/1.0.0}ProcessDescriptions": DESCRIPTIONS,
    "{http://www.opengis.net/wps/1.0.0}ExecuteResponse": RESPONSE,
    "{http://www.opengis.net/ows/1.1}ExceptionReport": EXCEPTIONS,
    "{http://www.opengis.net/wps/2.0}Capabilities": _WPS_2,
    "{http://www.opengis.net/wps/2.0}ProcessOfferings": _WPS_2,
    "{http://www.opengis.net/wps/2.0}StatusInfo": _WPS_2,
    "{http://www.opengis.net/wps/2.0}Result": _WPS_2,
    "{http://www.opengis.net/ows/2.0}ExceptionReport": "ows/2.0/owsExceptionReport.xsd",
}
"""Root of an answer → what it must conform to."""


class Asked:
    """The application, and one job of it that was successful."""

    def __init__(self, app: Flask, folder: Path, pool: ThreadPoolExecutor) -> None:
        self._app = app
        self._pool = pool
        self.folder = folder
        answer = self.get(b"service=WPS&version=1.0.0&request=Execute&identifier=echo&DataInputs=string=a"
                          b"&storeExecuteResponse=true")  # fmt: skip
        self._job = etree.fromstring(answer.data).get("statusLocation").rpartition("/")[2].encode()

    def get(self, query: bytes) -> TestResponse:
        """A query's answer."""
        raw = self._told(query).decode("latin-1")
        return self._in_time(lambda: self._app.test_client().get("/wps", environ_overrides={"QUERY_STRING": raw}))

    def post(self, content: bytes) -> TestResponse:
        """A document's answer."""
        body = self._told(content)
        return self._in_time(lambda: self._app.test_client().post("/wps", data=body, content_type="text/xml"))

    def _told(self, content: bytes) -> bytes:
        return content.replace(JOB.encode(), self._job) if hasattr(self, "_job") else content

    def _in_time(self, ask: Callable[[], TestResponse]) -> TestResponse:
        return self._pool.submit(ask).result(ANSWER_SECONDS)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("fuzzed")
    with fuzzed_app(folder) as app, ThreadPoolExecutor(1) as pool:
        yield Asked(app, folder, pool)


@cache
def schema_of(root: str) -> etree.XMLSchema | None:
    assert root in SCHEMAS, f"an answer begins with {root}"
    return official_schema(SCHEMAS[root])


def assert_in_order(answer: TestResponse, request: bytes, folder: Path) -> None:
    """A valid document, or raw data where they were asked for; a refusal where the status says so; nothing private."""
    status, body = answer.status_code, answer.data
    asks_for_raw = b"raw" in request.replace(b"\0", b"").lower()  # UTF-16 too
    assert not (found := leaks(body, folder)), (found, body)
    assert status == 200 or 400 <= status < 500 or status in (501, 503), (status, body)
    assert status != 503 or int(answer.headers["Retry-After"]) > 0
    if status == 200 and asks_for_raw and answer.mimetype not in ("text/xml", "application/xml"):
        return
    assert answer.mimetype in ("text/xml", "application/xml"), answer.content_type
    root = etree.fromstring(body)
    if status == 200 and asks_for_raw and root.tag not in SCHEMAS:
        return
    schema = schema_of(root.tag)
    if schema is not None:
        schema.assertValid(root)
    assert root.tag.endswith("}ExceptionReport") == (status != 200), (status, body)


PLAIN = ["&".join(f"{key}={value}" for key, value in pairs) for pairs in QUERIES]


@pytest.mark.parametrize("query", PLAIN)
def test_what_is_broken_was_in_order_as_query(asked: Asked, query: str) -> None:
    """Else all that follows would test the first check alone."""
    answer = asked.get(query.encode())
    assert_in_order(answer, query.encode(), asked.folder)
    assert (answer.status_code == 200) != ("no-such-job" in query or "127.0.0.1" in query), answer.data


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_broken_was_in_order_as_document(asked: Asked, document: str) -> None:
    answer = asked.post(document.encode())
    assert_in_order(answer, document.encode(), asked.folder)
    assert (answer.status_code == 200) != ("no-such-job" in document or "127.0.0.1" in document), answer.data


@requests(QUICK)
@given(request=broken_queries())
def test_queries(asked: Asked, request: bytes) -> None:
    assert_in_order(asked.get(request), request, asked.folder)


@requests(QUICK)
@given(request=broken_documents())
def test_documents(asked: Asked, request: bytes) -> None:
    assert_in_order(asked.post(request), request, asked.folder)


@requests(QUICK)
@given(request=st.binary(max_size=300))
def test_bytes_of_any_kind(asked: Asked, request: bytes) -> None:
    for answer in (asked.get(request.replace(b"\r", b"").replace(b"\n", b"")), asked.post(request)):
        assert_in_order(answer, request, asked.folder)
        assert answer.status_code == 400


@pytest.mark.slow
@requests(LONG)
@given(request=broken_queries())
def test_many_queries(asked: Asked, request: bytes) -> None:
    assert_in_order(asked.get(request), request, asked.folder)


@pytest.mark.slow
@requests(LONG)
@given(request=broken_documents())
def test_many_documents(asked: Asked, request: bytes) -> None:
    assert_in_order(asked.post(request), request, asked.folder)
