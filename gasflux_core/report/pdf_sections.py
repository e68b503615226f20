"""The sections of the PDF, from the same contents as the page's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reportlab.platypus import Flowable, KeepTogether, NextPageTemplate, PageBreak, Spacer
from reportlab.platypus.tableofcontents import TableOfContents

from gasflux_core.report.contents import ReportContents
from gasflux_core.report.drawing import BLUE, QUIET
from gasflux_core.report.pdf_parts import Bar, Drawing, IntervalBar, ruled_table
from gasflux_core.report.pdf_text import Texts, marked
from gasflux_core.report.picture import Picture

_WARNING, _GOOD = ("#fff5e3", "#eac37e"), ("#e9f6f0", "#12664f")
"""Colours of a notice and of its edge."""
_LONGEST_CELL = 1000
"""Characters of a table's cell, which has to fit on a page."""

COLUMNS = "columns"
"""Name of the pages on which the settings stand in two columns."""


class Sections:
    """Turns the contents of one report into what stands on the pages, in their order.

    :param width: of the text, points.
    """

    def __init__(self, contents: ReportContents, width: float) -> None:
        self._values = contents.values
        self._contents = contents
        self._words = contents.wording
        self._width = width
        self._texts = Texts(chinese=contents.wording["language"].startswith("zh"))
        self._figures = 0

    def all(self) -> Iterator[Flowable]:
        """Everything, from the title to the appendix."""
        yield from self._begin()
        yield from self._result()
        for gas in self._values["gases"]:
            yield from self._gas(gas)
        yield from self._flight()
        yield from self._how()
        yield from self._terms()
        yield from self._appendix()

    def _begin(self) -> Iterator[Flowable]:
        yield self._text(self._words["page_heading"], "title")
        yield self._text(self._contents.title, "body", spaceAfter=2)
        yield self._text(self._words["page_about"], "soft", spaceAfter=8)
        contents = TableOfContents(dotsMinLevel=0)
        contents.levelStyles = [self._texts.style("contents")]
        yield contents

    def _result(self) -> Iterator[Flowable]:
        words = self._words
        yield self._heading(words["sec_result"])
        for gas in self._values["gases"]:
            yield KeepTogether(list(self._rate(gas)))
        yield self._heading(words["flags_heading"], 2)
        for flag in self._values["flags"]:
            yield self._notice(f"{marked(flag['about'], bold=True)}: {marked(flag['text'])}", _WARNING)
        if not self._values["flags"]:
            yield self._notice(marked(words["no_flags"]), _GOOD)

    def _rate(self, gas: dict[str, Any]) -> Iterator[Flowable]:
        words = self._words
        yield self._text(words["rate_label"].format(gas=gas["name"]), "heading2")
        beside = f"{words['plus_minus'].format(uncertainty=gas['uncertainty'])} {words['rate_unit']}"
        yield self._texts.of_markup(f'{marked(gas["rate"])} <font size="11">{marked(beside)}</font>', "rate")
        if not gas["detected"]:
            yield self._text(words["not_detected"])
        yield IntervalBar(gas["bar"], words["interval_zero"], self._width)
        yield self._facts(
            [
                (words["interval_label"], words["interval_value"].format(low=gas["low"], high=gas["high"])),
                (
                    words["expanded_label"],
                    words["expanded_value"].format(half=gas["expanded"], factor=gas["factor"]),
                ),
                (words["relative_label"], gas["relative"]),
                (words["detection_label"], f"{gas['detection_limit']} {words['rate_unit']}"),
            ]
        )

    def _gas(self, gas: dict[str, Any]) -> Iterator[Flowable]:
        words = self._words
        yield KeepTogether([self._heading(words["sec_gas"].format(gas=gas["name"])), *self._figure(gas["plane"])])
        yield self._heading(words["budget_heading"], 2)
        yield self._text(words["budget_about"], "soft")
        yield self._budget(gas["budget"])
        yield self._heading(words["coverage_heading"], 2)
        yield self._text(words["coverage_text"].format(draws=gas["draws"], factor=gas["factor"]))
        yield self._text(words["coverage_not"])
        yield self._heading(words["part_heading"], 2)
        yield self._parts(gas["parts"])
        yield self._heading(words["others_heading"], 2)
        yield self._text(gas["others_said"], "soft")
        yield self._others(gas["others"])
        for name in ("error", "transects", "background", "variogram"):
            yield KeepTogether(self._figure(gas[name]))
        if gas["cross_validation"]:
            yield self._heading(words["cross_validation_heading"], 2)
            yield self._text(words["cross_validation_about"], "soft")
            yield self._facts(gas["cross_validation"], share=0.6)

    def _budget(self, terms: Sequence[dict[str, Any]]) -> Flowable:
        words = self._words
        widths = self._widths(0.42, 0.14, 0.16, 0.28)
        rows = [self._head(words["budget_column"], words["rate_column"], words["budget_percent"], "")]
        rows += [
            [
                self._cell(term["title"], bold=term["total"]),
                self._number(term["value"], bold=term["total"]),
                self._number(term["percent"], bold=term["total"]),
                Bar(0, float(term["width"]), widths[-1], QUIET if term["total"] else BLUE),
            ]
            for term in terms
        ]
        return ruled_table(rows, widths, total=True)

    def _parts(self, parts: Sequence[dict[str, str]]) -> Flowable:
        words = self._words
        rows = [self._head(words["part_column"], words["rate_column"], words["share_column"])]
        rows += [[self._cell(p["title"]), self._number(p["value"]), self._number(p["share"])] for p in parts]
        return ruled_table(rows, self._widths(0.6, 0.18, 0.22))

    def _others(self, others: Sequence[dict[str, str]]) -> Flowable:
        words = self._words
        widths = self._widths(0.4, 0.19, 0.2, 0.21)
        rows = [self._head(words["others_column"], words["rate_column"], words["interval_label"], "")]
        for other in others:
            name = [self._cell(other["title"])]
            if other["note"]:
                name.append(self._text(other["note"], "cell_note"))
            bar = Bar(float(other["low"]), float(other["width"]), widths[-1]) if other["width"] else ""
            rows.append([name, self._number(other["value"]), self._number(other["interval"]), bar])
        return ruled_table(rows, widths)

    def _flight(self) -> Iterator[Flowable]:
        words = self._words
        yield self._heading(words["sec_flight"])
        yield self._facts(self._values["facts"])
        for picture in (self._values["view"]["picture"], self._values["track"], self._values["wind"]):
            yield KeepTogether(self._figure(picture))
        if self._values["removed"]:
            yield self._heading(words["removed_heading"], 2)
            rows = [self._head(words["removed_reason"], words["removed_rows"])]
            rows += [[self._cell(reason), self._number(str(count))] for reason, count in self._values["removed"]]
            yield ruled_table(rows, self._widths(0.75, 0.25))

    def _how(self) -> Iterator[Flowable]:
        words = self._words
        yield self._heading(words["sec_how"])
        yield self._heading(words["method_heading"], 2)
        for method in self._values["methods"]:
            yield self._text(method)
        if self._values["notes"]:
            yield self._heading(words["notes_heading"], 2)
        for note in self._values["notes"]:
            yield self._texts.of_markup(f"<bullet>•</bullet>{marked(note)}", "list")
        yield self._heading(words["input_heading"], 2)
        yield self._facts(self._values["input"])
        yield self._heading(words["origin_heading"], 2)
        yield self._facts(self._values["calculation"])
        yield self._heading(words["reproduce_heading"], 2)
        yield self._text(words["reproduce_text"], spaceAfter=8)
        yield self._text(self._values["command"], "command", spaceAfter=9)
        for text in self._values["reproduce"]:
            yield self._text(text, "soft")

    def _terms(self) -> Iterator[Flowable]:
        yield self._heading(self._words["sec_words"])
        yield self._facts(self._values["terms"])

    def _appendix(self) -> Iterator[Flowable]:
        yield NextPageTemplate(COLUMNS)
        yield PageBreak()
        yield self._heading(self._words["appendix_heading"])
        for line in self._contents.configuration.splitlines():
            text = line.lstrip(" ")
            # Blanks that stay: a paragraph drops others at its begin.
            yield self._texts.of_markup("\u00a0" * (len(line) - len(text)) + marked(text), "code")
        yield Spacer(1, 12)
        yield self._text(self._values["footer"], "soft")

    # ---- what these are made of

    def _text(self, text: str, style: str = "body", **changes: Any) -> Flowable:
        return self._texts.paragraph(text, style, **changes)

    def _heading(self, text: str, level: int = 1) -> Flowable:
        heading = self._text(text, f"heading{level}")
        heading.outline = (level, text)
        return heading

    def _notice(self, markup: str, colours: tuple[str, str]) -> Flowable:
        back, edge = colours
        return self._texts.of_markup(markup, "notice", backColor=back, borderColor=edge, borderWidth=0.6)

    def _figure(self, picture: Picture) -> list[Flowable]:
        self._figures += 1
        number = self._words["figure_number"].format(number=self._figures)
        caption = self._texts.of_markup(f"{marked(number, bold=True)} {marked(picture.caption)}", "caption")
        return [Spacer(1, 4), Drawing(picture, self._width), Spacer(1, 3), caption]

    def _facts(self, facts: Sequence[tuple[str, str]], share: float = 0.3) -> Flowable:
        rows = [[self._text(name, "cell_head"), self._cell(value)] for name, value in facts]
        return ruled_table(rows, self._widths(share, 1 - share), head=False)

    def _head(self, first: str, *others: str) -> list[Flowable]:
        return [self._text(first, "cell_head"), *(self._text(one, "cell_head_number") for one in others)]

    def _cell(self, text: str, *, bold: bool = False) -> Flowable:
        cut = text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"
        return self._texts.of_markup(marked(cut, bold=bold), "cell")

    def _number(self, text: str, *, bold: bool = False) -> Flowable:
        return self._texts.of_markup(marked(text, bold=bold), "cell_number")

    def _widths(self, *shares: float) -> list[float]:
        return [share * self._width for share in shares]
