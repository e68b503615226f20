"""The report as a page: one HTML file that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from gasflux_core.report.contents import ReportContents

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(path: Path, contents: ReportContents) -> None:
    """Write a report as one HTML file; the same contents give the same bytes."""
    path.write_text(render_report(contents), encoding="utf-8")


def render_report(contents: ReportContents) -> str:
    """The report's HTML."""
    script = (_TEMPLATES / "track_view.js").read_text(encoding="utf-8")
    return _template().render(
        words=contents.wording.words,
        title=contents.title,
        # Style and script are files of this package, so they stand in the page as they are.
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=_content_hash(script),
        configuration=contents.configuration,
        **contents.values,
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
