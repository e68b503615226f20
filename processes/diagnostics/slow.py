"""A job that takes its time, and may leave processes behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from processes import formats
from processes.base import Inputs, Literal, StageProcess
from processes.declaration import Context, InputDeclaration, OutputValue
from processes.diagnostics._inputs import number, number_input
from processes.outputs import complex_output, json_value, quantity_output, quantity_value

_LONGEST = 86_400
_CHILD_SECONDS = 900
"""How long a process that was left behind lives where nobody ends it."""


class Slow(StageProcess):
    identifier = "slow"
    title = "Take time"
    abstract = (
        "Sleeps for so many seconds and tells its progress; on demand it starts other processes that outlive it, in "
        "sessions of their own, and doesn't listen to the signal that asks it to end."
    )
    keywords = ("diagnostics", "progress", "cancel")

    def declare_inputs(self) -> list[Any]:
        return [
            number_input("seconds", "Seconds", "How long to sleep.", 1.0, 0, _LONGEST, "s"),
            number_input("steps", "Steps", "How many times progress is told.", 10, 1, 10_000),
            number_input("children", "Children", "How many processes to leave behind.", 0, 0, 20),
            Literal(
                InputDeclaration(
                    "ignore_term",
                    "Ignore SIGTERM",
                    "Whether this process, and those it leaves behind, ignore the signal SIGTERM.",
                    "literal",
                    min_occurs=0,
                    data_type="boolean",
                    default="false",
                )
            ),
        ]

    def declare_outputs(self) -> list[Any]:
        return [
            quantity_output("seconds", "Seconds", "How long it slept.", "s"),
            complex_output(
                "children", "Children", "Process ids of those left behind.", formats.JSON, by_reference=False
            ),
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        seconds, steps = number(inputs, "seconds", 1.0), int(number(inputs, "steps", 10))
        began = time.monotonic()
        with _deaf_to_term(bool(inputs.value("ignore_term"))):
            children = [_leave_behind() for _ in range(int(number(inputs, "children", 0)))]
            for step in range(1, steps + 1):
                fraction = (step - 1) / steps
                if children:
                    context.progress(fraction, f"Step {step} of {steps}, left behind: {' '.join(map(str, children))}")
                else:
                    context.progress(fraction, f"Step {step} of {steps}")
                time.sleep(max(0.0, began + seconds * step / steps - time.monotonic()))
        return {
            "seconds": quantity_value(time.monotonic() - began, "s"),
            "children": json_value(context, "children", children),
        }


@contextmanager
def _deaf_to_term(deaf: bool) -> Iterator[None]:
    if not deaf:
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave_behind() -> int:
    """Start a process in a session of its own, which ignores the signals that this one ignores; its id."""
    script = f"import time; time.sleep({_CHILD_SECONDS})"
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", script], start_new_session=True).pid
