"""Baseline algorithms of the library pybaselines, behind one signature: (series, parameters) → baseline.

Each takes the rows at equal steps, as the library's classification algorithms do: their windows are
counted in rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from gasflux_core.baseline import Baseline, Floats, Series
from gasflux_core.errors import NoSolution
from gasflux_core.parameters import Parameters, parameter


def _rows(default: int | None, title: str, text: str, least: int = 0) -> Any:
    """A window or length in rows; None leaves it to the library."""
    return parameter(default, title=title, text=f"{text} None: by the library's rule.", unit="1", ge=least, le=100_000)


class FastchromParameters(Parameters):
    """fastchrom (Johnsen et al. 2013, *Analyst* 138, 3502): rows of small rolling standard deviation."""

    half_window: int | None = _rows(6, "Half window", "Rows on either side for the rolling standard deviation.", 1)
    threshold: Literal["custom"] | float | None = parameter(
        "custom",
        title="Threshold",
        text="Rolling standard deviation, ppm, below which a row is background; 'custom': by the triangle rule "
        "(Zack et al. 1977). None: its 15th percentile.",
    )
    min_fwhm: int | None = _rows(None, "Least width of a peak", "Full width at half maximum, rows.", 1)
    interp_half_window: int | None = _rows(3, "Half window at edges", "Rows averaged where a gap is bridged.")
    smooth_half_window: int | None = _rows(3, "Half window of smoothing", "Rows on either side.")
    max_iter: int = parameter(100, title="Iterations", text="Most steps of peak filling.", unit="1", ge=1, le=10_000)
    min_length: int = parameter(
        2, title="Least run", text="Shorter runs of background are taken as signal.", unit="1", ge=1, le=1000
    )


class FabcParameters(Parameters):
    """fabc (Cobas et al. 2006, *J. Magn. Reson.* 183, 145): Whittaker smoothing of rows with little slope."""

    lam: float = parameter(1.0e4, title="Smoothness", text="Larger is stiffer.", unit="1", gt=0, le=1e15)
    scale: int | None = _rows(10, "Scale", "Scale of the wavelet that shows slopes, rows.", 1)
    num_std: float = parameter(3.0, title="Threshold", text="Standard deviations.", unit="1", gt=0, le=100)
    diff_order: int = parameter(
        2, title="Order of differences", text="Of the smoothness penalty.", unit="1", ge=1, le=3
    )
    min_length: int = parameter(
        2, title="Least run", text="Shorter runs of background are taken as signal.", unit="1", ge=1, le=1000
    )


class DietrichParameters(Parameters):
    """dietrich (Dietrich et al. 1991, *J. Magn. Reson.* 91, 1): polynomial through rows of little power."""

    smooth_half_window: int | None = _rows(5, "Half window of smoothing", "Rows on either side.")
    num_std: float = parameter(3.0, title="Threshold", text="Standard deviations.", unit="1", gt=0, le=100)
    interp_half_window: int | None = _rows(5, "Half window at edges", "Rows averaged where a gap is bridged.")
    poly_order: int = parameter(5, title="Order", text="Of the polynomial.", unit="1", ge=0, le=12)
    max_iter: int = parameter(50, title="Iterations", text="Most fits.", unit="1", ge=0, le=10_000)
    tol: float = parameter(1e-3, title="Tolerance", text="Change at which fits end.", unit="1", gt=0, le=1)
    min_length: int = parameter(
        2, title="Least run", text="Shorter runs of background are taken as signal.", unit="1", ge=1, le=1000
    )


class GolotvinParameters(Parameters):
    """golotvin (Golotvin & Williams 2000, *J. Magn. Reson.* 146, 122): rows of small range."""

    half_window: int | None = _rows(2, "Half window", "Rows on either side for the rolling range.", 1)
    num_std: float = parameter(2.0, title="Threshold", text="Standard deviations.", unit="1", gt=0, le=100)
    sections: int = parameter(
        10, title="Sections", text="Parts of the flight; the noise is that of the quietest.", unit="1", ge=1, le=10_000
    )
    smooth_half_window: int | None = _rows(None, "Half window of smoothing", "Rows on either side.")
    interp_half_window: int | None = _rows(5, "Half window at edges", "Rows averaged where a gap is bridged.")
    min_length: int = parameter(
        2, title="Least run", text="Shorter runs of background are taken as signal.", unit="1", ge=1, le=1000
    )


class StdDistributionParameters(Parameters):
    """std_distribution (Wang et al. 2013, *Anal. Chem.* 85, 1231): by the distribution of rolling deviations."""

    half_window: int | None = _rows(None, "Half window", "Rows on either side for the rolling deviation.", 1)
    interp_half_window: int | None = _rows(5, "Half window at edges", "Rows averaged where a gap is bridged.")
    fill_half_window: int = parameter(
        3, title="Half window of filling", text="Rows by which signal is widened.", unit="1", ge=0, le=100_000
    )
    num_std: float = parameter(1.1, title="Threshold", text="Standard deviations.", unit="1", gt=0, le=100)
    smooth_half_window: int | None = _rows(None, "Half window of smoothing", "Rows on either side.")


class ArplsParameters(Parameters):
    """arpls (Baek et al. 2015, *Analyst* 140, 250): asymmetrically reweighted penalised least squares."""

    lam: float = parameter(1.0e5, title="Smoothness", text="Larger is stiffer.", unit="1", gt=0, le=1e15)
    diff_order: int = parameter(
        2, title="Order of differences", text="Of the smoothness penalty.", unit="1", ge=1, le=3
    )
    max_iter: int = parameter(50, title="Iterations", text="Most fits.", unit="1", ge=1, le=10_000)
    tol: float = parameter(1e-3, title="Tolerance", text="Change at which fits end.", unit="1", gt=0, le=1)


class AslsParameters(Parameters):
    """asls (Eilers 2003, *Anal. Chem.* 75, 3631): asymmetric least squares; lies below the noise's middle."""

    lam: float = parameter(1.0e6, title="Smoothness", text="Larger is stiffer.", unit="1", gt=0, le=1e15)
    p: float = parameter(0.01, title="Asymmetry", text="Weight of rows above the baseline.", unit="1", gt=0, lt=1)
    diff_order: int = parameter(
        2, title="Order of differences", text="Of the smoothness penalty.", unit="1", ge=1, le=3
    )
    max_iter: int = parameter(50, title="Iterations", text="Most fits.", unit="1", ge=1, le=10_000)
    tol: float = parameter(1e-3, title="Tolerance", text="Change at which fits end.", unit="1", gt=0, le=1)


class SnipParameters(Parameters):
    """snip (Ryan et al. 1988, *Nucl. Instrum. Methods B* 34, 396): peaks clipped at growing widths."""

    max_half_window: int | None = _rows(40, "Largest half window", "Half the width of the widest peak, rows.", 1)
    decreasing: bool = parameter(False, title="Wide to narrow", text="Clip from the widest to the narrowest.")
    smooth_half_window: int | None = _rows(None, "Half window of smoothing", "Rows on either side.")
    filter_order: Literal[2, 4, 6, 8] = parameter(
        2, title="Order of the filter", text="2, 4, 6 or 8: the higher, the more curved the baseline.", unit="1"
    )


DITHER = 1e-6
"""Scatter, over the range of the values, that is added where the library fails on values without noise."""


def library_baseline(name: str) -> Callable[[Series, Parameters], Baseline]:
    """The algorithm that pybaselines has under that name."""

    def algorithm(series: Series, parameters: Parameters) -> Baseline:
        settings = {key: value for key, value in parameters.model_dump().items() if value is not None}
        if settings.get("threshold") == "custom":
            # scikit-image takes half a second to import.
            from skimage.filters import threshold_triangle

            settings["threshold"] = threshold_triangle
        try:
            return _run(name, series.value, settings)
        except _FAILURES:
            # Rolling deviations of equal values come out as the root of a rounding error, that is NaN.
            noise = np.random.default_rng(0).standard_normal(series.value.size)
            dithered = series.value + DITHER * float(np.ptp(series.value)) * noise
        try:
            return _run(name, dithered, settings)
        except _FAILURES as error:
            raise NoSolution(
                f"The background algorithm {name} can't treat this flight of {series.value.size} rows: {error}. "
                "Change its settings or take the algorithm 'clipped'",
                "algorithm",
            ) from error

    return algorithm


_FAILURES = (ValueError, IndexError, ArithmeticError, np.linalg.LinAlgError)
"""What the library raises on windows wider than the flight, singular systems and the like."""


def _run(name: str, values: Floats, settings: dict[str, Any]) -> Baseline:
    # pybaselines takes a second to import, and the default algorithm doesn't need it.
    from pybaselines import Baseline as Library

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # It warns where a flight is all background or a window is wide; the flags of the result say more.
        warnings.simplefilter("ignore")
        value, details = getattr(Library(), name)(values, **settings)
    if not np.isfinite(value).all():
        raise ArithmeticError("its baseline isn't finite")
    background = details.get("mask")
    return Baseline(value=value, signal=None if background is None else ~background)
