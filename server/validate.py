"""Checks a whole request against the declaration of its process, before anything is accepted.

All faults are told at once, each naming the input or output it is about.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from gasflux_core.errors import InputError, InputFaults, MissingInput, TooLarge
from processes.bounding_box import read_bounding_box
from processes.declaration import InputDeclaration, OutputDeclaration, ProcessDeclaration
from processes.literals import is_absent, read_literal
from server.errors import FormatNotOffered, TooManyValues, UnfitValue, UnknownInput, UnknownOutput
from server.formats import match_format, says_nothing
from server.jobs.request import InputItem, JobRequest, OutputRequest, Upload

MAX_LITERAL_BYTES = 1_000_000

_TEXT_ENCODINGS = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})

_UNIT_NAMES = {
    "m": ("metre", "metres", "meter", "meters"),
    "km": ("kilometre", "kilometres", "kilometer", "kilometers"),
    "ft": ("foot", "feet", "[ft_i]"),
    "deg": ("degree", "degrees", "°", "deg."),
    "rad": ("radian", "radians"),
    "s": ("second", "seconds", "sec"),
    "min": ("minute", "minutes"),
    "h": ("hour", "hours", "hr"),
    "m/s": ("m s-1", "m.s-1", "m*s-1", "ms-1", "metre per second", "metres per second"),
    "km/h": ("km h-1", "km.h-1", "kph", "kmh"),
    "kn": ("knot", "knots", "[kn_i]", "kt"),
    "kg/h": ("kg h-1", "kg.h-1", "kg/hr"),
    "Cel": ("°c", "degc", "celsius", "degree celsius"),
    "K": ("kelvin",),
    "Pa": ("pascal",),
    "hPa": ("mbar", "millibar", "hectopascal"),
    "%": ("percent", "per cent"),
    "ppm": ("[ppm]", "umol/mol", "µmol/mol"),
    "ppb": ("[ppb]", "nmol/mol"),
    "1": ("unity", "dimensionless", "none", "ratio"),
    "MB": ("megabyte", "megabytes"),
}
_UNITS = {name.lower(): unit for unit, names in _UNIT_NAMES.items() for name in (unit, *names)}


def validate(
    declaration: ProcessDeclaration,
    request: JobRequest,
    *,
    uploads: Sequence[Upload] = (),
    max_input_bytes: int | None = None,
    max_literal_bytes: int = MAX_LITERAL_BYTES,
) -> JobRequest:
    """Check a request, and return it as the process is to see it.

    Empty literals go, units and media types of outputs get their declared spelling; nothing else changes.

    :param uploads: the complex values that came with the request, for their sizes.
    :param max_input_bytes: limit on the complex values of one input, together.
    :raises InputError: or MissingInput, TooLarge, or InputFaults with several of them.
    """
    faults: list[InputError] = []
    owner = f"Process {declaration.identifier}"
    sizes = {upload.name: _size(upload) for upload in uploads}
    inputs: dict[str, list[InputItem]] = {}
    for identifier, items in request.inputs.items():
        declared = declaration.input(identifier)
        if declared is None:
            known = [item.identifier for item in declaration.inputs]
            faults.append(UnknownInput(unknown_name(owner, "input", identifier, known), identifier))
            continue
        # Clients send "" (and "None") for a field of their form that nobody touched.
        kept = [item for item in items if item.text is None or not is_absent(item.text)]
        if declared.kind == "literal":
            found = [fault for item in kept if (fault := _literal_fault(declared, item, max_literal_bytes))]
            kept = [replace(item, unit=declared.unit) for item in kept]
        elif declared.kind == "bbox":
            found = [fault for item in kept if (fault := _box_fault(declared, item))]
        else:
            found = [fault for item in kept if (fault := _complex_fault(declared, item))]
            found += _size_faults(declared, kept, sizes, max_input_bytes)
        faults += found
        if kept:
            inputs[identifier] = kept
    faults += _count_faults(declaration.inputs, inputs)
    outputs = _check_outputs(declaration, request, faults)
    if faults:
        raise faults[0] if len(faults) == 1 else InputFaults(faults)
    return replace(request, inputs=inputs, outputs=outputs)


def unknown_name(owner: str, kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that isn't known, with the nearest one that is."""
    names = sorted(known)
    lower = {item.lower(): item for item in names}
    nearest = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.6)
    hint = f"Did you mean {lower[nearest[0]]}? " if nearest else ""
    return f"{owner} has no {kind} {_shown(name)}. {hint}It has: {', '.join(names) or 'none'}."


def _count_faults(
    declared: Sequence[InputDeclaration], inputs: Mapping[str, Sequence[InputItem]]
) -> Iterable[InputError]:
    for item in declared:
        name, count = item.identifier, len(inputs.get(item.identifier, ()))
        if count == 0 and item.min_occurs > 0 and item.default is None:
            yield MissingInput(f"Input {name} ({item.title}) is required and did not come.", name)
        elif 0 < count < item.min_occurs:
            yield MissingInput(f"Input {name} needs at least {item.min_occurs} values, {count} came.", name)
        elif count > item.max_occurs:
            yield TooManyValues(f"Input {name} takes at most {_values(item.max_occurs)}, {count} came.", name)


def _values(count: int) -> str:
    return "one value" if count == 1 else f"{count} values"


# --- literal inputs -------------------------------------------------------------------------------


def _literal_fault(declared: InputDeclaration, item: InputItem, limit: int) -> InputError | None:
    name = declared.identifier
    if item.text is None:
        how = "by reference" if item.href is not None else "as complex data"
        return UnfitValue(f"Input {name} is a literal and came {how}: send its value as literal data.", name)
    size = len(item.text.encode("utf-8", errors="replace"))
    if size > limit:
        return TooLarge(f"Input {name} has {size} bytes; a literal may have at most {limit}.", name)
    if "\0" in item.text:
        return UnfitValue(f"Input {name} holds the character NUL, which is no text.", name)
    try:
        read_literal(declared, item.text)
    except InputError as error:
        return UnfitValue(error.message, error.parameter)
    problem = _unit_problem(declared, item.unit)
    return UnfitValue(f"Input {name}: {problem}.", name) if problem else None


def _unit_problem(declared: InputDeclaration, came: str | None) -> str | None:
    if came is None or not came.strip() or came.strip() == declared.unit:
        return None
    unit = plain_unit(came)
    if declared.unit is None:
        return None if unit == "1" else f"it has no unit, got the unit {_shown(came)}"
    if unit is not None and unit == plain_unit(declared.unit):
        return None
    convert = f"convert the value from {unit} to {declared.unit}" if unit else f"send it in {declared.unit}"
    return f"its unit is {declared.unit}, got the unit {_shown(came)}; {convert}"


def plain_unit(unit: str) -> str | None:
    """The service's own spelling of a unit, out of its name, symbol or URN; None for an unknown one."""
    text = unquote(unit.strip())
    if text.lower().startswith(("urn:", "http://", "https://")):
        text = re.split(r"[:/#]", text)[-1]
    return _UNITS.get(text.lower())


# --- bounding boxes -------------------------------------------------------------------------------


def _box_fault(declared: InputDeclaration, item: InputItem) -> InputError | None:
    name = declared.identifier
    if item.text is None:
        how = "by reference" if item.href is not None else "as complex data"
        return UnfitValue(f"Input {name} is a bounding box and came {how}: send its corners as such.", name)
    try:
        read_bounding_box(declared, item.text)
    except InputError as error:
        return UnfitValue(error.message, error.parameter)
    return None


# --- complex inputs -------------------------------------------------------------------------------


def _complex_fault(declared: InputDeclaration, item: InputItem) -> InputError | None:
    name = declared.identifier
    if item.upload is None and item.href is None:
        return UnfitValue(f"Input {name} needs data or a reference; it came as a bare literal.", name)
    # Only the content says what a file is where the client doesn't, or says nothing of use.
    if not says_nothing(item.media_type) and match_format(declared.formats, item.media_type) is None:
        known = ", ".join(item.media_type for item in declared.formats)
        text = f"Input {name} is not read as {_shown(item.media_type or '')}. It is read as: {known}."
        return FormatNotOffered(text, name)
    encoding = (item.encoding or "").lower()
    if encoding not in _TEXT_ENCODINGS | {"base64"}:
        text = f"Input {name}: the encoding {_shown(encoding)} is not known; send utf-8 or base64."
        return FormatNotOffered(text, name)
    return None


def _size_faults(
    declared: InputDeclaration, items: Sequence[InputItem], sizes: Mapping[str, int], limit: int | None
) -> list[InputError]:
    total = sum(sizes.get(item.upload, 0) for item in items if item.upload is not None)
    if limit is None or total <= limit:
        return []
    name = declared.identifier
    return [TooLarge(f"Input {name} has {total} bytes; this service takes at most {limit}.", name)]


def _size(upload: Upload) -> int:
    return upload.content.stat().st_size if isinstance(upload.content, Path) else len(upload.content)


# --- outputs --------------------------------------------------------------------------------------


def _check_outputs(
    declaration: ProcessDeclaration, request: JobRequest, faults: list[InputError]
) -> list[OutputRequest]:
    outputs: list[OutputRequest] = []
    owner = f"Process {declaration.identifier}"
    for wanted in request.outputs:
        name, declared = wanted.identifier, declaration.output(wanted.identifier)
        if declared is None:
            known = [item.identifier for item in declaration.outputs]
            faults.append(UnknownOutput(unknown_name(owner, "output", name, known), name))
        elif any(item.identifier == name for item in outputs):
            faults.append(InputError(f"Output {name} is asked for twice.", name))
        else:
            outputs.append(_output(declared, wanted, faults))
    return outputs


def _output(declared: OutputDeclaration, wanted: OutputRequest, faults: list[InputError]) -> OutputRequest:
    name = declared.identifier
    if declared.kind == "bbox":
        return wanted
    if declared.kind == "literal":
        problem = _output_unit_problem(declared, wanted.unit)
        if problem:
            faults.append(FormatNotOffered(f"Output {name}: {problem}.", name))
        return wanted
    chosen = match_format(declared.formats, wanted.media_type)
    if chosen is None:
        known = ", ".join(item.media_type for item in declared.formats)
        text = f"Output {name} is not written as {_shown(wanted.media_type or '')}. It is written as: {known}."
        faults.append(FormatNotOffered(text, name))
        return wanted
    encoding = (wanted.encoding or "").lower()
    if encoding not in _TEXT_ENCODINGS | {"base64"}:
        faults.append(FormatNotOffered(f"Output {name} is not written in the encoding {_shown(encoding)}.", name))
    if wanted.schema and wanted.schema not in {item.schema for item in declared.formats}:
        faults.append(FormatNotOffered(f"Output {name} is not written by the schema {_shown(wanted.schema)}.", name))
    media_type = chosen.media_type if wanted.media_type else None
    return replace(wanted, media_type=media_type, encoding=encoding or None)


def _output_unit_problem(declared: OutputDeclaration, came: str | None) -> str | None:
    if came is None or not came.strip() or came.strip() == declared.unit:
        return None
    unit = plain_unit(came)
    if unit is not None and unit == plain_unit(declared.unit or "1"):
        return None
    return f"it is given in {declared.unit or 'no unit'}, not in {_shown(came)}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
