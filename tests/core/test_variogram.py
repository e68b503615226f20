"""Experimental semivariogram, fit and cross-validation."""

import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gasflux_core.cross_validation import cross_validate
from gasflux_core.errors import InputError, NoSolution
from gasflux_core.experimental_variogram import Direction, experimental_variogram, experimental_variograms
from gasflux_core.kriging_kernel import Kernel
from gasflux_core.kriging_solvers import krige
from gasflux_core.variogram import VariogramParameters, estimate_variogram
from gasflux_core.variogram_model import Variogram
from tests.core.scenes import curtain


@dataclass
class StandInPlane:
    period: float | None = None

    def ground_height(self, x):
        return 0.0 * x


CURTAIN = StandInPlane()


def curtain_positions(transects=10, rows=100, length=200.0, spacing=7.0):
    there = np.linspace(0, length, rows)
    x = np.concatenate([there if number % 2 == 0 else there[::-1] for number in range(transects)])
    return np.column_stack([x, 2 + spacing * np.repeat(np.arange(transects), rows)])


def table_of(positions, values, gas="ch4", rows=100):
    return pd.DataFrame(
        {
            "kept": True,
            "transect": np.arange(len(values)) // rows + 1,
            "x": positions[:, 0],
            "z": positions[:, 1],
            f"{gas}_mass_enhancement": values,
            f"{gas}_flux_density": 3.0 * np.asarray(values),
        }
    )


def plume(positions, width=15.0, height=10.0, noise=0.0, seed=1):
    x, z = positions.T
    bell = np.exp(-0.5 * ((x - 100) / width) ** 2 - 0.5 * ((z - 25) / height) ** 2)
    return bell + noise * np.random.default_rng(seed).standard_normal(len(x))


def simulated(positions, variogram, seed=0):
    """A draw of the Gaussian field with this variogram, nugget included."""
    covariance = variogram.covariance(
        positions[:, None, 0] - positions[None, :, 0], positions[:, None, 1] - positions[None, :, 1]
    )
    covariance += (variogram.nugget + 1e-9) * np.eye(len(positions))
    return np.linalg.cholesky(covariance) @ np.random.default_rng(seed).standard_normal(len(positions))


def brute_force(positions, values, direction, edges):
    """Pairs one by one: what the blocks have to amount to."""
    found = [[] for _ in edges]
    for i in range(len(values)):
        for j in range(i):
            dx, dz = positions[i] - positions[j]
            lag = np.hypot(dx, dz)
            angle = np.deg2rad(direction.angle)
            along = abs(dx * np.cos(angle) + dz * np.sin(angle))
            across = abs(-dx * np.sin(angle) + dz * np.cos(angle))
            if lag == 0 or lag > edges[-1]:
                continue
            if direction.tolerance < 180 and across > np.tan(np.deg2rad(direction.tolerance / 2)) * along + 1e-9:
                continue
            if direction.bandwidth and across > direction.bandwidth / 2:
                continue
            found[np.searchsorted(edges, lag)].append(abs(values[i] - values[j]))
    return found


@pytest.mark.parametrize("angle", [0.0, 90.0, 30.0])
@pytest.mark.parametrize("estimator", ["matheron", "cressie", "dowd", "genton"])
def test_experimental_equals_scikit_gstat_pair_by_pair(angle, estimator):
    from skgstat import estimators

    random = np.random.default_rng(5)
    positions = random.uniform(0, 50, (60, 2))
    values = random.standard_normal(60)
    direction = Direction(angle, 60.0, 30.0, 30.0)
    edges = np.linspace(0, 30, 7)[1:]
    function = getattr(estimators, estimator)
    function = getattr(function, "py_func", function)
    pairs = brute_force(positions, values, direction, edges)
    found = experimental_variogram(positions, values, direction, n_lags=6, estimator=estimator)
    full = [np.array(p) for p in pairs if p]
    if estimator == "genton":
        full = [p for p in full if len(p) > 1]
    np.testing.assert_array_equal(found.pairs, [len(p) for p in full])
    np.testing.assert_allclose(found.semivariance, [function(p) for p in full], rtol=1e-10)


def test_experimental_equals_scikit_gstats_directional_variogram():
    from skgstat import Variogram as Reference

    random = np.random.default_rng(2)
    positions = random.uniform(0, 100, (150, 2))
    values = random.standard_normal(150)
    reference = Reference(
        positions, values, estimator="cressie", n_lags=10, maxlag=40, bin_func="even", fit_method="trf"
    )
    found = experimental_variogram(positions, values, Direction(0, 180, 0, 40), n_lags=10, estimator="cressie")
    np.testing.assert_allclose(found.edges, reference.bins, rtol=1e-12)
    np.testing.assert_allclose(found.semivariance, reference.experimental, rtol=1e-10)


def test_lags_on_a_spiral_are_chords():
    period = 2 * np.pi * 10
    positions = np.array([[0.0, 5.0], [period / 2, 5.0], [period - 1e-3, 5.0]])
    found = experimental_variogram(positions, np.array([0.0, 2.0, 0.0]), Direction(0, 180, 0, 25), period=period)
    assert found.lag.max() == pytest.approx(20, rel=1e-6)  # a diameter
    assert found.lag.min() == pytest.approx(1e-3, rel=1e-6)
    with pytest.raises(InputError, match="spiral"):
        experimental_variogram(positions, np.zeros(3), Direction(30, 180, 0, 25), period=period)


@pytest.mark.parametrize("rule", ["even", "uniform", "sturges", "scott", "fd", "sqrt", "doane"])
def test_every_bin_rule_counts_each_pair_once(rule):
    positions = np.random.default_rng(0).uniform(0, 50, (80, 2))
    found = experimental_variogram(positions, positions[:, 0], Direction(0, 180, 0, 100), n_lags=12, bin_rule=rule)
    assert found.pairs.sum() == 80 * 79 // 2
    assert np.all(np.diff(found.edges) > 0)
    if rule == "uniform":
        assert found.pairs.max() < 1.05 * found.pairs.min()


def test_many_samples_stay_within_memory_and_near_the_truth():
    random = np.random.default_rng(0)
    positions = random.uniform(0, 100, (20_000, 2))
    values = np.sin(positions[:, 0] / 15)
    tracemalloc.start()
    found = experimental_variogram(positions, values, Direction(0, 180, 0, 50))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6  # far from the 1.6 GB of all pairs' distances
    few = random.choice(20_000, 1_500, replace=False)
    exact = experimental_variogram(positions[few], values[few], Direction(0, 180, 0, 50))
    np.testing.assert_allclose(found.semivariance, exact.semivariance, rtol=0.1, atol=0.01)


@pytest.mark.parametrize(("samples", "pairs"), [(79, 79 * 39), (80, 79 * 40), (2001, 2001 * 999), (3000, 3000 * 666)])
def test_every_pair_counts_once_and_of_many_samples_each_as_often_as_any(samples, pairs):
    positions = np.random.default_rng(0).uniform(0, 1, (samples, 2))
    odd_one = np.zeros(samples)
    odd_one[samples // 2] = 1.0
    found = experimental_variogram(positions, odd_one, Direction(0, 180, 0, 2), n_lags=3)
    assert found.pairs.sum() == pairs
    assert 2 * found.pairs @ found.semivariance == pytest.approx(2 * pairs / samples)


def test_directions_at_right_angles_share_the_pairs_and_find_the_same():
    positions = np.random.default_rng(3).uniform(0, 50, (90, 2))
    values = positions[:, 0] + 2 * positions[:, 1]
    directions = [Direction(120.0, 50.0, 10.0, 30.0), Direction(30.0, 70.0, 0.0, 20.0)]
    together = experimental_variograms(positions, values, directions, n_lags=5)
    for found, direction in zip(together, directions, strict=True):
        alone = experimental_variogram(positions, values, direction, n_lags=5)
        np.testing.assert_array_equal(found.pairs, alone.pairs)
        for name in ("lag", "along_x", "along_z", "semivariance"):
            np.testing.assert_allclose(getattr(found, name), getattr(alone, name), rtol=1e-12)


def test_finds_a_known_anisotropic_variogram():
    true = Variogram("mass_enhancement", "exponential", 0.1, 1.0, 60.0, 20.0)
    positions = np.random.default_rng(9).uniform(0, 1, (1200, 2)) * [400, 130]
    found = [
        estimate_variogram(
            table_of(positions, simulated(positions, true, seed)),
            "ch4",
            CURTAIN,
            VariogramParameters(model="exponential", maximum_lag=60, tolerance=30, cross_validation="none"),
        )
        for seed in range(6)
    ]
    assert np.median([v.range_x for v in found]) == pytest.approx(60, rel=0.35)
    assert np.median([v.range_z for v in found]) == pytest.approx(20, rel=0.35)
    assert np.median([v.partial_sill for v in found]) == pytest.approx(1, rel=0.35)
    assert np.median([v.nugget for v in found]) == pytest.approx(0.1, rel=0.6)


@pytest.mark.parametrize("method", ["trf", "lm"])
@pytest.mark.parametrize("weights", ["relative", "equal", "linear", "sqrt", "sq", "exp"])
def test_range_never_runs_away(method, weights):
    # GasFlux's settings let the range of such a plume run to 435 km
    positions = curtain_positions()
    parameters = VariogramParameters(
        model="spherical",
        estimator="cressie",
        anisotropy=1,
        direction=0,
        tolerance=10,
        bandwidth=20,
        maximum_lag=100,
        fit_method=method,
        fit_sigma=weights,
        nugget=False,
    )
    found = estimate_variogram(table_of(positions, positions[:, 0] ** 2), "ch4", CURTAIN, parameters)
    assert found.range_x <= 200 * 1.001
    assert found.range_z == pytest.approx(found.range_x)
    assert found.nugget == 0
    assert "range_at_bound" in found.flags


def test_the_fit_is_deterministic_and_scales_with_the_unit():
    positions = curtain_positions()
    values = plume(positions, noise=0.02)
    first = estimate_variogram(table_of(positions, values), "ch4", CURTAIN, VariogramParameters())
    again = estimate_variogram(table_of(positions, values), "ch4", CURTAIN, VariogramParameters())
    assert first.to_dict() == again.to_dict()
    scaled = estimate_variogram(table_of(positions, 1e-6 * values), "ch4", CURTAIN, VariogramParameters())
    assert scaled.range_x == pytest.approx(first.range_x, rel=1e-3)
    assert scaled.range_z == pytest.approx(first.range_z, rel=1e-3)
    assert scaled.sill == pytest.approx(1e-12 * first.sill, rel=1e-3)


def test_nugget_is_at_least_the_noise_between_neighbours():
    positions = curtain_positions()
    found = estimate_variogram(table_of(positions, plume(positions, noise=0.02)), "ch4", CURTAIN, VariogramParameters())
    assert found.nugget == pytest.approx(0.02**2, rel=0.5)
    assert found.partial_sill > 50 * found.nugget
    assert found.flags == ()


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_a_plume_amid_clean_air_has_structure_on_any_slope(slope):
    # the semivariogram falls again at lags that only clean air spans; on a slope the plume follows the ground
    plane = replace(curtain(), ground=((0.0, 0.0), (200.0, 200 * slope)))
    positions = curtain_positions(rows=51, spacing=6.0)
    values = plume(positions, height=8.0)
    table = table_of(positions, values, rows=51)
    table["z"] += plane.ground_height(table["x"])
    found = estimate_variogram(table, "ch4", plane, VariogramParameters())
    level = estimate_variogram(table_of(positions, values, rows=51), "ch4", CURTAIN, VariogramParameters())
    assert found.flags == ()
    assert found.nugget < 0.01 * found.sill
    assert found.range_x == pytest.approx(level.range_x, rel=1e-3)
    assert found.range_z == pytest.approx(level.range_z, rel=1e-3)


def test_noise_alone_is_flagged():
    positions = curtain_positions()
    for seed in range(5):
        noise = np.random.default_rng(seed).standard_normal(len(positions))
        found = estimate_variogram(table_of(positions, noise), "ch4", CURTAIN, VariogramParameters())
        assert "no_structure" in found.flags
        assert found.sill == pytest.approx(1, rel=0.2)
        assert 0 < found.partial_sill < 0.05


@pytest.mark.parametrize("value", [0.0, 3.3e-7, -2.0])
def test_constant_values_have_no_variance(value):
    positions = curtain_positions()
    found = estimate_variogram(
        table_of(positions, np.full(len(positions), value)), "ch4", CURTAIN, VariogramParameters()
    )
    assert found.flags == ("no_variance",)
    assert found.sill == 0
    assert found.cross_validation is None


def test_one_transect_assumes_the_anisotropy():
    positions = curtain_positions(transects=1)
    positions[:, 1] += np.random.default_rng(0).normal(0, 0.2, len(positions))
    found = estimate_variogram(table_of(positions, plume(positions)), "ch4", CURTAIN, VariogramParameters())
    assert np.isfinite([found.range_x, found.range_z, found.sill]).all()


def test_rows_that_are_not_kept_do_not_count():
    positions = curtain_positions()
    values = plume(positions, noise=0.01)
    table = table_of(positions, values)
    more = pd.concat([table, table.assign(kept=False, ch4_mass_enhancement=99.0)], ignore_index=True)
    one = estimate_variogram(table, "ch4", CURTAIN, VariogramParameters())
    two = estimate_variogram(more, "ch4", CURTAIN, VariogramParameters())
    assert one.to_dict() == two.to_dict()


def test_quantity_chooses_the_column():
    positions = curtain_positions()
    table = table_of(positions, plume(positions, noise=0.01))
    one = estimate_variogram(table, "ch4", CURTAIN, VariogramParameters())
    three = estimate_variogram(table, "ch4", CURTAIN, VariogramParameters(quantity="flux_density"))
    assert three.sill == pytest.approx(9 * one.sill, rel=1e-3)
    with pytest.raises(InputError, match="co2_flux_density"):
        estimate_variogram(table, "co2", CURTAIN, VariogramParameters(quantity="flux_density"))


def test_too_few_samples_is_no_solution():
    positions = curtain_positions()
    table = table_of(positions, plume(positions)).assign(kept=False)
    with pytest.raises(NoSolution, match="0 kept samples"):
        estimate_variogram(table, "ch4", CURTAIN, VariogramParameters())
    one_place = table_of(np.ones((30, 2)), np.arange(30.0))
    with pytest.raises(NoSolution, match="one place"):
        estimate_variogram(one_place, "ch4", CURTAIN, VariogramParameters())


def test_stable_model_asks_for_an_exponent_of_two_at_most():
    positions = curtain_positions()
    with pytest.raises(InputError, match="smoothness"):
        estimate_variogram(
            table_of(positions, plume(positions)), "ch4", CURTAIN, VariogramParameters(model="stable", smoothness=3)
        )


def test_survives_json():
    import json

    positions = curtain_positions()
    found = estimate_variogram(table_of(positions, plume(positions, noise=0.01)), "ch4", CURTAIN, VariogramParameters())
    back = Variogram.from_dict(json.loads(json.dumps(found.to_dict())))
    assert back.to_dict() == found.to_dict()
    assert back.semivariance(3.0, 4.0) == found.semivariance(3.0, 4.0)


def test_semivariance_and_covariance_add_up_to_the_sill():
    model = Variogram("mass_enhancement", "matern", 0.3, 2.0, 50.0, 20.0)
    dx, dz = np.meshgrid(np.linspace(-100, 100, 9), np.linspace(-50, 50, 8))
    np.testing.assert_allclose(model.semivariance(dx, dz) + model.covariance(dx, dz), model.sill)
    assert model.semivariance(0, 0) == 0
    assert model.covariance(0, 0) == 2.0
    # the same relative lag along either axis has the same semivariance
    assert model.semivariance(25, 0) == pytest.approx(model.semivariance(0, 10))


@pytest.mark.parametrize("period", [None, 300.0])
@pytest.mark.parametrize("by_transect", [False, True])
def test_cross_validation_equals_kriging_again(period, by_transect):
    random = np.random.default_rng(4)
    positions = random.uniform(0, 1, (40, 2)) * [200, 60]
    values = random.standard_normal(40)
    groups = np.arange(40) // 10 if by_transect else None
    model = Variogram("mass_enhancement", "matern", 0.2, 1.0, 80.0, 30.0)
    found = cross_validate(positions, values, model, groups=groups, period=period)
    residual, standardised = [], []
    for label in np.unique(groups) if by_transect else range(40):
        out = groups == label if by_transect else np.arange(40) == label
        kriged = krige(positions[~out], values[~out], positions[out], model, period=period, solver="global")
        residual.extend(values[out] - kriged.estimate)
        standardised.extend((values[out] - kriged.estimate) / np.sqrt(kriged.variance + model.nugget))
    assert found.samples == 40
    assert found.mean_standardised_error == pytest.approx(np.mean(standardised), rel=1e-8)
    assert found.rms_standardised_error == pytest.approx(np.sqrt(np.mean(np.square(standardised))), rel=1e-8)
    assert found.rms_error == pytest.approx(np.sqrt(np.mean(np.square(residual))), rel=1e-8)


def test_cross_validation_of_the_true_variogram_is_near_one():
    true = Variogram("mass_enhancement", "matern", 0.05, 1.0, 60.0, 25.0)
    positions = np.random.default_rng(1).uniform(0, 1, (500, 2)) * [300, 80]
    found = cross_validate(positions, simulated(positions, true, 3), true)
    assert found.rms_standardised_error == pytest.approx(1, abs=0.12)
    assert found.mean_standardised_error == pytest.approx(0, abs=0.12)


@example(values=[0.0] * 29 + [3.4e-159], anisotropy=0.0, model="matern")
@given(
    values=st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=30, max_size=30),
    anisotropy=st.sampled_from([0.0, 1.0]),
    model=st.sampled_from(["matern", "spherical", "gaussian"]),
)
@settings(max_examples=30, deadline=None)
def test_any_values_give_a_sensible_variogram(values, anisotropy, model):
    positions = curtain_positions(transects=3, rows=10)
    parameters = VariogramParameters(anisotropy=anisotropy, model=model, n_lags=8)
    found = estimate_variogram(table_of(positions, np.array(values), rows=10), "ch4", CURTAIN, parameters)
    assert np.isfinite([found.nugget, found.partial_sill, found.range_x, found.range_z]).all()
    assert found.nugget >= 0
    assert found.partial_sill >= 0
    assert 0 < found.range_x <= 200.1
    assert found.range_z > 0
    Kernel(found).matrix(positions, positions)
