"""Inverse distance, linear and Gaussian-process interpolation."""

import numpy as np
import pytest

from gasflux_core.errors import NoSolution
from gasflux_core.interpolators import (
    apply_weights,
    inverse_distance_weights,
    likelihood_variogram,
    linear_weights,
)
from gasflux_core.kriging_kernel import Kernel
from gasflux_core.kriging_solvers import Functional, krige
from gasflux_core.variogram_model import Variogram

MODEL = Variogram("mass_enhancement", "matern", 0.05, 1.5, 80.0, 30.0)
KERNEL = Kernel(MODEL, None, 0.0)


def scene(samples=60, nodes=12):
    random = np.random.default_rng(6)
    places = random.uniform(0, 1, (samples, 2)) * [200, 60]
    return places, random.standard_normal(samples), random.uniform(0.3, 0.7, (nodes, 2)) * [200, 60]


def test_inverse_distance_by_hand():
    places = np.array([[0.0, 0.0], [80.0, 0.0], [0.0, 30.0]])  # one effective range away along x and along z
    nodes = np.array([[40.0, 0.0], [0.0, 15.0]])
    found = inverse_distance_weights(places, np.array([1.0, 2.0, 4.0]), nodes, KERNEL, neighbours=2)
    estimate = apply_weights(found, nodes, KERNEL, Functional(np.zeros(2))).estimate
    np.testing.assert_allclose(estimate, [1.5, 2.5])


@pytest.mark.parametrize("weights", [inverse_distance_weights, linear_weights])
def test_passes_through_the_samples_and_sums_to_one(weights):
    places, values, nodes = scene()
    more = {"neighbours": 12} if weights is inverse_distance_weights else {}
    found = weights(places, values, places, KERNEL, **more)
    estimate = apply_weights(found, places, KERNEL, Functional(np.zeros(len(places)))).estimate
    inside = np.isfinite(estimate)
    assert inside.sum() > 40
    np.testing.assert_allclose(estimate[inside], values[inside], atol=1e-9)
    np.testing.assert_allclose(weights(places, values, nodes, KERNEL, **more).weight.sum(axis=1), 1.0)


def test_linear_is_exact_for_a_plane_and_empty_outside_the_hull():
    places, _, nodes = scene()
    values = 3.0 + 0.2 * places[:, 0] - 0.5 * places[:, 1]
    nodes = np.concatenate([nodes, [[-50.0, 10.0], [100.0, 500.0]]])
    found = linear_weights(places, values, nodes, KERNEL)
    estimate = apply_weights(found, nodes, KERNEL, Functional(np.zeros(len(nodes)))).estimate
    np.testing.assert_allclose(estimate[:-2], 3.0 + 0.2 * nodes[:-2, 0] - 0.5 * nodes[:-2, 1])
    assert np.isnan(estimate[-2:]).all()


def test_linear_on_one_line_is_no_solution():
    places = np.column_stack([np.arange(20.0), np.full(20, 5.0)])
    with pytest.raises(NoSolution, match="one line"):
        linear_weights(places, np.arange(20.0), places + 0.5, KERNEL)


def test_linear_closes_the_spiral():
    period = 100.0
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    x = np.tile(angle * period / (2 * np.pi), 2)
    places = np.column_stack([x, np.repeat([5.0, 15.0], 12)])
    values = np.cos(2 * np.pi * x / period)
    node = np.array([[99.0, 10.0]])
    found = linear_weights(places, values, node, Kernel(MODEL, period))
    estimate = apply_weights(found, node, Kernel(MODEL, period), Functional(np.zeros(1))).estimate
    last, first = np.cos(angle[-1]), 1.0
    share = (99.0 - x[11]) / (period - x[11])
    assert estimate[0] == pytest.approx(last + share * (first - last))


@pytest.mark.parametrize("weights", [inverse_distance_weights, linear_weights])
def test_error_variance_equals_the_definition(weights):
    places, values, nodes = scene()
    more = {"neighbours": 7} if weights is inverse_distance_weights else {}
    found = weights(places, values, nodes, KERNEL, **more)
    pull = np.random.default_rng(2).uniform(0, 3, len(nodes))
    dense = np.zeros((len(nodes), len(values)))
    for row, (index, weight) in enumerate(zip(found.index, found.weight, strict=True)):
        np.add.at(dense[row], index, weight)
    between, towards = KERNEL.matrix(nodes, nodes), KERNEL.matrix(nodes, places)
    samples = KERNEL.matrix(places, places) + MODEL.nugget * np.eye(len(values))
    error = between - dense @ towards.T - towards @ dense.T + dense @ samples @ dense.T
    kriged = apply_weights(found, nodes, KERNEL, Functional(pull, float(pull @ between @ pull)))
    np.testing.assert_allclose(kriged.variance, np.diag(error), rtol=1e-9)
    assert kriged.functional == pytest.approx(pull @ dense @ values)
    assert kriged.functional_variance == pytest.approx(pull @ error @ pull)


@pytest.mark.parametrize("weights", [inverse_distance_weights, linear_weights])
def test_no_linear_interpolator_beats_kriging_under_the_variogram(weights):
    places, values, nodes = scene()
    more = {"neighbours": 9} if weights is inverse_distance_weights else {}
    other = apply_weights(
        weights(places, values, nodes, KERNEL, **more), nodes, KERNEL, Functional(np.zeros(len(nodes)))
    )
    best = krige(places, values, nodes, MODEL, mirror=0.0)
    assert np.all(best.variance <= other.variance * (1 + 1e-9))


def test_a_scale_leaves_the_estimates_alone():
    places, values, nodes = scene()
    found = inverse_distance_weights(places, values, nodes, KERNEL, neighbours=5)
    random = np.random.default_rng(1)
    at_places, at_nodes = random.uniform(0.1, 3, len(values)), random.uniform(0.1, 3, len(nodes))
    plain = apply_weights(found, nodes, KERNEL, Functional(np.zeros(len(nodes))))
    scaled = apply_weights(found.relative_to(at_places, at_nodes), nodes, KERNEL, Functional(np.zeros(len(nodes))))
    np.testing.assert_allclose(scaled.estimate * at_nodes, plain.estimate)


@pytest.mark.parametrize("period", [None, 400.0])
def test_likelihood_finds_a_known_covariance(period):
    true = Variogram("mass_enhancement", "matern", 0.02, 1.0, 60.0, 20.0)
    places = np.random.default_rng(7).uniform(0, 1, (250, 2)) * [400, 80]
    matrix = Kernel(true, period).matrix(places, places) + 0.02 * np.eye(250)
    values = np.linalg.cholesky(matrix) @ np.random.default_rng(8).standard_normal(250)
    start = Variogram("mass_enhancement", "matern", 0.3, 0.5, 150.0, 60.0)
    found = likelihood_variogram(places, values, Kernel(start, period))
    assert found.range_x == pytest.approx(60, rel=0.35)
    assert found.range_z == pytest.approx(20, rel=0.35)
    assert found.partial_sill == pytest.approx(1, rel=0.5)
    assert found.nugget == pytest.approx(0.02, rel=0.8)


def test_likelihood_of_zeros_keeps_the_variogram():
    places, _, _ = scene()
    assert likelihood_variogram(places, np.zeros(len(places)), KERNEL) is MODEL
