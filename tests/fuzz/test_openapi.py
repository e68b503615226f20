"""OGC API – Processes against its own OpenAPI document, and requests that no document foresees.

Schemathesis makes requests as the document has them and as it forbids them; every answer must be one that the document
tells of. What of a request a schema can't say (which strings are times, that one file of several is needed) is not
held against the service, so its check that valid data are accepted is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from schemathesis.generation import GenerationMode
from werkzeug.test import TestResponse

from tests.fuzz.documented import Api, follow_the_document
from tests.fuzz.service import LONG, QUICK, fuzzed_app, leaks, requests
from tests.fuzz.wps_requests import ODD, odd_text

DOCUMENT = "/ogcapi/api?f=json"
PROBLEM = "application/problem+json"

_NEGATIVE = CHECKS.get_one("negative_data_rejection")


def asks_for_too_many(case: Any) -> bool:
    """A limit above the largest is no error: the largest counts (OGC 18-062r2, /req/core/pl-limit-response)."""
    limit = str((case.query or {}).get("limit", ""))
    return limit.isdecimal() and int(limit) > 1000


EXECUTE: dict[str, Any] = {
    "inputs": {
        "string": "hello",
        "quantity": {"value": 2.5},
        "repeated": ["a", "b"],
        "boolean": True,
        "integer": 7,
        "bounding_box": {"bbox": [102, 46, 103, 47], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"},
    },
    "outputs": {"string": {"transmissionMode": "value"}, "all": {"transmissionMode": "reference"}},
    "response": "document",
}
FILES: dict[str, Any] = {
    "inputs": {
        "text": {"value": "a,b", "format": {"mediaType": "text/plain"}},
        "binary": {"value": "AAEC", "encoding": "base64", "mediaType": "application/octet-stream"},
        "xml": {"href": "http://127.0.0.1:9/x", "type": "text/xml"},
    },
    "subscriber": {"successUri": "http://127.0.0.1:9/done"},
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("fuzzed")
    with fuzzed_app(folder) as app, ThreadPoolExecutor(1) as pool:
        answer = app.test_client().post("/ogcapi/processes/echo/execution", json=EXECUTE)
        assert answer.status_code == 200, answer.data
        (job,) = app.test_client().get("/ogcapi/jobs?f=json").json["jobs"]
        yield Api(app, folder, schemathesis.openapi.from_wsgi(DOCUMENT, app), pool, job["jobID"])


def assert_in_order(api: Api, answer: TestResponse) -> None:
    """An answer, or a refusal in its own form; nothing private."""
    assert not (found := leaks(answer.data, api.folder)), (found, answer.data)
    assert answer.status_code < 500 or answer.status_code == 503, (answer.status_code, answer.data)
    assert answer.status_code != 503 or int(answer.headers["Retry-After"]) > 0
    if answer.status_code >= 400:
        assert answer.mimetype == PROBLEM, (answer.content_type, answer.data)
        problem = json.loads(answer.data)
        assert problem["status"] == answer.status_code and problem["type"] and problem["title"]


# --- by the document ------------------------------------------------------------------------------


def follow(api: Api, mode: GenerationMode, number: int) -> set[int]:
    there = {"processID": "echo", "jobID": api.job, "outputID": "string"}
    return follow_the_document(
        api, there, mode, number, also_left_out=lambda case: [_NEGATIVE] if asks_for_too_many(case) else []
    )


def test_what_the_document_allows(api: Api) -> None:
    assert {200, 404} <= follow(api, GenerationMode.POSITIVE, QUICK // 8)


def test_what_the_document_forbids(api: Api) -> None:
    assert {400, 404} <= follow(api, GenerationMode.NEGATIVE, QUICK // 8)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_much_of_it(api: Api, mode: GenerationMode) -> None:
    assert follow(api, mode, LONG // 10)


# --- beside the document --------------------------------------------------------------------------


def test_what_is_broken_was_in_order(api: Api) -> None:
    """Else what follows would test the first check alone."""
    assert api.open("/ogcapi/processes/echo/execution", method="POST", json=EXECUTE).status_code == 200
    answer = api.open("/ogcapi/processes/echo_complex/execution", method="POST", json=FILES)
    assert answer.status_code == 400 and b"127.0.0.1:9" in answer.data, "it came as far as the reference"


def values_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a JSON value each value stands."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from values_in(inner, (*path, key))


ODD_JSON = [
    None, True, 0, -1, 1e308, 10**400, [], {}, [[]], [None], {"value": None}, {"href": ""}, {"bbox": [1, 2, 3]},
    {"bbox": [None] * 4}, {"value": {"value": {"value": 1}}}, {"": ""}, ["a"] * 300, {str(n): n for n in range(300)},
]  # fmt: skip


@st.composite
def broken_bodies(draw: st.DrawFn) -> bytes:
    """An execute request with values dropped and replaced, or its text broken."""
    body = deepcopy(draw(st.sampled_from([EXECUTE, FILES])))
    for _ in range(draw(st.integers(0, 3))):
        *above, last = draw(st.sampled_from([path for path in values_in(body) if path] or [("inputs",)]))
        holder = body
        for key in above:
            holder = holder[key]
        if draw(st.booleans()) or not isinstance(holder, dict):
            holder[last] = deepcopy(draw(st.sampled_from(ODD_JSON) | odd_text))
        else:
            holder[draw(odd_text)] = holder.pop(last)
    text = json.dumps(body, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    where = draw(st.integers(0, len(text)))
    piece = draw(st.sampled_from(PIECES) | st.binary(max_size=6))
    return draw(st.sampled_from([text, text, text, text[:where], text[:where] + piece + text[where:]]))


PIECES = [
    b"NaN", b"-Infinity", b"1e999", b"[" * 5000, b'{"a":' * 5000, b"\xff", b"\xef\xbb\xbf", b"\x00", b'"\\ud800"',
    b"//", b",", b'"inputs": {}, ', b"9" * 5000,
]  # fmt: skip

HEADERS = {
    "Prefer": ["respond-async", "wait=0", "respond-async, wait=5", "return=minimal", "return=representation", "wait"],
    "Accept": ["application/json", "text/html", "*/*", "image/png", "application/json;q=0", "multipart/related"],
    "Content-Type": ["application/json", "text/plain", "application/json; charset=latin-1", "multipart/form-data"],
    "Accept-Language": ["zh", "en;q=0.1, zh;q=x", "*"],
}

odd_headers = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from(values) | odd_text.map(lambda text: text.encode("latin-1", "ignore").decode("latin-1"))
        for name, values in HEADERS.items()
    },
).map(lambda headers: {name: "".join(filter(str.isprintable, value)) for name, value in headers.items()})


def send(api: Api, body: bytes, headers: dict[str, str]) -> None:
    headers = {"Content-Type": "application/json", **headers}
    for process in ("echo", "echo_complex"):
        path = f"/ogcapi/processes/{process}/execution"
        assert_in_order(api, api.open(path, method="POST", data=body, headers=headers))


@requests(QUICK)
@given(body=broken_bodies() | st.binary(max_size=100), headers=odd_headers)
def test_bodies(api: Api, body: bytes, headers: dict[str, str]) -> None:
    send(api, body, headers)


@pytest.mark.slow
@requests(LONG)
@given(body=broken_bodies(), headers=odd_headers)
def test_many_bodies(api: Api, body: bytes, headers: dict[str, str]) -> None:
    send(api, body, headers)


PATHS = [
    "", "/", "/conformance", "/api", "/processes", "/processes/echo", "/jobs", "/jobs/{job}", "/jobs/{job}/results",
    "/jobs/{job}/results/string", "/jobs/{odd}", "/processes/{odd}", "/{odd}", "/jobs/{job}/{odd}",
]  # fmt: skip
PARAMETERS = {
    "f": ["json", "html", "xml"],
    "limit": ["0", "1", "1001", "9" * 400],
    "offset": ["0", "3", "9" * 400, "18446744073709551616"],
    "minDuration": ["0", "9" * 400, "9223372036854775808"],
    "maxDuration": ["0", "9" * 400, "1.5"],
    "datetime": ["2026-01-01T00:00:00Z", "../2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59",
                 "9999-12-31T23:59:59-23:59/..", "2026-02-30T00:00:00Z", "../.."],
    "status": ["successful", "successful,failed", "done"],
    "processID": ["echo", "echo,no such", ","],
    "type": ["process", "other"],
}  # fmt: skip

odd_pairs = st.lists(
    st.sampled_from(list(PARAMETERS)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from([*PARAMETERS[name], *ODD]))
    )
    | st.tuples(odd_text, odd_text),
    max_size=4,
)


def ask(api: Api, path: str, odd: str, pairs: list[tuple[str, str]], method: str, headers: dict[str, str]) -> None:
    part = quote(odd, safe="", errors="replace")
    query = "&".join(f"{quote(key, errors='replace')}={quote(value, errors='replace')}" for key, value in pairs)
    answer = api.open(f"/ogcapi{path.format(job=api.job, odd=part)}?{query}", method=method, headers=headers)
    if method != "HEAD":
        assert_in_order(api, answer)
    assert answer.status_code < 500


@requests(2 * QUICK)
@given(path=st.sampled_from(PATHS), odd=odd_text, pairs=odd_pairs, headers=odd_headers,
       method=st.sampled_from(["GET", "GET", "GET", "HEAD", "PUT"]))  # fmt: skip
def test_queries(
    api: Api, path: str, odd: str, pairs: list[tuple[str, str]], method: str, headers: dict[str, str]
) -> None:
    ask(api, path, odd, pairs, method, headers)


@pytest.mark.slow
@requests(2 * LONG)
@given(path=st.sampled_from(PATHS), odd=odd_text, pairs=odd_pairs, headers=odd_headers,
       method=st.sampled_from(["GET", "GET", "GET", "HEAD", "PUT", "PATCH", "OPTIONS"]))  # fmt: skip
def test_many_queries(
    api: Api, path: str, odd: str, pairs: list[tuple[str, str]], method: str, headers: dict[str, str]
) -> None:
    ask(api, path, odd, pairs, method, headers)
