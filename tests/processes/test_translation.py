"""Texts in Chinese: all there, and saying the same names, numbers and units."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog

from docs.make_translations import brought_up, messages, read, texts, untranslated, written
from processes import registry_with_diagnostics
from processes.base import declaration
from processes.declaration import InputDeclaration, ProcessDeclaration
from processes.translation import (
    PATTERN_FLAG,
    Catalogue,
    Pattern,
    catalogue_file,
    read_catalogue,
    translate,
    translated,
)
from server.languages import DEFAULT, LANGUAGES

OTHERS = [language for language in LANGUAGES if language != DEFAULT]
PROCESSES = {name: declaration(process) for name, process in registry_with_diagnostics().items()}

KEPT = re.compile(
    r"(?P<quoted>(?<!\w)'[\w-]+')"
    r"|(?P<name>(?:<\w+>|[A-Za-z])[\w<>]*_[\w<>]+(?:\.\w+)*|[A-Za-z]\w*\.[a-z_]\w*)"
    r"|(?P<unit>\b(?:kg|m|K|Pa|hPa|ppm)(?: (?:kg|m|h|s)-\d)+|kg/h|m/s|\bppm\b|\bhPa\b)"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<capitals>\b[A-Z][A-Z0-9]+\b)"
)
"""What a translation must leave as it is."""

HALF_WIDTH = re.compile(r"(?<=[\u4e00-\u9fff])[,;:()]|[,;:()](?=[\u4e00-\u9fff])")


def kept(text: str) -> Counter[str]:
    return Counter(found[0] for found in KEPT.finditer(text))


def described(process: ProcessDeclaration) -> Iterator[tuple[str, str]]:
    """Each title and abstract, with its place."""
    items = [(process.identifier, process)]
    items += [(f"{process.identifier}, input {item.identifier}", item) for item in process.inputs]
    items += [(f"{process.identifier}, output {item.identifier}", item) for item in process.outputs]
    for place, item in items:
        yield f"{place}: title", item.title
        yield f"{place}: abstract", item.abstract


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_has_a_translation(language: str) -> None:
    catalog = brought_up(read(catalogue_file(language)), texts(), messages())
    assert [f"{catalog[text].auto_comments}: {text}" for text in untranslated(catalog)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_catalogue_holds_the_texts_there_are_and_no_others(language: str) -> None:
    file = catalogue_file(language)
    catalog = brought_up(read(file), texts(), messages())
    assert list(catalog.obsolete) == [], "of no use any more: take it out, or see whether it fits a new text"
    assert written(catalog) == file.read_bytes(), "out of date: make docs"


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_translation_keeps_names_numbers_and_units(process: ProcessDeclaration, language: str) -> None:
    pairs = zip(described(process), described(translated(process, language)), strict=True)
    lost = {place: kept(text) - kept(other) for (place, text), (_, other) in pairs}
    assert {place: dict(words) for place, words in lost.items() if words} == {}


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_allowed_values_explained_in_english_are_explained_in_translation(
    process: ProcessDeclaration, language: str
) -> None:
    for item, other in zip(process.inputs, translated(process, language).inputs, strict=True):
        explained = [value for value in item.allowed if f"'{value}'" in item.abstract or f"{value}:" in item.abstract]
        assert [value for value in explained if value not in other.abstract] == [], item.identifier


@pytest.mark.parametrize("language", OTHERS)
def test_patterns_have_the_same_placeholders(language: str) -> None:
    def fields(text: str) -> list[str]:
        return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)

    patterns = read_catalogue(catalogue_file(language)).patterns
    assert patterns
    assert [one for one in patterns if fields(one.source) != fields(one.translation)] == []


def test_chinese_has_its_own_punctuation() -> None:
    catalog = read(catalogue_file("zh-CN"))
    assert [message.string for message in catalog if message.id and HALF_WIDTH.search(str(message.string))] == []


def test_all_but_texts_stays() -> None:
    for process in PROCESSES.values():
        other = translated(process, "zh-CN")
        assert other.title != process.title
        assert [_bare(item) for item in other.inputs] == [_bare(item) for item in process.inputs]
        assert [replace(item, title="", abstract="") for item in other.outputs] == [
            replace(item, title="", abstract="") for item in process.outputs
        ]
        assert (other.identifier, other.version) == (process.identifier, process.version)
        assert len(other.keywords) == len(process.keywords)


def _bare(item: InputDeclaration) -> InputDeclaration:
    return replace(item, title="", abstract="")


def test_text_put_together_is_translated_piece_by_piece() -> None:
    note = "Left empty: kriging.cell_size of the configuration, else the default."
    whole = translate(f"Side of a cell; 0 goes by the resolution. {note}", "zh-CN")
    assert whole.startswith(translate("Side of a cell; 0 goes by the resolution.", "zh-CN"))
    assert "kriging.cell_size" in whole
    # The keyword wind has a translation, the process of that name has not.
    assert "wind" in translate("Table of the stage wind", "zh-CN")


@pytest.mark.parametrize(
    ("told", "chinese"),
    [
        ("Kriging the flux plane of ch4", "正在对 ch4 的通量平面做克里金插值"),
        ("Calculating 12 flights", "正在计算 12 次飞行"),
        ("Step 2 of 5", "第 2 步，共 5 步"),
        ("Writing map", "正在写出地图"),
    ],
)
def test_what_a_status_says_is_translated(told: str, chinese: str) -> None:
    assert translate(told, "zh-CN") == chinese


def test_messages_are_found_with_their_parts() -> None:
    found = messages()
    assert found["Kriging the flux plane of {gas}"] == "status, gasflux_core/pipeline.py"
    assert "Step {step} of {steps}, left behind: {text}" in found


def test_text_without_translation_stays() -> None:
    assert translate("An operator's own title.", "zh-CN") == "An operator's own title."
    assert translate("Emission rate", "en-US") == "Emission rate"
    process = PROCESSES["echo"]
    assert translated(process, "en-US") is process
    assert translated(replace(process, title="New"), "zh-CN").title == "New"


def test_braces_of_a_text_are_no_placeholders() -> None:
    catalogue = Catalogue({}, (Pattern("{text} End.", "{text}!"),))
    assert catalogue.translate("{0.__class__} {text} End.") == "{0.__class__} {text}!"


def test_names_of_a_pattern_are_names_only() -> None:
    pattern = Pattern("The output {output} of {process}.", "")
    assert pattern.parts("The output table of wind.") == {"output": "table", "process": "wind"}
    assert pattern.parts("The output a, b of wind.") == {"output": "a, b", "process": "wind"}
    assert pattern.parts("The output table of wind, with its header.") is None


def test_collector_keeps_translations_marks_what_is_gone_and_adds_what_is_new(tmp_path: Path) -> None:
    old = Catalog(locale="zh_CN")
    old.add("Kept", "留")
    old.add("Gone", "去")
    old.add("{text} Then {name}.", "{text}然后 {name}。", flags=[PATTERN_FLAG])
    new = brought_up(old, {"Kept Then a_b.": "somewhere", "Kepp": "elsewhere"})
    file = tmp_path / "zh_CN.po"
    file.write_bytes(written(new))
    again = read(file)
    assert list(again.obsolete) == ["Gone"]
    assert untranslated(again) == ["Kepp"]
    catalogue = read_catalogue(file)
    assert catalogue.translate("Kept Then a_b.") == "留然后 a_b。"
    assert catalogue.translate("Kepp") == "Kepp"


def test_english_loads_no_catalogue() -> None:
    code = (
        "import sys; from processes import registry; from processes.base import declaration; "
        "from processes.translation import translated; "
        "[translated(declaration(one), 'en-US') for one in registry().values()]; "
        "sys.exit('babel' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
