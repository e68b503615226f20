"""Planes and tables of exactly known content, for the tests of the later stages."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gasflux_core.plane_geometry import Plane


def curtain(length: float = 200.0, normal_azimuth: float = 0.0, ground: float = 0.0) -> Plane:
    """An east–west curtain; its normal points to the azimuth given (0 or 180)."""
    return Plane(
        kind="curtain",
        crs="EPSG:32631",
        azimuth=90.0,
        grid_azimuth=90.0,
        convergence=0.0,
        origin_easting=500_000.0,
        origin_northing=5_600_000.0,
        normal_azimuth=normal_azimuth,
        length=length,
        rms_distance=0.0,
        centre_easting=500_000.0 + length / 2,
        centre_northing=5_600_000.0,
        radius=None,
        start=(3.0, 50.5),
        end=(3.01, 50.5),
        ground=((0.0, ground), (length, ground)),
    )


def cylinder(radius: float = 50.0) -> Plane:
    """An upright cylinder."""
    return Plane(
        kind="spiral",
        crs="EPSG:32631",
        azimuth=None,
        grid_azimuth=None,
        convergence=0.0,
        origin_easting=500_000.0,
        origin_northing=5_600_000.0 + radius,
        normal_azimuth=None,
        length=2 * np.pi * radius,
        rms_distance=0.0,
        centre_easting=500_000.0,
        centre_northing=5_600_000.0,
        radius=radius,
        start=(3.0, 50.5),
        end=(3.0, 50.5),
    )


def level_transects(
    heights: np.ndarray, length: float = 200.0, step: float = 4.0, east: float = 0.0, north: float = 5.0
) -> pd.DataFrame:
    """Rows along level transects in a uniform wind, with ambient pressure and temperature."""
    places = np.arange(0.0, length + step / 2, step)
    x = np.concatenate([places if number % 2 == 0 else places[::-1] for number in range(len(heights))])
    z = np.repeat(np.asarray(heights, dtype=float), len(places))
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "height_above_ground": z,
            "kept": True,
            "transect": np.repeat(np.arange(1, len(heights) + 1), len(places)),
            "wind_east": east,
            "wind_north": north,
            "wind_normal": north,
            "pressure": 1000.0,
            "temperature": 15.0,
            "ch4_density": 0.67,
        }
    )
