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
from types import MappingProxyType

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from processes import registry_with_diagnostics
from processes.base import declaration
from processes.translation import PATTERN_FLAG, TRANSLATED_IN_TURN, Pattern, catalogue_file, is_pattern
from server.languages import DEFAULT, LANGUAGES
from server.sections import MetadataSection

ROOT = Path(__file__).resolve().parents[1]

_TOLD_BY = ("progress", "tell", "words")
"""Functions whose last argument is what the status of a job says."""

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


def messages() -> Mapping[str, str]:
    """What the status of a job may say → where it is said; a pattern where a part differs, such as ``{gas}``."""
    found: dict[str, str] = {}
    for folder in ("gasflux_core", "processes", "server"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and node.args and _name(node.func) in _TOLD_BY:
                    text = _text(node.args[-1])
                    if text:
                        found.setdefault(text, f"status, {file.relative_to(ROOT).as_posix()}")
    return found


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
