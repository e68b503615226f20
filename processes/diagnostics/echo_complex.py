"""Files of every kind there and back."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from pywps import ComplexInput

from gasflux_core.errors import MissingInput
from processes import formats
from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from processes.outputs import complex_output, file_value

KINDS = {
    "text": ("Text", "plain text", formats.TEXT),
    "xml": ("XML", "an XML document", formats.XML),
    "binary": ("Binary", "any bytes, in base64 where they stand in the request", formats.BINARY),
}
"""Input and output of each name: title, what it holds, format."""


class EchoComplex(StageProcess):
    identifier = "echo_complex"
    title = "Echo files"
    abstract = "Gives back the files that came, byte for byte, each in the format it came in. Give one at least."
    keywords = ("diagnostics", "echo", "complex")

    def declare_inputs(self) -> list[Any]:
        return [
            ComplexInput(name, title, abstract=f"A file: {what}.", supported_formats=[form], min_occurs=0)
            for name, (title, what, form) in KINDS.items()
        ]

    def declare_outputs(self) -> list[Any]:
        return [
            complex_output(name, title, f"The input {name}, if it came.", form, by_reference=False)
            for name, (title, _, form) in KINDS.items()
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        context.progress(0.5, "Echoing")
        sent = _sent(inputs)
        made = {}
        for name in (name for name in KINDS if name in (context.outputs or sent or KINDS)):
            if name not in sent:
                raise MissingInput(f"{name}: a file is required, since it is to be given back", name)
            form = KINDS[name][2]
            copy = context.workdir / f"{name}{form.extension}"
            shutil.copyfile(sent[name], copy)
            made[name] = file_value(copy, form)
        return made


def _sent(inputs: Inputs) -> dict[str, Path]:
    sent = {}
    for name in KINDS:
        with suppress(MissingInput):
            sent[name] = inputs.file(name)
    return sent
