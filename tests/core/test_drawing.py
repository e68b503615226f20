"""What figures are made of: pictures, words, numbers along axes, legends and colour bars."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image

from gasflux_core.report import drawing, lettering
from gasflux_core.report.panel import Panel

WIDTH, HEIGHT = 400, 200


def drawn(figure: Figure) -> NDArray[np.int_]:
    """The figure's pixels, the lowest row first."""
    return np.asarray(Image.open(io.BytesIO(drawing.png(figure)))).astype(int)[::-1]


def sheet() -> Figure:
    return drawing.new_figure(WIDTH / drawing.DPI, HEIGHT / drawing.DPI)


def panel(figure: Figure, *, grid: bool = True) -> Panel:
    return drawing.new_axes(figure, 0.8, 0.5, 2.2, 1.0, grid=grid)


def box(dark: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, low, right and high end of what is set."""
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def ink(figure: Figure) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (drawn(figure) < 250).any(axis=2)
    return found


def written(**options: object) -> tuple[int, int, int, int]:
    """Where ink lies of a word written at the middle of a sheet."""
    figure = sheet()
    figure.add_artist(Written(lambda renderer: lettering.write(renderer, 200, 100, "Hxp", **options)))  # type: ignore[arg-type]
    return box(ink(figure))


class Written(Patch):
    def __init__(self, draw: Callable[[object], None]) -> None:
        super().__init__()
        self.draw = draw


def test_a_picture_is_the_canvas_pixel_for_pixel() -> None:
    figure = sheet()
    panel(figure).plot([0, 1, 2], [3, 1, 4])
    data = drawing.png(figure)
    image = Image.open(io.BytesIO(data))
    image.verify()
    shown = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(shown, np.asarray(figure.canvas.buffer_rgba())[:, :, :3])
    assert shown.shape == (HEIGHT, WIDTH, 3)
    assert data == drawing.png(figure)


@pytest.mark.parametrize(("across", "share"), [("left", 0.0), ("center", 0.5), ("right", 1.0)])
def test_words_stand_where_they_are_put(across: str, share: float) -> None:
    left, low, right, high = written(size=20, colour="black", across=across)
    assert left + share * (right - left) == pytest.approx(200, abs=3)
    # The p hangs below the line, the H stands on it.
    assert low < 98 < 105 < high


@pytest.mark.parametrize(("up", "low", "high"), [("top", 60, 102), ("bottom", 99, 140), ("center", 75, 120)])
def test_words_hang_or_stand(up: str, low: int, high: int) -> None:
    _, lowest, _, highest = written(size=20, colour="black", up=up)
    assert low <= lowest < highest <= high


def test_words_that_run_upwards_are_those_turned() -> None:
    flat = written(size=20, colour="black", across="center")
    left, low, right, high = written(size=20, colour="black", across="center", upwards=True)
    assert (high - low, right - left) == (flat[2] - flat[0], flat[3] - flat[1])
    # What hangs below the line points to the right.
    assert 200 - left == pytest.approx(flat[3] - 100, abs=1)


def test_words_have_their_colour_and_weight() -> None:
    figure = sheet()
    axes = panel(figure)
    axes.framed = False
    drawing.write(axes, (0.5, 0.5), "HHH", size=20, colour=drawing.ORANGE, bold=True)
    pixels = drawn(figure)
    assert (np.abs(pixels - np.round(255 * np.array(to_rgb(drawing.ORANGE)))).max(axis=2) < 3).sum() > 300
    assert [text.get_text() for text in axes.texts] == ["HHH"]


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.2e-7, 8.1e-7), (412.3, 412.9), (-1000.0, 80.0)])
def test_numbers_along_axes_are_round_and_within(low: float, high: float) -> None:
    axes = panel(sheet())
    axes.set_xlim(low, high)
    drawing.in_unit(axes.xaxis, 1e3)
    places, numbers = axes.ticks("x")
    assert 2 <= len(places) <= 9
    assert np.all((places >= low - 1e-9 * (high - low)) & (places <= high + 1e-9 * (high - low)))
    assert np.ptp(np.diff(places)) == pytest.approx(0, abs=1e-9 * (high - low))
    assert [float(number.replace("−", "-")) / 1e3 for number in numbers] == pytest.approx(places.tolist(), rel=1e-5)
    pixels = axes.pixels("x", np.array([low, high]))
    assert pixels == pytest.approx([axes.bbox.x0, axes.bbox.x1])


def test_lines_go_through_the_panel_at_its_numbers() -> None:
    figure = sheet()
    axes = panel(figure)
    axes.set(xlim=(0, 10), ylim=(0, 1))
    inside = drawn(figure)[int(axes.bbox.y0) + 4 : int(axes.bbox.y1) - 4]
    darker = (inside[:, int(axes.bbox.x0) + 4 : int(axes.bbox.x1) - 4] < 245).any(axis=2)
    columns = np.flatnonzero(darker.all(axis=0)) + int(axes.bbox.x0) + 4
    places = axes.pixels("x", axes.ticks("x")[0])
    assert columns == pytest.approx(places[(places > columns[0] - 2) & (places < columns[-1] + 2)], abs=1.5)


def test_numbers_may_be_left_out() -> None:
    def below(numbered: bool) -> int:
        figure = sheet()
        axes = panel(figure)
        axes.numbered["x"] = numbered
        # Beside the numbers of the other axis.
        return int(ink(figure)[: int(axes.bbox.y0) - 3, int(axes.bbox.x0) + 3 :].sum())

    assert below(True) > 100
    assert below(False) == 0


def test_a_colour_bar_shows_colours_at_their_numbers() -> None:
    figure = sheet()
    shown = ScalarMappable(Normalize(0.0, 2.0), "viridis")
    drawing.colour_bar(figure, (1.0, 0.2, 0.3, 1.4), shown, text="words", extend="both")
    column = drawn(figure)[:, int(1.15 * drawing.DPI)]
    coloured = np.flatnonzero((column < 250).any(axis=1))
    low, high = 0.2 * drawing.DPI, 1.6 * drawing.DPI
    assert (coloured[0], coloured[-1]) == pytest.approx((low, high), abs=2)
    # Both ends taken off, the middle is that of the colours.
    middle = round((low + high) / 2)
    assert np.abs(column[middle] - 255 * np.array(colormaps["viridis"](0.5)[:3])).max() < 4
    inner = (high - low) / 1.1
    quarter = round(low + 0.05 * inner + 0.25 * inner)
    assert np.abs(column[quarter] - 255 * np.array(colormaps["viridis"](0.25)[:3])).max() < 6


@pytest.mark.parametrize("place", ["above", "below", "lower right", "upper left"])
def test_a_legend_shows_every_mark_in_its_place(place: str) -> None:
    figure = sheet()
    axes = panel(figure)
    axes.framed = False
    axes.set(xlim=(0, 1), ylim=(0, 1))
    colours = (drawing.BLUE, drawing.ORANGE, drawing.TEAL)
    # Beyond the limits: what is seen of these colours is the legend.
    axes.plot([5, 6], [5, 6], color=colours[0], linewidth=4, label="line")
    axes.scatter([5, 6], [5, 5], color=colours[1], s=60, label="marks")
    axes.fill_between([5, 6], 5, 6, color=colours[2], label="area")
    drawing.legend(axes, place)
    pixels = drawn(figure)
    middles = []
    for colour in colours:
        left, low, right, high = box(np.abs(pixels - np.round(255 * np.array(to_rgb(colour)))).max(axis=2) < 3)
        middles.append(((left + right) / 2, (low + high) / 2))
    x, y = np.array(middles).T
    frame = axes.bbox
    if place in ("above", "below"):
        assert np.all(np.diff(x) > 20)
        assert np.all(y > frame.y1) if place == "above" else np.all(y < frame.y0)
    else:
        assert np.all(np.diff(y) < -10)
        assert np.all((x > frame.x0) & (x < frame.x1) & (y > frame.y0) & (y < frame.y1))
