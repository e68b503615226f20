"""The store on an S3 server, against one that listens on the loopback."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gasflux_core.errors import Busy
from server.jobs.expiry import Known
from server.jobs.owner import Owner
from server.jobs.request import Upload
from server.store import NoSuchFile, ObjectStore
from server.store import objects as module

JOB = "9b2f6c1e-3d4a-4f5b-8c6d-7e8f9a0b1c2d"
OTHER = "0c8d2f6a-1b3e-4a5d-9f7c-6e5d4c3b2a10"
THIRD = "5d1e9a7b-2c4f-4b6a-8d3e-1f2a3b4c5d6e"

_SERVER = """
import signal
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Address of an S3 server in a process of its own."""
    program = [sys.executable, "-c", _SERVER]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.kill()


@pytest.fixture(scope="module")
def first(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A store that has loaded Amazon's client, which takes a second."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b"), ("DEFAULT_REGION", "us-east-1")):
            environment.setenv(f"AWS_{name}", value)
        store = ObjectStore("s3://first", endpoint, tmp_path_factory.mktemp("first"), "https://example.org/outputs/")
        store._files.mkdir("first")
        yield store


@pytest.fixture
def store(first: ObjectStore, endpoint: str, tmp_path: Path) -> ObjectStore:
    """A store in a bucket of its own."""
    bucket = f"bucket-{os.urandom(8).hex()}"
    store = ObjectStore(f"s3://{bucket}/some/prefix/", endpoint, tmp_path, "https://example.org/outputs/")
    store._opened = first._opened
    store._files.mkdir(bucket)
    return store


def send(store: ObjectStore, text: str = "x", attempt: int = 1, job_id: str = JOB) -> None:
    folder = store.begin_attempt(job_id, attempt)
    (folder / "results" / "page.html").write_text(text)
    store.send_results(job_id, attempt)
    store.publish(job_id, attempt)
    store.end_attempt(job_id, attempt)


def keep(store: ObjectStore, job_id: str) -> None:
    store.stage_inputs(job_id, [Upload("a.csv", b"one")]).keep()


def table(*jobs: str, running: Any = (), successful: Any = ()) -> Callable[[Collection[str] | None], Any]:
    """A job table that has these rows, and tells of those it is asked for."""

    @contextlib.contextmanager
    def known(ids: Collection[str] | None) -> Iterator[Known]:
        chosen = set(jobs) if ids is None else set(jobs) & set(ids)
        run, ended = ({one for one in rows if one[0] in chosen} for rows in (running, successful))
        yield Known(frozenset(chosen), frozenset(run), frozenset(ended))

    return known


def on_server(store: ObjectStore) -> set[str]:
    return {path.removeprefix(f"{store._root}/") for path in store._files.find(store._root)}


def here(store: ObjectStore) -> set[str]:
    return {path.relative_to(store.work).as_posix() for path in store.work.rglob("*") if not path.is_dir()}


def test_results_are_sent_and_read_back(store: ObjectStore, tmp_path: Path) -> None:
    send(store, "attempt 1")
    send(store, "attempt 2", attempt=2)
    assert on_server(store) == {f"results/{JOB}/1/page.html", f"results/{JOB}/2/page.html"}
    stored = store.open(JOB, 2, "page.html")
    assert (stored.size, stored.path) == (9, None)
    with stored.open() as stream:
        assert stream.read() == b"attempt 2"
    fetched = store.result_file(JOB, 1, "page.html", tmp_path)
    assert fetched.parent == tmp_path
    assert fetched.read_text() == "attempt 1"
    assert store.url(JOB, "page.html") == f"https://example.org/outputs/{JOB}/page.html"


def test_a_result_is_found_by_its_address_alone(store: ObjectStore, tmp_path: Path) -> None:
    for attempt in (9, 10):
        send(store, f"attempt {attempt}", attempt=attempt)
    assert store.published_file(JOB, "page.html", tmp_path).read_text() == "attempt 10"
    for job_id, name in ((JOB, "none.html"), (OTHER, "page.html"), ("*", "page.html"), (JOB, "*")):
        with pytest.raises(NoSuchFile):
            store.published_file(job_id, name, tmp_path)


def test_a_large_result_comes_back_whole_and_in_part(store: ObjectStore, tmp_path: Path) -> None:
    content = os.urandom(1000) * 20_000  # 20 MB: in several parts
    folder = store.begin_attempt(JOB, 1)
    (folder / "results" / "grid.tif").write_bytes(content)
    store.send_results(JOB, 1)
    assert store.result_file(JOB, 1, "grid.tif", tmp_path).read_bytes() == content
    with store.open(JOB, 1, "grid.tif").open() as stream:
        stream.seek(15_000_001)
        assert stream.read(10) == content[15_000_001:15_000_011]


@pytest.mark.parametrize("name", ["none.html", "../../inputs/a.csv", "", ".hidden", "page.html/"])
def test_only_published_files_are_given(store: ObjectStore, tmp_path: Path, name: str) -> None:
    send(store)
    with pytest.raises(NoSuchFile):
        store.open(JOB, 1, name)
    with pytest.raises(NoSuchFile):
        store.result_file(JOB, 1, name, tmp_path)
    with pytest.raises(NoSuchFile):
        store.open(JOB, 2, "page.html")
    with pytest.raises(NoSuchFile):
        store.open("..", 1, "page.html")
    assert here(store) == {f"sent/{JOB}-1"}


def test_uploads_are_the_jobs(store: ObjectStore, tmp_path: Path) -> None:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(b"two")
    staged = store.stage_inputs(JOB, [Upload("a.csv", b"one"), Upload("b.csv", spooled)])
    assert len(list((store.work / "incoming").iterdir())) == 1
    staged.keep()
    assert not spooled.exists()
    assert list((store.work / "incoming").iterdir()) == []
    assert on_server(store) == {f"inputs/{JOB}/a.csv", f"inputs/{JOB}/b.csv"}
    assert store.input_file(JOB, "b.csv", tmp_path).read_bytes() == b"two"
    with pytest.raises(NoSuchFile):
        store.input_file(JOB, "c.csv", tmp_path)
    staged.discard()
    assert len(on_server(store)) == 2


def test_discarded_uploads_leave_nothing(store: ObjectStore) -> None:
    store.stage_inputs(JOB, [Upload("a.csv", b"one")]).discard()
    assert on_server(store) == here(store) == set()
    assert list((store.work / "incoming").iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".."])
def test_an_upload_cannot_leave_its_folder(store: ObjectStore, name: str) -> None:
    with pytest.raises(ValueError, match="can't be the name of a file"):
        store.stage_inputs(JOB, [Upload("a.csv", b"x"), Upload(name, b"x")])
    assert on_server(store) == set()


def test_a_removed_job_leaves_nothing(store: ObjectStore) -> None:
    for attempt in (1, 2):
        send(store, attempt=attempt)
    keep(store, JOB)
    keep(store, OTHER)
    store.begin_attempt(JOB, 3)
    store.remove(JOB)
    store.remove(JOB)
    assert on_server(store) == {f"inputs/{OTHER}/a.csv"}
    assert list((store.work / "attempts").iterdir()) == []


@pytest.mark.parametrize("thorough", [False, True])
def test_what_belongs_to_a_job_is_no_leftover(store: ObjectStore, thorough: bool) -> None:
    send(store)
    keep(store, OTHER)
    send(store, job_id=OTHER, attempt=3)
    store.begin_attempt(OTHER, 3)
    arriving = store.stage_inputs(THIRD, [Upload("a.csv", b"one")])
    before = on_server(store)
    rows = table(JOB, OTHER, running={(OTHER, 3)}, successful={(JOB, 1)})
    assert store.clear_leftovers(rows, thorough=thorough) == []
    assert on_server(store) == before
    assert store.attempt_folder(OTHER, 3).is_dir()
    arriving.keep()
    assert store.clear_leftovers(rows, thorough=thorough) == []
    assert on_server(store) == before


def test_what_a_job_is_given_while_leftovers_are_looked_for_is_its_own(store: ObjectStore) -> None:
    store.begin_attempt(THIRD, 1)

    @contextlib.contextmanager
    def known(_ids: Collection[str] | None) -> Iterator[Known]:
        # As if these were given, and their rows written, just after the table was read.
        send(store, job_id=OTHER)
        yield Known(frozenset({THIRD}), frozenset({(THIRD, 1)}), frozenset())

    store._clear_results(known, thorough=True)
    assert on_server(store) == {f"results/{OTHER}/1/page.html"}
    assert here(store) == {f"sent/{OTHER}-1"}


def test_leftovers_of_a_crash_are_removed(store: ObjectStore) -> None:
    send(store)  # and lost before its row was written
    send(store, attempt=2)
    (store.begin_attempt(OTHER, 1) / "work" / "half").write_text("x")
    gone = store.clear_leftovers(table(JOB, OTHER, running={(OTHER, 2)}, successful={(JOB, 2)}), thorough=False)
    assert gone == [f"{OTHER}-1", f"{JOB}-1"]
    assert on_server(store) == {f"results/{JOB}/2/page.html"}
    assert here(store) == set()


def test_inputs_of_successful_jobs_go_and_of_failed_ones_stay(store: ObjectStore) -> None:
    keep(store, JOB)
    keep(store, OTHER)
    store.drop_inputs(JOB)
    store.clear_leftovers(table(JOB, OTHER, successful={(JOB, 1)}), thorough=False)
    assert on_server(store) == {f"inputs/{OTHER}/a.csv"}


def test_uploads_of_a_process_that_is_gone_are_removed(store: ObjectStore) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    owner = str(Owner(Owner.this_process().machine, ended.pid, 1.0))
    ended.wait()
    store.stage_inputs(JOB, [Upload("a.csv", b"one")])
    (note,) = (store.work / "incoming").iterdir()
    note.rename(note.with_name(f"{quote(owner, safe='')}~{JOB}"))
    assert store.clear_leftovers(table(), thorough=False) == [JOB]
    assert on_server(store) == set()
    assert list((store.work / "incoming").iterdir()) == []


def test_what_a_lost_machine_left_is_found_when_looked_for(store: ObjectStore, monkeypatch: Any) -> None:
    send(store, attempt=1)
    send(store, attempt=2)
    keep(store, OTHER)
    for note in (store.work / "sent").iterdir():
        note.unlink()
    rows = table(JOB, successful={(JOB, 2)})
    assert store.clear_leftovers(rows, thorough=False) == []
    assert store.clear_leftovers(rows, thorough=True) == [f"{JOB}-1"]
    assert on_server(store) == {f"inputs/{OTHER}/a.csv", f"results/{JOB}/2/page.html"}
    monkeypatch.setattr(module, "_ARRIVING", -module._ARRIVING)
    assert store.clear_leftovers(rows, thorough=False) == [OTHER]
    assert on_server(store) == {f"results/{JOB}/2/page.html"}


def test_a_server_out_of_reach_is_told_as_busy(tmp_path: Path, store: ObjectStore) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        away = ObjectStore("s3://bucket", address, tmp_path / "away", "https://example.org/outputs/")
        with pytest.raises(Busy, match="can't be reached now"):
            away.stage_inputs(JOB, [Upload("a.csv", b"one")])
        with pytest.raises(Busy, match="can't be reached now"):
            away.open(JOB, 1, "page.html")
    assert list((away.work / "incoming").iterdir()) == []


def test_a_bucket_that_refuses_is_told_as_busy(endpoint: str, store: ObjectStore, tmp_path: Path) -> None:
    none = ObjectStore("s3://there-is-no-such-bucket", endpoint, tmp_path, "https://example.org/outputs/")
    with pytest.raises(Busy, match="can't be reached now"):
        none.stage_inputs(JOB, [Upload("a.csv", b"one")])


def test_a_child_has_a_connection_of_its_own(store: ObjectStore) -> None:
    send(store, "from the parent")
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException), store.open(JOB, 1, "page.html").open() as stream:
            status = 0 if stream.read() == b"from the parent" else 2
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_a_process_that_forks_may_call_starts_no_thread(endpoint: str, tmp_path: Path) -> None:
    before = threading.active_count()
    store = ObjectStore("s3://bucket", endpoint, tmp_path, "https://example.org/outputs/")
    store.begin_attempt(JOB, 1)
    store.publish(JOB, 1)
    store.end_attempt(JOB, 1)
    store.drop_inputs(JOB)
    store.url(JOB, "page.html")
    assert store.free() > 0
    assert store._opened is None
    assert threading.active_count() == before
