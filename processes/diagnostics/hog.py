"""A job that takes memory or disk."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from processes.diagnostics._inputs import choice_input, number, number_input
from processes.outputs import quantity_output, quantity_value

_MEGABYTE = 1_000_000
_PIECE = 10
"""Megabytes that are taken at a time."""


class Hog(StageProcess):
    identifier = "hog"
    title = "Take memory or disk"
    abstract = (
        "Takes so many megabytes of memory or of its folder's disk, writes to all of them and holds them a while."
    )
    keywords = ("diagnostics", "memory", "disk")

    def declare_inputs(self) -> list[Any]:
        return [
            number_input("megabytes", "Megabytes", "How much to take, in 10⁶ bytes.", 100, 1, 1_000_000, "MB"),
            choice_input("mode", "Mode", "What to take: memory, or disk.", ("memory", "disk")),
            number_input("seconds", "Seconds", "How long to hold it.", 1.0, 0, 86_400, "s"),
        ]

    def declare_outputs(self) -> list[Any]:
        return [quantity_output("megabytes", "Megabytes", "How much it held.", "MB")]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        megabytes = int(number(inputs, "megabytes", 100))
        on_disk = inputs.text("mode") == "disk"
        file = context.workdir / "hog.bin"
        held: list[bytes] = []
        taken = 0
        while taken < megabytes:
            context.progress(0.9 * taken / megabytes, f"Holding {taken} of {megabytes} MB")
            piece = min(_PIECE, megabytes - taken)
            if on_disk:
                _append(file, piece)
            else:
                held.append(_touched(piece))
            taken += piece
        context.progress(0.9, f"Holding {taken} MB")
        time.sleep(number(inputs, "seconds", 1.0))
        file.unlink(missing_ok=True)
        return {"megabytes": quantity_value(float(taken), "MB")}


def _touched(megabytes: int) -> bytes:
    # Random bytes: pages of zeros, or of the same byte, needn't be there for real.
    return os.urandom(megabytes * _MEGABYTE)


def _append(file: Path, megabytes: int) -> None:
    with file.open("ab") as stream:
        for _ in range(megabytes):
            stream.write(os.urandom(_MEGABYTE))
