"""Which requests become a job, and which share one."""

from __future__ import annotations

import errno
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from gasflux_core.errors import Busy
from server.jobs.admission import fingerprint
from server.jobs.database import open_engine, writing
from server.jobs.model import JobStatus
from server.jobs.queue import Jobs
from server.jobs.request import InputItem, JobRequest, OutputRequest, Upload
from tests.server.job_tables import FAILURE, HERE, OpenTable, asked, claimed, parts, store_of


def refused(jobs: Jobs, words: str, *, mode: str = "async", client: str = "") -> Busy:
    """The refusal of one more job, of which nothing is kept."""
    kept = set(store_of(jobs).inputs)
    with pytest.raises(Busy, match=words) as caught:
        jobs.submit(asked(mode=mode), [Upload("a.csv", b"x")], client=client)
    assert (store_of(jobs).inputs, store_of(jobs).staged) == (kept, set())
    assert caught.value.retry_after > 0
    return caught.value


def test_as_many_may_wait_of_each_mode(table: OpenTable) -> None:
    jobs = table(waiting=3)
    for _ in range(3):
        jobs.submit(asked(mode="async"))
    refused(jobs, "3 jobs wait already", mode="async")
    for _ in range(3):
        jobs.submit(asked(mode="sync"))
    refused(jobs, "3 jobs wait already", mode="sync")
    refused(jobs, "3 jobs wait already", mode="async")
    claimed(jobs)
    jobs.submit(asked(mode="async"))


def test_one_key_fills_its_share_of_the_queue_and_no_more(table: OpenTable) -> None:
    jobs = table(waiting=10, key_share=0.5)
    for mode in ("async", "sync", "async", "sync", "async"):
        jobs.submit(asked(mode=mode), client="k1")
    for mode in ("async", "sync"):
        refused(jobs, "5 jobs of this key wait already", mode=mode, client="k1")
    for _ in range(5):
        jobs.submit(asked(), client="k2")
    for _ in range(2):  # who sends no key is nobody in particular
        jobs.submit(asked(), client="")
    refused(jobs, "10 jobs wait already", client="k3")
    claimed(jobs)
    claimed(jobs)
    jobs.submit(asked(), client="k1")


def test_a_share_of_a_short_queue_is_one_job_at_least(table: OpenTable) -> None:
    jobs = table(waiting=3, key_share=0.1)
    jobs.submit(asked(), client="k")
    refused(jobs, "1 jobs of this key", client="k")


def test_parts_of_a_job_fill_no_queue(table: OpenTable) -> None:
    jobs = table(waiting=2)
    jobs.submit(asked(), client="k")
    jobs.spread(claimed(jobs).id, 1, parts("a", "b", "c", "d"))
    for _ in range(2):
        jobs.submit(asked(), client="k")
    refused(jobs, "2 jobs wait", client="k")


def test_trying_again_needs_room_too(table: OpenTable) -> None:
    jobs = table(waiting=1)
    job = jobs.submit(asked())
    jobs.dismiss(job.id)
    jobs.submit(asked())
    with pytest.raises(Busy, match="1 jobs wait already"):
        jobs.retry(job.id)
    assert jobs.get(job.id).status is JobStatus.DISMISSED


def test_with_little_free_disk_space_nothing_is_accepted(table: OpenTable) -> None:
    jobs = table(min_free=1000)
    store_of(jobs).space = 999
    refused(jobs, "disk is nearly full")
    store_of(jobs).space = 1000
    jobs.submit(asked())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("step", ["stage_inputs", "keep"])
def test_a_disk_that_is_full_is_told_as_busy(
    table: OpenTable, monkeypatch: pytest.MonkeyPatch, code: int, step: str
) -> None:
    jobs = table()

    def full(*_: object) -> None:
        raise OSError(code, "full")

    where = "FakeStore.stage_inputs" if step == "stage_inputs" else "FakeStaged.keep"
    monkeypatch.setattr(f"tests.server.job_tables.{where}", full)
    refused(jobs, "disk is full")
    assert jobs.find() == []


def test_other_faults_of_the_store_are_not_hidden(table: OpenTable, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = table()

    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EACCES, "forbidden")

    monkeypatch.setattr("tests.server.job_tables.FakeStaged.keep", forbidden)
    with pytest.raises(PermissionError):
        jobs.submit(asked())
    assert jobs.find() == [] and store_of(jobs).staged == set()


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Let another connection hold the write lock."""
    path = make_url(url).database
    if url.startswith("sqlite"):
        connection = sqlite3.connect(str(path), isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.close()
        return
    engine = open_engine(url)
    with writing(engine).begin():
        yield
    engine.dispose()


def test_a_locked_table_is_told_as_busy(
    database: str, table: OpenTable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.jobs.database._BUSY_SECONDS", 1)
    jobs = table()
    failed, waiting = jobs.submit(asked()).id, jobs.submit(asked()).id
    jobs.fail(claimed(jobs).id, 1, FAILURE)
    with locked(database):
        refused(jobs, "can't be written now; send the request again later")
        writes: list[Callable[[], object]] = [lambda: jobs.dismiss(waiting), lambda: jobs.retry(failed)]
        for write in writes:
            with pytest.raises(Busy):
                write()
        # Who only reads is not kept waiting.
        assert jobs.get(waiting).status is JobStatus.ACCEPTED
        assert jobs.counts().waiting == 1
    assert "can't be written" in caplog.text
    jobs.submit(asked())
    assert jobs.retry(failed).status is JobStatus.ACCEPTED


# --- sharing one job ------------------------------------------------------------------------------


def test_identical_requests_share_one_job_while_it_waits_or_runs(table: OpenTable) -> None:
    jobs = table(share_identical=True, waiting=1)
    told: list[str] = []
    jobs.on_submit = told.append
    first = jobs.submit(asked(), [Upload("a.csv", b"x")], client="k")
    assert jobs.submit(asked(), [Upload("a.csv", b"x")], client="k").id == first.id  # though the queue is full
    claimed(jobs)
    third = jobs.submit(asked(), [Upload("a.csv", b"x")], client="k")
    assert (third.id, third.status) == (first.id, JobStatus.RUNNING)
    assert told == [first.id]
    assert (store_of(jobs).inputs, store_of(jobs).staged) == ({first.id}, set())
    jobs.finish(first.id, 1, {})
    assert jobs.submit(asked(), [Upload("a.csv", b"x")], client="k").id != first.id


def test_a_shared_job_goes_on_until_all_have_dismissed_it(table: OpenTable) -> None:
    jobs = table(share_identical=True)
    job = jobs.submit(asked()).id
    jobs.submit(asked())
    claimed(jobs)
    jobs.submit(asked())
    assert [jobs.dismiss(job).status for _ in range(3)] == ["running", "running", "dismissed"]


def test_a_shared_job_that_is_tried_again_is_one_client_s(table: OpenTable) -> None:
    jobs = table(share_identical=True)
    job = jobs.submit(asked()).id
    jobs.submit(asked())
    jobs.fail(claimed(jobs).id, 1, FAILURE)
    jobs.retry(job)
    assert jobs.dismiss(job).status is JobStatus.DISMISSED


def test_requests_share_nothing_unless_it_is_switched_on(table: OpenTable) -> None:
    jobs = table()
    assert jobs.submit(asked()).id != jobs.submit(asked()).id


def test_another_client_does_not_share(table: OpenTable) -> None:
    jobs = table(share_identical=True)
    assert len({jobs.submit(asked(), client=client).id for client in ("a", "b", "", "a")}) == 3


def test_parts_of_a_job_are_not_shared(table: OpenTable) -> None:
    jobs = table(share_identical=True)
    jobs.submit(asked("campaign"))
    children = jobs.spread(claimed(jobs).id, 1, parts("a", "a"))
    assert len({child.id for child in children}) == 2


def one_input(**values: object) -> JobRequest:
    return JobRequest("echo", {"file": [InputItem(**values)]})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "item",
    [
        {"href": "http://host/a.csv"},
        {"text": "x", "body_href": "http://host/body"},
    ],
)
def test_requests_with_references_are_never_shared(table: OpenTable, item: dict[str, str]) -> None:
    jobs = table(share_identical=True)
    assert fingerprint(one_input(**item), [], "1", "") is None
    assert jobs.submit(one_input(**item)).id != jobs.submit(one_input(**item)).id


def test_the_content_of_an_upload_counts_and_not_its_name(tmp_path: Path) -> None:
    file = tmp_path / "any name"
    file.write_bytes(b"x")

    def of(name: str, content: bytes | Path) -> str | None:
        return fingerprint(one_input(upload=name), [Upload(name, content)], "1", "")

    same = {of("file-1.csv", b"x"), of("other.csv", b"x"), of("file-1.csv", file)}
    assert len(same) == 1 and None not in same
    assert of("file-1.csv", b"y") not in same
    assert file.exists()


def test_all_that_decides_the_results_decides_what_is_identical() -> None:
    request = asked()
    others = [
        asked("other"),
        asked(mode="sync"),
        asked(process="sleeper"),
        asked(face="ogc-api"),
        asked(language="de"),
        asked(response="raw"),
        asked(lineage=True),
        asked(outputs=[OutputRequest("page")]),
        asked(outputs=[OutputRequest("page", media_type="text/csv")]),
        asked(inputs={"other": [InputItem(text="hello")]}),
        asked(inputs={"word": [InputItem(text="hello", unit="m")]}),
        asked(inputs={"word": [InputItem(text="hello"), InputItem(text="hello")]}),
    ]
    found = [fingerprint(other, [], "1", "k") for other in (request, *others)]
    found += [fingerprint(request, [], "2", "k"), fingerprint(request, [], "1", "l")]
    assert len(set(found)) == len(others) + 3
    assert found[0] == fingerprint(asked(), [], "1", "k")
    assert all(len(bytes.fromhex(str(each))) == hashlib.sha256().digest_size for each in found)


def test_a_job_that_was_shared_is_claimed_once(table: OpenTable) -> None:
    jobs = table(share_identical=True)
    for _ in range(3):
        jobs.submit(asked())
    claimed(jobs)
    assert jobs.claim(HERE) is None
