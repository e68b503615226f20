"""The circle that fits a set of points best, for flights round a source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasflux_core.errors import NoSolution

_IN_LINE = "the points lie in line: no circle fits them"

_MOST_STEPS = 100
_LEAST_DAMPING = 1e-9
_STRAIGHT = 1e3
"""Radius, in root mean square distances of the points from their middle, from which on they lie in line."""

_SMALLEST_STEP = 1e-12
"""Change of centre and radius, as a share of the radius, at which the iteration has converged."""


@dataclass(frozen=True)
class Circle:
    """A circle in the horizontal plane; lengths in m."""

    easting: float
    northing: float
    radius: float
    rms_distance: float
    """Root mean square of the points' distances from the circle."""


def fit_circle(easting: NDArray[np.float64], northing: NDArray[np.float64]) -> Circle:
    """Fit the circle with the least sum of squared distances (eᵢ, nᵢ) to the circle.

    The algebraic fit, linear least squares of e² + n² = 2 a e + 2 b n + c (Kåsa 1976), starts the
    geometric one, Gauss–Newton steps (damped after Levenberg) on rᵢ − R in (a, b, R)
    (Gander, Golub & Strebel 1994, *BIT* 34, 558–578).

    :param easting, northing: m, at least three places that are not in line.
    :raises NoSolution: when the points lie in line or at one place.
    """
    middle = np.array([easting.mean(), northing.mean()])
    points = np.stack([easting, northing], axis=1) - middle
    scale = float(np.sqrt(np.mean(points**2)))
    if not scale > 0:
        raise NoSolution("the points lie at one place: no circle fits them")
    points /= scale
    design = np.column_stack([2 * points, np.ones(len(points))])
    solution, _, rank, _ = np.linalg.lstsq(design, np.sum(points**2, axis=1), rcond=1e-9)
    if rank < 3:
        raise NoSolution(_IN_LINE)
    a, b, c = solution
    estimate = np.array([a, b, np.sqrt(c + a * a + b * b)])
    estimate = _geometric(points, estimate)
    residuals = np.hypot(points[:, 0] - estimate[0], points[:, 1] - estimate[1]) - estimate[2]
    return Circle(
        easting=float(estimate[0] * scale + middle[0]),
        northing=float(estimate[1] * scale + middle[1]),
        radius=float(estimate[2] * scale),
        rms_distance=float(np.sqrt(np.mean(residuals**2)) * scale),
    )


def _geometric(points: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    estimate, damping = start, 1e-3
    cost = _cost(points, estimate)
    for _ in range(_MOST_STEPS):
        offset = points - estimate[:2]
        distance = np.maximum(np.hypot(offset[:, 0], offset[:, 1]), np.finfo(float).tiny)
        jacobian = np.column_stack([-offset / distance[:, None], -np.ones(len(points))])
        normal = jacobian.T @ jacobian
        # points nearly in line leave a direction without slope; an even damping holds there too
        held = normal + damping * np.trace(normal) * np.eye(3)
        step = -np.linalg.lstsq(held, jacobian.T @ (distance - estimate[2]), rcond=None)[0]
        trial = _cost(points, estimate + step)
        if trial <= cost:
            estimate, cost, damping = estimate + step, trial, max(damping / 10, _LEAST_DAMPING)
        else:
            damping *= 10
        if not estimate[2] < _STRAIGHT:
            raise NoSolution(_IN_LINE)
        if np.abs(step).max() < _SMALLEST_STEP * abs(estimate[2]):
            break
    return estimate


def _cost(points: NDArray[np.float64], estimate: NDArray[np.float64]) -> float:
    distance = np.hypot(points[:, 0] - estimate[0], points[:, 1] - estimate[1])
    return float(np.sum((distance - estimate[2]) ** 2))
