"""A figure as the page holds it: within the page itself, with words for those who can't see it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gasflux_core.report.drawing import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """One figure of the page."""

    address: str
    """A ``data:`` address that holds the PNG."""
    width: int
    height: int
    alternative: str
    caption: str


def picture(figure: Figure, *, alternative: str, caption: str) -> Picture:
    """Draw a figure, and put it into a ``data:`` address.

    :param alternative: what the figure shows, for readers who can't see it.
    :param caption: how to read it.
    """
    width, height = figure.canvas.get_width_height()
    address = "data:image/png;base64," + base64.b64encode(png(figure)).decode("ascii")
    return Picture(address, width, height, alternative, caption)
