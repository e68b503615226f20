"""Results of jobs as the OGC API gives them: what is text, what is not, and how large files go out."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from processes.declaration import FormatDeclaration, OutputDeclaration, ProcessDeclaration
from server.jobs.model import Job, JobError, JobStatus, ResultItem
from server.jobs.request import JobRequest, OutputRequest
from server.ogcapi.notices import notice
from server.ogcapi.results import document, results_of
from server.ogcapi.site import Site
from server.ogcapi.status import status_info
from server.store import FolderStore, StoredFile
from tests.server.fakes import settings_in

NOW = datetime(2026, 5, 1, 8, 0, 0, 250_000, tzinfo=UTC)
JOB_ID = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
SITE = Site("https://example.org/gas/ogcapi")
CSV = FormatDeclaration("text/csv", ".csv")
DECLARED = ProcessDeclaration(
    "try",
    "Try",
    "",
    "1",
    (),
    (),
    (
        OutputDeclaration("rate", "Rate", "", "literal", "float", "kg/h"),
        OutputDeclaration("file", "File", "", "complex", formats=(CSV,), by_reference=True),
    ),
)


class Store(FolderStore):
    """Files of this test, read in small pieces."""

    def __init__(self, files: dict[str, bytes], piece: int = 5) -> None:
        super().__init__(Path("/nowhere/outputs"), Path("/nowhere/work"), "https://example.org/gas/outputs")
        self._files = files
        self._piece = piece

    def open(self, job_id: str, attempt: int, name: str) -> StoredFile:
        content, piece = self._files[name], self._piece

        class Stream(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                return super().read(piece)

        return StoredFile(len(content), NOW, lambda: Stream(content))


def job(results: dict[str, ResultItem] | None = None, **more: Any) -> Job:
    request = JobRequest("try", {}, face="ogcapi-1.0", response="document")
    values: dict[str, Any] = {
        "id": JOB_ID,
        "status": JobStatus.SUCCESSFUL,
        "process": "try",
        "version": "1",
        "face": request.face,
        "mode": "sync",
        "client": "",
        "parent": None,
        "label": "",
        "created": NOW,
        "started": NOW,
        "finished": NOW,
        "owner": None,
        "heartbeat": None,
        "attempt": 1,
        "losses": 0,
        "progress": 1.0,
        "message": "",
        "request": request,
        "results": results or {},
        "error": None,
    }
    return Job(**{**values, **more})


def told(made: Job, store: Store, **more: Any) -> Any:
    """The document, read as JSON."""
    return json.loads(b"".join(document(results_of(made, DECLARED, SITE, store, **more))))


def file(content: bytes, media_type: str, wanted: OutputRequest | None = None) -> Any:
    """How one file stands in the document."""
    made = job({"file": ResultItem("complex", file="f", media_type=media_type, size=len(content))})
    request = replace(made.request, outputs=[wanted or OutputRequest("file")])
    return told(replace(made, request=request), Store({"f": content}))["file"]


@pytest.mark.parametrize(
    ("item", "value"),
    [
        (ResultItem("literal", text="2.50", data_type="float"), 2.5),
        (ResultItem("literal", text="3", data_type="integer"), 3),
        (ResultItem("literal", text="true", data_type="boolean"), True),
        (ResultItem("literal", text="3", data_type="string"), "3"),
        (ResultItem("literal", text="", data_type="string"), ""),
        (ResultItem("literal", text="https://example.org/", data_type="anyURI"), "https://example.org/"),
        # What JSON has no number for stays a text.
        (ResultItem("literal", text="nan", data_type="float"), "nan"),
        (
            ResultItem("bbox", text="1.0,2.0,3.0,4.0,urn:ogc:def:crs:OGC:1.3:CRS84"),
            {"bbox": [1, 2, 3, 4], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"},
        ),
        (
            ResultItem("bbox", text="1.0,2.0,3.0,4.0,urn:ogc:def:crs:EPSG::4326"),
            {"value": {"bbox": [1, 2, 3, 4], "crs": "http://www.opengis.net/def/crs/EPSG/0/4326"}},
        ),
    ],
)
def test_texts_of_the_row(item: ResultItem, value: Any) -> None:
    found = told(job({"rate": item}), Store({}))["rate"]
    assert found == value
    assert type(found) is type(value)


def test_text_with_letters_cut_between_pieces() -> None:
    text = '"Grüße", 你好\n\t\\ 🛸\u2028' * 7
    assert file(text.encode(), "text/csv") == {"mediaType": "text/csv", "value": text}


@pytest.mark.parametrize("size", range(12))
def test_binary_content_cut_between_pieces(size: int) -> None:
    content = bytes(range(250, 250 - size, -1))
    found = file(content, "image/tiff; subtype=geotiff")
    assert found["encoding"] == "base64"
    assert base64.b64decode(found["value"], validate=True) == content


def test_text_that_is_none_comes_as_base64() -> None:
    found = file(b"abcd\xff\xfe", "text/csv")
    assert (found["encoding"], base64.b64decode(found["value"])) == ("base64", b"abcd\xff\xfe")
    # Cut in the middle of its last letter.
    assert file("abcdß".encode()[:-1], "text/plain")["encoding"] == "base64"


def test_base64_where_it_is_asked_for() -> None:
    found = file(b"a,b", "text/csv", OutputRequest("file", encoding="base64"))
    assert base64.b64decode(found["value"]) == b"a,b"


@pytest.mark.parametrize("media_type", ["application/json", "application/geo+json"])
def test_json_stands_as_it_is(media_type: str) -> None:
    assert file(b'{"a": [1, "\xc3\x9f"]}', media_type) == {"mediaType": media_type, "value": {"a": [1, "ß"]}}
    assert file(b"", media_type) == {"mediaType": media_type, "value": ""}


def test_nothing_at_all() -> None:
    assert told(job(), Store({})) == {}


@pytest.mark.parametrize(
    ("face", "response", "by_reference"),
    [
        ("ogcapi-1.0", "document", False),
        ("ogcapi-1.0", "raw", False),
        ("wps-1.0.0", "document", True),
        ("wps-2.0.0", "document", True),
        ("wps-1.0.0", "raw", False),
    ],
)
def test_what_no_one_asked_otherwise_comes_as_its_face_has_it(face: str, response: Any, by_reference: bool) -> None:
    made = job({"file": ResultItem("complex", file="f", media_type="text/csv")}, face=face)
    made = replace(made, request=replace(made.request, response=response))
    (found,) = results_of(made, DECLARED, SITE, Store({"f": b"a"}))
    assert found.by_reference is by_reference
    assert found.address == f"https://example.org/gas/outputs/{JOB_ID}/f"


def test_results_of_a_process_that_is_gone() -> None:
    gone = ProcessDeclaration("try", "try", "", "1", (), (), ())
    made = job({"rate": ResultItem("literal", text="1", data_type="float")})
    assert json.loads(b"".join(document(results_of(made, gone, SITE, Store({}))))) == {"rate": 1.0}


# --- status and notices ---------------------------------------------------------------------------


def test_status(tmp_path: Path) -> None:
    keep = settings_in(tmp_path).store
    info = status_info(job(), SITE, keep)
    assert info["created"] == "2026-05-01T08:00:00.250000Z"
    assert info["expiration"] == "2026-05-31T08:00:00.250000Z"
    assert info["progress"] == 100
    running = status_info(job(status=JobStatus.RUNNING, progress=1.0, message="Kriging", finished=None), SITE, keep)
    assert (running["progress"], running["message"]) == (99, "Kriging")
    assert "expiration" not in running
    error = JobError("input", "a: wrong", "a")
    failed = status_info(job(status=JobStatus.FAILED, error=error, progress=0.5), SITE, keep)
    assert failed["exception"]["faults"] == [{"code": "InvalidParameterValue", "detail": "a: wrong", "locator": "a"}]
    part = status_info(job(parent="6f9619ff-8b86-4011-b42d-00c04fc96400"), SITE, keep)
    assert [link["href"] for link in part["links"] if link["rel"] == "collection"] == [
        "https://example.org/gas/ogcapi/jobs/6f9619ff-8b86-4011-b42d-00c04fc96400"
    ]


@pytest.fixture
def noticed(tmp_path: Path) -> Callable[[Job, Store], Any]:
    settings = settings_in(tmp_path, GASFLUX_SERVER_URL="https://example.org/gas/wps")

    def tell(made: Job, store: Store) -> Any:
        body, media_type = notice(made, settings, store)
        assert media_type == "application/json"
        return json.loads(body)

    return tell


def test_notice_of_success_is_the_results(noticed: Callable[[Job, Store], Any]) -> None:
    made = job(
        {
            "rate": ResultItem("literal", text="2.5", data_type="float"),
            "small": ResultItem("complex", file="small.csv", media_type="text/csv"),
            "large": ResultItem("complex", file="large.csv", media_type="text/csv"),
        }
    )
    found = noticed(made, Store({"small.csv": b"a,b", "large.csv": b"x" * (1024 * 1024 + 1)}, 100_000))
    assert found["rate"] == 2.5
    assert found["small"] == {"mediaType": "text/csv", "value": "a,b"}
    assert found["large"]["href"] == f"https://example.org/gas/outputs/{JOB_ID}/large.csv"


@pytest.mark.parametrize("status", [JobStatus.RUNNING, JobStatus.FAILED, JobStatus.DISMISSED])
def test_notice_of_all_else_is_the_status(noticed: Callable[[Job, Store], Any], status: JobStatus) -> None:
    found = noticed(job(status=status), Store({}))
    assert (found["jobID"], found["status"]) == (JOB_ID, status)
    assert found["links"][0]["href"] == f"https://example.org/gas/ogcapi/jobs/{JOB_ID}?f=json"
