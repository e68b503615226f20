"""One kriging problem solved in one way, in a process of its own: CPU seconds and peak memory.

    python -m benchmarks.kriging_ways WAY PROBLEM.npz ANSWER.npz

It runs with the project's interpreter for the ways of the project, and with the peers' for theirs.
All take the exponential covariance with the same sill, effective range and nugget. Imports aren't
timed; everything else is, from the arrays of the samples to those of estimates and standard errors.
"""

from __future__ import annotations

import importlib.metadata
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

RANGE, PARTIAL_SILL, NUGGET = 80.0, 1.0, 0.02
NEIGHBOURS = 32
_LEAST_SECONDS = 1.0
"""Runs are repeated, up to five times, until they have taken so long together."""

Solve = Callable[[Any, Any, Any], tuple[Any, Any]]
"""From samples (n, 2), values (n,) and nodes (m, 2) to estimates (m,) and standard errors (m,) of the field."""


def here(**options: Any) -> Solve:
    """This program."""
    from gasflux_core.kriging_solvers import krige
    from gasflux_core.variogram_model import Variogram

    variogram = Variogram("flux_density", "exponential", NUGGET, PARTIAL_SILL, RANGE, RANGE)

    def solve(samples: Any, values: Any, nodes: Any) -> tuple[Any, Any]:
        found = krige(
            samples,
            values,
            nodes,
            variogram,
            neighbours=NEIGHBOURS,
            memory_limit=1e3 + 8e-6 * len(values) ** 2,
            **options,
        )
        return found.estimate, np.sqrt(found.variance)

    return solve


def scikit_learn() -> Solve:
    """Its Gaussian process with a known mean of 0 and fixed parameters."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern

    def solve(samples: Any, values: Any, nodes: Any) -> tuple[Any, Any]:
        kernel = ConstantKernel(PARTIAL_SILL) * Matern(RANGE / 3, nu=0.5)
        process = GaussianProcessRegressor(kernel, alpha=NUGGET, optimizer=None).fit(samples, values)
        estimate, error = process.predict(nodes, return_std=True)
        return estimate, error

    return solve


def pykrige(backend: str, neighbours: int | None) -> Solve:
    """PyKrige; its variance is that of a new sample, with the nugget."""
    from pykrige.ok import OrdinaryKriging

    parameters = {"psill": PARTIAL_SILL, "range": RANGE, "nugget": NUGGET}

    def solve(samples: Any, values: Any, nodes: Any) -> tuple[Any, Any]:
        model = OrdinaryKriging(
            *samples.T, values, variogram_model="exponential", variogram_parameters=parameters, exact_values=False
        )
        estimate, variance = model.execute("points", *nodes.T, backend=backend, n_closest_points=neighbours)
        return np.asarray(estimate), np.sqrt(np.asarray(variance) - NUGGET)

    return solve


def gstools(core: bool) -> Solve:
    """GSTools by a true inverse, which is quicker than its default, the pseudo-inverse."""
    import gstools as gs

    gs.config.USE_GSTOOLS_CORE = core
    if core and not gs.config._GSTOOLS_CORE_AVAIL:
        raise RuntimeError("GSTools-Core isn't installed")

    def solve(samples: Any, values: Any, nodes: Any) -> tuple[Any, Any]:
        model = gs.Exponential(dim=2, var=PARTIAL_SILL, len_scale=RANGE / 3, nugget=NUGGET)
        kriging = gs.krige.Ordinary(model, samples.T, values, exact=False, cond_err="nugget", pseudo_inv=False)
        estimate, variance = kriging(nodes.T, return_var=True)
        return estimate, np.sqrt(variance - NUGGET)

    return solve


def scikit_gstat() -> Solve:
    """scikit-gstat, which knows neighbourhoods only; its variance is that of a new sample."""
    from skgstat import OrdinaryKriging

    described: dict[str, Any] = {
        "model": "exponential",
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

    def solve(samples: Any, values: Any, nodes: Any) -> tuple[Any, Any]:
        model = OrdinaryKriging(
            described, min_points=3, max_points=NEIGHBOURS, coordinates=samples, values=values, mode="exact"
        )
        estimate = model.transform(*nodes.T)
        return np.asarray(estimate), np.sqrt(np.asarray(model.sigma) - NUGGET)

    return solve


WAYS: dict[str, Callable[[], Solve]] = {
    "here": lambda: here(solver="global"),
    "here, near": lambda: here(solver="global", shared=True),
    "here, mean only": lambda: here(solver="global", standard_errors=False),
    "scikit-learn": scikit_learn,
    "PyKrige": lambda: pykrige("vectorized", None),
    "PyKrige, C": lambda: pykrige("C", None),
    "GSTools": lambda: gstools(False),
    "GSTools-Core": lambda: gstools(True),
    "here, k = 32": lambda: here(solver="local", shared=True),
    "here, k = 32, own": lambda: here(solver="local"),
    "PyKrige, C, k = 32": lambda: pykrige("C", NEIGHBOURS),
    "PyKrige, k = 32": lambda: pykrige("loop", NEIGHBOURS),
    "scikit-gstat, k = 32": scikit_gstat,
}


def main() -> None:
    """Solve, and print what it took as JSON."""
    way, problem, answer = sys.argv[1:4]
    with np.load(problem) as given:
        samples, values, nodes = given["samples"], given["values"], given["nodes"]
    solve = WAYS[way]()
    # What a library compiles or loads at its first call is not the work
    solve(samples[:50], values[:50], nodes[:5])
    before = _peak_megabytes()
    seconds: list[float] = []
    while not seconds or (sum(seconds) < _LEAST_SECONDS and len(seconds) < 5):
        began = time.process_time()
        estimate, error = solve(samples, values, nodes)
        seconds.append(time.process_time() - began)
    np.savez(answer, estimate=estimate, error=error)
    print(json.dumps({"seconds": min(seconds), "megabytes": _peak_megabytes(), "idle_megabytes": before}))


def _peak_megabytes() -> float:
    # Linux tells KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def versions() -> dict[str, str]:
    """Of the peers, for who reads the table."""
    names = ("scikit-learn", "PyKrige", "gstools", "gstools-core", "scikit-gstat", "numpy", "scipy")
    return {name: importlib.metadata.version(name) for name in names}


if __name__ == "__main__":
    if sys.argv[1] == "versions":
        print(json.dumps(versions()))
    else:
        main()
