"""A run as others can do it again: lines for the shell and for Python, of exactly its inputs and settings."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from processes.declaration import ProcessDeclaration
from processes.file_names import shown_file_name
from processes.gas_flux import SETTINGS
from server.jobs.model import Job
from server.jobs.request import InputItem

_PLACES = {setting.identifier: f"{setting.section}.{setting.field}" for setting in SETTINGS}
"""Literal input → the parameter that it sets."""

_ENDINGS = {"text/csv": ".csv", "application/csv": ".csv", "application/geo+json": ".geojson", "image/tiff": ".tif"}

_SHOWN = ("emission_rate", "uncertainty")
"""Outputs that come within the answer; the files come by their addresses."""

_FILES = ("report", "flux_plane")


@dataclass(frozen=True)
class Snippets:
    """The same run, said in other programs' words."""

    owslib: str
    curl: str
    command_line: str


def snippets(job: Job, declared: ProcessDeclaration, root: str, *, with_key: bool) -> Snippets:
    """Programs that do a run again.

    :param root: address of the service.
    :param with_key: whether the service wants a key from who sends a job.
    """
    types = {item.identifier: item.data_type for item in declared.inputs}
    return Snippets(
        owslib=_owslib(job, f"{root}/wps", with_key),
        curl=_curl(job, types, f"{root}/ogcapi/processes/{job.process}/execution", with_key),
        command_line=_command_line(job),
    )


def file_name(identifier: str, item: InputItem) -> str:
    """What a user's file is called, without any folder; one is made up where its sender gave none."""
    made_up = f"{identifier}{_ENDINGS.get((item.media_type or 'text/csv').split(';')[0], '.dat')}"
    return shown_file_name(item.file_name) or made_up


def _given(job: Job) -> list[tuple[str, InputItem]]:
    return [(name, item) for name, items in job.request.inputs.items() for item in items]


def _is_file(item: InputItem) -> bool:
    return item.text is None


# --- OWSLib


def _owslib(job: Job, address: str, with_key: bool) -> str:
    files = [item for _, item in _given(job) if _is_file(item) and item.href is None]
    lines = [*(["import base64"] if files else []), *(["import os"] if with_key else [])]
    lines += ["from pathlib import Path", ""] if files else []
    lines += ["from owslib.wps import ComplexDataInput, WebProcessingService", ""]
    if files:
        lines += ["", "def file(name, kind):"]
        lines += ["    content = base64.b64encode(Path(name).read_bytes()).decode()"]
        lines += ['    return ComplexDataInput(content, mimeType=kind, encoding="base64")', "", ""]
    headers = ', headers={"X-API-Key": os.environ["GASFLUX_KEY"]}' if with_key else ""
    lines += [f"service = WebProcessingService({_python(address)}{headers})", "inputs = ["]
    lines += [f"    ({_python(name)}, {_owslib_value(name, item)})," for name, item in _given(job)]
    lines += ["]", f'execution = service.execute({_python(job.process)}, inputs, output=[], mode="async")']
    lines += ["while not execution.isComplete():", "    execution.checkStatus(sleepSecs=1)"]
    lines += ["if not execution.isSucceded():  # OWSLib spells it so"]
    lines += ['    raise SystemExit("; ".join(error.text for error in execution.errors))']
    lines += ["for output in execution.processOutputs:"]
    lines += ["    print(output.identifier, output.reference or (output.data or [None])[0])"]
    return "\n".join(lines) + "\n"


def _owslib_value(name: str, item: InputItem) -> str:
    if item.text is not None:
        return _python(item.text)
    kind = _python(item.media_type or "text/csv")
    if item.href is not None:
        return f"ComplexDataInput({_python(item.href)}, mimeType={kind})"
    return f"file({_python(file_name(name, item))}, {kind})"


def _python(text: str) -> str:
    """A text as Python writes it; JSON's strings are Python's, and stay in one line."""
    return json.dumps(text, ensure_ascii=True)


# --- curl


def _curl(job: Job, types: Mapping[str, str], address: str, with_key: bool) -> str:
    """The request is put together of pieces, so that a file of any size and kind goes into it from the disk."""
    values: dict[str, list[Any]] = {}
    marks: dict[str, str] = {}
    for name, item in _given(job):
        if item.text is not None:
            value: Any = _json_value(item.text, types.get(name, "string"))
        elif item.href is not None:
            value = {"href": item.href, **({"type": item.media_type} if item.media_type else {})}
        else:
            mark = f"\0{len(marks)}\0"
            marks[json.dumps(mark)[1:-1]] = file_name(name, item)
            value = {"value": mark, "mediaType": item.media_type or "text/csv", "encoding": "base64"}
        values.setdefault(name, []).append(value)
    made = [name for name in (*_SHOWN, *_FILES) if name in job.results]
    request = {
        "inputs": {name: given[0] if len(given) == 1 else given for name, given in values.items()},
        "outputs": {name: {"transmissionMode": "reference"} if name in _FILES else {} for name in made},
        "response": "document",
    }
    text = json.dumps(request, ensure_ascii=False)
    lines = ["{"]
    for mark, name in marks.items():
        before, _, text = text.partition(mark)
        lines += [f"  printf %s {shlex.quote(before)}", f"  base64 < {shlex.quote(name)} | tr -d '\\n'"]
    lines += [f"  printf %s {shlex.quote(text)}"]
    key = ' -H "X-API-Key: $GASFLUX_KEY"' if with_key else ""
    sent = f"curl -sS --fail-with-body{key} -H 'Content-Type: application/json' --data-binary @-"
    return "\n".join([*lines, f"}} | {sent} \\", f"  {shlex.quote(address)}"]) + "\n"


def _json_value(text: str, data_type: str) -> Any:
    if data_type not in ("boolean", "integer", "float"):
        return text
    try:
        return json.loads(text.strip().lower())
    except ValueError:
        return text


# --- the command line


def _command_line(job: Job) -> str:
    """``gasflux-wps run`` with the same settings; what lies elsewhere is fetched before."""
    lines: list[str] = []
    flight, words = "flight.csv", []
    for name, item in _given(job):
        if name == "flight_url":
            flight = _fetched(lines, item.text or "", "flight.csv")
        elif name in ("flight", "dem"):
            own = file_name(name, item)
            path = _fetched(lines, item.href, own) if item.href else own
            if name == "flight":
                flight = path
            else:
                words += ["--dem", shlex.quote(_as_path(path))]
        elif name == "dem_url":
            words += ["--dem", _fetched(lines, item.text or "", "terrain.tif")]
        elif name == "configuration":
            lines += [f"printf %s {shlex.quote(item.text or '')} > configuration.yaml"]
            words += ["--config", "configuration.yaml"]
        elif name == "configuration_url":
            words += ["--config", _fetched(lines, item.text or "", "configuration.yaml")]
        elif name in _PLACES:
            words += ["--set", shlex.quote(f"{_PLACES[name]}={item.text}")]
    gases = [part.strip() for item in job.request.inputs.get("gases", []) for part in (item.text or "").split(",")]
    if gases:
        words += ["--gas", *(shlex.quote(gas) for gas in gases if gas)]
    lines += [f"gasflux-wps run {shlex.quote(_as_path(flight))} {' '.join([*words, '--out', 'result'])}"]
    return "\n".join(lines) + "\n"


def _fetched(lines: list[str], address: str, name: str) -> str:
    lines += [f"curl -sSf -o {shlex.quote(_as_path(name))} {shlex.quote(address)}"]
    return name


def _as_path(name: str) -> str:
    """A file's name that no program takes for an option."""
    return f"./{name}" if name.startswith("-") else name
