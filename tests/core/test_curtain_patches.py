"""A plume that no single transect shows stands out in the patch of the curtain that it covers."""

from __future__ import annotations

import numpy as np
import pytest

from gasflux_core.baseline import Series
from gasflux_core.curtain_patches import footprint, patches_of

TRANSECTS, ROWS = 12, 41


def curtain(height: float, *, noise: float = 1.0, seed: int = 0) -> tuple[Series, np.ndarray]:
    """Transects to and fro past a bump of this height (in units of the noise), and the bump's own shape."""
    x = np.linspace(-100.0, 100.0, ROWS)
    across = np.concatenate([x if number % 2 == 0 else x[::-1] for number in range(TRANSECTS)])
    transect = np.repeat(np.arange(1, TRANSECTS + 1), ROWS)
    bump = np.exp(-0.5 * (across / 16.0) ** 2 - 0.5 * ((transect - 4.0) / 2.0) ** 2)
    value = noise * (height * bump + np.random.default_rng(seed).standard_normal(across.size))
    time = np.arange(across.size, dtype=float)
    return Series(time, value, transect, across, np.ones(across.size, dtype=bool)), bump


def line(series: Series) -> tuple[np.ndarray, np.ndarray]:
    """A straight line in time as the smooth curve: its design, and its normal equations."""
    design = np.column_stack([np.ones_like(series.time), series.time / series.time[-1]])
    return design, design.T @ design


@pytest.mark.parametrize("seed", range(5))
def test_a_bump_of_twice_the_noise_is_found_where_it_is(seed: int) -> None:
    series, bump = curtain(2.0, seed=seed)
    design, precision = line(series)
    found = footprint(series, np.ones(series.value.size), design, precision)
    assert found[bump > 0.5].mean() > 0.95
    assert found[bump < 1e-3].mean() < 0.25
    # No run of readings in one transect shows it so plainly that it would be found anyway.
    assert series.value[bump > 0.5].max() < 6.0


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_has_no_footprint_and_shows_in_no_patch(seed: int) -> None:
    series, _ = curtain(0.0, seed=seed)
    design, precision = line(series)
    assert not footprint(series, np.ones(series.value.size), design, precision).any()
    patches = patches_of(series)
    assert patches is not None
    assert patches.shown(patches.sums(series.value), 1.0) is None


def test_a_strong_bump_is_followed_to_where_it_ends_under_the_noise() -> None:
    edges = []
    for height in (3.0, 300.0):
        series, bump = curtain(height)
        design, precision = line(series)
        edges.append(float(bump[footprint(series, np.ones(series.value.size), design, precision)].min()))
    assert edges[1] < 0.1 * edges[0]


def test_patches_mark_the_bump_and_leave_the_air_around_a_strong_one() -> None:
    for height, core in ((2.0, 0.5), (50.0, 1.0)):
        series, bump = curtain(height)
        patches = patches_of(series)
        assert patches is not None
        shown = patches.shown(patches.sums(series.value), 1.0)
        assert shown is not None
        assert shown[bump > 0.6].mean() >= core
        assert shown[bump < 1e-3].mean() < 0.25


def test_rows_without_transects_or_places_have_no_patches() -> None:
    series, _ = curtain(2.0)
    nowhere = Series(series.time, series.value, series.transect * 0, series.across, series.kept)
    at_one_place = Series(series.time, series.value, series.transect, series.across * 0.0, series.kept)
    for one in (nowhere, at_one_place):
        assert patches_of(one) is None
        assert not footprint(one, np.ones(one.value.size), *line(one)).any()
