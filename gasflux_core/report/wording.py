"""In which language a report speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gasflux_core.report.page_words import ENGLISH
from gasflux_core.report.page_words_chinese import CHINESE

Translate = Callable[[str], str]


def _as_it_is(text: str) -> str:
    return text


@dataclass(frozen=True)
class Wording:
    """The words of one language."""

    words: Mapping[str, str]
    """Those of the report itself."""
    translate: Translate
    """Gives what stages say in English (flags, notes, names of methods) in that language."""

    def __getitem__(self, name: str) -> str:
        return self.words[name]


def wording(language: str = "en-US", translate: Translate = _as_it_is) -> Wording:
    """The words of a language.

    :param language: such as ``zh-CN``; English where there are no words of it.
    :param translate: see :class:`Wording`; used where there are.
    """
    if language.split("-")[0] == "zh":
        return Wording(CHINESE, translate)
    return Wording(ENGLISH, _as_it_is)
