"""``gasflux-wps jobs``, over a real job table."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.command_line import BAD_INPUT, main
from server.jobs.model import JobError, JobStatus, ResultItem
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from server.jobs.request import InputItem, JobRequest, SubJob, Upload
from server.jobs_command import STATES
from tests.server.fakes import open_jobs, request, settings_in, supervised, until

HERE = Owner.this_process()
NONE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GASFLUX_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("PYWPS_CFG", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GASFLUX_DATA", str(tmp_path))


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    jobs = open_jobs(settings_in(tmp_path))
    yield jobs
    jobs.close()


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    """The jobs that the list has, as JSON."""
    assert main(["jobs", "list", "--json", *words]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def claimed(jobs: Jobs, job_id: str) -> int:
    """Let a job run; its attempt."""
    job = jobs.claim(HERE)
    assert job is not None and job.id == job_id
    return job.attempt


def failed(jobs: Jobs, words: str = "no plume") -> str:
    job_id = jobs.submit(request("echo")).id
    assert jobs.fail(job_id, claimed(jobs, job_id), JobError("no_solution", words, "flight"))
    return job_id


def spread(jobs: Jobs) -> tuple[str, list[str]]:
    """A job that spread into two, and these."""
    job_id = jobs.submit(request("echo", "campaign")).id
    subjobs = [SubJob(f"flight {number}", request("echo", str(number), mode="async"), "1") for number in (1, 2)]
    return job_id, [job.id for job in jobs.spread(job_id, claimed(jobs, job_id), subjobs)]


def test_the_states_are_those_of_jobs() -> None:
    assert tuple(JobStatus) == STATES


# ---- list


def test_the_list_is_a_table_newest_first(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    bad = failed(jobs)
    running = jobs.submit(request("sleeper", mode="async"), client="a1b2").id
    assert jobs.progress(running, claimed(jobs, running), 0.25, "Kriging")
    waiting = jobs.submit(request("echo")).id
    assert main(["jobs", "list"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0].strip() == "id" and "run time" in head
    cells = [row.split() for row in rows]
    assert [row[0] for row in cells] == [waiting, running, bad]
    assert [row[1:4] for row in cells] == [
        ["accepted", "echo", "-"],
        ["running", "sleeper", "a1b2"],
        ["failed", "echo", "-"],
    ]
    assert rows[0].split()[6] == "-" and rows[1].endswith("25 %      Kriging") and rows[2].endswith("no plume")
    # Each column begins below its name.
    assert all(row[head.index("state") - 1] == " " and row[head.index("process") - 1] == " " for row in rows)


def test_the_list_has_filters(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    parent, subjobs = spread(jobs)
    other = jobs.submit(request("sleeper"), client="a1b2").id

    def ids(*words: str) -> set[str]:
        return {job["id"] for job in listed(capsys, *words)}

    assert ids() == {parent, *subjobs, other}
    assert ids("--status", "running") == {parent}
    assert ids("--process", "sleeper") == ids("--client", "a1b2") == {other}
    assert ids("--parent", parent) == set(subjobs)
    assert ids("--limit", "1") == {other}
    assert ids("--status", "failed") == set()


def test_json_lines_tell_what_scripts_want(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    bad = failed(jobs)
    parent, _ = spread(jobs)
    by_id = {job["id"]: job for job in listed(capsys)}
    assert by_id[bad]["error"] == {"kind": "no_solution", "message": "no plume", "locator": "flight"}
    assert by_id[bad]["seconds"] >= 0 and by_id[bad]["finished"].endswith("+00:00")
    assert (by_id[bad]["state"], by_id[bad]["attempt"], by_id[bad]["losses"]) == ("failed", 1, 0)
    assert by_id[parent]["state"] == "spread"


def test_what_a_client_sent_can_not_steer_the_terminal(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    bad = failed(jobs, "first\nsecond \x1b[31mred")
    for words in (["list"], ["show", bad]):
        assert main(["jobs", *words]) == 0
        printed = capsys.readouterr().out
        assert "first second  [31mred" in printed
        assert "\x1b" not in printed


def test_a_wrong_limit_is_refused_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ("0", "-1", "many"):
        with pytest.raises(SystemExit) as ended:
            main(["jobs", "list", f"--limit={wrong}"])
        assert ended.value.code == BAD_INPUT
        assert "expected a whole number from 1" in capsys.readouterr().err


# ---- show


def test_show_tells_everything(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = {
        "word": [InputItem(text="w" * 1000)],
        "file": [InputItem(upload="input-1", media_type="text/csv"), InputItem(href="http://example.org/a.csv")],
    }
    asked = JobRequest("echo", inputs)
    job_id = jobs.submit(asked, [Upload("input-1", b"a,b")], version="1.2.3", client="a1b2").id
    results = {
        "answer": ResultItem("literal", text="42", unit="kg/h"),
        "page": ResultItem("complex", file="page.html", media_type="text/html", size=7, sha256="0" * 64),
    }
    assert jobs.finish(job_id, claimed(jobs, job_id), results)
    assert main(["jobs", "show", job_id]) == 0
    printed = capsys.readouterr().out
    for words in (
        job_id,
        "successful",
        "echo 1.2.3",
        "a1b2",
        f"word: {'w' * 200}… (1000 characters)",
        "file: sent as file input-1 (text/csv)",
        "file: GET http://example.org/a.csv",
        "answer: 42 kg/h",
        "page: page.html, text/html, 7 bytes",
    ):
        assert words in printed
    assert "w" * 201 not in printed

    assert main(["jobs", "show", job_id, "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert JobRequest.from_dict(whole["request"]) == asked
    assert whole["results"]["page"]["size"] == 7
    assert whole["subjobs"] == []


def test_show_tells_the_error_and_the_sub_jobs(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "show", failed(jobs)]) == 0
    printed = capsys.readouterr().out
    assert "no plume (no_solution)" in printed and "flight" in printed
    parent, subjobs = spread(jobs)
    assert main(["jobs", "show", parent]) == 0
    printed = capsys.readouterr().out
    assert "spread" in printed
    for number, subjob in enumerate(subjobs, start=1):
        assert f"{subjob}  accepted    flight {number}" in printed
    assert main(["jobs", "show", subjobs[0]]) == 0
    assert parent in capsys.readouterr().out


# ---- cancel and retry


def test_cancel_ends_jobs_and_their_sub_jobs(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    parent, subjobs = spread(jobs)
    waiting = jobs.submit(request("echo")).id
    assert main(["jobs", "cancel", parent, waiting]) == 0
    assert capsys.readouterr().out == f"{parent} is cancelled.\n{waiting} is cancelled.\n"
    for job_id in (parent, waiting, *subjobs):
        assert jobs.get(job_id).status is JobStatus.DISMISSED


def test_cancelling_what_has_ended_changes_nothing(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    bad = failed(jobs)
    assert main(["jobs", "cancel", bad]) == 0
    assert capsys.readouterr().out == f"{bad} has ended already: failed.\n"
    assert jobs.get(bad).status is JobStatus.FAILED


def test_a_shared_job_goes_on_for_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = open_jobs(settings_in(tmp_path, GASFLUX_JOBS_SHARE_IDENTICAL="true"))
    job_id = jobs.submit(request("echo", "a"), client="a1b2").id
    assert jobs.submit(request("echo", "a"), client="a1b2").id == job_id
    assert main(["jobs", "cancel", job_id]) == 0
    assert "goes on" in capsys.readouterr().out
    assert main(["jobs", "cancel", job_id]) == 0
    assert "is cancelled" in capsys.readouterr().out
    jobs.close()


def test_retry_lets_a_job_wait_again(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    bad = failed(jobs)
    assert main(["jobs", "retry", bad]) == 0
    assert bad in capsys.readouterr().out
    job = jobs.get(bad)
    assert (job.status, job.error) == (JobStatus.ACCEPTED, None)
    assert main(["jobs", "retry", bad]) == BAD_INPUT
    assert bad in capsys.readouterr().err


@pytest.mark.parametrize("action", ["show", "cancel", "retry"])
def test_an_unknown_id_is_told_in_words(action: str, jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", action, NONE]) == BAD_INPUT
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("gasflux-wps: ") and NONE in printed.err


def test_an_unknown_id_does_not_keep_the_others(jobs: Jobs, capsys: pytest.CaptureFixture[str]) -> None:
    waiting = jobs.submit(request("echo")).id
    assert main(["jobs", "cancel", NONE, waiting]) == BAD_INPUT
    assert jobs.get(waiting).status is JobStatus.DISMISSED
    assert "is cancelled" in capsys.readouterr().out


def test_all_of_it_works_while_the_service_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with supervised(settings_in(tmp_path)) as (jobs, _):
        job_id = jobs.submit(request("sleeper", "600")).id
        until(lambda: jobs.get(job_id).message)
        assert [job["state"] for job in listed(capsys)] == ["running"]
        assert main(["jobs", "cancel", job_id]) == 0
        assert jobs.get(job_id).status is JobStatus.DISMISSED
        bad = jobs.submit(request("refuser")).id
        until(lambda: jobs.get(bad).status.ended)
        assert main(["jobs", "retry", bad]) == 0
        until(lambda: jobs.get(bad).status.ended and jobs.get(bad).attempt == 2)
