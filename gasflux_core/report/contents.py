"""What a report says, in whichever form it is written: collected, and its figures drawn, once for all forms."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import yaml

from gasflux_core.flags import FLAG_TEXTS
from gasflux_core.report.flight_section import flight_facts, removed_rows, track_picture, view_section, wind_picture
from gasflux_core.report.gas_section import gas_section
from gasflux_core.report.quantities import gas_name
from gasflux_core.report.wording import Wording, wording

if TYPE_CHECKING:
    from gasflux_core.pipeline import Result

_TERMS = ("enhancement", "flux_density", "uncertainty", "interval", "expanded", "detection", "kriging", "transect")

_PROGRAM = "gasflux-wps"


@dataclass(frozen=True)
class Origin:
    """Where a calculation comes from, as far as its figures don't tell."""

    source: str | None = None
    """Name of the flight table, for the reader and for the command that does it again."""
    size: int | None = None
    """Of the flight table as it came, bytes."""
    sha256: str | None = None
    """Of the flight table as it came, in hex."""
    calculated: datetime | None = None
    """When it was asked for."""
    provider: str = ""
    """Who runs the service; empty: nobody said so."""


@dataclass(frozen=True)
class ReportContents:
    """All that a report says."""

    wording: Wording
    title: str
    version: str
    """Of this program."""
    provider: str
    configuration: str
    """All settings as YAML, which a run can be given."""
    values: Mapping[str, Any]
    """What the sections say, as the template of the page reads it."""


def report_contents(result: Result, origin: Origin | None = None, words: Wording | None = None) -> ReportContents:
    """Collect what a report says of a run, and draw its figures; the same run and origin give the same."""
    origin, words = origin or Origin(), words or wording()
    first = next(iter(result.gases))
    version = result.versions.get(_PROGRAM, "")
    values = {
        "gases": [gas_section(result, gas, words) for gas in result.gases],
        "flags": flag_notices(result, words),
        "facts": flight_facts(result, words),
        "view": view_section(result, first, words),
        "track": track_picture(result, first, words),
        "wind": wind_picture(result, words),
        "removed": removed_rows(result, words),
        "methods": _methods(result, words),
        "notes": [words.translate(note) for note in result.notes],
        "input": _input(origin, words),
        "calculation": _calculation(result, origin, words),
        "command": _command(result, origin.source),
        "reproduce": _reproduce(result, words),
        "terms": [(words[f"term_{term}"], words[f"text_{term}"]) for term in _TERMS],
        "footer": words["footer"].format(version=version),
    }
    title = words["page_title"].format(gases=", ".join(gas_name(gas) for gas in result.gases))
    return ReportContents(words, title, version, origin.provider, _configuration(result), values)


def flag_notices(result: Result, words: Wording) -> list[dict[str, str]]:
    """Each flag with what it is about; a flag of several gases is told once."""
    about: dict[str, list[str]] = {flag: [words["flags_flight"]] for flag in result.flags}
    for gas, found in result.gases.items():
        for flag in found.rate.flags:
            if flag not in result.flags:
                about.setdefault(flag, []).append(words["flags_gas"].format(gas=gas_name(gas)))
    return [
        {"about": ", ".join(names), "text": words.translate(FLAG_TEXTS.get(flag, flag))}
        for flag, names in about.items()
    ]


def _methods(result: Result, words: Wording) -> list[str]:
    """The method in words; said once where it is the same for all gases."""
    methods: dict[str, list[str]] = {}
    for gas, found in result.gases.items():
        methods.setdefault(found.field.method, []).append(gas_name(gas))
    said = [words["method_text"].format(method=words.translate(method)) for method in methods]
    if len(said) == 1:
        return said
    return [f"{', '.join(gases)}: {text}" for gases, text in zip(methods.values(), said, strict=True)]


def _input(origin: Origin, words: Wording) -> list[tuple[str, str]]:
    unknown = words["input_unknown"]
    size = unknown if origin.size is None else words["input_size_value"].format(size=origin.size)
    return [
        (words["input_source"], origin.source or unknown),
        (words["input_size"], size),
        (words["input_sha256"], origin.sha256 or unknown),
    ]


def _calculation(result: Result, origin: Origin, words: Wording) -> list[tuple[str, str]]:
    when, who = words["input_unknown"], origin.provider or words["input_unknown"]
    if origin.calculated is not None:
        when = words["origin_calculated_value"].format(time=f"{origin.calculated.astimezone(UTC):%Y-%m-%d %H:%M:%S}")
    program, *libraries = [f"{name} {version}" for name, version in result.versions.items()]
    return [
        (words["origin_calculated"], when),
        (words["origin_provider"], who),
        (words["origin_program"], program),
        (words["origin_libraries"], ", ".join(libraries)),
    ]


def _command(result: Result, source: str | None) -> str:
    terrain = " --dem terrain.tif" if result.terrain is not None else ""
    return f"gasflux-wps run {shlex.quote(source or 'flight.csv')} --config configuration.yaml{terrain} --out result"


def _reproduce(result: Result, words: Wording) -> list[str]:
    """What is said of the command, after the sentence that stands before it."""
    names = ["reproduce_attached", *(["reproduce_terrain"] if result.terrain is not None else [])]
    return [words[name] for name in names]


def _configuration(result: Result) -> str:
    return str(yaml.dump(result.configuration(), Dumper=_Lines, sort_keys=False, allow_unicode=True, width=100))


class _Lines(yaml.SafeDumper):
    """Writes a list in one line, such as the two ends of a range."""


def _in_one_line(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


_Lines.add_representer(list, _in_one_line)
