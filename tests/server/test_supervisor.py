"""Jobs run in children of their own, and come to an end whatever happens to these."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from server.jobs.guard import Guard, begin_generation
from server.jobs.leadership import Leadership
from server.jobs.model import JobStatus
from server.jobs.request import InputItem, JobRequest, Upload
from server.settings import Settings
from tests.server.fakes import PRELOAD, alive, open_jobs, registry, request, settings_in, supervised, until

ROOT = Path(__file__).parents[2]


def supervisor_of(settings: Settings) -> int:
    """The process that leads."""
    leadership = Leadership(settings.server.workdir)
    owner = until(lambda: (leader := leadership.leader()) and leader.owner)
    return int(owner.pid)


def nothing_left(settings: Settings) -> bool:
    """Whether no attempt and no input lies in the work folder."""
    work = settings.server.workdir
    return not any(path for name in ("attempts", "inputs", "incoming") for path in (work / name).glob("*"))


def test_a_job_runs_and_its_results_are_in_the_store(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with supervised(settings) as (jobs, _):
        job = jobs.wait(jobs.submit(request("echo", "hello")).id, 60)
        until(lambda: nothing_left(settings))
    assert job.status is JobStatus.SUCCESSFUL
    assert job.progress == 1
    assert job.started is not None and job.finished is not None and job.created <= job.started <= job.finished
    assert job.results["answer"].text == "hello"
    page = job.results["page"]
    assert (page.file, page.media_type, page.size) == ("page.html", "text/html", 12)
    published = settings.server.outputpath / job.id / "page.html"
    assert published.read_text() == "<p>hello</p>"
    assert page.sha256 == subprocess.run(["sha256sum", published], capture_output=True, text=True).stdout.split()[0]


def test_an_upload_reaches_the_process(tmp_path: Path) -> None:
    sent = JobRequest("echo", {"file": [InputItem(upload="file-1.csv", media_type="text/csv")]})
    with supervised(settings_in(tmp_path)) as (jobs, _):
        job = jobs.wait(jobs.submit(sent, [Upload("file-1.csv", b"a,b\n")]).id, 60)
    assert job.results["answer"].text == "a,b\n"


def test_the_name_of_an_upload_reaches_the_process_as_it_may_be_shown(tmp_path: Path) -> None:
    def sent(name: str | None) -> JobRequest:
        return JobRequest("called", {"file": [InputItem(upload="input-1", file_name=name)]})

    with supervised(settings_in(tmp_path)) as (jobs, _):
        ids = [jobs.submit(sent(name), [Upload("input-1", b"a,b\n")]).id for name in ("C:\\Flüge\\<1>\x00.csv", None)]
        answers = [jobs.wait(job_id, 60).results["answer"].text for job_id in ids]
    assert answers == ["'<1>.csv'", "None"]


def test_errors_for_users_keep_their_words_and_others_stay_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with supervised(settings_in(tmp_path, GASFLUX_LOGGING_FILE=str(log))) as (jobs, _):
        refused = jobs.wait(jobs.submit(request("refuser")).id, 60)
        broken = jobs.wait(jobs.submit(request("broken")).id, 60)
        until(lambda: "complains" in log.read_text())
    assert refused.status is JobStatus.FAILED
    assert refused.error is not None
    assert (refused.error.kind, refused.error.locator) == ("input", "word")
    assert refused.error.message == "word: expected another one; send another one"
    assert broken.error is not None
    assert broken.error.kind == "server"
    assert broken.error.message == (
        f"The service failed on this job (reference {broken.id}); the operator finds the reason in the log."
    )
    of_the_job = [line for line in log.read_text().splitlines() if f"task:{broken.id} |" in line]
    assert any("ZeroDivisionError: secret of the house" in line for line in of_the_job)
    assert any("compiled code complains" in line for line in of_the_job)


@pytest.mark.parametrize(("word", "says"), [("SIGKILL", "signal 9 (SIGKILL)"), ("0", "status 0"), ("3", "status 3")])
def test_a_child_that_dies_fails_its_job_at_once(tmp_path: Path, word: str, says: str) -> None:
    settings = settings_in(tmp_path)
    with supervised(settings) as (jobs, _):
        job = jobs.wait(jobs.submit(request("dying", word)).id, 60)
        assert job.status is JobStatus.FAILED
        assert job.error is not None and says in job.error.message and job.id in job.error.message
        assert jobs.wait(jobs.submit(request("echo", "still here")).id, 60).status is JobStatus.SUCCESSFUL
        until(lambda: not any((settings.server.workdir / "attempts").iterdir()))


def test_a_killed_child_leaves_nothing_of_its_own(tmp_path: Path) -> None:
    with supervised(settings_in(tmp_path)) as (jobs, _):
        job_id = jobs.submit(request("sleeper", "60")).id
        child, helper, hidden = map(int, until(lambda: jobs.get(job_id).message, 60).split())
        assert os.getpgid(child) == os.getpgid(helper) == child != os.getpgid(hidden)
        os.kill(child, signal.SIGKILL)
        assert jobs.wait(job_id, 2).status is JobStatus.FAILED
        until(lambda: not alive(helper) and not alive(hidden), 2)


def test_a_cancelled_job_is_gone_within_two_seconds(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with supervised(settings) as (jobs, _):
        job_id = jobs.submit(request("sleeper", "60")).id
        pids = [int(pid) for pid in until(lambda: jobs.get(job_id).message, 60).split()]
        assert jobs.dismiss(job_id).status is JobStatus.DISMISSED
        until(lambda: not any(alive(pid) for pid in pids), 2)
        until(lambda: not any((settings.server.workdir / "attempts").iterdir()), 2)
        assert jobs.get(job_id).status is JobStatus.DISMISSED
        again = jobs.retry(job_id)
        assert again.status is JobStatus.ACCEPTED
        assert until(lambda: jobs.get(job_id).attempt == 2)


def test_a_job_that_takes_too_long_is_ended_in_words(tmp_path: Path) -> None:
    with supervised(settings_in(tmp_path, GASFLUX_JOBS_TIME_LIMIT="0.5")) as (jobs, _):
        job = jobs.wait(jobs.submit(request("sleeper", "60")).id, 60)
    assert job.error is not None and job.error.kind == "limit"
    assert "0.5 s" in job.error.message


def test_never_more_than_parallel_run(tmp_path: Path) -> None:
    with supervised(settings_in(tmp_path, GASFLUX_JOBS_SYNC_SLOTS="0")) as (jobs, _):
        ids = [jobs.submit(request("sleeper", "0.2")).id for _ in range(6)]
        seen = set()
        while not all(jobs.get(job_id).status.ended for job_id in ids):
            seen.add(jobs.counts().running)
        assert all(jobs.get(job_id).status is JobStatus.SUCCESSFUL for job_id in ids)
    assert max(seen) == 2


def test_many_web_workers_have_one_supervisor_and_a_killed_one_is_replaced(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with supervised(settings) as (jobs, _):
        second = Guard(settings, registry, PRELOAD)
        second.start()
        try:
            job_id = jobs.submit(request("sleeper", "1.5")).id
            pids = [int(pid) for pid in until(lambda: jobs.get(job_id).message, 60).split()]
            first = supervisor_of(settings)
            os.kill(first, signal.SIGKILL)
            until(lambda: not any(alive(pid) for pid in pids), 5)
            again = jobs.wait(job_id, 60)
            assert (again.status, again.attempt, again.losses) == (JobStatus.SUCCESSFUL, 2, 1)
            assert supervisor_of(settings) != first
        finally:
            second.stop()


def test_a_job_that_loses_its_supervisor_twice_is_given_up(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with supervised(settings) as (jobs, _):
        job_id = jobs.submit(request("sleeper", "60")).id
        for attempt in (1, 2):
            until(lambda: jobs.get(job_id).attempt == attempt and jobs.get(job_id).message, 60)  # noqa: B023
            os.kill(supervisor_of(settings), signal.SIGKILL)
        job = jobs.wait(job_id, 60)
        assert job.status is JobStatus.FAILED
        assert job.error is not None and "given up" in job.error.message


def test_a_service_that_stops_puts_its_jobs_back(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with supervised(settings) as (jobs, _):
        job_id = jobs.submit(request("sleeper", "60")).id
        pids = [int(pid) for pid in until(lambda: jobs.get(job_id).message, 60).split()]
    jobs = open_jobs(settings)
    job = jobs.get(job_id)
    assert (job.status, job.attempt, job.losses) == (JobStatus.ACCEPTED, 1, 0)
    assert not any(alive(pid) for pid in pids)


def test_the_supervisor_ends_when_the_last_web_worker_is_gone(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    script = (
        "import sys, time; from pathlib import Path; from tests.server import fakes\n"
        "with fakes.supervised(fakes.settings_in(Path(sys.argv[1]))): time.sleep(60)"
    )
    jobs = open_jobs(settings)
    job_id = jobs.submit(request("sleeper", "60")).id
    web_worker = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT)
    pids = [int(pid) for pid in until(lambda: jobs.get(job_id).message, 60).split()]
    pids.append(supervisor_of(settings))
    web_worker.kill()
    web_worker.wait()
    until(lambda: not any(alive(pid) for pid in pids), 10)
    job = jobs.get(job_id)
    assert (job.status, job.losses) == (JobStatus.ACCEPTED, 0)


def test_new_settings_bring_a_new_supervisor_while_the_old_one_finishes(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with supervised(settings) as (jobs, _):
        job_id = jobs.submit(request("sleeper", "2")).id
        until(lambda: jobs.get(job_id).message, 60)
        old = supervisor_of(settings)
        begin_generation()
        newer = Guard(settings, registry, PRELOAD)
        newer.start()
        try:
            new = until(lambda: (pid := supervisor_of(settings)) != old and pid)
            assert jobs.wait(jobs.submit(request("echo", "new")).id, 60).status is JobStatus.SUCCESSFUL
            job = jobs.wait(job_id, 60)
            assert (job.status, job.attempt) == (JobStatus.SUCCESSFUL, 1)
            until(lambda: not psutil.pid_exists(old) or not alive(old))
            assert supervisor_of(settings) == new
        finally:
            newer.stop()


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
    ran = subprocess.run([sys.executable, script, tmp_path, str(ROOT)], capture_output=True, text=True, cwd=tmp_path)
    assert ran.stdout.strip() == "successful", ran.stderr
    assert (tmp_path / "imports").read_text() == "once "


@pytest.mark.slow
def test_what_forks_the_jobs_is_warm_and_single_threaded() -> None:
    script = (
        "import logging, os, sys; logging.basicConfig()\n"
        "import server.jobs.warm as warm\n"
        "print(warm.threads(), os.environ['OPENBLAS_NUM_THREADS'], 'gasflux_core.kriging' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert ran.stdout.strip() == "1 1 True"
    assert "failed" not in ran.stderr


def test_a_job_that_was_claimed_and_never_started_is_put_back(tmp_path: Path) -> None:
    """As where the database commits the claim, and its answer doesn't arrive."""
    settings = settings_in(tmp_path)
    with supervised(settings) as (jobs, _):
        assert jobs.wait(jobs.submit(request("echo", "first")).id, 60).status is JobStatus.SUCCESSFUL
        leader = Leadership(settings.server.workdir).leader()
        assert leader is not None and leader.owner is not None
        jobs.on_submit = lambda _: None
        job_id = jobs.submit(request("echo", "claimed")).id
        # The supervisor may be faster; then there is nothing to put back, and another one is tried.
        while (claimed := jobs.claim(leader.owner)) is None:
            job_id = jobs.submit(request("echo", "claimed")).id
        assert claimed.id == job_id
        job = jobs.wait(job_id, 20)
        assert (job.status, job.attempt, job.losses) == (JobStatus.SUCCESSFUL, 2, 0)
