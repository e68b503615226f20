"""The store in folders: files appear all at once, survive what they must, and nothing leads out of a job's folder."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from server.jobs.expiry import Known
from server.jobs.owner import Owner
from server.jobs.request import Upload
from server.store import FolderStore, NoSuchFile

JOB = "9b2f6c1e-3d4a-4f5b-8c6d-7e8f9a0b1c2d"
OTHER = "0c8d2f6a-1b3e-4a5d-9f7c-6e5d4c3b2a10"
THIRD = "5d1e9a7b-2c4f-4b6a-8d3e-1f2a3b4c5d6e"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    for name in ("outputs", "work"):
        (tmp_path / name).mkdir()
    return FolderStore(tmp_path / "outputs", tmp_path / "work", "https://example.org/outputs/")


def publish(store: FolderStore, text: str, attempt: int = 1, job_id: str = JOB) -> None:
    folder = store.begin_attempt(job_id, attempt)
    (folder / "results" / "page.html").write_text(text)
    store.send_results(job_id, attempt)
    store.publish(job_id, attempt)


def keep(store: FolderStore, job_id: str = JOB) -> None:
    store.stage_inputs(job_id, [Upload("a.csv", b"one")]).keep()


def table(*jobs: str, running: Any = (), successful: Any = ()) -> Callable[[Collection[str] | None], Any]:
    """A job table that has these rows."""

    @contextlib.contextmanager
    def known(_ids: Collection[str] | None) -> Iterator[Known]:
        yield Known(frozenset(jobs), frozenset(running), frozenset(successful))

    return known


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def text_of(store: FolderStore, name: str = "page.html") -> str:
    with store.open(JOB, 1, name).open() as stream:
        return stream.read().decode()


# --- results --------------------------------------------------------------------------------------


def test_results_are_published_by_moving_their_folder(store: FolderStore, tmp_path: Path) -> None:
    folder = store.begin_attempt(JOB, 1)
    (folder / "results" / "page.html").write_text("x")
    inode = (folder / "results").stat().st_ino
    with pytest.raises(NoSuchFile):
        store.open(JOB, 1, "page.html")
    store.publish(JOB, 1)
    assert (store.outputs / JOB).stat().st_ino == inode
    stored = store.open(JOB, 1, "page.html")
    assert (stored.size, stored.path) == (1, store.outputs / JOB / "page.html")
    assert text_of(store) == "x"
    assert store.result_file(JOB, 1, "page.html", tmp_path).read_text() == "x"
    assert store.published_file(JOB, "page.html", tmp_path).read_text() == "x"
    assert store.url(JOB, "page.html") == f"https://example.org/outputs/{JOB}/page.html"


def test_a_later_attempt_replaces_what_a_lost_one_left(store: FolderStore) -> None:
    publish(store, "lost")
    publish(store, "kept", attempt=2)
    assert text_of(store) == "kept"
    assert [path.name for path in (store.work / "attempts").iterdir()] == [f"{JOB}-2"]


def test_publishing_again_changes_nothing(store: FolderStore) -> None:
    publish(store, "x")
    store.publish(JOB, 1)
    assert text_of(store) == "x"


def test_results_are_on_the_disk_before_they_are_published(store: FolderStore, monkeypatch: Any) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, Path.rename
    monkeypatch.setattr(
        os, "fsync", lambda file: (done.append(str(Path(f"/proc/self/fd/{file}").readlink())), fsync(file))
    )
    monkeypatch.setattr(Path, "rename", lambda path, to: (done.append(f"to {to}"), rename(path, to))[1])
    publish(store, "x")
    results = store.attempt_folder(JOB, 1) / "results"
    moved = done.index(f"to {store.outputs / JOB}")
    assert set(done[:moved]) == {str(results), str(results / "page.html")}
    assert done[moved + 1 :] == [str(store.outputs)]


@pytest.mark.parametrize(
    ("job", "name"),
    [
        (JOB, "none.html"),
        (JOB, "../secret"),
        (JOB, ".."),
        (JOB, ".hidden"),
        (JOB, "link.html"),
        (JOB, "page.html\0"),
        (JOB, ""),
        ("..", "secret"),
        ("../outputs-secret", "secret"),
        ("00000000-0000-4000-8000-000000000000", "page.html"),
        (JOB.upper(), "page.html"),
    ],
)
def test_only_published_files_are_given(store: FolderStore, job: str, name: str) -> None:
    publish(store, "x")
    (store.outputs.parent / "secret").write_text("secret")
    (store.outputs / "secret").write_text("secret")
    (store.outputs / JOB / ".hidden").write_text("secret")
    (store.outputs / JOB / "link.html").symlink_to(store.outputs.parent / "secret")
    with pytest.raises(NoSuchFile):
        store.open(job, 1, name)
    with pytest.raises(NoSuchFile):
        store.result_file(job, 1, name, store.work)
    with pytest.raises(NoSuchFile):
        store.published_file(job, name, store.work)


def test_an_attempt_has_its_own_folder_until_it_ends(store: FolderStore) -> None:
    folder = store.begin_attempt(JOB, 1)
    store.begin_attempt(OTHER, 1)
    (folder / "work" / "half").write_text("x")
    assert store.begin_attempt(JOB, 2) == store.attempt_folder(JOB, 2)
    assert not folder.exists()
    store.end_attempt(JOB, 2)
    assert [path.name for path in (store.work / "attempts").iterdir()] == [f"{OTHER}-1"]


# --- inputs ---------------------------------------------------------------------------------------


def test_uploads_are_the_jobs_once_they_are_kept(store: FolderStore, tmp_path: Path) -> None:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(b"two")
    staged = store.stage_inputs(JOB, [Upload("a.csv", b"one"), Upload("b.csv", spooled)])
    with pytest.raises(NoSuchFile):
        store.input_file(JOB, "a.csv", tmp_path)
    staged.keep()
    assert store.input_file(JOB, "a.csv", tmp_path).read_bytes() == b"one"
    assert store.input_file(JOB, "b.csv", tmp_path).read_bytes() == b"two"
    assert not spooled.exists()
    store.drop_inputs(JOB)
    assert files_in(store.work) == set()


def test_discarded_uploads_leave_nothing_and_kept_ones_stay(store: FolderStore) -> None:
    store.stage_inputs(JOB, [Upload("a.csv", b"one")]).discard()
    assert files_in(store.work) == set()
    staged = store.stage_inputs(JOB, [Upload("a.csv", b"one")])
    staged.keep()
    staged.discard()
    assert files_in(store.work) == {f"inputs/{JOB}/a.csv"}


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "a\0b", "a" * 300])
def test_an_upload_cannot_leave_its_folder(store: FolderStore, name: str) -> None:
    with pytest.raises(ValueError, match="can't be the name of a file"):
        store.stage_inputs(JOB, [Upload("a.csv", b"x"), Upload(name, b"x")])
    assert list(store.work.iterdir()) == []


def test_a_full_disk_leaves_no_half_folder(store: FolderStore, monkeypatch: Any) -> None:
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> None:
        write(path, content[:1000])
        if len(content) > 1000:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        store.stage_inputs(JOB, [Upload("a.csv", b"x"), Upload("b.csv", b"x" * 2000)])
    assert list((store.work / "incoming").iterdir()) == []
    keep(store)
    assert files_in(store.work) == {f"inputs/{JOB}/a.csv"}


def test_an_attempt_that_cannot_begin_leaves_no_half_folder(store: FolderStore, monkeypatch: Any) -> None:
    mkdir = Path.mkdir

    def full(path: Path, *args: Any, **more: Any) -> None:
        if path.name == "results":
            raise OSError(errno.ENOSPC, "No space left on device")
        mkdir(path, *args, **more)

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OSError, match="No space left"):
        store.begin_attempt(JOB, 1)
    assert list((store.work / "attempts").iterdir()) == []


# --- removal --------------------------------------------------------------------------------------


def test_a_removed_job_leaves_nothing(store: FolderStore) -> None:
    publish(store, "x")
    keep(store)
    publish(store, "y", job_id=OTHER)
    store.remove(JOB)
    store.end_attempt(OTHER, 1)
    assert files_in(store.work) == set()
    assert files_in(store.outputs) == {f"{OTHER}/page.html"}


def test_a_file_that_is_being_read_is_read_to_its_end(store: FolderStore) -> None:
    publish(store, "x" * 100)
    with store.open(JOB, 1, "page.html").open() as stream:
        store.remove(JOB)
        assert len(stream.read()) == 100


def test_what_belongs_to_a_job_is_no_leftover(store: FolderStore) -> None:
    publish(store, "x")
    store.end_attempt(JOB, 1)
    keep(store, OTHER)
    store.begin_attempt(OTHER, 3)
    publish(store, "y", job_id=THIRD)  # its row could not be written yet
    arriving = store.stage_inputs("11111111-0000-4000-8000-000000000000", [Upload("a.csv", b"one")])
    before = files_in(store.work), files_in(store.outputs)
    rows = table(JOB, OTHER, THIRD, running={(OTHER, 3), (THIRD, 1)}, successful={(JOB, 1)})
    assert store.clear_leftovers(rows, thorough=True) == []
    assert (files_in(store.work), files_in(store.outputs)) == before
    assert store.attempt_folder(OTHER, 3).is_dir()
    arriving.keep()


def test_leftovers_of_a_crash_are_removed(store: FolderStore) -> None:
    publish(store, "published, then lost")
    keep(store, OTHER)  # kept, but its row was never written
    (store.begin_attempt(THIRD, 1) / "work" / "half").write_text("x")
    (store.work / "removed" / "half").mkdir(parents=True)
    (store.work / "removed" / "half" / "gone").write_text("x")
    gone = store.clear_leftovers(table(JOB, THIRD, running={(THIRD, 2)}), thorough=False)
    assert sorted(gone) == sorted([JOB, f"{JOB}-1", OTHER, f"{THIRD}-1"])
    assert files_in(store.work) == files_in(store.outputs) == set()


def test_results_once_found_in_order_are_asked_for_again_only_by_a_thorough_look(store: FolderStore) -> None:
    publish(store, "x")
    store.end_attempt(JOB, 1)
    asked: list[Collection[str] | None] = []

    @contextlib.contextmanager
    def known(ids: Collection[str] | None) -> Iterator[Known]:
        asked.append(ids)
        yield Known(frozenset({JOB}), frozenset(), frozenset({(JOB, 1)}))

    for thorough in (True, False, True):
        assert store.clear_leftovers(known, thorough=thorough) == []
    assert asked == [{JOB}, {JOB}]
    publish(store, "lost", job_id=OTHER)
    assert OTHER in store.clear_leftovers(known, thorough=False)


def _arrived(store: FolderStore, owner: str) -> Path:
    folder = store.work / "incoming" / f"{quote(owner, safe='')}~{JOB}"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("x")
    return folder


def test_uploads_of_a_process_that_is_gone_are_removed(store: FolderStore) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    owner = str(Owner(Owner.this_process().machine, ended.pid, 1.0))
    ended.wait()
    folder = _arrived(store, owner)
    assert store.clear_leftovers(table(), thorough=False) == [folder.name]
    assert not folder.exists()


@pytest.mark.parametrize("owner", ["elsewhere/1/2.0", "no owner at all"])
def test_uploads_of_another_machine_are_given_an_hour(store: FolderStore, owner: str) -> None:
    folder = _arrived(store, owner)
    assert store.clear_leftovers(table(), thorough=True) == []
    hour_ago = time.time() - 3601
    os.utime(folder, (hour_ago, hour_ago))
    assert store.clear_leftovers(table(), thorough=False) == [folder.name]


def test_what_a_job_is_given_while_leftovers_are_looked_for_is_its_own(store: FolderStore) -> None:
    store.begin_attempt(THIRD, 1)

    @contextlib.contextmanager
    def known(_ids: Collection[str] | None) -> Iterator[Known]:
        # As if these were given, and their rows written, just after the table was read.
        keep(store, JOB)
        store.begin_attempt(JOB, 1)
        publish(store, "x", job_id=OTHER)
        yield Known(frozenset({THIRD}), frozenset({(THIRD, 1)}), frozenset())

    assert store.clear_leftovers(known, thorough=True) == []
    assert files_in(store.work) == {f"inputs/{JOB}/a.csv"}
    assert store.attempt_folder(JOB, 1).is_dir()
    assert files_in(store.outputs) == {f"{OTHER}/page.html"}


def test_what_an_operator_put_beside_the_jobs_stays(store: FolderStore) -> None:
    for place in (store.outputs / "robots.txt", store.work / "supervisor.lock", store.work / "other" / "file"):
        place.parent.mkdir(exist_ok=True)
        place.write_text("x")
    publish(store, "lost")
    store.clear_leftovers(table(), thorough=True)
    assert files_in(store.outputs) == {"robots.txt"}
    assert files_in(store.work) == {"supervisor.lock", "other/file"}


def test_nothing_can_be_published_while_leftovers_are_taken_away(store: FolderStore) -> None:
    publish(store, "lost")
    held: list[bool] = []

    @contextlib.contextmanager
    def known(_ids: Collection[str] | None) -> Iterator[Known]:
        yield Known(frozenset({JOB}), frozenset(), frozenset())
        held.append((store.outputs / JOB).exists())

    store.clear_leftovers(known, thorough=False)
    assert held == [False]


def test_files_are_removed_when_nobody_waits_for_the_table_any_more(store: FolderStore, monkeypatch: Any) -> None:
    publish(store, "lost")
    is_held = False
    removed: list[bool] = []
    rmtree = shutil.rmtree

    @contextlib.contextmanager
    def known(_ids: Collection[str] | None) -> Iterator[Known]:
        nonlocal is_held
        is_held = True
        yield Known(frozenset(), frozenset(), frozenset())
        is_held = False

    monkeypatch.setattr(shutil, "rmtree", lambda *args, **more: (removed.append(is_held), rmtree(*args, **more)))
    store.clear_leftovers(known, thorough=False)
    assert removed and not any(removed)
    assert files_in(store.outputs) == files_in(store.work) == set()


def test_folders_of_an_earlier_version_are_taken_over(store: FolderStore, tmp_path: Path) -> None:
    for job_id in (JOB, OTHER):
        for name in ("inputs", "attempt-1/work"):
            (store.work / job_id / name).mkdir(parents=True)
            (store.work / job_id / name / "a.csv").write_text("x")
    store.adopt()
    assert store.input_file(JOB, "a.csv", tmp_path).read_text() == "x"
    store.clear_leftovers(table(JOB), thorough=False)
    assert files_in(store.work) == {f"inputs/{JOB}/a.csv"}
    assert not (store.work / JOB).exists()
