"""Unsupervised classification of how the drone moves, for flights without main courses."""

from __future__ import annotations

import numpy as np

from gasflux_core.errors import NoSolution
from gasflux_core.motion import Bools, Floats, Motion
from gasflux_core.position import angle_between

MOST_CLASSES = 6
"""Largest number of classes tried."""


def motion_features(motion: Motion) -> Floats:
    """Features of each row, shape (rows, 4): |elevation| and |change of course| (deg), speed and |climb| (m/s).

    Of its two sides a row takes the straighter, more level one, so that the last row of a transect
    is like the others of it.
    """
    change = angle_between(motion.azimuth[1], motion.azimuth[0])
    # Where one side is missing or the course reverses on the spot, the row's own sides are straight each.
    within = np.fmin(_bend(motion.azimuth[0], -motion.rows), _bend(motion.azimuth[1], motion.rows))
    change = np.fmin(change, within)
    elevation = np.abs(motion.elevation)
    better = np.argmin(np.where(np.isnan(elevation), np.inf, elevation), axis=0)
    rows = np.arange(better.size)
    features = np.column_stack(
        (
            elevation[better, rows],
            change,
            motion.speed[better, rows],
            np.abs(motion.climb[better, rows]),
        )
    )
    return np.asarray(np.nan_to_num(features))


def classify_motion(motion: Motion, azimuth_tolerance: float, elevation_limit: float) -> Bools:
    """Sides of each row, shape (2, rows), that belong to a transect by unsupervised classification.

    A mixture of Gaussian distributions is fitted to the features of :func:`motion_features`, with
    the number of classes that has the least Bayesian information criterion. Classes whose median
    row flies level, straight and not too slowly are transects.

    :param azimuth_tolerance: largest median change of course in a class of transects, deg.
    :param elevation_limit: largest median elevation in a class of transects, deg.
    :raises NoSolution: where no class flies level and straight.
    """
    # scikit-learn takes a second to import, and few flights need it.
    from sklearn.mixture import GaussianMixture

    features = motion_features(motion)
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    distinct = len(np.unique(scaled.round(9), axis=0))
    models = [
        GaussianMixture(count, reg_covar=1e-3, random_state=0).fit(scaled)
        for count in range(1, min(MOST_CLASSES, distinct) + 1)
    ]
    classes = min(models, key=lambda model: float(model.bic(scaled))).predict(scaled)
    straight = np.zeros(classes.shape, dtype=bool)
    for number in np.unique(classes):
        members = classes == number
        elevation, change, speed, _ = np.median(features[members], axis=0)
        fast = speed >= 0.3 * motion.typical_speed and speed > 0.0
        straight |= members & (elevation <= elevation_limit and change <= azimuth_tolerance and fast)
    if not straight.any():
        raise NoSolution(
            "The classifier found no part of the flight that is level and straight: "
            f"no class has a median elevation up to {elevation_limit:g}° and a change of course up to "
            f"{azimuth_tolerance:g}°"
        )
    return np.asarray(motion.moving & straight)


def _bend(azimuth: Floats, rows: int) -> Floats:
    """Change of course, deg, along one side of each row: against the course one side further on."""
    further = np.full(azimuth.shape, np.nan)
    if rows > 0:
        further[:-rows] = azimuth[rows:]
    else:
        further[-rows:] = azimuth[:rows]
    return angle_between(azimuth, further)
