"""One kriging problem, solved by this program and by two libraries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasflux_core.kriging_solvers import krige
from gasflux_core.variogram_model import Variogram

SAMPLES, NODES_ALONG, NODES_UP = 1000, 70, 10
RANGE, PARTIAL_SILL, NUGGET = 80.0, 1.0, 0.02
NEIGHBOURS = 100

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One way to solve it."""

    name: str
    run: Callable[[], Array]
    """Gives the estimates at the nodes."""
    note: str
    quick: bool = True


def kriging_cases() -> list[Case]:
    """All ways, with the largest difference from the first in the standard deviation of the values."""
    samples, values, nodes = _problem()
    variogram = Variogram("flux_density", "spherical", NUGGET, PARTIAL_SILL, RANGE, RANGE)
    ways: list[tuple[str, Callable[[], Array], bool]] = [
        ("here, global: all samples", lambda: krige(samples, values, nodes, variogram, solver="global").estimate, True),
        (
            f"here, local: {NEIGHBOURS} neighbours",
            lambda: krige(samples, values, nodes, variogram, solver="local", neighbours=NEIGHBOURS).estimate,
            True,
        ),
        ("PyKrige: all samples", _pykrige(samples, values, nodes, None), True),
        (f"PyKrige: {NEIGHBOURS} neighbours", _pykrige(samples, values, nodes, NEIGHBOURS), True),
        (f"scikit-gstat: {NEIGHBOURS} neighbours", _scikit_gstat(samples, values, nodes), False),
    ]
    found = {name: run() for name, run, _ in ways}
    first = next(iter(found.values()))
    spread = float(values.std())
    return [
        Case(name, run, f"largest difference {np.abs(found[name] - first).max() / spread:.1e} σ", quick)
        for name, run, quick in ways
    ]


def _problem() -> tuple[Array, Array, Array]:
    random = np.random.default_rng(1)
    samples = np.column_stack([random.uniform(0, 900, SAMPLES), random.uniform(0, 100, SAMPLES)])
    plume = 3.0 * np.exp(-((samples[:, 0] - 450) ** 2) / (2 * 90**2) - (samples[:, 1] - 30) ** 2 / (2 * 20**2))
    values = plume + np.sqrt(NUGGET) * random.standard_normal(SAMPLES)
    x, z = np.meshgrid(np.linspace(10, 890, NODES_ALONG), np.linspace(5, 95, NODES_UP))
    return samples, values, np.column_stack([x.ravel(), z.ravel()])


def _pykrige(samples: Array, values: Array, nodes: Array, neighbours: int | None) -> Callable[[], Array]:
    from pykrige.ok import OrdinaryKriging

    parameters = {"psill": PARTIAL_SILL, "range": RANGE, "nugget": NUGGET}

    def run() -> Array:
        # Not exact at samples: the nugget is noise, as it is here.
        model = OrdinaryKriging(
            *samples.T, values, variogram_model="spherical", variogram_parameters=parameters, exact_values=False
        )
        backend = "vectorized" if neighbours is None else "loop"
        return np.asarray(model.execute("points", *nodes.T, backend=backend, n_closest_points=neighbours)[0])

    return run


def _scikit_gstat(samples: Array, values: Array, nodes: Array) -> Callable[[], Array]:
    from skgstat import OrdinaryKriging

    described: dict[str, Any] = {
        "model": "spherical",
        "effective_range": RANGE,
        # scikit-gstat's sill is the partial one here.
        "sill": PARTIAL_SILL,
        "nugget": NUGGET,
        "dist_func": "euclidean",
        "estimator": "matheron",
        "normalized_effective_range": 0,
        "normalized_sill": 0,
        "normalized_nugget": 0,
    }

    def run() -> Array:
        model = OrdinaryKriging(
            described, min_points=3, max_points=NEIGHBOURS, coordinates=samples, values=values, mode="exact"
        )
        return np.asarray(model.transform(*nodes.T))

    return run
