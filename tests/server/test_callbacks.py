"""Callbacks: which addresses are refused, what a subscriber gets, and that nothing it does delays a job."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gasflux_core.errors import InputError, InputFaults
from server import callbacks
from server.addresses import AllowedHosts
from server.app import create_app, service_of
from server.callbacks import DELIVER, Deliverer, NotDelivered, check_subscriber, post
from server.jobs.celery_worker import Housekeeper, Sweep, _look_after
from server.jobs.model import Job, JobStatus, NoticeState
from server.jobs.notices import Notices
from server.jobs.notifier import Beside, Notifier
from server.jobs.owner import Owner
from server.jobs.queue import Jobs
from server.jobs.request import Subscriber
from server.settings import Settings
from server.store import Store, open_store
from tests.server.fakes import PRELOAD, end_supervisor, open_jobs, registry, request, settings_in, supervised, until
from tests.server.receivers import Receiver, receiving

HERE = Owner.this_process()
OPEN = AllowedHosts(["127.0.0.1"])
TLS = ssl.create_default_context()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def closed_port() -> int:
    """Port at which nobody answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


# --- which addresses are taken --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://example.org/x", "no address to which notices are sent"),
        ("file:///etc/passwd", "no address to which notices are sent"),
        ("example.org/x", "no address to which notices are sent"),
        ("http:///x", "no address to which notices are sent"),
        ("", "no address to which notices are sent"),
        ("http://[::1/x", "is no valid address"),
        ("http://example.org:99999/x", "is no valid address"),
        ("http://example.org:port/x", "is no valid address"),
        (f"http://{'ä' * 100}.org/", "is no valid address"),
        ("http://user:word@example.org/x", "holds a user's name or password"),
        ("http://user@example.org/x", "holds a user's name or password"),
        ("http://example.org/a b", "holds blanks or control characters"),
        ("http://example.org/x\r\nHost: other", "holds blanks or control characters"),
        (" http://example.org/", "holds blanks or control characters"),
        ("http://127.0.0.1/x", "has no public address"),
        ("http://127.1/x", "has no public address"),
        ("http://2130706433/x", "has no public address"),
        ("http://0x7f000001/x", "has no public address"),
        ("http://10.0.0.1:8080/x", "has no public address"),
        ("http://169.254.169.254/latest", "has no public address"),
        ("http://[::1]:5000/x", "has no public address"),
        ("http://[::ffff:127.0.0.1]/x", "has no public address"),
        ("http://localhost:5000/x", "has no public address"),
        ("http://example.org/" + "x" * 2000, "is longer than 2000 characters"),
    ],
)
def test_what_can_be_refused_at_once_is(tmp_path: Path, address: str, words: str) -> None:
    settings = settings_in(tmp_path)
    with pytest.raises(InputError) as caught:
        check_subscriber(Subscriber(address), settings)
    assert words in caught.value.message and "successUri" in caught.value.message
    assert caught.value.parameter == "subscriber.successUri"
    assert len(caught.value.message) < 500


def test_each_address_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(InputFaults) as caught:
        check_subscriber(Subscriber("http://a.example/", "ftp://a", "http://10.0.0.1/"), settings_in(tmp_path))
    parameters = [fault.parameter for fault in caught.value.faults]
    assert parameters == ["subscriber.inProgressUri", "subscriber.failedUri"]


@pytest.mark.parametrize(
    "address",
    ["https://example.org", "http://example.org:8080/a?b=c&d=%20#e", "http://8.8.8.8/", "HTTP://EXAMPLE.ORG/"],
)
def test_what_may_be_told_is_taken_without_asking_a_name_server(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = socket.getaddrinfo

    def numbers_only(host: str, port: object, *rest: Any, flags: int = 0, **more: Any) -> Any:
        return asked(host, port, *rest, flags=flags | socket.AI_NUMERICHOST, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", numbers_only)
    check_subscriber(Subscriber(address, address, address), settings_in(tmp_path))


def test_the_operators_list_decides(tmp_path: Path) -> None:
    named = settings_in(tmp_path, GASFLUX_SECURITY_ALLOWED_HOSTS="127.0.0.1,.intern.example")
    check_subscriber(Subscriber("http://127.0.0.1:80/", "http://a.intern.example/"), named)
    # A name may turn out to lie in a network of the list.
    check_subscriber(Subscriber("http://example.org/"), named)
    names_only = settings_in(tmp_path, GASFLUX_SECURITY_ALLOWED_HOSTS=".intern.example")
    for address in ("http://example.org/", "http://8.8.8.8/"):
        with pytest.raises(InputError, match="not on the list of hosts allowed here"):
            check_subscriber(Subscriber(address), names_only)


# --- one notice -----------------------------------------------------------------------------------


def send(address: str, hosts: AllowedHosts = OPEN) -> None:
    post(address, b'{"a": 1}', "application/json", hosts, TLS)


@pytest.mark.parametrize("path", ["/ok/a?b=c&d=%20", "/nothing", "/status/202"])
def test_a_notice_is_posted(receiver: Receiver, path: str) -> None:
    send(receiver.url + path)
    ((method, asked, headers, body),) = receiver.asked
    assert (method, asked, body) == ("POST", path, b'{"a": 1}')
    assert headers["content-type"] == "application/json"
    assert headers["host"] == receiver.url.removeprefix("http://")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/status/500", "it answered with the status 500"),
        ("/status/404", "it answered with the status 404"),
        ("/to/http://127.0.0.1/ok", "leads on elsewhere"),
        ("/hang", "it took longer than"),
        ("/drip", "it took longer than"),
        ("/go_on", "it took longer than"),
        ("/endless", "."),
        ("/nonsense", "."),
    ],
)
def test_what_a_subscriber_may_do_wrong(
    receiver: Receiver, path: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "TRY_SECONDS", 1.0)
    with pytest.raises(NotDelivered, match=words):
        send(receiver.url + path)
    assert len(receiver.asked) == 1, "a redirect is not followed"


def test_a_host_at_which_nobody_answers() -> None:
    with pytest.raises(NotDelivered, match="refused"):
        send(f"http://127.0.0.1:{closed_port()}/")


def test_a_name_that_turns_private_after_submission_is_refused(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = receiver.url.replace("127.0.0.1", "public.example.org") + "/ok"
    check_subscriber(Subscriber(address), settings_in(tmp_path))
    found = socket.getaddrinfo("127.0.0.1", receiver.server_port, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(NotDelivered, match="has no public address"):
        send(address, AllowedHosts([]))
    assert receiver.asked == []


# --- from the table to the subscriber -------------------------------------------------------------


def allowing(folder: Path, **more: str) -> Settings:
    return settings_in(folder, GASFLUX_SECURITY_ALLOWED_HOSTS="127.0.0.1", **more)


def subscriber_at(url: str) -> Subscriber:
    return Subscriber(f"{url}/ok/success", f"{url}/ok/progress", f"{url}/ok/failed")


def test_a_job_is_told_of_from_its_start_to_its_end(tmp_path: Path, receiver: Receiver) -> None:
    told = subscriber_at(receiver.url)
    with supervised(allowing(tmp_path), DELIVER) as (jobs, _):
        good = jobs.submit(request("sleeper", "1", subscriber=told)).id
        until(lambda: receiver.told("/ok/progress"))
        until(lambda: receiver.told("/ok/success"))
        bad = jobs.submit(request("refuser", "x", subscriber=told)).id
        until(lambda: receiver.told("/ok/failed"))
        until(lambda: jobs.get(bad).notice is NoticeState.DELIVERED)
        assert jobs.get(good).notice is NoticeState.DELIVERED
    first = receiver.told("/ok/progress")[0]
    assert (first["jobID"], first["status"]) == (good, "running")
    (failed,) = receiver.told("/ok/failed")
    assert (failed["jobID"], failed["status"]) == (bad, "failed")
    assert "send another one" in failed["message"]
    assert len(receiver.told("/ok/success")) == 1
    # The end comes last.
    assert [path for _, path, _, _ in receiver.asked if path.startswith("/ok/s")] == ["/ok/success"]


def test_a_private_address_is_refused_and_told_in_the_row(tmp_path: Path, receiver: Receiver) -> None:
    with supervised(settings_in(tmp_path), DELIVER) as (jobs, _):
        # As where a name was public when the job was submitted.
        job_id = jobs.submit(request("echo", "x", subscriber=subscriber_at(receiver.url))).id
        until(lambda: jobs.get(job_id).notice_text)
        job = jobs.get(job_id)
    assert (job.status, job.notice) == (JobStatus.SUCCESSFUL, NoticeState.DUE)
    assert "it is refused: the host 127.0.0.1 has no public address" in job.notice_text
    assert receiver.asked == []


def test_subscribers_that_never_answer_delay_no_job_and_no_other_notice(tmp_path: Path, receiver: Receiver) -> None:
    with receiving() as silent, supervised(allowing(tmp_path), DELIVER) as (jobs, _):
        dead = Subscriber(f"{silent.url}/hang", f"{silent.url}/hang")
        ids = [jobs.submit(request("echo", str(number), subscriber=dead)).id for number in range(50)]
        last = jobs.submit(request("echo", "last", subscriber=subscriber_at(receiver.url))).id
        for job_id in [*ids, last]:
            assert jobs.wait(job_id, 60).status is JobStatus.SUCCESSFUL
        until(lambda: jobs.get(last).notice is NoticeState.DELIVERED)
        assert {jobs.get(job_id).notice for job_id in ids} == {NoticeState.DUE}


def render(job: Job, settings: Settings, store: Store) -> tuple[bytes, str]:
    """As the face does, with less in it."""
    if job.request.inputs["word"][0].text == "unspeakable":
        raise ZeroDivisionError("secret of the house")
    return json.dumps({"jobID": job.id, "status": job.status, "progress": job.progress}).encode(), "application/json"


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = open_jobs(allowing(tmp_path, GASFLUX_SERVER_PARALLELPROCESSES="8", GASFLUX_JOBS_SYNC_SLOTS="0"))
    yield made
    made.close()


def end_one(jobs: Jobs, word: str, told: Subscriber) -> str:
    """A job that has ended and of which nobody was told."""
    job_id = jobs.submit(request("echo", word, subscriber=told)).id
    running = jobs.claim(HERE)
    assert running is not None
    jobs.finish(job_id, running.attempt, {})
    return job_id


def deliver_all(jobs: Jobs, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "_LINGER_SECONDS", 0.5)
    settings = allowing(folder)
    Deliverer(settings, jobs.notices, open_store(settings), render).run()


def test_a_notice_that_can_not_be_made_keeps_no_other_from_its_subscriber(
    jobs: Jobs, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = subscriber_at(receiver.url)
    bad = end_one(jobs, "unspeakable", told)
    good = end_one(jobs, "hello", told)
    deliver_all(jobs, tmp_path, monkeypatch)
    assert jobs.get(good).notice is NoticeState.DELIVERED
    job = jobs.get(bad)
    assert job.notice is NoticeState.DUE
    assert "secret" not in job.notice_text and "in the log" in job.notice_text
    assert "secret of the house" in caplog.text


def test_many_notices_go_out_side_by_side(
    jobs: Jobs, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [end_one(jobs, str(number), Subscriber(f"{receiver.url}/ok/{number}")) for number in range(40)]
    deliver_all(jobs, tmp_path, monkeypatch)
    assert {jobs.get(job_id).notice for job_id in ids} == {NoticeState.DELIVERED}
    assert sorted(path for _, path, _, _ in receiver.asked) == sorted(f"/ok/{number}" for number in range(40))


def test_two_who_deliver_share_the_notices(
    jobs: Jobs, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As machines of the Celery engine do."""
    ids = [end_one(jobs, str(number), Subscriber(f"{receiver.url}/ok/{number}")) for number in range(40)]
    monkeypatch.setattr(callbacks, "_MOST_AT_ONCE", 3)
    both = [
        threading.Thread(target=deliver_all, args=(jobs, tmp_path, monkeypatch), name=f"machine {number}")
        for number in range(2)
    ]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert {jobs.get(job_id).notice for job_id in ids} == {NoticeState.DELIVERED}
    assert len(receiver.asked) == 40, "each was told once"


def test_a_worker_of_celery_delivers_in_a_thread(
    jobs: Jobs, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = allowing(tmp_path)
    hung = end_one(jobs, "a", Subscriber(f"{receiver.url}/hang"))
    job_id = end_one(jobs, "b", subscriber_at(receiver.url))
    notifier = Notifier(settings, jobs.notices, DELIVER, Beside().have_done)
    with ExitStack() as stack:
        messages: Any = type("Silent", (), {"send": lambda self, job_id: True})()
        store = open_store(settings)
        keeper, sweep = Housekeeper(settings, jobs, store), Sweep(settings, jobs, messages)
        stack.callback(receiver.free.set)
        _look_after(keeper, sweep, notifier)
        until(lambda: jobs.get(job_id).notice is NoticeState.DELIVERED)
        assert jobs.get(hung).notice is NoticeState.DUE
        (thread,) = [one for one in threading.enumerate() if one.name == "notices"]
        notifier._last = float("-inf")
        later = end_one(jobs, "c", subscriber_at(receiver.url))
        _look_after(keeper, sweep, notifier)
        until(lambda: jobs.get(later).notice is NoticeState.DELIVERED)
        assert [one for one in threading.enumerate() if one.name == "notices"] == [thread], "one at a time"


def test_without_subscribers_nothing_is_started(jobs: Jobs, tmp_path: Path) -> None:
    jobs.finish(jobs.submit(request("echo", "x")).id, 0, {})
    begun: list[object] = []
    Notifier(allowing(tmp_path), Notices.open(allowing(tmp_path)), DELIVER, begun.append).turn()
    assert begun == []


# --- through the face -----------------------------------------------------------------------------


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    settings = allowing(tmp_path)
    app = create_app(settings, registry, PRELOAD)
    service_of(app).engine.start()
    yield app.test_client()
    service_of(app).engine.stop()
    end_supervisor(settings)
    service_of(app).jobs.close()


def execute(client: FlaskClient, process: str, **subscriber: str) -> TestResponse:
    body = {"inputs": {"word": "hello"}, "subscriber": subscriber}
    path = f"/ogcapi/processes/{process}/execution"
    return client.post(path, json=body, headers={"Prefer": "respond-async"})


def test_a_client_is_sent_the_results_document(client: FlaskClient, receiver: Receiver) -> None:
    answer = execute(client, "echo", successUri=f"{receiver.url}/ok/success")
    assert answer.status_code == 201, answer.data
    (sent,) = until(lambda: receiver.told("/ok/success"))
    assert sent["answer"] == "hello"
    job = client.get(f"/ogcapi/jobs/{answer.json['jobID']}?f=json").json
    assert job["status"] == "successful"


def test_a_client_is_sent_why_its_job_failed(client: FlaskClient, receiver: Receiver) -> None:
    told = {"successUri": f"{receiver.url}/ok/success", "failedUri": f"{receiver.url}/ok/failed"}
    answer = execute(client, "refuser", **told)
    (sent,) = until(lambda: receiver.told("/ok/failed"))
    assert (sent["jobID"], sent["status"]) == (answer.json["jobID"], "failed")
    assert "send another one" in sent["message"]
    assert receiver.told("/ok/success") == []


def test_a_client_that_names_a_private_address_is_refused(client: FlaskClient, receiver: Receiver) -> None:
    answer = execute(client, "echo", successUri=f"{receiver.url}/ok", failedUri="http://10.0.0.1/")
    assert answer.status_code == 400
    assert "failedUri" in answer.json["detail"]
    assert service_of(client.application).jobs.find() == []
    assert receiver.asked == []
