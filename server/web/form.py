"""The form of a run: made from what the process declares, filled from an earlier run, read into a request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from werkzeug.datastructures import FileStorage, MultiDict

from gasflux_core.errors import InputError, InputFaults
from processes.declaration import InputDeclaration, ProcessDeclaration
from processes.file_names import shown_file_name
from processes.inputs import LEFT_EMPTY
from processes.translation import translate
from server.errors import UnfitValue
from server.jobs.model import Job
from server.jobs.request import InputItem, JobRequest, Upload
from server.web.words import words_in

PROCESS = "gas_flux"
FLIGHT = "flight"
CONFIGURATION = "configuration"
CONFIGURATION_FILE = "config"
"""Field for a file whose text is the configuration."""
NAME = "name"

MAIN = ("gases", "wind_speed_uncertainty", "wind_direction_uncertainty", "background_algorithm", "pattern")
"""The inputs that stand first; all others are under “All settings”."""

LONGEST_NAME = 200

Control = Literal["text", "number", "select", "lines", "file"]

_UNSEEN = re.compile(r"[\x00-\x1f\x7f]")
_UNSEEN_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Field:
    """One input as a field of the form."""

    identifier: str
    title: str
    text: str
    """What it is for."""
    control: Control
    unit: str = ""
    default: str = ""
    range: str = ""
    """The values that it takes, in words."""
    minimum: str = ""
    maximum: str = ""
    step: str = "any"
    options: tuple[str, ...] = ()
    accept: str = ""
    """Of a file: the names that are offered first."""
    value: str = ""
    faults: tuple[str, ...] = ()


def fields_of(
    declaration: ProcessDeclaration,
    language: str,
    values: Mapping[str, str] | None = None,
    faults: Mapping[str, Sequence[str]] | None = None,
) -> tuple[list[Field], list[Field]]:
    """The fields that matter most, and all others; the flight itself has a place of its own.

    :param declaration: in the language of the page.
    :param values: identifier → what stands in the field.
    :param faults: identifier → what is wrong with it.
    """
    values, faults = values or {}, faults or {}
    made = {
        declared.identifier: replace(
            _field(declared, language),
            value=values.get(declared.identifier, ""),
            faults=tuple(faults.get(declared.identifier, ())),
        )
        for declared in declaration.inputs
        if declared.identifier != FLIGHT
    }
    main = [made.pop(name) for name in MAIN if name in made]
    return main, list(made.values())


def untold(declaration: ProcessDeclaration, language: str) -> ProcessDeclaration:
    """The declaration in a language, its inputs' texts without what the form says once for all of them."""
    inputs = tuple(
        replace(
            declared,
            title=translate(declared.title, language),
            abstract=translate(declared.abstract.split(f" {LEFT_EMPTY}")[0], language),
        )
        for declared in declaration.inputs
    )
    return replace(declaration, inputs=inputs)


def _field(declared: InputDeclaration, language: str) -> Field:
    field = Field(
        declared.identifier,
        declared.title,
        declared.abstract,
        _control(declared),
        unit="" if declared.unit in (None, "1") else str(declared.unit),
        default=_short(declared.default or ""),
    )
    if field.control == "number":
        return replace(
            field,
            range=_range(declared, language),
            minimum="" if declared.minimum is None else f"{declared.minimum:g}",
            maximum="" if declared.maximum is None else f"{declared.maximum:.12g}",
            step="1" if declared.data_type == "integer" else "any",
        )
    if field.control == "select":
        return replace(field, options=declared.allowed or ("true", "false"))
    if field.control == "file":
        return replace(field, accept=",".join(dict.fromkeys(one.extension for one in declared.formats)))
    return field


def _control(declared: InputDeclaration) -> Control:
    if declared.kind == "complex":
        return "file"
    if declared.allowed or declared.data_type == "boolean":
        return "select"
    if declared.data_type in ("integer", "float"):
        return "number"
    return "lines" if declared.identifier == CONFIGURATION else "text"


def _short(number: str) -> str:
    """``0`` for ``0.0``: as people write it."""
    return number.removesuffix(".0")


def _range(declared: InputDeclaration, language: str) -> str:
    words, parts = words_in(language), []
    if declared.minimum is not None:
        word = "form_above" if declared.minimum_excluded else "form_at_least"
        parts.append(words[word].format(number=f"{declared.minimum:g}"))
    if declared.maximum is not None:
        word = "form_below" if declared.maximum_excluded else "form_at_most"
        parts.append(words[word].format(number=f"{declared.maximum:.12g}"))
    return words["form_and"].join(parts)


# --- filled ------------------------------------------------------------------------------------


def values_of(job: Job) -> dict[str, str]:
    """What stands in the fields so that they ask for what an earlier run was asked for."""
    found = {
        identifier: ",".join(item.text for item in items if item.text is not None)
        for identifier, items in job.request.inputs.items()
    }
    return {**{identifier: value for identifier, value in found.items() if value}, NAME: job.name}


def values_sent(form: MultiDict[str, str]) -> dict[str, str]:
    """The same of what was sent, to be shown again."""
    return {name: ",".join(value for value in form.getlist(name) if value.strip()) for name in form}


# --- read --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """A form that was sent."""

    request: JobRequest
    uploads: tuple[Upload, ...]
    name: str


def read_form(
    declaration: ProcessDeclaration, form: MultiDict[str, str], files: MultiDict[str, FileStorage], language: str
) -> Sent:
    """What a form asks for; whether its values will do is for the service to say.

    :raises InputFaults: what only the form can be wrong in: an empty file, two configurations, a name too long.
    """
    faults: list[InputError] = []
    inputs = {
        identifier: [InputItem(text=value) for value in form.getlist(identifier) if value.strip()]
        for identifier in form
        if identifier != NAME
    }
    uploads: list[Upload] = []
    for identifier, file in files.items(multi=True):
        name = file_name(file)
        if not name:
            continue
        content = file.read()
        if not content.strip():
            faults.append(UnfitValue(f"The file {name} is empty. Choose another.", identifier))
        elif identifier == CONFIGURATION_FILE:
            inputs.setdefault(CONFIGURATION, []).append(InputItem(text=_text(content, name, faults), file_name=name))
        else:
            uploads.append(Upload(f"input-{len(uploads) + 1}", content))
            inputs.setdefault(identifier, []).append(InputItem(upload=uploads[-1].name, file_name=name))
    if len(inputs.get(CONFIGURATION, ())) > 1:
        told = "A configuration came as a file and as text: give one of the two."
        faults.append(UnfitValue(told, CONFIGURATION_FILE))
    name = form.get(NAME, "").strip()
    if len(name) > LONGEST_NAME:
        faults.append(UnfitValue(f"The name has {len(name)} characters; it may have {LONGEST_NAME}.", NAME))
    if faults:
        raise InputFaults(faults)
    asked = JobRequest(declaration.identifier, inputs, mode="async", language=language, face="web")
    return Sent(asked, tuple(uploads), plain(name) or _name_of_flight(inputs))


def file_name(file: FileStorage) -> str:
    """What its sender calls a file, without folders; empty where none was chosen."""
    return shown_file_name(file.filename) or ""


def plain(text: str) -> str:
    """The text without characters that nobody sees and databases refuse."""
    return _UNSEEN.sub(" ", text).encode("utf-8", "replace").decode().strip()


def plain_lines(text: str) -> str:
    """The same of a text of several lines."""
    return _UNSEEN_IN_LINES.sub(" ", text.replace("\r\n", "\n")).encode("utf-8", "replace").decode().strip()


def faults_by_field(error: InputError) -> dict[str, list[str]]:
    """Identifier → what is wrong with it, in words; what concerns no input is under the empty name."""
    found: dict[str, list[str]] = {}
    for fault in error.faults if isinstance(error, InputFaults) else (error,):
        name = fault.parameter or error.parameter or ""
        found.setdefault(name, []).append(fault.message.removeprefix(f"{name}: "))
    return found


def _text(content: bytes, name: str, faults: list[InputError]) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        faults.append(UnfitValue(f"The file {name} is no text in UTF-8. Save it so.", CONFIGURATION_FILE))
        return ""


def _name_of_flight(inputs: Mapping[str, Sequence[InputItem]]) -> str:
    return next((item.file_name for item in inputs.get(FLIGHT, ()) if item.file_name), "")
