"""Flights whose transects and background are known exactly, for the tests of the early stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

START = pd.Timestamp("2026-06-01T10:00:00Z")
Leg = tuple[float, float, float, float, int]
"""Easting, northing, height (m) to fly to, speed (m/s), number of the transect (0: none)."""


@dataclass(frozen=True)
class Flown:
    """A flight, and the transect that each row was flown on."""

    table: pd.DataFrame
    label: np.ndarray


def fly(start: tuple[float, float, float], legs: Sequence[Leg | float], *, rate: float = 1.0, seed: int = 0) -> Flown:
    """Fly legs one after the other; a number is a hover of so many seconds. Positions carry GPS jitter."""
    place, time = np.array(start, dtype=float), 0.0
    parts = []
    for leg in legs:
        if isinstance(leg, float):
            parts.append((time, time + leg, place, place, 0))
            time += leg
            continue
        to = np.array(leg[:3], dtype=float)
        taken = float(np.linalg.norm(to - place)) / leg[3]
        parts.append((time, time + taken, place, to, leg[4]))
        place, time = to, time + taken
    times = np.arange(0.0, time, 1.0 / rate)
    ends = np.array([part[1] for part in parts])
    index = np.minimum(np.searchsorted(ends, times, side="right"), len(parts) - 1)
    share = np.array(
        [(t - parts[i][0]) / max(parts[i][1] - parts[i][0], 1e-9) for t, i in zip(times, index, strict=True)]
    )
    places = np.array([parts[i][2] + s * (parts[i][3] - parts[i][2]) for s, i in zip(share, index, strict=True)])
    jitter = np.random.default_rng(seed).normal(scale=0.1, size=places.shape)
    table = pd.DataFrame(
        {
            "timestamp": START + pd.to_timedelta(times, unit="s"),
            "time": times,
            "easting": 600_000.0 + places[:, 0] + jitter[:, 0],
            "northing": 5_700_000.0 + places[:, 1] + jitter[:, 1],
            "height_ato": places[:, 2] + jitter[:, 2],
        }
    )
    return Flown(table, np.array([parts[i][4] for i in index]))


def curtain(
    heights: Sequence[float] = tuple(range(3, 73, 7)),
    *,
    azimuth: float = 90.0,
    length: float = 200.0,
    speed: float = 5.0,
    turn: float = 2.0,
    legs: bool = True,
    rate: float = 1.0,
    slope: float = 0.0,
    seed: int = 0,
) -> Flown:
    """Transects to and fro about the origin, with climb-out, turns that hover and climb, and return.

    :param turn: hover before and after each climb, s. :param slope: rise along the transects.
    """
    sine, cosine = np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))

    def to(x: float, y: float, height: float, at: float, number: int = 0) -> Leg:
        return (x * sine + y * cosine, x * cosine - y * sine, height + slope * x, at, number)

    half = length / 2.0
    path: list[Leg | float] = []
    begin = (0.3 * length, -40.0, 0.0) if legs else (-half, 0.0, float(heights[0]))
    if legs:
        path += [to(0.3 * length, -40.0, 20.0, 3.0), to(-half, -10.0, 20.0, speed), to(-half, 0.0, heights[0], 2.0)]
    side = 1.0
    for number, height in enumerate(heights, start=1):
        path.append(to(side * half, 0.0, height, speed, number))
        if number < len(heights):
            path += [turn, to(side * half, 0.0, heights[number], 2.0), turn]
        side = -side
    if legs:
        path += [to(0.0, -60.0, heights[-1] + 10.0, speed), to(0.3 * length, -40.0, 0.0, 4.0)]
    first = to(*begin, 1.0)
    return fly(first[:3], path, rate=rate, seed=seed)


def spiral(
    revolutions: int = 6, *, radius: float = 50.0, pitch: float = 6.0, sense: float = 1.0, legs: bool = True
) -> Flown:
    """Revolutions round the origin that rise evenly, with climb-out and return."""
    path: list[Leg | float] = []
    if legs:
        path += [(0.0, 0.0, 15.0, 2.0, 0), (radius, 0.0, 3.0, 4.0, 0)]
    for step in range(1, revolutions * 48 + 1):
        angle = sense * 2.0 * np.pi * step / 48.0
        height = 3.0 + pitch * step / 48.0
        path.append((radius * np.cos(angle), radius * np.sin(angle), height, 5.0, (step - 1) // 48 + 1))
    if legs:
        path += [(0.0, 0.0, 60.0, 4.0, 0), (0.0, 0.0, 0.0, 3.0, 0)]
    return fly((0.0, 0.0, 0.0) if legs else (radius, 0.0, 3.0), path)
