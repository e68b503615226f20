"""What a file is called for people to read: never a path, and nothing in it that a terminal or a page would obey."""

from __future__ import annotations

import unicodedata

LONGEST = 100
"""Characters of a name that is shown; what is longer loses its middle, not its end."""

_HIDDEN = ("C", "Zl", "Zp")
"""Categories of Unicode that nobody sees: control and format characters, half characters, line separators."""


def shown_name(sent: str) -> str:
    """The last part of a name or path as its sender wrote it, cleaned; empty where nothing is left."""
    last = sent.replace("\\", "/").rpartition("/")[2]
    text = "".join(letter for letter in last if not unicodedata.category(letter).startswith(_HIDDEN))
    text = unicodedata.normalize("NFC", " ".join(text.split())).strip(". ")
    if len(text) <= LONGEST:
        return text
    tail = extension(text)
    return f"{text[: LONGEST - len(tail) - 1]}…{tail}"


def extension(name: str) -> str:
    """What stands after the last dot, with it, in lower case; empty where there is none or it is no such thing."""
    stem, dot, tail = name.rpartition(".")
    return f".{tail.lower()}" if dot and stem and len(tail) <= 10 else ""
