"""Words and numbers within figures, set by Pillow in the font of matplotlib.

matplotlib lays every string out glyph by glyph, twice, and scales its hints anew each time: a
millisecond and a half, of which a report has five hundred. Pillow takes a twentieth of that, and a
string that comes again is taken from memory.

Imported within functions only, as it loads matplotlib.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import get_data_path
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Text
from numpy.typing import NDArray
from PIL import ImageFont

if TYPE_CHECKING:
    from matplotlib.backend_bases import RendererBase

ASCENT, DESCENT = 0.76, 0.24
"""How far letters reach above and below their line, of the font's size."""
_DIGIT = 0.73
"""Height of a digit, of the font's size."""

_RISE = {"baseline": 0.0, "top": ASCENT, "bottom": -DESCENT, "center": _DIGIT / 2}
"""From the line of a string up to the place that is given for it, of the font's size."""
_SHARE = {"left": 0.0, "center": 0.5, "right": 1.0}


def in_pixels(renderer: RendererBase, points: float) -> float:
    """A length in pixels."""
    pixels: Any = renderer.points_to_pixels(points)
    return float(pixels)


def write(
    renderer: RendererBase,
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    colour: str,
    bold: bool = False,
    across: str = "left",
    up: str = "baseline",
    upwards: bool = False,
) -> None:
    """Set a string.

    :param x: of the place, pixels from the left.
    :param y: of the place, pixels from the bottom.
    :param size: of the font, points.
    :param across: what of the string is at the place: left, center or right.
    :param up: the same in height: baseline, top, bottom or center (of a digit).
    :param upwards: turned by 90°, so that it is read from below.
    """
    if not text:
        return
    pixels = in_pixels(renderer, size)
    image, left, low, length = _set(text, pixels, colour, bold, upwards)
    along, rise = _SHARE[across] * length, _RISE[up] * pixels
    corner = (x + rise + left, y - along + low) if upwards else (x - along + left, y - rise + low)
    renderer.draw_image(renderer.new_gc(), round(corner[0]), round(corner[1]), image)


def width(renderer: RendererBase, text: str, size: float, *, bold: bool = False) -> float:
    """Length of a string in pixels."""
    return _set(text, in_pixels(renderer, size), "black", bold, False)[3] if text else 0.0


class Words(Text):
    """A string at a place of a figure, at half the height of its digits.

    :param aside: of that place, points.
    :param options: as matplotlib's texts take them.
    """

    def __init__(self, x: float, y: float, text: str, aside: tuple[float, float], **options: Any) -> None:
        super().__init__(x, y, text, **options)
        self._aside = aside

    def draw(self, renderer: RendererBase) -> None:
        """Set the string."""
        x, y = self.get_transform().transform(self.get_position())
        right, up = (in_pixels(renderer, points) for points in self._aside)
        write(
            renderer,
            x + right,
            y + up,
            self.get_text(),
            size=float(self.get_fontsize()),
            colour=to_hex(self.get_color()),
            bold=self.get_fontweight() == "bold",
            across=self.get_horizontalalignment(),
            up="center",
        )


@lru_cache(maxsize=8)
def _font(pixels: float, bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    # Basic layout: the other needs a library that isn't everywhere, and the same figure is to be the same bytes.
    path = Path(get_data_path(), "fonts", "ttf", name)
    return ImageFont.truetype(str(path), pixels, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=4096)
def _set(
    text: str, pixels: float, colour: str, bold: bool, upwards: bool
) -> tuple[NDArray[np.uint8], float, float, float]:
    """The string's image (its lowest row first), where its lower left corner lies from the beginning of its line, and
    its length; pixels.
    """
    font = _font(pixels, bold)
    mask, (left, top) = font.getmask2(text, mode="L", anchor="ls")
    across, rows = mask.size
    alpha = np.frombuffer(bytes(mask), dtype=np.uint8).reshape(rows, across)
    low = -(top + rows)
    if upwards:
        alpha, left, low = np.rot90(alpha), top, left
    image = np.empty((*alpha.shape, 4), dtype=np.uint8)
    image[..., :3] = np.round(255 * np.array(to_rgb(colour)))
    image[..., 3] = alpha[::-1]
    return image, float(left), float(low), float(font.getlength(text))
