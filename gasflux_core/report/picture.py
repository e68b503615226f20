"""A figure as a report holds it: drawn once, with words for those who can't see it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gasflux_core.report.drawing import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """One figure of a report."""

    content: bytes
    """PNG, as :func:`~.drawing.png` writes it."""
    width: int
    height: int
    alternative: str
    caption: str

    @property
    def address(self) -> str:
        """A ``data:`` address that holds the PNG."""
        return "data:image/png;base64," + base64.b64encode(self.content).decode("ascii")


def picture(figure: Figure, *, alternative: str, caption: str) -> Picture:
    """Draw a figure.

    :param alternative: what the figure shows, for readers who can't see it.
    :param caption: how to read it.
    """
    width, height = figure.canvas.get_width_height()
    return Picture(png(figure), width, height, alternative, caption)
