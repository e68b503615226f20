"""Kriging in blocks: estimates without standard errors, and nodes that share their nearest samples."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from gasflux_core.kriging_kernel import Kernel
from gasflux_core.kriging_solvers import Functional, krige
from gasflux_core.node_tiles import lay_tiles
from tests.core.test_kriging_solvers import PERIOD, scene, variogram


@pytest.mark.parametrize("solver", ["global", "local"])
@pytest.mark.parametrize("mean", ["unknown", 0.7])
@pytest.mark.parametrize(("period", "mirror"), [(None, None), (PERIOD, 0.0)])
def test_the_functional_needs_no_standard_errors_of_nodes(solver, mean, period, mirror):
    places, values, nodes = scene(samples=200, nodes=90)
    functional = Functional(np.random.default_rng(1).uniform(-1, 2, len(nodes)))
    more = {"solver": solver, "mean": mean, "period": period, "mirror": mirror, "functional": functional}
    full = krige(places, values, nodes, variogram(), **more)
    short = krige(places, values, nodes, variogram(), standard_errors=False, **more)
    np.testing.assert_allclose(short.estimate, full.estimate, rtol=1e-9, atol=1e-12)
    assert short.functional == pytest.approx(full.functional, rel=1e-9)
    assert short.functional_variance == pytest.approx(full.functional_variance, rel=1e-9)
    assert np.isnan(short.variance).all() == (solver == "global")


def dense(samples=100, seed=5):
    """Samples, and nodes so dense that many lie between two samples; some twice at one place."""
    places, values, _ = scene(samples=samples, seed=seed)
    nodes = np.stack(np.meshgrid(np.linspace(2, 298, 60), np.linspace(2, 58, 30)), axis=-1).reshape(-1, 2)
    return places, values, np.concatenate([nodes, nodes[:5], nodes[:5]])


@pytest.mark.parametrize("period", [None, PERIOD])
@pytest.mark.parametrize("shared", [18, 30])
def test_a_tile_holds_the_nearest_samples_of_each_of_its_nodes(period, shared):
    places, _, nodes = dense()
    kernel = Kernel(variogram(), period)
    tree = cKDTree(kernel.scaled(places))
    tiles = lay_tiles(nodes, kernel, tree, 12, shared)
    met = list(tiles.alone)
    nearest = tree.query(kernel.scaled(nodes), k=12)[1]
    for first, count, samples in zip(tiles.first, tiles.count, tiles.nearest, strict=True):
        members = tiles.order[first : first + count]
        met.extend(members)
        assert np.isin(nearest[members], samples).all()
    assert sorted(met) == list(range(len(nodes)))
    assert len(tiles.alone) < 0.3 * len(nodes)


@pytest.mark.parametrize("nodes", [np.array([[5.0, 5.0]]), np.full((40, 2), 3.0), np.array([[0.0, 1.0], [9e6, 1.0]])])
def test_tiles_of_few_or_coinciding_nodes(nodes):
    kernel = Kernel(variogram())
    tiles = lay_tiles(nodes, kernel, cKDTree(kernel.scaled(scene()[0])), 12, 20)
    assert tiles.count.sum() + len(tiles.alone) == len(nodes)


@pytest.mark.parametrize("mean", ["unknown", 0.0])
@pytest.mark.parametrize(("period", "mirror"), [(None, None), (PERIOD, 0.0)])
def test_shared_samples_come_nearer_to_all_samples(mean, period, mirror):
    places, values, nodes = dense()
    more = {"mean": mean, "period": period, "mirror": mirror}
    every = krige(places, values, nodes, variogram(), solver="global", **more)
    own = krige(places, values, nodes, variogram(), solver="local", neighbours=16, **more)
    shared = krige(places, values, nodes, variogram(), solver="local", neighbours=16, shared=True, **more)
    # More samples never make a variance larger, and never smaller than that of all
    assert np.all(shared.variance <= own.variance * (1 + 1e-9) + 1e-12)
    assert np.all(shared.variance >= every.variance * (1 - 1e-9) - 1e-12)
    assert np.std(shared.estimate - every.estimate) < np.std(own.estimate - every.estimate)


@pytest.mark.parametrize("mean", ["unknown", 0.7])
def test_shared_samples_that_are_all_samples(mean):
    places, values, nodes = scene(nodes=400)
    every = krige(places, values, nodes, variogram(), solver="global", mean=mean)
    shared = krige(places, values, nodes, variogram(), solver="local", mean=mean, neighbours=len(values), shared=True)
    np.testing.assert_allclose(shared.estimate, every.estimate, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(shared.variance, every.variance, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("mean", ["unknown", 0.0])
def test_nodes_far_apart_share_nothing(mean):
    places, values, _ = scene(samples=2000)
    nodes = scene(nodes=50)[2]
    own = krige(places, values, nodes, variogram(), solver="local", neighbours=8, mean=mean)
    shared = krige(places, values, nodes, variogram(), solver="local", neighbours=8, mean=mean, shared=True)
    np.testing.assert_array_equal(shared.estimate, own.estimate)


@pytest.mark.parametrize("model", ["spherical", "gaussian", "matern"])
@pytest.mark.parametrize("mean", ["unknown", 0.0])
def test_shared_samples_pass_through_the_samples_without_nugget(model, mean):
    places = np.stack(np.meshgrid(np.arange(0, 200, 20.0), np.arange(2, 60, 10.0)), axis=-1).reshape(-1, 2)
    values = np.random.default_rng(3).standard_normal(len(places))
    near = np.concatenate([places, places + np.array([0.5, 0.0]), places + 0.5])
    found = krige(places, values, near, variogram(model, nugget=0.0), mean=mean, solver="local", shared=True)
    np.testing.assert_allclose(found.estimate[: len(places)], values, atol=1e-5)
    assert found.variance[: len(places)].max() < 1e-5 * 2.0


def test_shared_systems_that_are_nearly_singular_are_solved():
    # Smooth, without noise, and dense: no digits are left for a factorisation of the covariance
    places, values, nodes = dense()
    found = krige(
        places, values, nodes, variogram("gaussian", 0.0, range_x=2e3, range_z=2e3), solver="local", shared=True
    )
    assert np.isfinite(found.estimate).all()


@pytest.mark.parametrize("constant", [1.0, 0.3])
@pytest.mark.parametrize(("period", "mirror"), [(None, None), (PERIOD, -2.0)])
def test_blocks_and_triangles_of_the_covariance(constant, period, mirror):
    places, _, nodes = scene(samples=300, nodes=700)
    kernel = Kernel(variogram(), period, mirror, constant)
    whole = kernel.matrix(nodes, places)
    for rows, block in kernel.blocks(nodes, places):
        np.testing.assert_array_equal(block, whole[rows])
    np.testing.assert_allclose(np.tril(kernel.lower(places)), np.tril(kernel.matrix(places, places)), rtol=1e-14)


@pytest.mark.parametrize("mean", ["unknown", 0.0])
@pytest.mark.parametrize("model", ["matern", "exponential", "spherical", "gaussian"])
def test_near_samples_tell_the_standard_errors_of_the_global_solver(model, mean):
    places, values, nodes = dense(samples=1_600)
    nodes = nodes[::3]
    functional = Functional(np.ones(len(nodes)))
    more = {"mean": mean, "mirror": 0.0, "solver": "global", "functional": functional}
    every = krige(places, values, nodes, variogram(model), **more)
    near = krige(places, values, nodes, variogram(model), shared=True, **more)
    ratio = np.sqrt(near.variance / every.variance)
    # Far samples of a Gaussian covariance count too much to be left out
    assert ratio.min() > 1 - 1e-9
    assert ratio.max() < {"spherical": 1.03, "gaussian": 1 + 1e-9}.get(model, 1.005)
    np.testing.assert_allclose(near.estimate, every.estimate, rtol=1e-8, atol=1e-10)
    assert near.functional_variance == pytest.approx(every.functional_variance, rel=1e-8)
    assert near.solver == "global"
