"""Interpolated covariances of dense nodes with far samples give the same products as all of them."""

import numpy as np
import pytest

from gasflux_core.covariance_product import covariance_products
from gasflux_core.kriging_kernel import Kernel
from gasflux_core.variogram_model import Variogram

PERIOD = 900.0


def scene():
    random = np.random.default_rng(4)
    places = random.uniform(0, 1, (150, 2)) * [PERIOD, 100]
    nodes = np.stack(np.meshgrid(np.linspace(2, 898, 240), np.linspace(1, 99, 100)), axis=-1).reshape(-1, 2)
    return places, nodes, random.standard_normal(150), random.uniform(-1, 2, len(nodes))


@pytest.mark.parametrize("model", ["exponential", "gaussian", "matern", "stable", "spherical"])
@pytest.mark.parametrize(("period", "mirror"), [(None, None), (None, 0.0), (PERIOD, -3.0)])
@pytest.mark.parametrize("constant", [1.0, 0.4])
def test_products_equal_those_of_the_whole_matrix(monkeypatch, model, period, mirror, constant):
    # Small tiles, so that far samples are met on a small problem
    monkeypatch.setattr("gasflux_core.covariance_product._MOST_NODES", 2_000)
    places, nodes, dual, weights = scene()
    kernel = Kernel(Variogram("flux_density", model, 0.1, 2.0, 130.0, 40.0, 1.3), period, mirror, constant)
    evaluated = []
    blocks = Kernel.blocks

    def counted(self, first, second):
        evaluated.append(len(first) * len(second))
        return blocks(self, first, second)

    monkeypatch.setattr(Kernel, "blocks", counted)
    of_nodes, of_places = covariance_products(kernel, nodes, places, dual, weights)
    needed = sum(evaluated)
    matrix = kernel.matrix(nodes, places)
    scale = np.abs(matrix) @ np.abs(dual)
    np.testing.assert_array_less(np.abs(of_nodes - matrix @ dual), 1e-10 * scale)
    np.testing.assert_array_less(np.abs(of_places - weights @ matrix), 1e-10 * (np.abs(weights) @ np.abs(matrix)))
    assert (needed < 0.8 * matrix.size) == (model != "spherical")


def test_products_without_weights():
    places, nodes, dual, _ = scene()
    kernel = Kernel(Variogram("flux_density", "matern", 0.1, 2.0, 130.0, 40.0))
    of_nodes, of_places = covariance_products(kernel, nodes[:50], places, dual, None)
    np.testing.assert_allclose(of_nodes, kernel.matrix(nodes[:50], places) @ dual, rtol=1e-9, atol=1e-12)
    assert not of_places.any()
