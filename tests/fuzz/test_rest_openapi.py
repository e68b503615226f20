"""The REST face against its own OpenAPI document, and forms and bodies that no document foresees.

As in ``test_openapi``: every answer must be one that the document tells of.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from werkzeug.test import TestResponse

from server.app import service_of
from tests.fuzz.documented import Api, follow_the_document
from tests.fuzz.service import LONG, QUICK, leaks, requests
from tests.fuzz.wps_requests import ODD, odd_text
from tests.server.rest_processes import PRELOAD, begin, registry
from tests.server.wps_processes import running_app

TELLS_PATHS = "/config"
"""Shows the folders of the settings, as it should."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("fuzzed")
    limits = {"GASFLUX_SERVER_MAXPROCESSES": "1000", "GASFLUX_SERVER_MAXREQUESTSIZE": "2mb"}
    with running_app(folder, registry, PRELOAD, **limits) as app, ThreadPoolExecutor(1) as pool:
        task = begin(app.test_client())
        assert service_of(app).jobs.wait(task, 60).status.ended
        yield Api(app, folder, schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app), pool, task)


def follow(api: Api, mode: GenerationMode, number: int) -> set[int]:
    there = {"task_id": api.job, "name": "report.html"}
    return follow_the_document(api, there, mode, number, may_tell_paths=lambda case: case.path.endswith(TELLS_PATHS))


def test_what_the_document_allows(api: Api) -> None:
    assert {200, 404} <= follow(api, GenerationMode.POSITIVE, QUICK // 12)


def test_what_the_document_forbids(api: Api) -> None:
    assert {400} <= follow(api, GenerationMode.NEGATIVE, QUICK // 12)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_much_of_it(api: Api, mode: GenerationMode) -> None:
    assert follow(api, mode, LONG // 10)


# --- beside the document --------------------------------------------------------------------------


def assert_in_order(api: Api, answer: TestResponse, sent: Any = "") -> None:
    """An answer, or a refusal in the envelope; nothing private, but for what the client itself sent."""
    assert not (found := [one for one in leaks(answer.data, api.folder) if one not in str(sent)]), (found, answer.data)
    assert answer.status_code < 500 or answer.status_code == 503, (answer.status_code, answer.data)
    told = json.loads(answer.data)
    assert told["code"] == answer.status_code and told["message"]
    assert answer.status_code < 400 or told["request_id"]


FORM = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="flight.csv"\r\n\r\ntimestamp,ch4\r\n1,2\r\n'
    b'--x\r\nContent-Disposition: form-data; name="config"; filename="c.yaml"\r\n\r\ngases: [ch4]\r\n--x--\r\n'
)
PIECES = [
    b"\r\n--x\r\n", b"--x--", b"\0", b"\xff", b'"', b"\\", b"; filename*=utf-8''%2e%2e%2fa.csv", b"name=", b"\r\n\r\n",
    b"PK\x03\x04", b"\x89PNG", b"Content-Transfer-Encoding: base64\r\n", b"\n" * 300, b"&a " * 100, b"*a", b"<!-- ",
]  # fmt: skip


@st.composite
def broken_forms(draw: st.DrawFn) -> bytes:
    """A form with pieces put in, cut out, or broken off."""
    form = FORM
    for _ in range(draw(st.integers(1, 3))):
        begin, end = sorted((draw(st.integers(0, len(form))), draw(st.integers(0, len(form)))))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=6))
        form = draw(st.sampled_from([form[:begin] + piece + form[begin:], form[:begin] + form[end:], form[:end]]))
    return form


def test_the_form_that_is_broken_was_in_order(api: Api) -> None:
    """Else what follows would test the first check alone."""
    answer = api.open("/upload", method="POST", data=FORM, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 202, answer.text


@requests(QUICK)
@given(form=broken_forms())
def test_forms(api: Api, form: bytes) -> None:
    answer = api.open("/upload", method="POST", data=form, content_type="multipart/form-data; boundary=x")
    assert_in_order(api, answer, form)


@requests(QUICK)
@given(name=odd_text | st.sampled_from([*ODD, "../" * 50 + "a.csv", "a" * 300 + ".csv", "飞行.csv", ".csv", "a.CSV"]))
def test_file_names(api: Api, name: str) -> None:
    data = {"file": (io.BytesIO(b"a,b\n1,2\n"), name)}
    answer = api.open("/upload", method="POST", data=data, content_type="multipart/form-data")
    assert_in_order(api, answer, name)
    if answer.status_code == 202:
        shown = answer.json["data"]["name"]
        assert 0 < len(shown) <= 100 and "/" not in shown and "\\" not in shown and shown.isprintable()


ODD_MEMBERS = [None, True, 0, -1, 1e308, [], {}, [[]], "", "x" * 300, "cancelled", "\ud800", "a\0b"]


@requests(QUICK)
@given(
    body=st.dictionaries(
        st.sampled_from(["name", "notes", "status", "action", "task_id"]) | odd_text,
        st.sampled_from(ODD_MEMBERS) | odd_text,
        max_size=4,
    )
    | st.sampled_from(ODD_MEMBERS)
)
def test_changes(api: Api, body: Any) -> None:
    data = json.dumps(body).encode()
    assert_in_order(api, api.open(f"/task/{api.job}", method="PUT", data=data, content_type="application/json"), body)


@requests(QUICK)
@given(
    query=st.lists(
        st.tuples(
            st.sampled_from(["page", "per_page", "status", "sort", "order", "q"]) | odd_text,
            st.sampled_from(["1", "0", "100", "9" * 30, "completed", "name", "asc", "%", "_", *ODD]) | odd_text,
        ),
        max_size=4,
    )
)
def test_lists(api: Api, query: list[tuple[str, str]]) -> None:
    for path in ("/tasks", "/reports", "/tasks/queue"):
        pairs = [(name.encode("utf-8", "replace"), value.encode("utf-8", "replace")) for name, value in query]
        assert_in_order(api, api.open(path, query_string=pairs), query)
