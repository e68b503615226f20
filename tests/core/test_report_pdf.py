"""The report as PDF: it says what the page says, and what it needs is within it."""

from __future__ import annotations

import dataclasses
import io
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfReader

from gasflux_core import report
from gasflux_core.configuration import read_configuration
from gasflux_core.io.tables import read_table, write_table
from gasflux_core.pipeline import Result, check_settings, run_pipeline
from gasflux_core.report.contents import Origin, ReportContents
from gasflux_core.report.pdf import ATTACHMENT
from gasflux_core.report.pdf_text import marked
from gasflux_core.report.wording import wording
from gasflux_core.simulate import SimulationParameters, simulate_flight

ORIGIN = Origin(
    source="航次 <b>1</b> & 2.csv",
    size=123456,
    sha256="0123456789abcdef" * 4,
    calculated=datetime(2026, 5, 4, 13, 12, 11, tzinfo=UTC),
    provider="Institute of Air",
)
SETTINGS = {"variogram": {"longest_range": 0.7}, "kriging": {"resolution": 1234}, "emission_rate": {"seed": 7}}


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = simulate_flight(SimulationParameters.check({"transects": 5, "width": 120, "sample_rate": 0.5, "legs": True}))
    path = tmp_path_factory.mktemp("flight") / "flight.csv"
    write_table(made.table, path)
    return path


@pytest.fixture(scope="module")
def result(flight: Path) -> Result:
    return run_pipeline(read_table(flight), ("ch4",), check_settings(SETTINGS))


@pytest.fixture(scope="module")
def contents(result: Result) -> ReportContents:
    return report.report_contents(result, ORIGIN)


@pytest.fixture(scope="module")
def content(contents: ReportContents) -> bytes:
    return report.render_report_pdf(contents)


@pytest.fixture(scope="module")
def document(content: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(content), strict=True)


@pytest.fixture(scope="module")
def text(document: PdfReader) -> str:
    return _text(document)


def _text(document: PdfReader) -> str:
    return " ".join(" ".join(page.extract_text() for page in document.pages).split())


def test_it_says_what_the_page_says(contents: ReportContents, text: str) -> None:
    (gas,) = contents.values["gases"]
    said = [gas[name] for name in ("rate", "uncertainty", "low", "high", "detection_limit", "factor")]
    said += [str(cell) for row in gas["budget"] for cell in (row["title"], row["value"], row["percent"])]
    said += [row[name] for row in gas["others"] for name in ("title", "value", "interval")]
    said += [row["title"] for row in gas["parts"]]
    said += [flag["text"] for flag in contents.values["flags"]]
    for section in ("facts", "removed", "input", "calculation", "terms"):
        said += [str(cell) for row in contents.values[section] for cell in row]
    said += [*contents.values["methods"], *contents.values["notes"], contents.values["footer"]]
    # Words broken across lines have a blank where the line ends.
    shown = text.replace(" ", "")
    assert [one for one in said if one.replace(" ", "") not in shown] == []


def test_every_figure_is_in_it_as_it_was_drawn(contents: ReportContents, document: PdfReader, text: str) -> None:
    values = contents.values
    (gas,) = values["gases"]
    drawn = [gas[name] for name in ("plane", "error", "transects", "background", "variogram")]
    drawn += [values["view"]["picture"], values["track"], values["wind"]]
    shown = [image.image for page in document.pages for image in page.images]
    assert len(shown) == len(drawn)
    pixels = {one.convert("RGB").tobytes() for one in shown if one is not None}
    assert pixels == {Image.open(io.BytesIO(one.content)).convert("RGB").tobytes() for one in drawn}
    assert all(f"Figure {number}." in text for number in range(1, len(drawn) + 1))
    pages = "".join(page.get_contents().get_data().decode("latin-1") for page in document.pages)  # type: ignore[union-attr]
    assert pages.count("/Alt (") == len(drawn)
    assert "".join(f"\\000{letter}" for letter in "Map of the flight track coloured by") in pages


def test_it_is_the_same_for_the_same_contents(contents: ReportContents, content: bytes, tmp_path: Path) -> None:
    report.write_report_pdf(tmp_path / "report.pdf", contents)
    assert (tmp_path / "report.pdf").read_bytes() == content


def test_pages_are_a4_numbered_and_in_the_contents(document: PdfReader) -> None:
    count = len(document.pages)
    for number, page in enumerate(document.pages, start=1):
        assert [float(side) for side in page.mediabox[2:]] == pytest.approx([595.28, 841.89], abs=0.01)
        assert f"Page {number} of {count}" in page.extract_text()
    places = {
        str(one["/Title"]): document.get_destination_page_number(one)
        for one in document.outline
        if not isinstance(one, list)  # type: ignore[arg-type]
    }
    first = document.pages[0].extract_text()
    for title, place in places.items():
        assert re.search(rf"\. {(place or 0) + 1}\s+{re.escape(title)}", first), title
    assert next(iter(places)) == "Result"
    assert list(places)[-1] == "Appendix: all settings in force"
    assert document.get_num_pages() > len(places)


def test_it_names_itself(document: PdfReader, result: Result) -> None:
    about: Any = document.metadata
    assert about.title == "Emission rate: CH₄"
    assert about.author == "Institute of Air"
    assert about.creator == f"GasFlux WPS {result.versions['gasflux-wps']}"
    root: Any = document.trailer["/Root"]
    assert root["/Lang"] == "en"


def test_the_attached_settings_give_the_same_rate_to_the_last_digit(
    document: PdfReader, result: Result, flight: Path, text: str
) -> None:
    (attached,) = document.attachments[ATTACHMENT]
    read = read_configuration(attached.decode("utf-8"))
    again = run_pipeline(read_table(flight), read.gases or (), check_settings(read.sections))
    rate = result.gases["ch4"].rate.to_dict()
    assert again.gases["ch4"].rate.to_dict() == rate
    assert run_pipeline(read_table(flight), ("ch4",)).gases["ch4"].rate.to_dict() != rate
    assert all(line.strip() in text for line in attached.decode("utf-8").splitlines())


def test_text_of_users_is_never_markup(result: Result) -> None:
    evil = '<b>bold</b> &amp; <font size="90">x</font> \x00\x07\ud800 <para> ' + "W" * 3000
    hostile = dataclasses.replace(result, notes=(evil, "备注 𓀀"))
    origin = dataclasses.replace(ORIGIN, source=evil, provider="<i>A & B</i> (\\)")
    document = PdfReader(io.BytesIO(report.render_report_pdf(report.report_contents(hostile, origin))), strict=True)
    text = _text(document)
    assert '<b>bold</b> &amp; <font size="90">x</font> \ufffd\ufffd\ufffd <para>' in text
    # In the command and as a note it is whole, though no line holds it; in a table it is cut, since no page does.
    assert 7000 > text.replace(" ", "").count("W") >= 2 * 3000
    assert "备注 \ufffd" in text
    assert document.metadata is not None
    assert document.metadata.author == "<i>A & B</i> (\\)"


def test_a_cell_that_no_page_holds_is_cut(result: Result) -> None:
    origin = dataclasses.replace(ORIGIN, provider="many words " * 3000)
    document = PdfReader(io.BytesIO(report.render_report_pdf(report.report_contents(result, origin))))
    assert 50 < _text(document).count("many words") < 100


def test_several_gases_have_a_section_each(result: Result) -> None:
    made = simulate_flight(
        SimulationParameters.check(
            {"transects": 5, "width": 120, "sample_rate": 0.5, "gases": {"co2": {"background": 420, "noise": 0.5}}}
        )
    )
    two = run_pipeline(made.table, ("ch4", "co2"))
    document = PdfReader(io.BytesIO(report.render_report_pdf(report.report_contents(two))))
    titles = [str(one["/Title"]) for one in document.outline if not isinstance(one, list)]
    assert titles[1:3] == ["CH₄ in detail", "CO₂ in detail"]


def test_it_is_chinese_where_that_is_asked_for(result: Result) -> None:
    words = wording("zh-CN", lambda text: text)
    document = PdfReader(io.BytesIO(report.render_report_pdf(report.report_contents(result, ORIGIN, words))))
    text = _text(document)
    for said in ("排放速率报告", "不确定度预算", "第 1 页，共", "图 8", "航次 <b>1</b> & 2.csv"):
        assert said.replace(" ", "") in text.replace(" ", ""), said
    root: Any = document.trailer["/Root"]
    assert root["/Lang"] == "zh-CN"
    assert document.metadata is not None
    assert document.metadata.title == "排放速率：CH₄"


def test_letters_have_a_font_that_has_them() -> None:
    assert marked("a<b & −₄⁻²") == "a&lt;b &amp; −₄⁻²"
    assert marked("风，x") == '<font name="STSong-Light">风，</font>x'
    assert marked("a\u202eb\t\x7f") == "a\ufffdb \ufffd"
    assert marked("x", bold=True) == '<font name="DejaVuSans-Bold">x</font>'


def test_it_is_small_and_quick(contents: ReportContents, content: bytes) -> None:
    assert len(content) < 1_500_000
    begin = time.process_time()
    report.render_report_pdf(contents)
    assert time.process_time() - begin < 1.0


def test_nothing_is_loaded_before_it_is_drawn() -> None:
    code = "import sys, gasflux_core.report; print('reportlab' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
