"""Small processes and a service around them, for tests of the machinery."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from pywps import ComplexInput, ComplexOutput, Format, LiteralInput, LiteralOutput

from gasflux_core.errors import InputError
from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from server.jobs.database import migrate
from server.jobs.guard import Guard
from server.jobs.leadership import Leadership
from server.jobs.queue import Jobs
from server.jobs.request import InputItem, JobRequest
from server.settings import Settings, load_settings, prepare
from server.store import open_store

PRELOAD = ("server.jobs.child", "processes.base", "tests.server.fakes")
"""What the supervisor of these tests loads: no heavy libraries, which these processes don't need."""


class _Fake(StageProcess):
    title = "A process for tests"
    abstract = "Does one small thing."
    keywords = ("test",)
    version = "1.2.3"

    def declare_inputs(self) -> list[Any]:
        return [
            LiteralInput("word", "A word", data_type="string", abstract="Any word.", min_occurs=0),
            ComplexInput("file", "A file", supported_formats=[Format("text/csv")], abstract="Any file.", min_occurs=0),
        ]

    def declare_outputs(self) -> list[Any]:
        return [
            LiteralOutput("answer", "The answer", data_type="string", abstract="What it found."),
            ComplexOutput(
                "page",
                "The page",
                supported_formats=[Format("text/html", extension=".html"), Format("text/csv", extension=".csv")],
                abstract="A page with the answer.",
            ),
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        answer = self.answer(inputs, context)
        page = context.workdir / "any name at all.html"
        page.write_text(f"<p>{answer}</p>", encoding="utf-8")
        return {"answer": OutputValue(text=answer), "page": OutputValue(file=page, media_type="text/html")}

    def answer(self, inputs: Inputs, context: Context) -> str:
        raise NotImplementedError


class Echo(_Fake):
    """Answers with the word, or with the text of the file."""

    identifier = "echo"

    def answer(self, inputs: Inputs, context: Context) -> str:
        context.progress(0.5, "Echoing")
        if inputs.text("word") is not None:
            return str(inputs.text("word"))
        return inputs.file("file").read_text(encoding="utf-8")


class Called(_Fake):
    """Answers with what the file is called."""

    identifier = "called"

    def answer(self, inputs: Inputs, context: Context) -> str:
        return repr(inputs.file_name("file"))


_HIDE = "import os, time; os.fork() and os._exit(0); os.setsid(); print(os.getpid(), flush=True); time.sleep(60)"


class Sleeper(_Fake):
    """Sleeps for so many seconds; leaves two processes behind, one hidden in a session of its own; tells all ids."""

    identifier = "sleeper"

    def answer(self, inputs: Inputs, context: Context) -> str:
        helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        hider = subprocess.Popen([sys.executable, "-c", _HIDE], stdout=subprocess.PIPE, text=True)
        assert hider.stdout is not None
        hidden = hider.stdout.readline().strip()
        context.progress(0.25, f"{os.getpid()} {helper.pid} {hidden}")
        time.sleep(float(str(inputs.text("word"))))
        return "slept"


class Refuser(_Fake):
    """Refuses its input in words."""

    identifier = "refuser"

    def answer(self, inputs: Inputs, context: Context) -> str:
        raise InputError("word: expected another one; send another one", "word", column="a", row=3)


class Broken(_Fake):
    """Has a fault of its own."""

    identifier = "broken"

    def answer(self, inputs: Inputs, context: Context) -> str:
        sys.stderr.write("compiled code complains\n")
        raise ZeroDivisionError("secret of the house")


class Dying(_Fake):
    """Ends its process: by the signal or with the exit status that the word says."""

    identifier = "dying"

    def answer(self, inputs: Inputs, context: Context) -> str:
        word = str(inputs.text("word"))
        if word == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(int(word))


@cache
def registry() -> Mapping[str, StageProcess]:
    """The processes of these tests."""
    return {kind.identifier: kind() for kind in (Echo, Called, Sleeper, Refuser, Broken, Dying)}


def request(process: str, word: str | None = None, **more: Any) -> JobRequest:
    """A request for one of these processes."""
    inputs = {"word": [InputItem(text=word)]} if word is not None else {}
    return JobRequest(**{"process": process, "inputs": inputs, **more})


def settings_in(folder: Path, **environ: str) -> Settings:
    """Settings whose data lie in a folder of the test's own."""
    return load_settings(environ={"GASFLUX_DATA": str(folder), "GASFLUX_SERVER_PARALLELPROCESSES": "2", **environ})


def open_jobs(settings: Settings) -> Jobs:
    """A job table, made if need be."""
    prepare(settings)
    migrate(settings.jobs.database)
    return Jobs.open(settings, open_store(settings))


@contextmanager
def supervised(settings: Settings, deliver: str = "") -> Iterator[tuple[Jobs, Guard]]:
    """A job table with a supervisor at work.

    :param deliver: delivers notices to subscribers.
    """
    jobs = open_jobs(settings)
    guard = Guard(settings, registry, PRELOAD, deliver)
    jobs.on_submit = jobs.on_dismiss = guard.wake
    guard.start()
    try:
        yield jobs, guard
    finally:
        guard.stop()
        end_supervisor(settings)
        jobs.close()


def end_supervisor(settings: Settings) -> None:
    """End the supervisor that leads, if any, in good order."""
    roles = [Leadership(settings.server.workdir, "next"), Leadership(settings.server.workdir)]
    while leaders := [leader for role in roles if (leader := role.leader()) is not None]:
        for leader in leaders:
            # A guard of this very process holds the lock for the one that it starts.
            if leader.owner is not None and leader.owner.pid != os.getpid():
                leader.owner.signal(signal.SIGTERM)
        time.sleep(0.02)


def until(true: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until something is true, and give it; fail when it doesn't come to be."""
    end = time.monotonic() + seconds
    while True:
        if value := true():
            return value
        assert time.monotonic() < end, f"did not come to be within {seconds} s"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
