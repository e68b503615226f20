"""The words of the report: each is used, and there in both languages."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from string import Formatter

import pytest

from gasflux_core import report
from gasflux_core.flags import FLAG_TEXTS
from gasflux_core.pipeline import Result, run_pipeline
from gasflux_core.report.gas_section import gas_section
from gasflux_core.report.page_words import ENGLISH as ENGLISH_WORDS
from gasflux_core.report.page_words_chinese import CHINESE
from gasflux_core.report.wording import wording
from gasflux_core.report.words import WORDS
from gasflux_core.simulate import SimulationParameters, simulate_flight
from tests.core.html_pages import Page


@pytest.fixture(scope="module")
def result() -> Result:
    flight = simulate_flight(
        SimulationParameters.check({"transects": 5, "width": 120, "sample_rate": 0.5, "legs": True})
    )
    return run_pipeline(flight.table, ("ch4",))


def test_every_word_has_its_place() -> None:
    folder = Path(report.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in [*folder.glob("*.py"), *folder.glob("templates/*")])
    by_rule = ("term_", "text_", "fact_", "part_", "model_", "reason_", "unit_", "validation_", "compass_")
    words = [name for name in (*WORDS, *ENGLISH_WORDS) if not name.startswith(by_rule)]
    # Twice or three times is where it is written down.
    written = {name: 2 if name in ENGLISH_WORDS else 1 for name in words}
    unused = [name for name in words if len(re.findall(rf"\b{name}\b", code)) <= written[name]]
    assert unused == []


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    def places(text: str) -> list[str]:
        return sorted(name for _, name, _, _ in Formatter().parse(text) if name)

    assert ENGLISH_WORDS.keys() == CHINESE.keys()
    assert [name for name, text in ENGLISH_WORDS.items() if places(text) != places(CHINESE[name])] == []


def test_all_but_names_and_units_is_chinese() -> None:
    same = {name for name, text in ENGLISH_WORDS.items() if CHINESE[name] == text}
    left = {"unit_mass_enhancement", "unit_flux_density", "rate_unit", "rate_column", "flags_gas", "plus_minus"}
    assert same == left | {"interval_zero", "view_high", "input_sha256", "origin_calculated_value"}
    half_width = re.compile(r"(?<=[\u4e00-\u9fff])[,;:()]|[,;:()](?=[\u4e00-\u9fff])")
    assert [name for name, text in CHINESE.items() if half_width.search(text)] == []


def test_the_page_is_chinese_from_the_first_to_the_last_word(result: Result) -> None:
    rate = dataclasses.replace(result.gases["ch4"].rate, flags=("light_wind",))
    told = dataclasses.replace(result, gases={"ch4": dataclasses.replace(result.gases["ch4"], rate=rate)})
    words = wording("zh-CN", lambda text: f"译文{len(text)}")
    found = Page(report.render_report(report.report_contents(told, None, words)))
    assert found.all("html")[0]["lang"] == "zh-CN"
    english = re.compile(r"[a-z]{3,} [a-z]{3,} [a-z]{3,}")
    shown = {tag: [text for text in texts if english.search(text)] for tag, texts in found.texts.items()}
    assert {tag: texts for tag, texts in shown.items() if texts and tag not in ("style", "script", "pre")} == {}
    # What stages say in English comes from the catalogue of the caller.
    assert f"译文{len(FLAG_TEXTS['light_wind'])}" in "".join(found.texts["div"])
    assert [row["title"] for row in gas_section(told, "ch4", words)["budget"][:-1]] == [
        f"译文{len(term.title)}" for term in rate.budget
    ]


def test_a_language_without_words_is_english() -> None:
    assert wording("fr-FR", lambda text: "?") == wording()
