"""Answers that are kept ready, and bodies that come packed: what the endpoint does before a face sees a request."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.wps.face import Face
from server.wps.ready import LONGEST_QUERY, Ready, ReadyAnswers
from tests.server.test_wps_jobs import idle_app
from tests.server.wps_processes import DESCRIPTIONS, assert_valid, faults

DESCRIBE = "/wps?service=WPS&version=1.0.0&request=DescribeProcess&identifier=small"
CAPABILITIES = "/wps?service=WPS&request=GetCapabilities&AcceptVersions=1.0.0"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with idle_app(tmp_path, GASFLUX_SERVER_MAXREQUESTSIZE="100kb") as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def answer(size: int) -> Ready:
    return Ready(b"x" * size, {})


# --- what is kept ---------------------------------------------------------------------------------


def test_what_was_not_asked_for_longest_goes_first() -> None:
    ready = ReadyAnswers(most_bytes=100)
    for name in (b"a", b"b", b"c"):
        ready.keep(name, "en-US", answer(30))
    assert ready.find(b"a", "en-US") is not None
    ready.keep(b"d", "en-US", answer(30))
    assert [ready.find(name, "en-US") is not None for name in (b"a", b"b", b"c", b"d")] == [True, False, True, True]


def test_room_is_counted_by_bytes_and_given_back() -> None:
    ready = ReadyAnswers(most_bytes=100)
    for number in range(1000):
        ready.keep(b"%d" % number, "en-US", answer(40))
        ready.keep(b"%d" % number, "en-US", answer(40))  # the same again takes no more
    assert [ready.find(b"%d" % number, "en-US") is not None for number in (997, 998, 999)] == [False, True, True]
    ready.keep(b"large", "en-US", answer(100))
    assert ready.find(b"large", "en-US") is None and ready.find(b"999", "en-US") is not None


def test_long_queries_are_not_kept() -> None:
    ready = ReadyAnswers()
    ready.keep(b"x" * (LONGEST_QUERY + 1), "en-US", answer(1))
    assert ready.find(b"x" * (LONGEST_QUERY + 1), "en-US") is None


def _count(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What reaches the face, from now on."""
    seen: list[dict[str, str]] = []
    answer_query = Face.answer_query

    def counted(self: Face, values: dict[str, str]) -> Any:
        seen.append(values)
        return answer_query(self, values)

    monkeypatch.setattr(Face, "answer_query", counted)
    return seen


@pytest.mark.parametrize("path", [DESCRIBE, CAPABILITIES])
def test_the_same_query_is_read_once(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    seen = _count(monkeypatch)
    first, second, head = client.get(path), client.get(path), client.head(path)
    assert len(seen) == 1
    assert (first.status_code, second.status_code, head.status_code) == (200, 200, 200)
    assert first.data == second.data and head.data == b""
    for name in ("Content-Type", "Content-Length", "Cache-Control"):
        assert first.headers[name] == second.headers[name] == head.headers[name]
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert client.get(f"{path}&language=zh-CN").data != first.data
    assert len(seen) == 2


def test_errors_and_executions_are_never_kept(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _count(monkeypatch)
    wrong = DESCRIBE.replace("small", "none")
    execute = "/wps?service=WPS&version=1.0.0&request=Execute&identifier=small&storeExecuteResponse=true&status=true"
    for path, status in ((wrong, 400), (execute, 200)):
        answers = [client.get(path) for _ in range(2)]
        assert [one.status_code for one in answers] == [status, status]
    assert answers[0].data != answers[1].data
    assert len(seen) == 4


def test_descriptions_are_put_together_in_any_choice(client: FlaskClient) -> None:
    for names in (["small"], ["everything", "small"], ["small", "everything"]):
        root = assert_valid(client.get(DESCRIBE.replace("small", ",".join(names))).data, DESCRIPTIONS)
        assert [item.findtext("{*}Identifier") for item in root] == names


# --- packed bodies --------------------------------------------------------------------------------


def test_what_unpacks_to_more_than_may_be_is_refused(client: FlaskClient) -> None:
    body = gzip.compress(b" " * (100 * 1024 + 1))
    assert len(body) < 1000
    refused = client.post("/wps", data=body, headers={"Content-Encoding": "gzip"})
    assert (refused.status_code, faults(refused.data)) == (413, [("FileSizeExceeded", None)])
    # Just as much as may be is read, and holds no document.
    taken = client.post("/wps", data=gzip.compress(b" " * (100 * 1024)), headers={"Content-Encoding": "gzip"})
    assert (taken.status_code, faults(taken.data)) == (400, [("NoApplicableCode", None)])


@pytest.mark.parametrize(
    "body", [b"", b"<a/>", gzip.compress(b"<a/>", mtime=0)[:-4], gzip.compress(b"<a/>", mtime=0) + b"more"]
)
def test_what_is_not_packed_as_it_says_is_refused(client: FlaskClient, body: bytes) -> None:
    refused = client.post("/wps", data=body, headers={"Content-Encoding": "gzip"})
    assert (refused.status_code, faults(refused.data)) == (400, [("NoApplicableCode", None)])
    assert b"gzip" in refused.data
