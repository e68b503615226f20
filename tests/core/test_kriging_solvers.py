"""Kriging against its equations, against scikit-gstat and PyKrige, and in its corner cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasflux_core.errors import NoSolution, TooLarge
from gasflux_core.kriging_kernel import Kernel, merge_samples
from gasflux_core.kriging_solvers import Functional, krige
from gasflux_core.variogram_model import Variogram

PERIOD = 300.0
RUNAWAY = {"partial_sill": 0.042947229996337474, "range": 435008.3628932916}
"""The variogram that GasFlux 0.2.2 fits to its own example: a straight line, as far as the plane can see."""


def variogram(model="matern", nugget=0.1, partial_sill=2.0, range_x=80.0, range_z=30.0, smoothness=1.5):
    return Variogram("mass_enhancement", model, nugget, partial_sill, range_x, range_z, smoothness)


def scene(samples=40, nodes=15, seed=0):
    random = np.random.default_rng(seed)
    places = random.uniform(0, 1, (samples, 2)) * [PERIOD, 60] + [0, 1]
    values = np.sin(places[:, 0] / 30) + 0.01 * places[:, 1] + 0.1 * random.standard_normal(samples)
    return places, values, random.uniform(0, 1, (nodes, 2)) * [PERIOD, 60] + [0, 1]


def covariance(model, first, second, period, mirror):
    """The kernel written out once more, pair by pair."""
    found = np.empty((len(first), len(second)))
    for i, (x, z) in enumerate(first):
        for j, (other_x, other_z) in enumerate(second):
            dx = x - other_x if period is None else period / np.pi * np.sin(np.pi * (x - other_x) / period)
            found[i, j] = model.covariance(dx, z - other_z)
            if mirror is not None:
                found[i, j] += model.covariance(dx, z - (2 * mirror - other_z))
    return found


def by_the_book(places, values, nodes, model, mean, period, mirror, weights):
    """Kriging with plain inverses: estimates, variances, the functional and its variance."""
    matrix = covariance(model, places, places, period, mirror) + model.nugget * np.eye(len(values))
    towards = covariance(model, places, nodes, period, mirror)
    between = covariance(model, nodes, nodes, period, mirror)
    inverse = np.linalg.inv(matrix)
    ones = np.ones(len(values))
    unknown = mean == "unknown"
    centre = ones @ inverse @ values / (ones @ inverse @ ones) if unknown else mean
    estimate = centre + towards.T @ inverse @ (values - centre)
    error = between - towards.T @ inverse @ towards
    if unknown:
        gap = 1 - ones @ inverse @ towards
        error += np.outer(gap, gap) / (ones @ inverse @ ones)
    return estimate, np.diag(error), weights @ estimate, weights @ error @ weights


@pytest.mark.parametrize("solver", ["global", "local"])
@pytest.mark.parametrize("mean", ["unknown", 0.0, 0.7])
@pytest.mark.parametrize(("period", "mirror"), [(None, None), (None, 0.0), (PERIOD, None), (PERIOD, -2.0)])
def test_equals_the_kriging_equations(solver, mean, period, mirror):
    places, values, nodes = scene()
    weights = np.random.default_rng(1).uniform(-1, 2, len(nodes))
    found = krige(
        places,
        values,
        nodes,
        variogram(),
        mean=mean,
        solver=solver,
        neighbours=len(values),
        period=period,
        mirror=mirror,
        functional=Functional(weights),
    )
    expected = by_the_book(places, values, nodes, variogram(), mean, period, mirror, weights)
    np.testing.assert_allclose(found.estimate, expected[0], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.variance, expected[1], rtol=1e-7, atol=1e-10)
    assert found.functional == pytest.approx(expected[2], rel=1e-8)
    assert found.functional_variance == pytest.approx(expected[3], rel=1e-7)
    assert found.solver == solver


@pytest.mark.parametrize("model", ["spherical", "exponential", "gaussian", "matern", "stable", "cubic"])
@pytest.mark.parametrize("solver", ["global", "local"])
@pytest.mark.parametrize("mean", ["unknown", 0.0])
def test_passes_through_the_samples_without_nugget(model, solver, mean):
    random = np.random.default_rng(3)
    places = np.stack(np.meshgrid(np.arange(0, 200, 20.0), np.arange(2, 60, 10.0)), axis=-1).reshape(-1, 2)
    values = random.standard_normal(len(places))
    found = krige(places, values, places, variogram(model, nugget=0.0), mean=mean, solver=solver, neighbours=30)
    np.testing.assert_allclose(found.estimate, values, atol=1e-5)
    assert found.variance.max() < 1e-5 * 2.0


@pytest.mark.parametrize("solver", ["global", "local"])
def test_weights_sum_to_one_with_an_unknown_mean(solver):
    places, values, nodes = scene()
    far = np.concatenate([nodes, [[5_000.0, 900.0]]])
    one = krige(places, values, far, variogram(), solver=solver)
    shifted = krige(places, values + 1e3, far, variogram(), solver=solver)
    np.testing.assert_allclose(shifted.estimate - one.estimate, 1e3, rtol=1e-9)
    np.testing.assert_allclose(shifted.variance, one.variance, rtol=1e-6)


def test_far_from_all_samples_the_known_mean_comes_back():
    places, values, _ = scene()
    found = krige(places, values, np.array([[1e5, 50.0]]), variogram(), mean=0.25)
    assert found.estimate[0] == pytest.approx(0.25)
    assert found.variance[0] == pytest.approx(2.0)


def flown():
    """The size of GasFlux's example: 10 transects of 100 samples over 989 m, 11 m apart; 70 × 10 nodes."""
    random = np.random.default_rng(3)
    there = np.linspace(0, 989, 100)
    x = np.concatenate([there if number % 2 else there[::-1] for number in range(10)])
    places = np.column_stack([x, np.repeat(np.arange(10) * 10.98, 100)]) + random.normal(0, [0.3, 0.1], (1000, 2))
    values = 0.05 * np.exp(-0.5 * ((places[:, 0] - 480) / 60) ** 2 - 0.5 * ((places[:, 1] - 40) / 20) ** 2)
    values += 1e-5 * random.standard_normal(1000)
    nodes = np.meshgrid(
        np.linspace(places[:, 0].min(), places[:, 0].max(), 70), np.linspace(places[:, 1].min(), places[:, 1].max(), 10)
    )
    return places, values, np.column_stack([node.ravel() for node in nodes])


@pytest.mark.parametrize(
    ("model", "nugget", "partial_sill", "range_"),
    [("spherical", 0.0, RUNAWAY["partial_sill"], RUNAWAY["range"]), ("exponential", 2e-4, 3e-3, 600.0)],
)
def test_equals_scikit_gstats_ordinary_kriging(model, nugget, partial_sill, range_):
    from skgstat import OrdinaryKriging

    places, values, nodes = flown()
    nodes = nodes[::20]
    described = {
        "model": model,
        "effective_range": range_,
        "sill": partial_sill,
        "nugget": nugget,
        "dist_func": "euclidean",
        "estimator": "cressie",
        "normalized_effective_range": 0,
        "normalized_sill": 0,
        "normalized_nugget": 0,
    }
    reference = OrdinaryKriging(
        described, coordinates=places, values=values, min_points=3, max_points=100, mode="exact"
    )
    expected = reference.transform(nodes[:, 0], nodes[:, 1])
    fitted = variogram(model, nugget, partial_sill, range_, range_)
    found = krige(places, values, nodes, fitted, solver="local", neighbours=100)
    np.testing.assert_allclose(found.estimate, expected, rtol=1e-6, atol=1e-6 * values.max())
    # scikit-gstat's variance is that of a new sample: the field's and the noise of the sample
    np.testing.assert_allclose(found.variance + nugget, reference.sigma, rtol=1e-6, atol=1e-12)


def test_equals_pykriges_ordinary_kriging_with_all_samples():
    from pykrige.ok import OrdinaryKriging

    places, values, nodes = flown()
    parameters = {"psill": RUNAWAY["partial_sill"], "range": RUNAWAY["range"], "nugget": 0.0}
    reference = OrdinaryKriging(*places.T, values, variogram_model="spherical", variogram_parameters=parameters)
    expected, variance = reference.execute("points", *nodes.T)
    fitted = variogram("spherical", 0.0, RUNAWAY["partial_sill"], RUNAWAY["range"], RUNAWAY["range"])
    found = krige(places, values, nodes, fitted, solver="global")
    np.testing.assert_allclose(found.estimate, expected, rtol=1e-6, atol=1e-6 * values.max())
    np.testing.assert_allclose(found.variance, variance, rtol=1e-6, atol=1e-12)


def test_the_functional_of_one_node_is_that_node():
    places, values, nodes = scene()
    for solver in ("global", "local"):
        for number in (0, 7):
            weights = np.zeros(len(nodes))
            weights[number] = 3.0
            found = krige(places, values, nodes, variogram(), functional=Functional(weights), solver=solver)
            assert found.functional == pytest.approx(3 * found.estimate[number])
            full = krige(places, values, nodes, variogram(), solver="global")
            assert found.functional_variance == pytest.approx(9 * full.variance[number], rel=1e-6)


def test_merged_samples_of_the_local_solver_change_the_integrals_variance_little():
    random = np.random.default_rng(8)
    places = random.uniform(0, 1, (3000, 2)) * [300, 60]
    values = np.sin(places[:, 0] / 30)
    nodes = np.stack(np.meshgrid(np.linspace(5, 295, 30), np.linspace(3, 57, 10)), axis=-1).reshape(-1, 2)
    functional = Functional(np.full(len(nodes), 60.0))
    exact = krige(places, values, nodes, variogram(), solver="global", mean=0.0, functional=functional)
    near = krige(places, values, nodes, variogram(), solver="local", mean=0.0, functional=functional)
    assert near.functional == pytest.approx(exact.functional, rel=0.02, abs=20)
    assert np.sqrt(near.functional_variance) == pytest.approx(np.sqrt(exact.functional_variance), rel=0.1)


def test_a_mirrored_field_is_even_about_the_ground():
    places, values, nodes = scene()
    below = nodes * [1, -1]
    one = krige(places, values, nodes, variogram(), mean=0.0, mirror=0.0)
    two = krige(places, values, below, variogram(), mean=0.0, mirror=0.0)
    np.testing.assert_allclose(one.estimate, two.estimate, rtol=1e-9)
    near = np.column_stack([nodes[:, 0], np.full(len(nodes), 1e-3)])
    gradient = (
        krige(places, values, near, variogram(), mean=0.0, mirror=0.0).estimate
        - krige(places, values, near * [1, 0], variogram(), mean=0.0, mirror=0.0).estimate
    ) / 1e-3
    assert np.abs(gradient).max() < 1e-4


def test_a_spiral_has_no_seam():
    places, values, nodes = scene()
    turned = nodes + np.array([PERIOD, 0])
    one = krige(places, values, nodes, variogram(), period=PERIOD)
    two = krige(places, values, turned, variogram(), period=PERIOD)
    np.testing.assert_allclose(one.estimate, two.estimate, rtol=1e-9)
    np.testing.assert_allclose(one.variance, two.variance, rtol=1e-7)


@pytest.mark.parametrize("nugget", [0.0, 0.1])
@pytest.mark.parametrize("solver", ["global", "local"])
def test_a_hover_is_one_sample_with_less_noise(nugget, solver):
    places, values, nodes = scene()
    hover = np.concatenate([places, np.repeat(places[:1], 30, axis=0)])
    readings = np.concatenate([values, values[0] + np.linspace(-0.1, 0.1, 30)])
    found = krige(hover, readings, np.concatenate([nodes, places[:1]]), variogram(nugget=nugget), solver=solver)
    assert np.isfinite(found.estimate).all()
    # the exact system holds all 31 readings; only with a nugget can it be solved as it stands
    if nugget and solver == "global":
        expected = by_the_book(hover, readings, nodes, variogram(), "unknown", None, None, np.ones(len(nodes)))
        np.testing.assert_allclose(found.estimate[:-1], expected[0], rtol=1e-7)
        np.testing.assert_allclose(found.variance[:-1], expected[1], rtol=1e-6)
    if not nugget:
        assert found.estimate[-1] == pytest.approx(values[0], abs=1e-5)


def test_merging_keeps_counts_and_means():
    places = np.array([[1.0, 2.0], [5.0, 2.0], [1.0, 2.0]])
    merged, values, counts = merge_samples(places, np.array([1.0, 7.0, 3.0]), np.array([1.0, 1.0, 3.0]))
    order = np.argsort(merged[:, 0])
    np.testing.assert_allclose(merged[order], [[1, 2], [5, 2]])
    np.testing.assert_allclose(values[order], [2.5, 7.0])
    np.testing.assert_allclose(counts[order], [4, 1])


@pytest.mark.parametrize("mean", ["unknown", 0.0])
def test_samples_all_alike(mean):
    places, _, nodes = scene()
    flat = variogram(nugget=0.0, partial_sill=0.0)
    found = krige(places, np.full(len(places), 4.0), nodes, flat, mean=mean, functional=Functional(np.ones(len(nodes))))
    np.testing.assert_array_equal(found.estimate, 4.0)
    np.testing.assert_array_equal(found.variance, 0.0)
    assert found.functional == pytest.approx(4.0 * len(nodes))


def test_a_pure_nugget_gives_the_mean():
    places, values, nodes = scene()
    found = krige(places, values, nodes, variogram(nugget=1.0, partial_sill=0.0), solver="global")
    np.testing.assert_allclose(found.estimate, values.mean())
    np.testing.assert_allclose(found.variance, 1.0 / len(values))
    known = krige(places, values, nodes, variogram(nugget=1.0, partial_sill=0.0), solver="local", mean=0.0)
    np.testing.assert_array_equal(known.estimate, 0.0)


def test_too_few_samples():
    places, values, nodes = scene(samples=4)
    with pytest.raises(NoSolution, match="got 2"):
        krige(places[:2], values[:2], nodes, variogram())
    hover = np.repeat(places[:1], 9, axis=0)
    with pytest.raises(NoSolution, match="got 1"):
        krige(hover, np.arange(9.0), nodes, variogram())
    assert np.isfinite(krige(places[:2], values[:2], nodes, variogram(), minimum_neighbours=1).estimate).all()


def test_memory_limit_chooses_the_solver():
    places, values, nodes = scene(samples=900)
    assert krige(places, values, nodes, variogram()).solver == "global"
    assert krige(places, values, nodes, variogram(), memory_limit=16).solver == "local"
    with pytest.raises(TooLarge, match="memory_limit"):
        krige(places, values, nodes, variogram(), memory_limit=16, solver="global")


def test_blocks_of_nodes_do_not_change_the_result():
    places, values, _ = scene(samples=300)
    nodes = np.random.default_rng(2).uniform(0, 1, (5000, 2)) * [PERIOD, 60]
    functional = Functional(np.ones(len(nodes)), 0.0)
    small = krige(places, values, nodes, variogram(), memory_limit=16, solver="global", functional=functional)
    large = krige(places, values, nodes, variogram(), memory_limit=4096, solver="global", functional=functional)
    np.testing.assert_allclose(small.estimate, large.estimate, rtol=1e-10)
    np.testing.assert_allclose(small.variance, large.variance, rtol=1e-8, atol=1e-12)


@given(
    seed=st.integers(0, 1000),
    model=st.sampled_from(["spherical", "exponential", "gaussian", "matern"]),
    range_x=st.floats(1, 1e6),
    ratio=st.floats(0.01, 10),
    nugget=st.sampled_from([0.0, 1e-8, 0.1]),
    mirror=st.sampled_from([None, 0.0]),
    mean=st.sampled_from(["unknown", 0.0]),
)
@settings(max_examples=60, deadline=None)
def test_every_variogram_is_solved_or_refused_in_words(seed, model, range_x, ratio, nugget, mirror, mean):
    places, values, nodes = scene(samples=30, seed=seed)
    fitted = variogram(model, nugget, 1.0, range_x, ratio * range_x)
    for solver in ("global", "local"):
        try:
            found = krige(places, values, nodes, fitted, mean=mean, mirror=mirror, solver=solver)
        except NoSolution as refused:
            assert "singular" in refused.message
        else:
            assert np.isfinite(found.estimate).all()
            assert np.all(found.variance >= 0)


@pytest.mark.parametrize("mirror", [None, 0.0])
@pytest.mark.parametrize("period", [None, PERIOD])
def test_kernel_is_positive_definite(period, mirror):
    places = scene(samples=80)[0]
    matrix = Kernel(variogram(), period, mirror).matrix(places, places)
    np.testing.assert_allclose(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).min() > -1e-10
    np.testing.assert_allclose(np.diag(matrix), Kernel(variogram(), period, mirror).variance(places))
