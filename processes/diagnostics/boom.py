"""A job that fails by a fault of the program."""

from __future__ import annotations

import os
import signal
from typing import Any

from pywps import LiteralOutput

from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from processes.diagnostics._inputs import choice_input

SECRET = "password=swordfish"
"""Stands in the error's message, where no client may see it."""

EXIT_STATUS = 7


class Boom(StageProcess):
    identifier = "boom"
    title = "Fail"
    abstract = "Fails by an error that isn't meant for clients, by leaving without a word, or by a deadly signal."
    keywords = ("diagnostics", "failure", "error")

    def declare_inputs(self) -> list[Any]:
        return [
            choice_input(
                "how",
                "How",
                "raise: an error of the program; exit: the process leaves; kill: it is killed.",
                ("raise", "exit", "kill"),
            )
        ]

    def declare_outputs(self) -> list[Any]:
        return [LiteralOutput("nothing", "Nothing", data_type="string", abstract="Never made.")]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        context.progress(0.5, "About to fail")
        how = inputs.text("how")
        if how == "exit":
            os._exit(EXIT_STATUS)
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise RuntimeError(f"a fault of the program itself, {SECRET}")
