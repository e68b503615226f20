"""The likeliest sill: found again where it is known, whatever the plane's place and unit."""

from __future__ import annotations

import numpy as np
import pytest

from gasflux_core.kriging_kernel import Kernel
from gasflux_core.sill_scale import likeliest_sill_factor
from gasflux_core.variogram_model import Variogram


def drawn(
    factor: float, *, seed: int, nugget: float = 0.01, samples: int = 180
) -> tuple[np.ndarray, np.ndarray, Kernel]:
    """Samples of a field whose sill is so many times that of the kernel."""
    random = np.random.default_rng(seed)
    places = np.column_stack([random.uniform(0, 400, samples), random.uniform(1, 60, samples)])
    kernel = Kernel(Variogram("mass_enhancement", "matern", nugget, 1.0, 60.0, 20.0), mirror=0.0)
    covariance = factor * kernel.matrix(places, places) + nugget * np.eye(samples)
    return places, np.linalg.cholesky(covariance) @ random.standard_normal(samples), kernel


@pytest.mark.parametrize("factor", [0.05, 0.5, 1.0, 8.0])
def test_the_sill_that_samples_were_drawn_from_is_found(factor: float) -> None:
    found = []
    for seed in range(12):
        places, values, kernel = drawn(factor, seed=seed)
        found.append(likeliest_sill_factor(places, values, np.ones(len(values)), kernel))
    # The variance of n draws is known to √(2/n), and neighbours are alike.
    assert np.exp(np.mean(np.log(found))) == pytest.approx(factor, rel=0.15)


def test_the_place_of_the_plane_and_the_side_it_is_looked_at_from_make_no_difference() -> None:
    places, values, kernel = drawn(0.3, seed=1, samples=600)
    counts = np.ones(len(values))
    first = likeliest_sill_factor(places, values, counts, kernel)
    assert likeliest_sill_factor(places + np.array([5000.0, 0.0]), values, counts, kernel) == pytest.approx(
        first, rel=1e-6
    )
    assert likeliest_sill_factor(places * np.array([-1.0, 1.0]), values, counts, kernel) == pytest.approx(
        first, rel=0.05
    )


def test_a_field_without_a_sill_keeps_its_factor() -> None:
    places, values, _ = drawn(1.0, seed=0)
    flat = Kernel(Variogram("mass_enhancement", "matern", 1.0, 0.0, 60.0, 20.0))
    assert likeliest_sill_factor(places, values, np.ones(len(values)), flat) == 1.0


def test_noise_alone_has_next_to_no_sill() -> None:
    places, _, kernel = drawn(1.0, seed=0, nugget=1.0)
    noise = np.random.default_rng(3).standard_normal(len(places))
    assert likeliest_sill_factor(places, noise, np.ones(len(noise)), kernel) < 0.1
