"""What each stage of a calculation costs, so that the progress told follows time and not the number of stages.

The model: seconds of a stage = Σ bᵢ · nᵖ · mᵠ with n rows, m nodes of the grid and small whole powers p and q.
Only ratios of its seconds count, so it holds on slower and faster machines alike. Its factors were
measured for 900 to 17 000 rows and 1 000 to 30 000 nodes on one processor; ``python -m benchmarks calculation``
measures them again, and prints how far the progress told is from the time that passed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gasflux_core.kriging import KrigingParameters
from gasflux_core.variogram import VariogramParameters

_ALL_PAIRS_ROWS = 2_000
"""Rows from which on the variogram takes a choice of pairs."""

_CROSS_VALIDATED_ROWS = 1_500
"""Rows from which on a choice of them is cross-validated."""

_GLOBAL_ROWS = 4_000
"""Rows up to which kriging solves one system of all of them, where it has the choice."""

_EXTRAPOLATED = 1.4
"""Nodes over the resolution where the grid reaches above the flight."""


@dataclass(frozen=True)
class Workload:
    """How large a calculation is."""

    rows: int
    gases: int
    nodes: float
    """About how many the grid of a gas will have."""
    terrain: bool = False
    """Heights above ground come from a terrain model."""


def expected_nodes(table: pd.DataFrame, kriging: KrigingParameters) -> float:
    """About the number of the grid's nodes, before there is a plane to lay it over.

    :param table: of the flight stage, with easting, northing and height_ato, m.
    """
    above = _EXTRAPOLATED if kriging.above == "kriging" else 1.0
    if kriging.cell_size == 0:
        return above * kriging.resolution
    east, north, height = (float(np.ptp(table[name])) for name in ("easting", "northing", "height_ato"))
    return max(above * float(np.hypot(east, north)) * height / kriging.cell_size**2, 1.0)


def stage_seconds(
    work: Workload, variogram: VariogramParameters, kriging: KrigingParameters
) -> dict[tuple[str, int], float]:
    """Seconds of each stage in the order in which they run: (stage, number of the gas from 0) → seconds."""
    n = float(work.rows)
    seconds = {
        ("flight", 0): 9e-3 + 5e-7 * n,
        **({("terrain", 0): 0.1} if work.terrain else {}),
        ("wind", 0): 1e-3 + 3e-7 * n,
        ("transects", 0): 4e-3 + 6e-7 * n,
        ("background", 0): 1.5e-2 * work.gases,
        ("plane", 0): 1.1e-2 + 3e-7 * n,
        ("flux_density", 0): 1e-3,
    }
    for gas in range(work.gases):
        seconds["variogram", gas] = _variogram(n, variogram)
        seconds["kriging", gas] = _kriging(n, work.nodes, kriging)
        seconds["emission_rate", gas] = 4e-2 + 1.5e-6 * n
    return seconds


def stage_begins(
    work: Workload, variogram: VariogramParameters, kriging: KrigingParameters
) -> dict[tuple[str, int], float]:
    """Fraction of the whole calculation, 0 to 1, at which each stage begins."""
    seconds = stage_seconds(work, variogram, kriging)
    ends = np.cumsum(list(seconds.values()))
    begins = np.concatenate([[0.0], ends[:-1]]) / ends[-1]
    return dict(zip(seconds, begins.tolist(), strict=True))


def _variogram(n: float, parameters: VariogramParameters) -> float:
    """The fit, the pairs, and the cross-validation's factorisation."""
    seconds = 8e-3 + 1e-6 * n + 1e-8 * min(n, _ALL_PAIRS_ROWS) ** 2
    if parameters.cross_validation != "none":
        seconds += 2.7e-11 * min(n, _CROSS_VALIDATED_ROWS) ** 3
    return seconds


def _kriging(n: float, m: float, parameters: KrigingParameters) -> float:
    if parameters.interpolator in ("linear", "inverse_distance"):
        return 3e-2 + 1e-6 * n + 1e-5 * m
    if parameters.solver == "global" or (parameters.solver == "auto" and n <= _GLOBAL_ROWS):
        return 1e-2 + 1.2e-11 * n**3 + 2.4e-8 * n * m + 1.3e-11 * n**2 * m
    return 6e-6 * n + 2e-8 * min(parameters.neighbours, n) ** 2 * m
