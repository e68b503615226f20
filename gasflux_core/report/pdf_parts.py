"""What the PDF is put together of, beside text: pictures, bars, tables, and a file within the file."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from reportlab.pdfbase import pdfdoc
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Table, TableStyle

from gasflux_core.report.drawing import BLUE, INK, RULE
from gasflux_core.report.pdf_text import LETTERS, LINE, SOFT
from gasflux_core.report.picture import Picture

_SHEET_WIDTH = 1012
"""Pixels of a full figure; it is as wide as the text."""


class Drawing(Flowable):  # type: ignore[misc]  # reportlab has no types
    """A figure: its PNG as it is, and its alternative text for programs that read aloud."""

    def __init__(self, picture: Picture, text_width: float) -> None:
        super().__init__()
        self._picture = picture
        scale = text_width / max(picture.width, _SHEET_WIDTH)
        self.width, self.height = scale * picture.width, scale * picture.height
        self.hAlign = "CENTER"

    def wrap(self, available_width: float, available_height: float) -> tuple[float, float]:
        """The size it takes, points."""
        # A tall figure is made smaller rather than refused.
        if self.height > available_height > 0 and self._is_alone(available_height):
            self.width, self.height = self.width * available_height / self.height, available_height
        return self.width, self.height

    def _is_alone(self, available_height: float) -> bool:
        return self.height > 680 and available_height > 600

    def draw(self) -> None:
        """Put it onto the page."""
        canvas = self.canv
        name = _embedded(canvas, self._picture)
        alternative = pdfdoc.format(pdfdoc.PDFString(self._picture.alternative), canvas._doc).decode("latin-1")
        canvas.saveState()
        canvas._code.append(f"/Span <</Alt {alternative}>> BDC")
        canvas.scale(self.width, self.height)
        canvas._code.append(f"/{name} Do")
        canvas._code.append("EMC")
        canvas.restoreState()


def _embedded(canvas: Canvas, picture: Picture) -> str:
    """Put the picture into the file, once; the name by which a page draws it."""
    document = canvas._doc
    name = hashlib.sha256(picture.content).hexdigest()[:32]
    registered: str = document.getXObjectName(name)
    if registered not in document.idToObject:
        image = _Image(picture)
        image.name = name
        canvas._setXObjects(image)
        document.Reference(image, registered)
        document.addForm(name, image)
    canvas._formsinuse.append(name)
    return registered


class _Image(pdfdoc.PDFObject):  # type: ignore[misc]  # reportlab has no types
    """A PNG of eight-bit colours: PDF knows its compression, so that it needn't be unpacked and packed again."""

    __RefOnly__ = 1

    def __init__(self, picture: Picture) -> None:
        self.width, self.height = picture.width, picture.height
        self._packed = b"".join(part for name, part in _png_parts(picture.content) if name == b"IDAT")

    def format(self, document: Any) -> Any:
        stream = pdfdoc.PDFStream(content=self._packed)
        values = {
            "Type": pdfdoc.PDFName("XObject"),
            "Subtype": pdfdoc.PDFName("Image"),
            "Width": self.width,
            "Height": self.height,
            "BitsPerComponent": 8,
            "ColorSpace": pdfdoc.PDFName("DeviceRGB"),
            "Filter": pdfdoc.PDFName("FlateDecode"),
            # 15: each row begins with the number of its filter, as in PNG.
            "DecodeParms": pdfdoc.PDFDictionary(
                {"Predictor": 15, "Colors": 3, "BitsPerComponent": 8, "Columns": self.width}
            ),
        }
        stream.dictionary.dict.update(values)
        return stream.format(document)


def _png_parts(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        yield content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        place += length + 12


class Bar(Flowable):  # type: ignore[misc]
    """A bar within a table: from a share of the width on, for another share of it, both in percent."""

    def __init__(self, begin: float, length: float, width: float, colour: str = BLUE) -> None:
        super().__init__()
        self._begin, self._length, self._colour = begin, length, colour
        self.width, self.height = width, 7.0

    def draw(self) -> None:
        """Put it onto the page."""
        self.canv.setFillColor(self._colour)
        length = max(self._length / 100 * self.width, 0.6)
        self.canv.rect(self._begin / 100 * self.width, 0, length, self.height, stroke=0, fill=1)


class IntervalBar(Flowable):  # type: ignore[misc]
    """The interval with the estimate and zero on one line."""

    def __init__(self, bar: dict[str, str], zero: str, width: float) -> None:
        super().__init__()
        self._places = {name: float(place) / 100 * width for name, place in bar.items()}
        self._zero = zero
        self.width, self.height = width, 24.0

    def draw(self) -> None:
        """Put it onto the page."""
        canvas, at = self.canv, self._places
        canvas.setFillColor(LINE)
        canvas.rect(0, 15.5, self.width, 1.5, stroke=0, fill=1)
        canvas.setFillColor("#a5c5e0")
        canvas.rect(at["low"], 12.5, at["width"], 7.5, stroke=0, fill=1)
        canvas.setFillColor(BLUE)
        canvas.rect(at["rate"] - 1.2, 9.5, 2.4, 13.5, stroke=0, fill=1)
        canvas.setFillColor(SOFT)
        canvas.rect(at["zero"] - 0.5, 10.5, 1, 11.5, stroke=0, fill=1)
        canvas.setFont(LETTERS, 6.5)
        canvas.drawCentredString(at["zero"], 2.5, self._zero)


def ruled_table(
    rows: Sequence[Sequence[Any]], widths: Sequence[float], *, head: bool = True, total: bool = False
) -> Table:
    """A table with a line below each row, whose head is repeated on each page.

    :param widths: of the columns, points.
    :param total: the last row is the sum of the others.
    """
    lines: list[tuple[Any, ...]] = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 8),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 3),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
    ]
    if total:
        lines.append(("LINEABOVE", (0, -1), (-1, -1), 0.8, INK))
    return Table(rows, colWidths=widths, repeatRows=int(head), style=TableStyle(lines), spaceAfter=8, hAlign="LEFT")


def attach(canvas: Canvas, name: str, content: bytes, description: str) -> None:
    """Put a file into the PDF, which readers offer as an attachment."""
    document = canvas._doc
    stream = pdfdoc.PDFStream(content=content, filters=[pdfdoc.PDFZCompress])
    stream.dictionary["Type"] = pdfdoc.PDFName("EmbeddedFile")
    stream.dictionary["Subtype"] = "/application#2Fyaml"
    stream.dictionary["Params"] = pdfdoc.PDFDictionary({"Size": len(content)})
    reference = document.Reference(stream)
    specification = pdfdoc.PDFDictionary(
        {
            "Type": pdfdoc.PDFName("Filespec"),
            "F": pdfdoc.PDFString(name),
            "UF": pdfdoc.PDFString(name),
            "Desc": pdfdoc.PDFString(description),
            "EF": pdfdoc.PDFDictionary({"F": reference, "UF": reference}),
        }
    )
    names = pdfdoc.PDFArray([pdfdoc.PDFString(name), document.Reference(specification)])
    files = pdfdoc.PDFDictionary({"Names": names})
    document.Catalog.Names = pdfdoc.PDFDictionary({"EmbeddedFiles": files})
