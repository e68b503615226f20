"""Jobs run in children of their own, and come to an end whatever happens to these."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server.jobs.model import JobStatus
from server.jobs.request import InputItem, JobRequest, Upload
from server.jobs.supervisor import Supervisor
from tests.server.fakes import PRELOAD, alive, open_jobs, registry, request, settings_in, supervised, until


def test_a_job_runs_and_its_results_are_in_the_store(tmp_path: Path) -> None:
    with supervised(settings_in(tmp_path)) as (jobs, _):
        job = jobs.wait(jobs.submit(request("echo", "hello")).id, 60)
    assert job.status is JobStatus.SUCCESSFUL
    assert job.progress == 1
    assert job.started is not None and job.finished is not None and job.created <= job.started <= job.finished
    assert job.results["answer"].text == "hello"
    page = job.results["page"]
    assert (page.file, page.media_type, page.size) == ("page.html", "text/html", 12)
    published = jobs.store.path(job.id, "page.html")
    assert published.read_text() == "<p>hello</p>"
    assert page.sha256 == subprocess.run(["sha256sum", published], capture_output=True, text=True).stdout.split()[0]
    assert not jobs.store.work_folder(job.id).exists()


def test_an_upload_reaches_the_process(tmp_path: Path) -> None:
    sent = JobRequest("echo", {"file": [InputItem(upload="file-1.csv", media_type="text/csv")]})
    with supervised(settings_in(tmp_path)) as (jobs, _):
        job = jobs.wait(jobs.submit(sent, [Upload("file-1.csv", b"a,b\n")]).id, 60)
    assert job.results["answer"].text == "a,b\n"


def test_a_trivial_job_takes_tens_of_milliseconds(tmp_path: Path) -> None:
    with supervised(settings_in(tmp_path)) as (jobs, _):
        jobs.wait(jobs.submit(request("echo", "first")).id, 60)  # the fork server loads
        times = []
        for _ in range(9):
            start = time.perf_counter()
            assert jobs.wait(jobs.submit(request("echo", "again")).id, 60).status is JobStatus.SUCCESSFUL
            times.append(time.perf_counter() - start)
    # Alone 30 to 40 ms; the bound leaves room for a busy machine and is still far below an interpreter's start.
    assert sorted(times)[4] < 0.25


def test_errors_for_users_keep_their_words_and_others_stay_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with supervised(settings_in(tmp_path)) as (jobs, _):
        refused = jobs.wait(jobs.submit(request("refuser")).id, 60)
        broken = jobs.wait(jobs.submit(request("broken")).id, 60)
    assert refused.status is JobStatus.FAILED
    assert refused.error is not None
    assert (refused.error.kind, refused.error.locator) == ("input", "word")
    assert refused.error.message == "word: expected another one; send another one"
    assert broken.error is not None
    assert broken.error.kind == "server"
    assert broken.error.message == (
        f"The service failed on this job (reference {broken.id}); the operator finds the reason in the log."
    )
    of_the_job = [line for line in caplog.messages if line.startswith(f"task:{broken.id}")]
    assert any("ZeroDivisionError: secret of the house" in line for line in of_the_job)
    assert any("compiled code complains" in line for line in of_the_job)
    assert not any(jobs.store.work.glob("*-*"))


@pytest.mark.parametrize(("word", "says"), [("SIGKILL", "signal 9 (SIGKILL)"), ("0", "status 0"), ("3", "status 3")])
def test_a_child_that_dies_fails_its_job_at_once(tmp_path: Path, word: str, says: str) -> None:
    with supervised(settings_in(tmp_path)) as (jobs, _):
        job = jobs.wait(jobs.submit(request("dying", word)).id, 60)
        assert job.status is JobStatus.FAILED
        assert job.error is not None and says in job.error.message and job.id in job.error.message
        assert jobs.wait(jobs.submit(request("echo", "still here")).id, 60).status is JobStatus.SUCCESSFUL
        assert not jobs.store.work_folder(job.id).exists()


def test_a_killed_child_leaves_nothing_of_its_group(tmp_path: Path) -> None:
    with supervised(settings_in(tmp_path)) as (jobs, _):
        job_id = jobs.submit(request("sleeper", "60")).id
        child, helper = map(int, until(lambda: jobs.get(job_id).message).split())
        assert os.getpgid(child) == os.getpgid(helper) == child
        os.kill(child, signal.SIGKILL)
        assert jobs.wait(job_id, 2).status is JobStatus.FAILED
        until(lambda: not alive(helper))


def test_never_more_than_parallel_run(tmp_path: Path) -> None:
    with supervised(settings_in(tmp_path)) as (jobs, _):
        ids = [jobs.submit(request("sleeper", "0.2")).id for _ in range(6)]
        seen = set()
        while not all(jobs.get(job_id).status.ended for job_id in ids):
            seen.add(jobs.counts()[JobStatus.RUNNING])
        assert all(jobs.get(job_id).status is JobStatus.SUCCESSFUL for job_id in ids)
    assert max(seen) == 2


def test_only_one_supervisor_leads_and_another_takes_over(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with supervised(settings) as (jobs, first):
        until(lambda: first.leads)
        second = Supervisor(settings, jobs, jobs.store, registry, PRELOAD)
        second.start()
        try:
            job_id = jobs.submit(request("sleeper", "0.5")).id
            until(lambda: jobs.get(job_id).message)
            assert jobs.get(job_id).owner == first.owner
            assert not second.leads
            jobs.on_submit = second.wake
            first.stop()
            assert until(lambda: second.leads, 1)
            again = jobs.wait(job_id, 60)
            assert (again.status, again.attempt, again.owner) == (JobStatus.SUCCESSFUL, 2, second.owner)
        finally:
            second.stop()


def test_children_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    jobs = open_jobs(settings)
    job_id = jobs.submit(request("sleeper", "30")).id
    script = (
        "import sys, time; from pathlib import Path; from tests.server import fakes\n"
        "with fakes.supervised(fakes.settings_in(Path(sys.argv[1]))): time.sleep(60)"
    )
    web_worker = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=Path(__file__).parents[2])
    child, helper = map(int, until(lambda: jobs.get(job_id).message, 60).split())
    web_worker.kill()
    web_worker.wait()
    until(lambda: not alive(child) and not alive(helper), 5)
    # The next one takes the job up again; lost twice, it is given up.
    web_worker = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=Path(__file__).parents[2])
    until(lambda: jobs.get(job_id).attempt == 2, 60)
    web_worker.kill()
    web_worker.wait()
    with supervised(settings) as (jobs, _):
        job = jobs.wait(job_id, 10)
    assert job.status is JobStatus.FAILED
    assert job.error is not None and "given up" in job.error.message
    assert not jobs.store.work_folder(job_id).exists()


def test_the_main_module_is_not_imported_again(tmp_path: Path) -> None:
    script = tmp_path / "serve.py"
    script.write_text(
        "import sys; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from tests.server import fakes\n"
        "with open(Path(sys.argv[1]) / 'imports', 'a') as file: file.write('once ')\n"
        "with fakes.supervised(fakes.settings_in(Path(sys.argv[1]) / 'data')) as (jobs, _):\n"
        "    print(jobs.wait(jobs.submit(fakes.request('echo', 'hello')).id, 30).status)\n"
    )
    root = str(Path(__file__).parents[2])
    ran = subprocess.run([sys.executable, script, tmp_path, root], capture_output=True, text=True, cwd=tmp_path)
    assert ran.stdout.strip() == "successful", ran.stderr
    assert (tmp_path / "imports").read_text() == "once "


@pytest.mark.slow
def test_the_fork_server_is_warm_and_single_threaded() -> None:
    script = (
        "import logging, os, sys; logging.basicConfig()\n"
        "import server.jobs.warm as warm\n"
        "print(warm.threads(), os.environ['OPENBLAS_NUM_THREADS'], 'gasflux_core.kriging' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert ran.stdout.strip() == "1 1 True"
    assert "failed" not in ran.stderr
