"""Result files as clients fetch them: whole, in part, not again; from folders, from elsewhere, or by nginx."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from gasflux_core.errors import Busy
from server.jobs.model import ResultItem
from server.jobs.queue import NoSuchJob
from server.outputs import file_response, outputs_blueprint
from server.store import FolderStore, NoSuchFile, StoredFile

JOB = "9b2f6c1e-3d4a-4f5b-8c6d-7e8f9a0b1c2d"
CONTENT = bytes(range(256)) * 4000
TAG = hashlib.sha256(CONTENT).hexdigest()
GRID = ResultItem("complex", file="grid.tif", media_type="image/tiff; subtype=geotiff", size=len(CONTENT), sha256=TAG)
REPORT = ResultItem("complex", file="report.html", media_type="text/html", size=6, sha256="0" * 64)
ADDRESS = f"/outputs/{JOB}/grid.tif"


class Table:
    """A job table with one job in its second attempt."""

    def get(self, job_id: str) -> Any:
        if job_id != JOB:
            raise NoSuchJob(f"there is no job {job_id}")
        return SimpleNamespace(id=JOB, attempt=2, results={"grid": GRID, "report": REPORT})


class Elsewhere:
    """A store whose files aren't on this machine; it counts the bytes that are read of them."""

    def __init__(self) -> None:
        self.opened: list[Counted] = []

    def open(self, job_id: str, attempt: int, name: str) -> StoredFile:
        if (job_id, attempt) != (JOB, 2) or name != GRID.file:
            raise NoSuchFile.of(job_id, name)
        return StoredFile(len(CONTENT), datetime(2026, 7, 1, 12, tzinfo=UTC), self._stream)

    def _stream(self) -> BinaryIO:
        self.opened.append(Counted(CONTENT))
        return self.opened[-1]


class Counted(io.BytesIO):
    """Content that counts how much of it is read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def client_of(store: Any, x_accel: str = "") -> FlaskClient:
    app = Flask("outputs", static_folder=None)
    app.register_blueprint(outputs_blueprint(Table().get, store, x_accel), url_prefix="/outputs")  # type: ignore[arg-type]
    return app.test_client()


@pytest.fixture
def folders(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "outputs", tmp_path / "work", "https://example.org/outputs")
    (store.outputs / JOB).mkdir(parents=True)
    (store.outputs / JOB / "grid.tif").write_bytes(CONTENT)
    (store.outputs / JOB / "report.html").write_text("<html>")
    return store


@pytest.fixture(params=["folder", "elsewhere"])
def client(request: pytest.FixtureRequest, folders: FolderStore) -> FlaskClient:
    return client_of(folders if request.param == "folder" else Elsewhere())


def test_a_file_comes_whole_with_what_is_known_of_it(client: FlaskClient) -> None:
    answer = client.get(ADDRESS)
    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert answer.content_length == len(CONTENT)
    assert answer.headers["Content-Type"] == "image/tiff; subtype=geotiff"
    assert answer.headers["ETag"] == f'"{TAG}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox allow-scripts; default-src 'none';")
    assert answer.last_modified is not None
    head = client.head(ADDRESS)
    assert (head.status_code, head.data, head.content_length) == (200, b"", len(CONTENT))
    assert head.headers["ETag"] == answer.headers["ETag"]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=300000-700000", 300_000, 700_001),
        ("bytes=1023990-", 1_023_990, 1_024_000),
        ("bytes=-5", 1_023_995, 1_024_000),
        ("bytes=1023999-2000000", 1_023_999, 1_024_000),
    ],
)
def test_a_part_comes_alone(client: FlaskClient, asked: str, start: int, end: int) -> None:
    answer = client.get(ADDRESS, headers={"Range": asked})
    assert (answer.status_code, answer.data) == (206, CONTENT[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
    assert answer.content_length == end - start
    assert answer.headers["Content-Type"] == "image/tiff; subtype=geotiff"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=a-b", "nonsense"])
def test_what_is_no_single_range_gets_the_whole(client: FlaskClient, asked: str) -> None:
    answer = client.get(ADDRESS, headers={"Range": asked})
    assert (answer.status_code, answer.data) == (200, CONTENT)


def test_a_range_beyond_the_end_is_refused_with_the_size(client: FlaskClient) -> None:
    answer = client.get(ADDRESS, headers={"Range": "bytes=1024000-"})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


def test_a_part_is_given_only_of_the_file_the_client_has_begun(client: FlaskClient) -> None:
    asked = {"Range": "bytes=10-19"}
    same = client.get(ADDRESS, headers=asked | {"If-Range": f'"{TAG}"'})
    assert (same.status_code, same.data) == (206, CONTENT[10:20])
    other = client.get(ADDRESS, headers=asked | {"If-Range": '"other"'})
    assert (other.status_code, other.data) == (200, CONTENT)


def test_a_file_that_the_client_has_is_not_sent_again(client: FlaskClient) -> None:
    answer = client.get(ADDRESS, headers={"If-None-Match": f'"{TAG}"'})
    assert (answer.status_code, answer.data) == (304, b"")
    assert client.get(ADDRESS, headers={"If-None-Match": '"other"'}).status_code == 200
    since = client.get(ADDRESS).headers["Last-Modified"]
    assert client.get(ADDRESS, headers={"If-Modified-Since": since}).status_code == 304


@pytest.mark.parametrize("path", [f"{JOB}/none.tif", f"{JOB}/..%2fgrid.tif", f"{JOB[:-1]}0/grid.tif", JOB])
def test_what_is_not_there_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(f"/outputs/{path}").status_code == 404


def test_only_the_part_is_read(folders: FolderStore) -> None:
    store = Elsewhere()
    answer = client_of(store).get(ADDRESS, headers={"Range": "bytes=1000000-1000009"})
    assert answer.data == CONTENT[1_000_000:1_000_010]
    assert store.opened[0].count <= len(CONTENT) - 1_000_000


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("GET", {"Range": "bytes=1-2"}),
        ("GET", {"Range": "bytes=9999999-"}),
        ("GET", {"If-None-Match": f'"{TAG}"'}),
        ("HEAD", {}),
    ],
)
def test_nothing_is_left_open(method: str, headers: dict[str, str]) -> None:
    store = Elsewhere()
    client_of(store).open(ADDRESS, method=method, headers=headers).close()
    assert all(stream.closed for stream in store.opened)


def test_a_store_out_of_reach_is_told_as_such() -> None:
    def away(*_: Any) -> StoredFile:
        raise Busy("The store of results can't be reached now.", retry_after=60)

    answer = client_of(SimpleNamespace(open=away)).get(ADDRESS)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"


# --- sent by nginx --------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["/stored/", "/stored"])
def test_nginx_is_told_where_the_file_is(folders: FolderStore, prefix: str) -> None:
    answer = client_of(folders, prefix).get(ADDRESS, headers={"Range": "bytes=1-2"})
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["X-Accel-Redirect"] == f"/stored/{JOB}/grid.tif"
    assert answer.headers["Content-Type"] == "image/tiff; subtype=geotiff"
    assert answer.headers["ETag"] == f'"{TAG}"'
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")


def test_nginx_is_not_asked_where_there_is_nothing_to_send(folders: FolderStore) -> None:
    client = client_of(folders, "/stored/")
    again = client.get(ADDRESS, headers={"If-None-Match": f'"{TAG}"'})
    assert again.status_code == 304 and "X-Accel-Redirect" not in again.headers
    (folders.outputs / JOB / "report.html").unlink()
    gone = client.get(f"/outputs/{JOB}/report.html")
    assert gone.status_code == 404 and "X-Accel-Redirect" not in gone.headers


def test_nginx_is_not_asked_for_what_it_cannot_judge_or_reach(folders: FolderStore) -> None:
    held = client_of(folders, "/stored/").get(ADDRESS, headers={"If-Match": f'"{TAG}"'})
    assert (held.status_code, held.data) == (200, CONTENT)
    assert client_of(Elsewhere(), "/stored/").get(ADDRESS).data == CONTENT


# --- for other answers ----------------------------------------------------------------------------


@pytest.fixture
def answer(folders: FolderStore) -> Callable[[ResultItem], Response]:
    def made(item: ResultItem) -> Response:
        with Flask("outputs").test_request_context("/"):
            return file_response(folders.open(JOB, 2, item.file or ""), item)

    return made


def test_text_says_its_charset(answer: Callable[[ResultItem], Response]) -> None:
    assert answer(REPORT).headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_file_without_media_type_or_hash_is_bytes(answer: Callable[[ResultItem], Response]) -> None:
    response = answer(ResultItem("complex", file="grid.tif"))
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert "ETag" not in response.headers
