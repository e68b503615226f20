"""Write the reference pages from the declarations in the code.

python -m docs.make_reference           write them
python -m docs.make_reference --check   exit with 1 where one is out of date
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from flask import Flask
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.endpoints import meaning_of
from gasflux_core.flags import FLAG_TEXTS
from gasflux_core.parameters import Parameters, unit_of
from gasflux_core.pipeline import Settings as StageSettings
from gasflux_core.simulate import SimulationParameters
from processes import registry
from processes.base import declaration
from processes.declaration import InputDeclaration, OutputDeclaration
from server.app import create_app, service_of
from server.command_line import BAD_INPUT, NO_SOLUTION, parser
from server.errors import JOB_KINDS, TABLE, UNKNOWN
from server.metrics import METRICS
from server.settings import Settings, load_settings

FOLDER = Path(__file__).resolve().parent / "reference"

ERRORS: Mapping[str, str] = MappingProxyType(
    {
        "MissingInput": "A mandatory input did not come.",
        "TooLarge": "A request or an input over a limit.",
        "UnknownOperation": "A request for an operation that is not offered.",
        "VersionNotOffered": "None of the versions that the client accepts is offered.",
        "SequenceAhead": "The client says that it has capabilities newer than the service's own.",
        "NoSuchJob": "No job has this identifier.",
        "NoSuchFile": "The job has no file of this name.",
        "InputError": "An input that can't be used as it came: names input, column and row, what was expected, what "
        "came. All faults of a table are told at once, each as an exception of its own.",
        "NoSolution": "The data are well formed and hold no answer: no transects, no plane, no enhancement.",
        "UnreadableRequest": "The body is no well-formed XML, or has a document type or a wrong encoding.",
        "EncodingNotTaken": "The body is packed (Content-Encoding) in another way than gzip.",
        "Busy": "The queue is full, or one client's share of it; or too many synchronous requests wait. `Retry-After` "
        "says when to try again.",
        "OutOfReach": "The service can't reach its database. Accepted jobs are kept; `Retry-After` says when to try "
        "again.",
        "NoSpace": "The service's disk is full, or nearly. Accepted jobs are kept; `Retry-After` says when to try "
        "again.",
        "TooManyRequests": "More than the key may send within a minute or a day, or too many wrong keys from one "
        "address; "
        "`Retry-After` says when to come back.",
        "NoKey": "The service asks for a key, and it did not come, is wrong or was revoked.",
        "NotAllowed": "The scopes of the key don't hold what was asked for.",
        "NotOwnJob": "A job is dismissed with the key it was sent with, and no other.",
        "JobInUse": "An ended job stays while the job is there of which it is a part.",
        "StillRunning": "A synchronous request waited as long as it may, or the service is being restarted. The job "
        "goes on; the text names its status, `Retry-After` says when to look.",
        "Overrun": "A synchronous request waited as long as it may, and its job was cancelled, as "
        "`[jobs] sync_overrun` says. Send it as an asynchronous one.",
    }
)
"""What the reference says of each error in the server's table."""

Row = Sequence[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or with ``--check`` only compare; 1 where one is out of date."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a page is out of date")
    check = options.parse_args(arguments).check
    stale = out_of_date(pages())
    if not check:
        FOLDER.mkdir(exist_ok=True)
        for name, text in stale.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
    for name in stale:
        sys.stdout.write(f"docs/reference/{name} {'is out of date; make docs' if check else 'written'}\n")
    return 1 if check and stale else 0


def out_of_date(made: Mapping[str, str]) -> dict[str, str]:
    """Those pages whose file is missing or says something else."""
    return {
        name: text
        for name, text in made.items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text(encoding="utf-8") != text
    }


def pages() -> dict[str, str]:
    """File name → text of every reference page."""
    makers: dict[str, Callable[[], str]] = {
        "processes.md": processes_page,
        "parameters.md": parameters_page,
        "settings.md": settings_page,
        "command-line.md": command_line_page,
        "endpoints.md": endpoints_page,
        "errors.md": errors_page,
        "metrics.md": metrics_page,
    }
    return {name: make() for name, make in makers.items()}


# ---- pages


def processes_page() -> str:
    """Every process with its inputs and outputs."""
    declared = [declaration(process) for process in registry().values()]
    text = _head(
        "Processes",
        "Every process of the WPS. An input that isn't sent, or is sent empty, has its default; numbers are finite "
        "and have a decimal point. What the parameters mean in the calculation is in [The method]"
        "(../explanation/method.md).",
    )
    text += "\n" + "".join(f"* [{one.identifier}](#{one.identifier}): {one.title}\n" for one in declared)
    for one in declared:
        text += f"\n## {one.identifier}\n\n**{one.title}.** {one.abstract}\n\nKeywords: {', '.join(one.keywords)}\n"
        text += "\n### Inputs\n\n"
        text += _table(("input", "type", "default", "times", "meaning"), map(_input_row, one.inputs))
        text += "\n### Outputs\n\n" + _table(("output", "type", "comes", "meaning"), map(_output_row, one.outputs))
    return text


def parameters_page() -> str:
    """Every parameter of every stage, and of the simulator."""
    text = _head(
        "Parameters",
        "The parameters of the stages, by the sections of the configuration (see [Use your own configuration]"
        "(../how-to/own-configuration.md)). On the command line: `--set SECTION.NAME=VALUE`. Those of the simulator "
        "are at the end.",
    )
    for section, info in StageSettings.model_fields.items():
        text += _parameters(section, section, _model(info))
    return text + _parameters("simulator", "Simulator", SimulationParameters)


def settings_page() -> str:
    """Every setting of the service."""
    with tempfile.NamedTemporaryFile(suffix=".cfg") as blank:
        rows = load_settings(blank.name, {}).describe()
    text = _head(
        "Settings of the service",
        "Read from `pywps.cfg` in the current folder, or from the file that `--settings` or the environment variable "
        "`PYWPS_CFG` names; an environment variable wins over the file. Blank means the default. `gasflux-wps config` "
        "shows the settings in force and where each comes from.",
    )
    for section in dict.fromkeys(row.section for row in rows):
        own = [row for row in rows if row.section == section]
        text += f"\n## [{section}]\n\n"
        text += _table(
            ("key", "default", "environment variable", "meaning"),
            ((f"`{row.key}`", _code(row.default), f"`{row.environment}`", row.text) for row in own),
        )
    return text


def command_line_page() -> str:
    """Every command with its options."""
    program = parser()
    text = _head(
        "Command line",
        f"`gasflux-wps COMMAND`, or `python -m service COMMAND` in the project's folder. Exit status: 0; {BAD_INPUT} "
        f"where an input or a setting can't be used; {NO_SOLUTION} where the data hold no answer.",
    )
    return text + "".join(_commands(program.prog, program))


def endpoints_page() -> str:
    """Every route of the application."""
    text = _head("Endpoints", "What the service answers to, below its address.")
    return f"{text}\n" + _table(("path", "methods", "what it is"), endpoint_rows())


def errors_page() -> str:
    """Errors, failed jobs and flags."""
    text = _head(
        "Errors and flags",
        "A request that can't be met is answered by an OWS exception report with an exception code, the name of the "
        "input at fault as `locator`, and a text that says what was expected and what came. A job that fails after "
        "it was accepted says the same in its status document.",
    )
    text += "\n## Errors\n\n"
    rows = ((kind.__name__, *entry) for kind, entry in TABLE.items())
    text += _table(
        ("error", "exceptionCode", "HTTP", "when"),
        ((name, f"`{code}`", str(status), ERRORS[name]) for name, code, status in rows),
    )
    text += (
        f"\nAnything else is a fault of the program: `{UNKNOWN[0]}`, {UNKNOWN[1]}, with a request id that the operator "
        "finds in the log.\n\n## Failed jobs\n\n"
    )
    text += _table(
        ("kind", "exceptionCode", "HTTP, where the request was synchronous"),
        ((kind, f"`{code}`", str(status)) for kind, (code, status) in JOB_KINDS.items()),
    )
    text += "\n## Flags\n\nA flag on a result says what to be careful about, and what to do.\n\n"
    return text + _table(("flag", "meaning"), ((f"`{name}`", FLAG_TEXTS[name]) for name in sorted(FLAG_TEXTS)))


def metrics_page() -> str:
    """Every metric."""
    text = _head(
        "Metrics",
        "What `/metrics` tells Prometheus. The counts of jobs come from the job table: every web worker and every "
        "machine gives the same, and they go on over restarts.",
    )
    return f"{text}\n" + _table(
        ("metric", "type", "labels", "meaning"),
        ((f"`{one.name}`", one.kind, ", ".join(f"`{name}`" for name in one.labels), one.text) for one in METRICS),
    )


def endpoint_rows() -> list[Row]:
    """Path, methods and meaning of every route, in order of the paths."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(_settings_in(Path(folder)))
        found: dict[str, set[str]] = {}
        for rule in app.url_map.iter_rules():
            found.setdefault(rule.rule, set()).update(rule.methods or ())
        _close(app)
    return [(f"`{path}`", ", ".join(sorted(found[path])), meaning_of(path)) for path in sorted(found)]


# ---- parts of pages


def _input_row(item: InputDeclaration) -> Row:
    kind = _formats(item) if item.kind == "complex" else _literal(item)
    most = "any number" if item.max_occurs > 1000 else str(item.max_occurs)
    times = str(item.min_occurs) if item.min_occurs == item.max_occurs else f"{item.min_occurs}–{most}"
    return (f"`{item.identifier}`", kind, _code(item.default or ""), times, f"**{item.title}.** {item.abstract}")


def _output_row(item: OutputDeclaration) -> Row:
    kind = _formats(item) if item.kind == "complex" else _with_unit(item.data_type, item.unit)
    comes = "by reference" if item.by_reference else "in the response"
    return (f"`{item.identifier}`", kind, comes, f"**{item.title}.** {item.abstract}")


def _formats(item: InputDeclaration | OutputDeclaration) -> str:
    return ", ".join(f"`{one.media_type}`" for one in item.formats)


def _literal(item: InputDeclaration) -> str:
    if item.allowed:
        return "one of " + ", ".join(f"`{value}`" for value in item.allowed)
    low = _bound(item.minimum, ">" if item.minimum_excluded else "≥")
    high = _bound(item.maximum, "<" if item.maximum_excluded else "≤")
    return ", ".join(filter(None, (_with_unit(item.data_type, item.unit), low, high)))


def _parameters(path: str, title: str, model: type[Parameters]) -> str:
    text = f"\n## {title}\n\n"
    if model.__doc__:
        text += " ".join(model.__doc__.split()) + "\n\n"
    fields = model.model_fields
    text += _table(
        ("name", "type", "default", "meaning"),
        ((f"`{name}`", _kind(model, name), _default(info), _meaning(info)) for name, info in fields.items()),
    )
    for name, info in fields.items():
        for nested in _nested(info):
            text += _parameters(f"{path}.{name}", f"{path}.{name}", nested)
    return text


def _kind(model: type[Parameters], name: str) -> str:
    info = model.model_fields[name]
    bounds = []
    for sign, attribute, constraint in (
        ("≥", "ge", annotated_types.Ge),
        (">", "gt", annotated_types.Gt),
        ("≤", "le", annotated_types.Le),
        ("<", "lt", annotated_types.Lt),
    ):
        bounds += [_bound(getattr(one, attribute), sign) for one in info.metadata if isinstance(one, constraint)]
    return ", ".join([_with_unit(_type_words(info.annotation), unit_of(model, name)), *bounds])


def _type_words(annotation: Any) -> str:
    origin, members = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        words = [_type_words(member) for member in members if member is not NoneType]
        return " or ".join([*words, "empty"] if NoneType in members else words)
    if origin is Literal:
        return "one of " + ", ".join(f"`{value}`" for value in members)
    if origin is dict:
        return f"names, each with {_type_words(members[1])}"
    if origin in (tuple, list):
        inner = [member for member in members if member is not Ellipsis]
        return ("list of " if Ellipsis in members or origin is list else "") + ", ".join(map(_type_words, inner))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section, see below"
    return {bool: "true or false", int: "whole number", float: "number", str: "text"}.get(annotation, str(annotation))


def _default(info: FieldInfo) -> str:
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    # A default that is parameters itself is told where those are.
    parts = default if isinstance(default, tuple) else (default,)
    if default in (None, "", (), {}) or any(isinstance(part, BaseModel) for part in parts):
        return ""
    if isinstance(default, bool):
        return _code(str(default).lower())
    return _code(f"{default:g}" if isinstance(default, float) else str(default))


def _meaning(info: FieldInfo) -> str:
    return f"**{info.title}.** {info.description}" if info.title else info.description or ""


def _nested(info: FieldInfo) -> list[type[Parameters]]:
    def search(annotation: Any) -> list[type[Parameters]]:
        if isinstance(annotation, type) and issubclass(annotation, Parameters):
            return [annotation]
        return [found for member in get_args(annotation) for found in search(member)]

    return search(info.annotation)


def _model(info: FieldInfo) -> type[Parameters]:
    return _nested(info)[0]


def _commands(name: str, command: argparse.ArgumentParser) -> Iterable[str]:
    below = [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]
    for action in below:
        texts = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for word, inner in action.choices.items():
            yield f"\n## {name} {word}\n\n{_sentence(texts[word])}\n"
            options = [one for one in inner._actions if one.dest not in ("help", "==SUPPRESS==")]
            options = [one for one in options if not isinstance(one, argparse._SubParsersAction)]
            if options:
                yield "\n" + _table(("argument", "meaning"), map(_option_row, options))
            yield from _commands(f"{name} {word}", inner)


def _option_row(action: argparse.Action) -> Row:
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    shown = [*action.option_strings[-1:]]
    if action.nargs != 0:
        shown.append(f"{value} …" if action.nargs == "+" else value)
    required = " Required." if action.required and action.option_strings else ""
    return (f"`{' '.join(shown)}`", _sentence(action.help or "") + required)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".") if text else ""


def _with_unit(words: str, unit: str | None) -> str:
    return f"{words}, {unit}" if unit and unit != "1" else words


def _bound(value: Any, sign: str) -> str:
    return "" if value is None else f"{sign} {value:g}" if isinstance(value, float) else f"{sign} {value}"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _head(title: str, text: str) -> str:
    return f"<!-- Made by docs/make_reference.py from the code; change it there. -->\n\n# {title}\n\n{text}\n"


def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    # Between backticks Markdown leaves "<" alone, elsewhere it takes <gas> for a tag.
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))


def _settings_in(folder: Path) -> Settings:
    file = folder / "pywps.cfg"
    file.touch()
    return load_settings(file, {})


def _close(app: Flask) -> None:
    service_of(app).jobs.close()


if __name__ == "__main__":
    sys.exit(main())
