"""The report: one HTML file that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from gasflux_core.flags import FLAG_TEXTS
from gasflux_core.report.drawing import png
from gasflux_core.report.flight_section import flight_facts, removed_rows, track_picture, view_section, wind_picture
from gasflux_core.report.gas_section import gas_section
from gasflux_core.report.plane_figure import figure_preview
from gasflux_core.report.quantities import gas_name
from gasflux_core.report.words import WORDS

if TYPE_CHECKING:
    from gasflux_core.pipeline import Result

_TEMPLATES = Path(__file__).parent / "templates"

_TERMS = ("enhancement", "flux_density", "uncertainty", "interval", "detection", "kriging", "transect")


def write_report(path: Path, result: Result, *, sha256: str | None, source: str | None) -> None:
    """Write the report of a run as one HTML file; the same run gives the same bytes.

    :param sha256: of the flight table as it came, in hex.
    :param source: name of the flight table, for the reader and for the command that does it again.
    """
    path.write_text(render_report(result, sha256=sha256, source=source), encoding="utf-8")


def write_preview(path: Path, result: Result, gas: str) -> None:
    """Write the flux plane of a gas as a small PNG (704 × 352)."""
    path.write_bytes(png(figure_preview(result, gas)))


def render_report(result: Result, *, sha256: str | None, source: str | None) -> str:
    """The report's HTML."""
    script = (_TEMPLATES / "track_view.js").read_text(encoding="utf-8")
    first = next(iter(result.gases))
    return _template().render(
        words=WORDS,
        title=WORDS["page_title"].format(gases=", ".join(gas_name(gas) for gas in result.gases)),
        # Style and script are files of this package, so they stand in the page as they are.
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=_content_hash(script),
        gases=[gas_section(result, gas) for gas in result.gases],
        flags=flag_notices(result),
        facts=flight_facts(result),
        view=view_section(result, first),
        track=track_picture(result, first),
        wind=wind_picture(result),
        removed=removed_rows(result),
        methods=_methods(result),
        notes=result.notes,
        versions=list(result.versions.items()),
        sha256=sha256,
        source=source,
        command=_command(source),
        configuration=_configuration(result),
        terms=[(WORDS[f"term_{term}"], WORDS[f"text_{term}"]) for term in _TERMS],
        footer=WORDS["footer"].format(version=result.versions.get("gasflux-wps", "")),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("report.html.j2")


def _content_hash(script: str) -> str:
    """What the page's content policy lets run: this script, and no other that data may have smuggled in."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def flag_notices(result: Result) -> list[dict[str, str]]:
    """Each flag with what it is about; a flag of several gases is told once."""
    about: dict[str, list[str]] = {flag: [WORDS["flags_flight"]] for flag in result.flags}
    for gas, found in result.gases.items():
        for flag in found.rate.flags:
            if flag not in result.flags:
                about.setdefault(flag, []).append(WORDS["flags_gas"].format(gas=gas_name(gas)))
    return [{"about": ", ".join(names), "text": FLAG_TEXTS.get(flag, flag)} for flag, names in about.items()]


def _methods(result: Result) -> list[str]:
    """The method in words; said once where it is the same for all gases."""
    methods: dict[str, list[str]] = {}
    for gas, found in result.gases.items():
        methods.setdefault(found.field.method, []).append(gas_name(gas))
    said = [WORDS["method_text"].format(method=method) for method in methods]
    if len(said) == 1:
        return said
    return [f"{', '.join(gases)}: {text}" for gases, text in zip(methods.values(), said, strict=True)]


def _command(source: str | None) -> str:
    return WORDS["reproduce_command"].format(source=shlex.quote(source or "flight.csv"))


def _configuration(result: Result) -> str:
    return str(yaml.safe_dump(result.configuration(), sort_keys=False, allow_unicode=True, width=100))
