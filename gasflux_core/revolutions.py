"""Spirals: flights that go round their source, and their revolutions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.circle import Circle, fit_circle
from gasflux_core.errors import NoSolution
from gasflux_core.motion import Bools, Floats, Motion
from gasflux_core.position import angle_between, bearing

SPIRAL_REVOLUTIONS = 1.5
"""Revolutions round the centre from which on a flight is a spiral."""

FEWEST_REVOLUTIONS = 0.5
"""Revolutions without which a flight can't be called a spiral."""

ROUNDNESS = 0.35
"""Largest standard deviation of the radii, over their mean, of a flight that goes round."""

RADIUS_TOLERANCE = 0.35
"""Largest deviation of a row from the circle, over its radius, that still belongs to it."""

LEAST_JUMP = 3.0
"""Change of height over rows off the circle, m, from which on the flight comes back to it as another part of it."""

SLENDERNESS = 0.1
"""Spread of the positions across their main direction, over that along it, below which they lie in line."""


def circle_of_flight(table: pd.DataFrame, allowed: Bools) -> Circle | None:
    """Circle that the flight stays close to, fitted again without the legs to and from it.

    :param allowed: rows that take part.
    :returns: None where the positions lie in line or at one place.
    """
    rows = allowed
    circle = None
    for _ in range(3):
        members = table[rows]
        # A thousand places show a circle as well as all, and this runs on every flight.
        members = members.iloc[:: max(1, len(members) // 1000)]
        easting, northing = members["easting"].to_numpy(dtype=float), members["northing"].to_numpy(dtype=float)
        spread = np.linalg.svd(np.cov(easting, northing), compute_uv=False) if len(members) > 2 else np.zeros(2)
        if not np.sqrt(spread[1]) > SLENDERNESS * np.sqrt(spread[0]):
            return None
        try:
            circle = fit_circle(easting, northing)
        except (NoSolution, np.linalg.LinAlgError):
            # Nearly in line: the best circle's radius runs away.
            return None
        near = allowed & near_circle(table, circle)
        if near.sum() < allowed.sum() / 2:
            break
        rows = near
    return circle


def near_circle(table: pd.DataFrame, circle: Circle) -> Bools:
    """Rows close enough to the circle to belong to it."""
    return np.asarray(np.abs(_distance(table, circle) - circle.radius) <= RADIUS_TOLERANCE * circle.radius)


def is_spiral(table: pd.DataFrame, circle: Circle, allowed: Bools, revolutions: float = SPIRAL_REVOLUTIONS) -> bool:
    """Whether the flight goes round the circle's centre that many times at least, and at an even distance."""
    near = allowed & near_circle(table, circle)
    if near.sum() < allowed.sum() / 2 or _distance(table, circle)[near].std() > ROUNDNESS * circle.radius:
        return False
    round_ = np.unwrap(_bearing(table, circle)[near], period=360.0)
    return float(np.ptp(round_)) >= 360.0 * revolutions


def circle_rows(table: pd.DataFrame, circle: Circle, motion: Motion, tolerance: float) -> tuple[Bools, Bools]:
    """Sides of each row, shape (2, rows), on which the drone follows the circle: clockwise, anticlockwise.

    :param tolerance: largest angle between the course and the tangent, deg.
    """
    from_centre = _bearing(table, circle)
    # The mean course over one side is the tangent's half a side away.
    seconds = motion.rows * float(np.median(np.diff(table["time"].to_numpy(dtype=float)))) / 2.0
    largest = tolerance + np.degrees(motion.speed * seconds / circle.radius)
    near = near_circle(table, circle)
    clockwise, anticlockwise = (
        near & (angle_between(motion.azimuth, from_centre + tangent) <= largest) for tangent in (90.0, -90.0)
    )
    return clockwise, anticlockwise


def number_revolutions(table: pd.DataFrame, circle: Circle, straight: Bools, rows: int) -> list[tuple[int, int]]:
    """Runs (start, stop) of one revolution each.

    A revolution starts where the flight joins the circle, reverses its sense or comes back to the circle at
    another height, as after a leg that touched it; less than half of one left over at the end belongs to the one
    before it.

    :param straight: rows on the circle. :param rows: rows over which the sense is judged.
    """
    members = np.flatnonzero(straight)
    if members.size < 2:
        return []
    runs: list[tuple[int, int]] = []
    for part in _at_one_level(table, circle, members):
        runs += _revolutions(table, circle, part, rows)
    return runs


def _at_one_level(table: pd.DataFrame, circle: Circle, members: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Parts of the rows on the circle between jumps of the height that a spiral doesn't make."""
    height = table["height_ato"].to_numpy(dtype=float)[members]
    around = float(np.ptp(np.unwrap(_bearing(table, circle)[members], period=360.0))) / 360.0
    climb = float(np.ptp(height)) / max(around, 1.0)
    left = np.diff(members) > 1
    jumps = np.flatnonzero(left & (np.abs(np.diff(height)) > max(LEAST_JUMP, 1.5 * climb))) + 1
    return np.split(members, jumps)


def _revolutions(table: pd.DataFrame, circle: Circle, members: NDArray[np.intp], rows: int) -> list[tuple[int, int]]:
    if members.size < 2:
        return []
    angle = np.unwrap(_bearing(table, circle)[members], period=360.0)
    runs: list[tuple[int, int]] = []
    for first, last in _senses(angle, rows):
        turn = np.abs(angle[first:last] - angle[first])
        whole = max(1, int(np.floor(turn[-1] / 360.0 + 0.5)))
        revolution = np.minimum(np.floor(turn / 360.0).astype(int), whole - 1)
        # Jitter at a border can't start a revolution twice.
        revolution = np.maximum.accumulate(revolution)
        edges = np.concatenate(([0], np.flatnonzero(np.diff(revolution)) + 1, [revolution.size]))
        runs += [(int(members[first + start]), int(members[first + stop - 1]) + 1) for start, stop in pairwise(edges)]
    return runs


def _senses(angle: Floats, rows: int) -> list[tuple[int, int]]:
    """Parts (first, last) of one sense of rotation each."""
    lag = min(4 * rows, angle.size - 1)
    sense = np.sign(angle[lag:] - angle[:-lag])
    changes = np.flatnonzero(np.diff(sense)) + 1 + lag // 2
    edges = [0, *(int(change) for change in changes), angle.size]
    return [(first, last) for first, last in pairwise(edges) if last - first > rows]


def _distance(table: pd.DataFrame, circle: Circle) -> Floats:
    return np.hypot(
        table["easting"].to_numpy(dtype=float) - circle.easting,
        table["northing"].to_numpy(dtype=float) - circle.northing,
    )


def _bearing(table: pd.DataFrame, circle: Circle) -> Floats:
    return bearing(
        table["easting"].to_numpy(dtype=float) - circle.easting,
        table["northing"].to_numpy(dtype=float) - circle.northing,
    )
