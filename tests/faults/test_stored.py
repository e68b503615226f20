"""What is kept: results whole and with their kind, gone when their time is over."""

from __future__ import annotations

import hashlib
import time
import uuid
from pathlib import Path

import pytest

from tests.faults import tree
from tests.faults.order import fault_service
from tests.faults.service import FaultService
from tests.faults.wire import Answer, ask, upload_document

TEXT = "name,value\n" * 1000


def echoed(service: FaultService, text: str = TEXT) -> tuple[str, Answer, str]:
    """A job that gives a text back: its id, its status document and the address of the result."""
    document = upload_document("echo_complex", "text", text, "text/plain")
    answer = ask(service.wps, method="POST", body=document, headers={"Content-Type": "text/xml"})
    assert answer.status == 200, answer.body
    assert service.wait_ended([answer.job_id])[0].status == "successful"
    status = service.status(answer.job_id)
    return answer.job_id, status, status.references[0]


def test_a_result_is_in_the_store_with_type_size_and_hash(service: FaultService) -> None:
    job, _, address = echoed(service)
    assert uuid.UUID(job).version == 4
    assert job in address
    (item,) = [item for item in (service.row(job).results or {}).values() if item["file"]]
    assert item["media_type"] == "text/plain"
    assert item["size"] == len(TEXT)
    assert item["sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
    whole = ask(address)
    assert whole.body.decode() == TEXT
    assert whole.headers["Content-Type"].startswith("text/plain")
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.headers["Content-Length"] == str(len(TEXT))


def test_a_result_is_given_out_in_ranges(service: FaultService) -> None:
    _, _, address = echoed(service)
    part = ask(address, headers={"Range": "bytes=5-14"})
    assert (part.status, part.body.decode()) == (206, TEXT[5:15])
    assert part.headers["Content-Range"] == f"bytes 5-14/{len(TEXT)}"
    end = ask(address, headers={"Range": "bytes=-7"})
    assert (end.status, end.body.decode()) == (206, TEXT[-7:])
    beyond = ask(address, headers={"Range": f"bytes={len(TEXT)}-"})
    assert beyond.status == 416
    head = ask(address, method="HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(TEXT)))
    unchanged = ask(address, headers={"If-None-Match": head.headers["ETag"]})
    assert (unchanged.status, unchanged.body) == (304, b"")


@pytest.mark.slow
def test_jobs_expire_by_state_and_age_and_by_total_size(tmp_path: Path) -> None:
    day = 86_400
    settings = {
        "store_keep_failed": str(1 / day),
        "store_keep_dismissed": str(1 / day),
        "store_largest_total": "1mb",
    }
    with fault_service(tmp_path, **settings) as service:
        failed = service.submit("boom", how="raise")
        dismissed = service.submit("slow", seconds=60)
        assert service.cancel(dismissed).status in (200, 204)
        text = "a,b\n" * 75_000
        kept = [echoed(service, text)[0] for _ in range(5)]
        wanted = set(kept[-3:])  # 0.9 of 1 MB
        tree.until(lambda: set(service.rows()) == wanted, 90, "only the newest results are left")
        assert {path.name for path in (service.data / "outputs").iterdir()} == wanted
        for gone in (failed, dismissed, kept[0]):
            answer = service.status(gone)
            assert answer.status == 404
            assert gone in answer.words
        assert service.status(kept[-1]).state == "ProcessSucceeded"


@pytest.mark.slow
def test_files_that_belong_to_no_job_are_removed(tmp_path: Path) -> None:
    with fault_service(tmp_path) as service:
        job, _, address = echoed(service)
        stray = str(uuid.uuid4())
        work = service.data / "work"
        folders = [work / "inputs" / stray, work / "attempts" / f"{stray}-1", service.data / "outputs" / stray]
        service.crash()
        for folder in folders:
            folder.mkdir(parents=True)
            (folder / "file").write_text("left by a crash")
        up = service.start()
        tree.until(lambda: not any(folder.exists() for folder in folders), 20, "what a crash left is removed")
        assert time.monotonic() - up < 20
        assert ask(address).status == 200
        assert service.status(job).state == "ProcessSucceeded"
