"""The whole service with Celery behind it, over HTTP; and machines that share nothing but an S3 store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.jobs.model import JobStatus
from server.jobs.owner import Owner
from server.jobs.request import InputItem, JobRequest, Upload
from tests.acceptance.running import running_service
from tests.faults import tree
from tests.faults.machines import farm, redis
from tests.faults.wire import ask, execute_url, upload_document

pytestmark = pytest.mark.slow

_S3_SERVER = """
import signal
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
signal.pause()
"""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Settings that name an empty bucket on an S3 server of the test's own."""
    import s3fs

    for name, value in (("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    command = [sys.executable, "-c", _S3_SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
        s3fs.S3FileSystem(endpoint_url=endpoint, skip_instance_cache=True).mkdir("flights")
        yield {"store_url": "s3://flights/of/today", "store_endpoint": endpoint}
        server.kill()


def test_machines_share_nothing_but_an_s3_store(tmp_path: Path, bucket: dict[str, str]) -> None:
    with redis(tmp_path) as broker, farm(tmp_path, broker.url, **bucket) as made:
        for name in ("one", "two"):
            folders = {
                "server_workdir": str(tmp_path / name / "work"),
                "server_outputpath": str(tmp_path / name / "out"),
            }
            made.add(apart=True, **folders)
        sent = JobRequest("echo", {"file": [InputItem(upload="file-1.csv", media_type="text/csv")]}, mode="async")
        uploads = [made.jobs.submit(sent, [Upload("file-1.csv", f"a,{number}\n".encode())]).id for number in range(6)]
        spread = made.submit("spreader", "abcd")
        ids = [*uploads, spread, *(made.submit("slow_echo", str(number)) for number in range(8))]
        jobs = [made.ended(job_id, 60) for job_id in ids]
        assert [job.status for job in jobs] == [JobStatus.SUCCESSFUL] * len(ids)
        assert len({Owner.read(str(job.owner)).machine for job in jobs}) == 2
        assert [job.results["answer"].text for job in jobs[:7]] == [*(f"a,{number}\n" for number in range(6)), "abcd"]
        page = made.jobs.store.result_file(jobs[0].id, jobs[0].attempt, "page.html", tmp_path)
        assert page.read_text() == "<p>a,0\n</p>"


def test_the_service_answers_with_what_machines_calculate(tmp_path: Path) -> None:
    with redis(tmp_path) as broker, farm(tmp_path, broker.url, diagnostics="true") as made:
        machine = made.add(full=True)
        with running_service(tmp_path, made.settings) as service:
            answer = ask(execute_url(service.wps, "echo", {"string": "hello"}, stored=False))
            assert answer.status == 200
            assert "hello" in answer.literals

            stored = ask(execute_url(service.wps, "slow", {"seconds": 60}, stored=True))
            tree.until(lambda: made.jobs.get(stored.job_id).status is JobStatus.RUNNING, 10, "it runs")
            made.jobs.dismiss(stored.job_id)
            tree.until(lambda: not machine.jobs, 2, "its process is gone")

            flight = ask(execute_url(service.wps, "simulate_flight", {}, stored=False), timeout=120)
            assert flight.status == 200
            assert flight.state == "ProcessSucceeded"
            sent = upload_document("echo_complex", "text", "one line", "text/plain")
            posted = ask(service.wps, method="POST", body=sent, headers={"Content-Type": "text/xml"})
            assert made.ended(posted.job_id, 20).status is JobStatus.SUCCESSFUL
        assert machine.stop(8) < 8
