"""Bring the catalogues of translated texts up to the texts in the code.

python -m docs.make_translations           write them: new texts without a translation, gone ones marked obsolete
python -m docs.make_translations --check   exit with 1 where one is out of date, or lacks a translation
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import SEEK_END, BytesIO
from pathlib import Path
from string import ascii_lowercase
from types import MappingProxyType

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from gasflux_core.covariance import MODEL_NAMES
from gasflux_core.flags import FLAG_TEXTS
from gasflux_core.kriging import INTERPOLATED, INTERPOLATED_BY, METHOD
from gasflux_core.other_estimates import METHOD_TITLES
from gasflux_core.uncertainty import BUDGET_TITLES
from processes import registry_with_diagnostics
from processes.base import declaration
from processes.translation import ANYTHING, PATTERN_FLAG, TRANSLATED_IN_TURN, Pattern, catalogue_file, is_pattern
from server.languages import DEFAULT, LANGUAGES
from server.sections import MetadataSection

ROOT = Path(__file__).resolve().parents[1]

_TOLD_BY = ("progress", "tell", "words")
"""Functions whose last argument is what the status of a job says."""

_NOTED_IN = ("notes", "noted")
"""Lists of what a report's notes say, each appended by itself; or it is put into a variable ``note`` first."""

_WITHHELD_BY = ("crosswind.py", "plume_inversion.py", "transect_estimate.py")
"""Modules of the core whose NoSolution is told in the report, in place of another method's rate."""

_METHOD = (
    METHOD,
    f"{{{TRANSLATED_IN_TURN}}} variogram",
    f"{{{TRANSLATED_IN_TURN}}} variogram, mirrored at the ground",
    "Simple kriging ({solver})",
    "Ordinary kriging ({solver})",
)
"""Of what :data:`gasflux_core.kriging.METHOD` and what is filled in there consist."""

_WIDTH = 110

# Babel's own header names its version and the time, and would change with every writing.
_HEADER = """# Texts of the processes and of jobs' statuses; how to change them: docs/how-to/languages.md
msgid ""
msgstr ""
"Project-Id-Version: GasFlux WPS\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def texts() -> Mapping[str, str]:
    """Every text that is shown in the client's language → where it stands, the first place of several."""
    found: dict[str, str] = {}
    for place, text in _places():
        found.setdefault(text, place)
    return found


def _places() -> Iterator[tuple[str, str]]:
    metadata = MetadataSection()
    for key in ("identification_title", "identification_abstract"):
        yield f"metadata:main, {key}", getattr(metadata, key)
    for keyword in metadata.identification_keywords:
        yield "metadata:main, identification_keywords", keyword
    for process in registry_with_diagnostics().values():
        declared = declaration(process)
        for name, item in [
            (declared.identifier, declared),
            *((f"{declared.identifier}, input {item.identifier}", item) for item in declared.inputs),
            *((f"{declared.identifier}, output {item.identifier}", item) for item in declared.outputs),
        ]:
            yield f"{name}: title", item.title
            if item.abstract:
                yield f"{name}: abstract", item.abstract
        for keyword in declared.keywords:
            yield f"{declared.identifier}: keyword", keyword
    for flag, text in FLAG_TEXTS.items():
        yield f"flag {flag}", text
    for title in (*BUDGET_TITLES.values(), *METHOD_TITLES.values()):
        yield "report, budget and methods", title
    for name in (*INTERPOLATED.values(), *INTERPOLATED_BY.values(), *MODEL_NAMES):
        yield "report, method", name


def messages() -> Mapping[str, str]:
    """What the status or the report of a job may say → where it is said.

    A pattern where a part differs, such as ``{gas}``.
    """
    found = dict.fromkeys(_METHOD, "report, method")
    for folder in ("gasflux_core", "processes", "server"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and node.args and _name(node.func) in _TOLD_BY:
                    text = _text(node.args[-1])
                    if text:
                        found.setdefault(text, f"status, {file.relative_to(ROOT).as_posix()}")
                elif folder != "server" and (noted := _noted(node, file.name)) and (text := _pattern(noted)):
                    found.setdefault(text, f"report, {file.relative_to(ROOT).as_posix()}")
    return found


def _noted(node: ast.AST, file: str) -> ast.expr | None:
    """What a report's notes, or those of another method, will say of a flight."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "note":
        return node.value
    if not isinstance(node, ast.Call) or not node.args:
        return None
    name = _name(node.func)
    if name == "append" and isinstance(node.func, ast.Attribute) and _name(node.func.value) in _NOTED_IN:
        return node.args[0]
    return node.args[0] if name == "NoSolution" and file in _WITHHELD_BY else None


def _pattern(node: ast.expr) -> str:
    """A text as an entry whose parts may be anything: ``{any_a}``, ``{any_b}`` and so on."""
    if not isinstance(node, ast.JoinedStr):
        return _text(node)
    names = (f"{{{ANYTHING}{letter}}}" for letter in ascii_lowercase)
    return "".join(_text(part) if isinstance(part, ast.Constant) else next(names) for part in node.values)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _text(node: ast.expr) -> str:
    """A text as an entry: of a part that is a name its name, of any other ``{text}``."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return f"{{{node.value.id if isinstance(node.value, ast.Name) else TRANSLATED_IN_TURN}}}"
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def brought_up(old: Catalog, wanted: Mapping[str, str], told: Mapping[str, str] = MappingProxyType({})) -> Catalog:
    """The catalogue of those texts: translations kept, patterns in the stead of the texts that they fit.

    :param wanted: text → where it stands.
    :param told: the same of what a status may say, each an entry of its own.
    """
    template = Catalog()
    for text, place in told.items():
        template.add(text, flags=[PATTERN_FLAG] if "{" in text else [], auto_comments=[place])
    by_hand = [message.id for message in old if message.id and is_pattern(message) and message.id not in told]
    patterns = [Pattern(entry, "") for entry in by_hand]
    for text, place in wanted.items():
        for entry, flags in _entries(text, patterns):
            if entry not in template:
                template.add(entry, flags=flags, auto_comments=[place])
    # Similar texts don't get each other's translation: a wrong one is worse than none.
    old.update(template, no_fuzzy_matching=True)
    return old


def _entries(text: str, patterns: Sequence[Pattern]) -> Iterator[tuple[str, list[str]]]:
    """The entries of a catalogue from which a text is translated, and their flags."""
    for pattern in patterns:
        parts = pattern.parts(text)
        if parts is not None:
            yield pattern.source, [PATTERN_FLAG]
            if TRANSLATED_IN_TURN in parts:
                yield from _entries(parts[TRANSLATED_IN_TURN], patterns)
            return
    yield text, []


def untranslated(catalog: Catalog) -> list[str]:
    """The entries that have no translation."""
    return [message.id for message in catalog if message.id and not message.string]


def read(file: Path) -> Catalog:
    """The catalogue in a file."""
    with file.open("rb") as stream:
        return read_po(stream)


def written(catalog: Catalog) -> bytes:
    """A catalogue as it stands in its file."""
    stream = BytesIO(_HEADER.format(language=catalog.locale_identifier).encode())
    stream.seek(0, SEEK_END)
    write_po(stream, catalog, width=_WIDTH, omit_header=True)
    return stream.getvalue().rstrip() + b"\n"


def main(arguments: Iterable[str] | None = None) -> int:
    """Write or check the catalogue of every language but the default."""
    parser = argparse.ArgumentParser(prog="docs.make_translations", description="Bring the catalogues up to date.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where something is missing")
    check = parser.parse_args(None if arguments is None else list(arguments)).check
    faults = 0
    for language in LANGUAGES:
        if language == DEFAULT:
            continue
        file = catalogue_file(language)
        catalog = brought_up(read(file), texts(), messages())
        content, missing = written(catalog), untranslated(catalog)
        out_of_date = content != file.read_bytes()
        if not check:
            file.write_bytes(content)
        elif out_of_date:
            sys.stderr.write(f"{file.name} is out of date: make docs\n")
        for text in missing:
            sys.stderr.write(f"{file.name}: no translation of {text!r}\n")
        faults += len(missing) + (check and out_of_date)
    return 1 if check and faults else 0


if __name__ == "__main__":
    sys.exit(main())
