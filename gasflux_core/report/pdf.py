"""The report as a PDF, for files and for paper."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from gasflux_core.report.contents import ReportContents

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import BaseDocTemplate, Flowable

ATTACHMENT = "configuration.yaml"
"""Name of the file within the PDF that holds all settings."""

_MARGIN = 56.0
_GAP = 18.0
"""Between two columns, points."""
_FOOT = 34.0
"""Of the page's foot above its lower edge, points."""


def write_report_pdf(path: Path, contents: ReportContents) -> None:
    """Write a report as PDF (A4); the same contents give the same bytes."""
    path.write_bytes(render_report_pdf(contents))


def render_report_pdf(contents: ReportContents) -> bytes:
    """The report's PDF."""
    from gasflux_core.report.pdf_sections import Sections

    stream = BytesIO()
    document = _document(stream, contents)
    # Built more than once, until the contents' page numbers are right; written once.
    document.multiBuild(list(Sections(contents, document.width).all()))
    return stream.getvalue()


def _document(stream: BytesIO, contents: ReportContents) -> BaseDocTemplate:
    # reportlab takes a fifth of a second to load: for those who want a PDF.
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    from gasflux_core.report.pdf_parts import attach
    from gasflux_core.report.pdf_sections import COLUMNS
    from gasflux_core.report.pdf_text import LETTERS, Texts, marked

    words = contents.wording
    texts = Texts(chinese=words["language"].startswith("zh"))

    class Document(BaseDocTemplate):  # type: ignore[misc]  # reportlab has no types
        """Numbers the pages, and tells contents and bookmarks where the headings are."""

        pages = 0
        headings = 0

        def beforeDocument(self) -> None:  # noqa: N802  # reportlab calls it so
            self.headings = 0
            self.canv.setTitle(contents.title)
            self.canv.showOutline()
            attach(self.canv, ATTACHMENT, contents.configuration.encode("utf-8"), words["configuration_label"])

        def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802  # reportlab calls it so
            level, text = getattr(flowable, "outline", (0, ""))
            if not level:
                return
            self.headings += 1
            key = f"heading-{self.headings}"
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(text, key, level - 1, closed=level == 1)
            if level == 1:
                self.notify("TOCEntry", (0, marked(text), self.page, key))

        def foot(self, canvas: Canvas, _document: BaseDocTemplate) -> None:
            self.pages = max(self.pages, self.page)
            number = words["page_number"].format(number=self.page, count=self.pages)
            for text, place, right in ((contents.title, _MARGIN, False), (number, self.pagesize[0] - _MARGIN, True)):
                line = texts.paragraph(text, "foot", alignment=2 if right else 0)
                width, _ = line.wrap(self.width / 2, _FOOT)
                line.drawOn(canvas, place - (width if right else 0), _FOOT)

    document = Document(
        stream,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=contents.title,
        author=contents.provider or "GasFlux WPS",
        subject=words["page_heading"],
        creator=f"GasFlux WPS {contents.version}",
        lang=words["language"],
        displayDocTitle=True,
        invariant=1,
        pageCompression=1,
        initialFontName=LETTERS,
    )
    column = (document.width - _GAP) / 2
    places = [(_MARGIN, document.width)], [(_MARGIN, column), (_MARGIN + column + _GAP, column)]
    for name, frames in zip(("page", COLUMNS), places, strict=True):
        made = [Frame(left, _MARGIN, width, document.height, 0, 0, 0, 0) for left, width in frames]
        document.addPageTemplates(PageTemplate(name, made, onPageEnd=document.foot))
    return document
