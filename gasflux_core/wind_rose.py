"""How often the wind came from where, and how strong."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def wind_rose(table: pd.DataFrame, sectors: int) -> tuple[list[float], NDArray[np.int64]]:
    """Edges of the classes of wind speed (m/s), and the number of kept rows by class and sector.

    The first sector is centred on north, the next ones follow clockwise.

    :param table: with kept, windspeed (m/s) and winddir (deg, from).
    :returns: edges, and counts (classes, sectors).
    """
    kept = table[table["kept"].to_numpy(dtype=bool)]
    speed = kept["windspeed"].to_numpy(dtype=float)
    sector = np.round(kept["winddir"].to_numpy(dtype=float) * sectors / 360).astype(int) % sectors
    limits = _speed_classes(float(speed.max(initial=1.0)))
    counts = [np.bincount(sector[(speed >= low) & (speed < high)], minlength=sectors) for low, high in pairwise(limits)]
    return limits, np.array(counts)


def _speed_classes(highest: float) -> list[float]:
    """Edges of about four round classes of wind speed, m/s."""
    step = next(size for size in (0.5, 1, 2, 3, 5, 10, 20, 50) if highest / size <= 5 or size == 50)
    return [step * index for index in range(int(highest // step) + 2)]
