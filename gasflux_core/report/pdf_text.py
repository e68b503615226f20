"""Letters, styles and marked-up text of the PDF.

Letters are those of DejaVu, which comes with matplotlib and has raised and lowered digits; they are embedded. Chinese
is set in STSong-Light, one of the fonts that PDF readers bring themselves, so that no font file of many megabytes is
needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from gasflux_core.report.drawing import INK, QUIET

if TYPE_CHECKING:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

LETTERS, BOLD, TYPEWRITER, CHINESE = "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "STSong-Light"

SOFT = "#55636f"
LINE = "#d5dce2"

_UNKNOWN = "\ufffd"
"""Stands for a character that no font has, or that can't be seen."""


@dataclass(frozen=True)
class Texts:
    """Makes paragraphs in the language of a report."""

    chinese: bool

    def paragraph(self, text: str, style: str = "body", **changes: Any) -> Paragraph:
        """A paragraph of a text as it is: nothing in it is read as markup.

        :param style: one of those in :func:`_styles`.
        :param changes: to that style.
        """
        return self.of_markup(marked(text), style, **changes)

    def of_markup(self, markup: str, style: str = "body", **changes: Any) -> Paragraph:
        """A paragraph of pieces that were marked (:func:`marked`)."""
        from reportlab.platypus import Paragraph

        found = self.style(style)
        return Paragraph(markup, found.clone(style, **changes) if changes else found)

    def style(self, name: str) -> ParagraphStyle:
        """A style for this language."""
        return _styles(self.chinese)[name]


def marked(text: str, *, bold: bool = False) -> str:
    """A text as reportlab's paragraphs read it: escaped, each piece in a font that has its letters."""
    pieces = []
    for chinese, letters in groupby(map(_shown, text), key=_is_chinese):
        piece = escape("".join(letters))
        face = CHINESE if chinese else BOLD if bold else ""
        pieces.append(f'<font name="{face}">{piece}</font>' if face else piece)
    return "".join(pieces)


def _shown(letter: str) -> str:
    if letter.isspace():
        return " "
    known = letter.isprintable() and (ord(letter) in _known_letters() or _is_chinese(letter))
    return letter if known else _UNKNOWN


@cache
def _is_chinese(letter: str) -> bool:
    """Whether it is set in the Chinese font: what the other doesn't have, and it does."""
    if ord(letter) in _known_letters():
        return False
    try:
        letter.encode("gbk")
    except UnicodeEncodeError:
        return False
    return True


@cache
def _known_letters() -> frozenset[int]:
    from reportlab.pdfbase import pdfmetrics

    register_fonts()
    return frozenset(pdfmetrics.getFont(LETTERS).face.charToGlyph)


@cache
def register_fonts() -> None:
    """Make the fonts known to reportlab, once in a process."""
    from matplotlib import get_data_path
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(get_data_path(), "fonts", "ttf")
    for name in (LETTERS, BOLD, TYPEWRITER):
        pdfmetrics.registerFont(TTFont(name, folder / f"{name}.ttf"))
    pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))


@cache
def _styles(chinese: bool) -> dict[str, ParagraphStyle]:
    from reportlab.lib.styles import ParagraphStyle

    register_fonts()
    wrap = "CJK" if chinese else None
    base = ParagraphStyle(
        "body", fontName=LETTERS, fontSize=8.5, leading=12.5, textColor=INK, spaceAfter=4, wordWrap=wrap
    )

    def style(name: str, **changes: Any) -> ParagraphStyle:
        return ParagraphStyle(name, parent=base, **changes)

    heading: dict[str, Any] = {"fontName": BOLD, "keepWithNext": 1}
    code: dict[str, Any] = {"fontName": TYPEWRITER, "spaceAfter": 0, "wordWrap": None}
    styles = [
        base,
        style("title", fontName=BOLD, fontSize=19, leading=24, spaceAfter=3),
        style("heading1", **heading, fontSize=13.5, leading=17, spaceBefore=14, spaceAfter=6),
        style("heading2", **heading, fontSize=9.5, leading=13, spaceBefore=9, spaceAfter=4),
        style("soft", textColor=SOFT),
        style("caption", textColor=SOFT, fontSize=7.5, leading=10.5, spaceAfter=12),
        style("rate", fontName=BOLD, fontSize=20, leading=26, spaceAfter=2),
        style("notice", leftIndent=5, rightIndent=5, borderPadding=5, spaceBefore=8, spaceAfter=14),
        style("list", leftIndent=11, bulletIndent=2, spaceAfter=2),
        style("cell", leading=11.5, fontSize=8, spaceAfter=0),
        style("cell_head", leading=11, fontSize=7.5, spaceAfter=0, textColor=SOFT),
        style("cell_note", leading=9.5, fontSize=7, spaceAfter=0, textColor=SOFT),
        style("cell_number", leading=11.5, fontSize=8, spaceAfter=0, alignment=2, wordWrap=None),
        style("cell_head_number", leading=11, fontSize=7.5, spaceAfter=0, alignment=2, textColor=SOFT),
        style("contents", fontSize=9, leading=14, spaceAfter=0),
        style("foot", fontSize=7, leading=9, textColor=QUIET, spaceAfter=0),
        style("code", **code, fontSize=7, leading=9.2),
        style(
            "command",
            **code,
            fontSize=7.5,
            leading=11,
            backColor="#f1f4f6",
            borderPadding=5,
            leftIndent=5,
            rightIndent=5,
        ),
    ]
    return {one.name: one for one in styles}
