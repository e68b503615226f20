"""The words of the web page in every language, from the files in ``words/``: one table a word, both languages in it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from server.languages import DEFAULT, LANGUAGES

FOLDER = Path(__file__).parent / "words"

TAGS = {language: language.split("-")[0] for language in LANGUAGES}
"""Language → its name in the files: ``en``, ``zh``."""


def read_words(folder: Path = FOLDER) -> dict[str, dict[str, str]]:
    """Word → language's name in the files → text.

    :raises ValueError: two files have a word of the same name.
    """
    found: dict[str, dict[str, str]] = {}
    for file in sorted(folder.glob("*.toml")):
        for word, texts in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if word in found:
                raise ValueError(f"{file.name}: there is a word {word} in another file already")
            found[word] = texts
    return found


@cache
def words_in(language: str) -> Mapping[str, str]:
    """All words in a language of :data:`server.languages.LANGUAGES`."""
    tag = TAGS.get(language, TAGS[DEFAULT])
    return {word: texts[tag] for word, texts in read_words().items()}
