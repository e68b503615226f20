"""The store: results appear all at once, and nothing leads out of a job's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.jobs.request import Upload
from server.store import NoSuchFile, Store

JOB = "9b2f6c1e-3d4a-4f5b-8c6d-7e8f9a0b1c2d"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    for name in ("outputs", "work"):
        (tmp_path / name).mkdir()
    return Store(tmp_path / "outputs", tmp_path / "work", "https://example.org/outputs/")


def _publish(store: Store, text: str, attempt: int = 1) -> None:
    folder = store.begin_attempt(JOB, attempt)
    (folder / "results" / "page.html").write_text(text)
    store.publish(JOB, attempt)


def test_results_are_published_by_moving_their_folder(store: Store) -> None:
    folder = store.begin_attempt(JOB, 1)
    (folder / "results" / "page.html").write_text("x")
    inode = (folder / "results").stat().st_ino
    with pytest.raises(NoSuchFile):
        store.path(JOB, "page.html")
    assert store.publish(JOB, 1).stat().st_ino == inode
    assert store.path(JOB, "page.html").read_text() == "x"
    assert store.url(JOB, "page.html") == f"https://example.org/outputs/{JOB}/page.html"


def test_a_later_attempt_replaces_what_a_lost_one_left(store: Store) -> None:
    _publish(store, "lost")
    _publish(store, "kept", attempt=2)
    assert store.path(JOB, "page.html").read_text() == "kept"
    assert [path.name for path in store.work_folder(JOB).iterdir()] == ["attempt-2"]


def test_publishing_again_changes_nothing(store: Store) -> None:
    _publish(store, "x")
    assert store.publish(JOB, 1) == store.outputs / JOB
    assert store.path(JOB, "page.html").read_text() == "x"


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
def test_only_published_files_are_given(store: Store, job: str, name: str) -> None:
    _publish(store, "x")
    (store.outputs.parent / "secret").write_text("secret")
    (store.outputs / "secret").write_text("secret")
    (store.outputs / JOB / ".hidden").write_text("secret")
    (store.outputs / JOB / "link.html").symlink_to(store.outputs.parent / "secret")
    with pytest.raises(NoSuchFile):
        store.path(job, name)


def test_uploads_are_kept_for_the_job(store: Store, tmp_path: Path) -> None:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(b"two")
    store.keep_uploads(JOB, [Upload("a.csv", b"one"), Upload("b.csv", spooled)])
    assert {path.name: path.read_bytes() for path in store.inputs_folder(JOB).iterdir()} == {
        "a.csv": b"one",
        "b.csv": b"two",
    }
    assert not spooled.exists()
    store.clean(JOB)
    assert list(store.work.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "a\0b", "a" * 300])
def test_an_upload_cannot_leave_its_folder(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="can't be the name of a file"):
        store.keep_uploads(JOB, [Upload(name, b"x")])
