"""What a job starts ends with it, and nothing else does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from server.jobs import tree
from tests.conftest import ROOT

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt orphans")

SLEEP = [sys.executable, "-c", "import time; time.sleep(120)"]

PRELUDE = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
from server.jobs import tree

def lone(work=lambda: time.sleep(120)):
    '''A process that forked twice and left session, group and parent behind; returns its number.'''
    said, says = os.pipe()
    middle = os.fork()
    if middle == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(says, str(os.getpid()).encode())
            work()
        os._exit(0)
    os.waitpid(middle, 0)
    return int(os.read(said, 20))

def tell(**words):
    print(json.dumps(words), flush=True)
"""


@contextlib.contextmanager
def running(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs a script, in a session of its own; it is ended in any case."""
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line that a script tells."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the script ended before it told anything"
    answer: dict[str, Any] = json.loads(line)
    return answer


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@linux
def test_a_job_ends_with_all_that_left_its_session() -> None:
    script = """
tree.adopt_orphans()
def more():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"], start_new_session=True)
    time.sleep(120)
first, second = lone(), lone(more)
while len(below := tree.descendant_pids(os.getpid())) < 3: time.sleep(0.01)
tell(lone=[first, second], parents=[os.getppid()], below=below)
time.sleep(120)
"""
    with running(script) as job:
        said = told(job)
        assert set(said["lone"]) < set(said["below"])
        assert set(tree.descendant_pids(job.pid)) == set(said["below"])
        assert all(os.getsid(pid) != job.pid for pid in said["below"])
        begin = time.monotonic()
        tree.end_tree(job.pid, tree.start_time(job.pid))
        assert time.monotonic() - begin < tree.END_SECONDS
        assert not any(map(lives, [job.pid, *said["below"]]))


@linux
def test_a_job_that_starts_ever_more_is_ended_too(tmp_path: Path) -> None:
    script = """
tree.adopt_orphans()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(5): lone()
tell(ready=True)
while True:
    lone()
    with __import__("contextlib").suppress(ChildProcessError): os.waitpid(-1, os.WNOHANG)
"""
    with running(script, str(tmp_path)) as job:
        told(job)
        tree.end_tree(job.pid)
        # Forks have the arguments of the process they came from.
        left = [
            process.pid
            for process in psutil.process_iter()
            if str(tmp_path) in _arguments(process) and lives(process.pid)
        ]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert left == []


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_stopped_job_and_its_group_are_ended() -> None:
    script = """
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
tell(helper=helper.pid)
os.kill(os.getpid(), signal.SIGSTOP)
"""
    with running(script) as job:
        helper = told(job)["helper"]
        tree.end_tree(job.pid)
        assert not lives(job.pid)
        assert not lives(helper)


def test_where_orphans_cannot_be_adopted_what_is_below_is_ended(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with running("helper = subprocess.Popen(['sleep', '120']); tell(helper=helper.pid); time.sleep(120)") as job:
        helper = told(job)["helper"]
        monkeypatch.setattr(tree, "_CHILDREN_FILES", False)
        monkeypatch.setattr(tree, "_see", tree._see_by_psutil)
        assert tree.descendant_pids(job.pid) == [helper]
        assert tree.start_time(job.pid) == psutil.Process(job.pid).create_time()
        tree.end_tree(job.pid, tree.start_time(job.pid))
        assert not lives(job.pid)
        assert not lives(helper)
    caplog.set_level("INFO")
    monkeypatch.setattr("sys.platform", "darwin")
    assert tree.adopt_orphans() is False
    assert "may outlive the job" in caplog.text


def test_a_later_process_of_the_same_number_is_let_live() -> None:
    with running("tell(ready=True); time.sleep(120)") as other:
        told(other)
        started = tree.start_time(other.pid)
        assert started is not None
        tree.end_tree(other.pid, started - 1)
        assert psutil.Process(other.pid).status() != psutil.STATUS_STOPPED
        assert lives(other.pid)


def test_what_has_gone_is_no_error() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert tree.start_time(gone.pid) is None
    assert tree.descendant_pids(gone.pid) == []
    tree.end_tree(gone.pid)
    tree.end_tree(gone.pid, 1.0)


def test_a_process_whose_name_looks_like_its_fields_is_seen_right(tmp_path: Path) -> None:
    odd = tmp_path / "a) S 1 1 1 (b"
    odd.symlink_to("/bin/sleep")
    process = subprocess.Popen([odd, "120"])
    try:
        assert tree.start_time(process.pid) == pytest.approx(
            psutil.Process(process.pid).create_time() - psutil.boot_time(), abs=0.02
        )
    finally:
        process.kill()
        process.wait()


@linux
def test_orphans_fall_to_the_supervisor_and_are_ended() -> None:
    script = """
tree.adopt_orphans()
running = os.fork()
if running == 0: time.sleep(120)
dying = os.fork()
if dying == 0:
    os.setsid()
    tell(orphan=lone())
    os._exit(3)
os.waitpid(dying, 0)
before = tree.descendant_pids(os.getpid())
begin = time.monotonic()
tree.end_orphans({running})
took = time.monotonic() - begin
after = tree.descendant_pids(os.getpid())
os.kill(running, signal.SIGTERM)
os.waitpid(running, 0)
tell(running=running, before=before, after=after, took=took)
"""
    with running(script) as supervisor:
        orphan = told(supervisor)["orphan"]
        said = told(supervisor)
    assert set(said["before"]) == {said["running"], orphan}
    assert said["after"] == [said["running"]]
    assert said["took"] < tree.END_SECONDS
    assert not lives(orphan)


NOTING = """
tree.note_process(Path(sys.argv[1]))
helper = subprocess.Popen(["sleep", "120"])
other_group = subprocess.Popen(["sleep", "120"], process_group=0)
tell(left=[helper.pid, other_group.pid])
time.sleep(120)
"""


def test_after_a_crash_the_noted_process_is_ended(tmp_path: Path) -> None:
    with running(NOTING, str(tmp_path)) as job:
        left = told(job)["left"]
        tree.end_noted(tmp_path)
        assert not any(map(lives, [job.pid, *left]))


def test_after_a_crash_what_is_left_of_the_noted_session_is_ended(tmp_path: Path) -> None:
    with running(NOTING, str(tmp_path)) as job:
        left = told(job)["left"]
        job.kill()
        job.wait()
        assert all(map(lives, left))
        tree.end_noted(tmp_path)
        assert not any(map(lives, left))


@pytest.mark.parametrize("change", [{"started": 1.0}, {"world": "another machine"}, {"pid": None}, {"session": None}])
def test_another_process_than_the_noted_one_is_let_live(tmp_path: Path, change: dict[str, Any]) -> None:
    with running(NOTING, str(tmp_path)) as job:
        left = told(job)["left"]
        note = tmp_path / tree.PROCESS_FILE
        note.write_text(json.dumps({**json.loads(note.read_text()), **change}))
        if change == {"session": None}:
            job.kill()
            job.wait()
            job_lives = False
        else:
            job_lives = True
        tree.end_noted(tmp_path)
        assert lives(job.pid) is job_lives
        assert all(map(lives, left))
        os.killpg(left[1], signal.SIGKILL)


def test_members_that_are_older_than_the_noted_process_are_let_live(tmp_path: Path) -> None:
    with running(NOTING, str(tmp_path)) as job:
        left = told(job)["left"]
        job.kill()
        job.wait()
        note = tmp_path / tree.PROCESS_FILE
        later = json.loads(note.read_text())
        note.write_text(json.dumps({**later, "started": later["started"] + 3600}))
        tree.end_noted(tmp_path)
        assert all(map(lives, left))
        os.killpg(left[1], signal.SIGKILL)


def test_the_session_of_others_is_not_noted(tmp_path: Path) -> None:
    script = """
if os.fork() == 0:
    tree.note_process(Path(sys.argv[1]))
    tell(pid=os.getpid())
time.sleep(120)
"""
    with running(script, str(tmp_path)) as leader:
        pid = told(leader)["pid"]
        assert json.loads((tmp_path / tree.PROCESS_FILE).read_text())["session"] is None
        tree.end_noted(tmp_path)
        assert not lives(pid)
        assert lives(leader.pid)


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"pid": 1'])
def test_a_note_that_is_missing_or_broken_is_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / tree.PROCESS_FILE).write_text(text)
    tree.end_noted(tmp_path)
