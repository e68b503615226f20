"""Which language a client gets."""

from __future__ import annotations

import pytest

from processes.translation import catalogue_file
from server.languages import DEFAULT, LANGUAGES, match_language, preferred_language


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        (None, "en-US"),
        ("", "en-US"),
        (" ", "en-US"),
        ("*", "en-US"),
        ("en", "en-US"),
        ("en-US", "en-US"),
        ("EN-us", "en-US"),
        ("en-GB", "en-US"),
        ("zh", "zh-CN"),
        ("zh-CN", "zh-CN"),
        ("zh_CN", "zh-CN"),
        ("ZH-hans", "zh-CN"),
        ("zh-Hans-SG", "zh-CN"),
        ("zh-TW", "zh-CN"),
        ("fr", None),
        ("english", None),
        ("zhx", None),
        ("en-<b>", None),
        ("en-", None),
        ("-", None),
        ("中文", None),
    ],
)
def test_one_tag_gives_an_offered_language_or_none(tag: str | None, language: str | None) -> None:
    assert match_language(tag) == language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en-US"),
        ("", "en-US"),
        ("*", "en-US"),
        ("zh-CN", "zh-CN"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en;q=0.3, zh;q=0.9", "zh-CN"),
        ("zh;q=0.3, en;q=0.9", "en-US"),
        ("zh, en", "zh-CN"),
        ("en, zh", "en-US"),
        ("fr, zh ; q=0.2", "zh-CN"),
        ("fr, de", "en-US"),
        ("zh;q=0", "en-US"),
        ("zh;q=0.000, *;q=0.1", "en-US"),
        ("*;q=0.5, zh;q=0.6", "zh-CN"),
        ("zh;q=high, en;q=0.1", "en-US"),
        ("zh;q=0.1, en;q=7", "zh-CN"),
        (";;,=,,", "en-US"),
    ],
)
def test_header_gives_the_best_liked_language(header: str | None, language: str) -> None:
    assert preferred_language(header) == language


def test_header_of_any_length_is_answered() -> None:
    assert preferred_language("fr," * 49 + "zh") == "zh-CN"
    assert preferred_language("fr," * 100_000 + "zh") == DEFAULT


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_its_catalogue(language: str) -> None:
    assert catalogue_file(language).exists() == (language != DEFAULT)
