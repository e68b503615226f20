"""What marks and colours mean: legends and colour bars.

Imported within functions only, as it loads matplotlib.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox, IdentityTransform

from gasflux_core.report import drawing, lettering
from gasflux_core.report.lettering import in_pixels
from gasflux_core.report.panel import draw_lines, pen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.cm import ScalarMappable

_LINE = 1.55
"""From line to line of a legend, of the font's size, as are the next ones."""
_MARGIN = 0.4
_GAP = 0.4
"""Between a sample and its words."""
_APART = 1.0
"""Between entries side by side."""

_POINTED = 0.05
"""Length of a colour bar's open end, of the bar."""


class Legend(Artist):
    """Samples of marks with their words.

    :param axes: beside or in which it stands.
    :param entries: marks and words.
    :param place: above (one row, ending with the axes), below (one row, in the middle), lower right or upper left
        (one column within the axes).
    :param heading: words above all.
    :param sample: length of a sample, of the font's size.
    :param enlarged: how many times the marks are enlarged.
    """

    def __init__(
        self, axes: Axes, entries: Sequence[tuple[Any, str]], place: str, heading: str, sample: float, enlarged: float
    ) -> None:
        super().__init__()
        self.set_zorder(5)
        self.entries = entries
        self._box_of = axes
        self._place = place
        self._heading = heading
        self._sample = sample
        self._enlarged = enlarged

    def draw(self, renderer: RendererBase) -> None:
        size = drawing.SMALL
        em = in_pixels(renderer, size)
        in_row = self._place in ("above", "below")
        widths = [
            em * (self._sample + _GAP) + lettering.width(renderer, words, size) if words else 0.0
            for _, words in self.entries
        ]
        across = sum(widths) + em * _APART * (len(widths) - 1) if in_row else max(widths, default=0.0)
        lines = (1 if in_row else len(widths)) + bool(self._heading)
        frame = self._frame(across + 2 * _MARGIN * em, em * (_LINE * lines + 2 * _MARGIN - 0.5), em)
        face = pen(renderer, "white", 0)
        face.set_alpha(0.85)
        renderer.draw_path(face, _rectangle(frame), IdentityTransform(), (1.0, 1.0, 1.0))
        left, middle = frame.x0 + _MARGIN * em, frame.y1 - (_MARGIN + 0.5) * em
        text: dict[str, Any] = {"size": size, "colour": drawing.INK, "up": "center"}
        if self._heading:
            centre = (frame.x0 + frame.x1) / 2
            lettering.write(renderer, centre, middle, self._heading, across="center", **text)
            middle -= _LINE * em
        for (mark, words), width in zip(self.entries, widths, strict=True):
            self._draw_sample(renderer, mark, left, middle, em)
            lettering.write(renderer, left + em * (self._sample + _GAP), middle, words, **text)
            if in_row:
                left += width + _APART * em
            else:
                middle -= _LINE * em

    def _frame(self, width: float, height: float, em: float) -> Bbox:
        """Where it stands, pixels."""
        box = self._box_of.bbox
        if self._place == "above":
            return Bbox.from_bounds(box.x1 - width, box.y1 + 0.2 * em, width, height)
        if self._place == "below":
            return Bbox.from_bounds((box.x0 + box.x1 - width) / 2, box.y0 - 0.3 * em - height, width, height)
        if self._place == "lower right":
            return Bbox.from_bounds(box.x1 - 0.5 * em - width, box.y0 + 0.5 * em, width, height)
        return Bbox.from_bounds(box.x0 + 0.2 * em, box.y1 - 0.2 * em - height, width, height)

    def _draw_sample(self, renderer: RendererBase, mark: Any, left: float, middle: float, em: float) -> None:
        right = left + self._sample * em
        if isinstance(mark, Line2D):
            has_line = mark.get_linestyle() not in ("None", "")
            sample = Line2D([left, right] if has_line else [(left + right) / 2], [middle] * (1 + has_line))
            sample.update_from(mark)
            sample.set_clip_on(False)
            sample.set_linewidth(min(mark.get_linewidth(), em / 2))
            sample.set_markersize(self._enlarged * mark.get_markersize())
        elif isinstance(mark, PathCollection):
            diameter = float(np.sqrt(np.mean([mark.get_sizes().min(), mark.get_sizes().max()])))
            sample = Line2D([(left + right) / 2], [middle], marker="o", markersize=self._enlarged * diameter)
            sample.set(color=mark.get_facecolor()[0], markeredgewidth=0)
        else:
            red, green, blue, alpha = np.atleast_2d(mark.get_facecolor())[0]
            face = pen(renderer, "white", 0)
            face.set_alpha(float(alpha))
            box = _rectangle(Bbox([(left, middle - 0.35 * em), (right, middle + 0.35 * em)]))
            renderer.draw_path(face, box, IdentityTransform(), (red, green, blue))
            return
        sample.set_transform(IdentityTransform())
        sample.draw(renderer)


class ColourBar(Artist):
    """An upright bar of the colours with the numbers that they stand for.

    :param place: left, bottom, width and height, inches.
    :param extend: which ends are open, as values lie beyond: neither, min, max or both.
    :param factor: how many of the unit written make one of the values'.
    """

    def __init__(
        self, place: tuple[float, float, float, float], shown: ScalarMappable, text: str, extend: str, factor: float
    ) -> None:
        super().__init__()
        self._place = place
        self._shown = shown
        self._text = text
        self._extend = extend
        self._factor = factor

    def draw(self, renderer: RendererBase) -> None:
        left, low, width, height = (round(drawing.dpi_of(self) * inches) for inches in self._place)
        colours = self._shown.get_cmap()
        ends = (self._extend in ("min", "both"), self._extend in ("max", "both"))
        inner = round(height / (1 + _POINTED * sum(ends)))
        first = low + (round(_POINTED * inner) if ends[0] else 0)
        row = colours(np.arange(inner) / max(inner - 1, 1), bytes=True)
        image = np.ascontiguousarray(np.broadcast_to(row[:, None], (inner, width, 4)))
        renderer.draw_image(renderer.new_gc(), left, first, image)
        for is_open, edge, tip, value in ((ends[0], first, low, -1.0), (ends[1], first + inner, low + height, 2.0)):
            if is_open:
                corners = [(left, edge), (left + width, edge), (left + width / 2, tip), (left, edge)]
                area = pen(renderer, "white", 0)
                renderer.draw_path(area, Path(corners, closed=True), IdentityTransform(), colours(value))
        self._number(renderer, left + width, first, inner)

    def _number(self, renderer: RendererBase, right: float, first: float, inner: float) -> None:
        lowest, highest = self._shown.get_clim()
        room = in_pixels(renderer, 2 * drawing.SMALL)
        locator = MaxNLocator(int(np.clip(inner // room, 1, 9)), steps=[1, 2, 2.5, 5, 10])
        ticks = np.asarray(locator.tick_values(lowest, highest), dtype=float)
        slack = 1e-10 * (highest - lowest)
        ticks = ticks[(ticks >= lowest - slack) & (ticks <= highest + slack)]
        places = first + inner * (ticks - lowest) / (highest - lowest)
        numbers = [drawing.number(value, self._factor) for value in ticks]
        length, pad = (in_pixels(renderer, 2) for _ in range(2))
        draw_lines(renderer, [[(right, place), (right + length, place)] for place in places], drawing.INK, 0.6)
        small: dict[str, Any] = {"size": drawing.SMALL, "colour": drawing.INK}
        for place, number in zip(places, numbers, strict=True):
            lettering.write(renderer, right + length + pad, place, number, up="center", **small)
        widest = max((lettering.width(renderer, number, drawing.SMALL) for number in numbers), default=0.0)
        aside = right + length + pad + widest + in_pixels(renderer, 4)
        lettering.write(
            renderer,
            aside,
            first + inner / 2,
            self._text,
            size=drawing.FONT - 0.5,
            colour=drawing.INK,
            across="center",
            up="top",
            upwards=True,
        )


def _rectangle(box: Bbox) -> Path:
    return Path([(box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1), (box.x0, box.y0)], closed=True)
