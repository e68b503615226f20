"""The texts of processes in other languages than the English in which they are written.

A catalogue is a gettext file, ``translations/<language>.po``: English text → text. An entry with the flag
``python-brace-format`` is a pattern, for texts that are put together: ``{text}`` (or ``{text_a}`` and so on) in it
stands for a text that is translated in turn, ``{any_a}`` and so on for whatever stands there, any other ``{name}`` for
a name, or several with commas between them; these stay as they are.

``python -m docs.make_translations`` keeps the catalogues up with the texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

from processes.declaration import InputDeclaration, OutputDeclaration, ProcessDeclaration

FOLDER = Path(__file__).parent / "translations"
PATTERN_FLAG = "python-brace-format"
TRANSLATED_IN_TURN = "text"
ANYTHING = "any_"
"""How the names of placeholders begin that stand for any text that stays as it is."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_NAMES = r"[\w.]+(?:, [\w.]+)*"

Described = TypeVar("Described", ProcessDeclaration, InputDeclaration, OutputDeclaration)


@dataclass(frozen=True)
class Pattern:
    """One entry for texts that are put together."""

    source: str
    translation: str

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        # Of the pieces every second one is a placeholder's name; between them stands what is written.
        pieces = _PLACEHOLDER.split(self.source)
        parts = [self._part(piece) if place % 2 else re.escape(piece) for place, piece in enumerate(pieces)]
        return re.compile("".join(parts))

    @staticmethod
    def _part(placeholder: str) -> str:
        if placeholder == TRANSLATED_IN_TURN:
            return f"(?P<{placeholder}>.+)"
        anything = placeholder.startswith((f"{TRANSLATED_IN_TURN}_", ANYTHING))
        return f"(?P<{placeholder}>{'.+?' if anything else _NAMES})"

    def parts(self, text: str) -> dict[str, str] | None:
        """What stands in the placeholders' places in a text, or None where the text is another."""
        found = self._expression.fullmatch(text)
        return found.groupdict() if found else None


@dataclass(frozen=True)
class Catalogue:
    """The texts of one language."""

    texts: Mapping[str, str]
    patterns: tuple[Pattern, ...]

    def translate(self, text: str) -> str:
        """The text in this language; as it is where there is no translation."""
        if found := self.texts.get(text):
            return found
        for pattern in self.patterns:
            parts = pattern.parts(text)
            if parts is not None:
                for name in parts:
                    if name.startswith(TRANSLATED_IN_TURN):
                        parts[name] = self.translate(parts[name])
                return pattern.translation.format_map(parts)
        return text


def translated(declaration: ProcessDeclaration, language: str) -> ProcessDeclaration:
    """The declaration with its titles, abstracts and keywords in a language; all else stays.

    :param language: such as ``zh-CN``; of one without a catalogue, the declaration itself.
    """
    catalogue = _catalogue(language)
    if catalogue is None:
        return declaration
    return replace(
        _described(declaration, catalogue),
        keywords=tuple(catalogue.translate(keyword) for keyword in declaration.keywords),
        inputs=tuple(_described(item, catalogue) for item in declaration.inputs),
        outputs=tuple(_described(item, catalogue) for item in declaration.outputs),
    )


def translate(text: str, language: str) -> str:
    """A text in a language; as it is where there is no translation."""
    catalogue = _catalogue(language)
    return text if catalogue is None else catalogue.translate(text)


def catalogue_file(language: str) -> Path:
    """Where the texts of a language lie."""
    return FOLDER / f"{language.replace('-', '_')}.po"


def is_pattern(message: Any) -> bool:
    """Whether an entry of a catalogue is for texts that are put together."""
    return PATTERN_FLAG in message.flags


@cache
def _catalogue(language: str) -> Catalogue | None:
    file = catalogue_file(language)
    return read_catalogue(file) if file.exists() else None


def read_catalogue(file: Path) -> Catalogue:
    """Read a catalogue, but for its entries that have no translation yet."""
    # Loaded by those who ask for another language only.
    from babel.messages.pofile import read_po

    texts, patterns = {}, []
    with file.open("rb") as stream:
        for message in read_po(stream):
            source, translation = str(message.id), str(message.string or "")
            if source and translation and is_pattern(message):
                patterns.append(Pattern(source, translation))
            elif source and translation:
                texts[source] = translation
    return Catalogue(texts, tuple(patterns))


def _described(item: Described, catalogue: Catalogue) -> Described:
    return replace(item, title=catalogue.translate(item.title), abstract=catalogue.translate(item.abstract))
