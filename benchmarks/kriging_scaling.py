"""How the cost of kriging grows: the global mean with the samples, the local solver with the nodes.

The bound that the global mean is held against is what no solution can do without: one Cholesky
factorisation of an n × n matrix, and one product of an m × n matrix with a vector, both timed in the
same run on numbers already in memory. Evaluating the n²/2 + m n covariances is on top of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from benchmarks.kriging_peers import problem
from benchmarks.kriging_ways import NEIGHBOURS, NUGGET, PARTIAL_SILL, RANGE
from gasflux_core.kriging_solvers import Functional, krige
from gasflux_core.variogram_model import Variogram

PLOT = Path(__file__).resolve().parents[1] / "docs" / "images" / "kriging_cost.png"
GLOBAL_SAMPLES = (1_000, 2_000, 5_000, 10_000)
BOUND_GRIDS = ((70, 10), (200, 100), (1_000, 500))
LOCAL_SAMPLES = 20_000
LOCAL_GRIDS = ((250, 125), (350, 180), (500, 250), (700, 360), (1_000, 500))

Array = NDArray[np.float64]


def time_scaling(repeat: int) -> None:
    """Time, print and plot."""
    variogram = Variogram("flux_density", "exponential", NUGGET, PARTIAL_SILL, RANGE, RANGE)
    mean, bound = {}, {}
    print("\nMean, emission rate and its exact variance by all samples against the bound, CPU seconds\n")
    print("| samples | nodes | Cholesky | product | bound | here | here over bound |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for count in GLOBAL_SAMPLES:
        cholesky = _least(lambda count=count: _prepared_cholesky(count), repeat)
        product = _time_a_product(count, repeat)
        for grid in BOUND_GRIDS:
            samples, values, nodes = problem(count, grid)
            # A prior variance given: it comes from the grid, not from the solver
            functional = Functional(np.ones(len(nodes)), prior_variance=1.0)

            def run(
                given: tuple[Array, Array, Array] = (samples, values, nodes), whole: Functional = functional
            ) -> float:
                began = time.process_time()
                krige(
                    *given,
                    variogram,
                    solver="global",
                    functional=whole,
                    memory_limit=1e3 + 8e-6 * len(given[0]) ** 2,
                    standard_errors=False,
                )
                return time.process_time() - began

            seconds = _least(run, repeat)
            least = cholesky + product * len(nodes)
            print(
                f"| {count} | {grid[0]}×{grid[1]} | {cholesky:.3g} | {product * len(nodes):.3g} | {least:.3g} "
                f"| {seconds:.3g} | {seconds / least:.2f} |",
                flush=True,
            )
            if grid == BOUND_GRIDS[0]:
                mean[count], bound[count] = seconds, least
    local = {}
    print(f"\nMean and standard error by the {NEIGHBOURS} nearest of {LOCAL_SAMPLES} samples, CPU seconds\n")
    for grid in LOCAL_GRIDS:
        samples, values, nodes = problem(LOCAL_SAMPLES, grid)

        def run_local(given: tuple[Array, Array, Array] = (samples, values, nodes)) -> float:
            began = time.process_time()
            krige(*given, variogram, solver="local", neighbours=NEIGHBOURS, shared=True)
            return time.process_time() - began

        local[len(nodes)] = _least(run_local, repeat)
        print(f"{grid[0]:6}×{grid[1]:<6}{local[len(nodes)]:10.3f}", flush=True)
    exponents = {
        "global mean, against samples": exponent(mean),
        "global mean from 2000 samples on": exponent({count: time for count, time in mean.items() if count >= 2_000}),
        "local solver, against nodes": exponent(local),
    }
    print("\nExponents: " + "; ".join(f"{what} {value:.2f}" for what, value in exponents.items()))
    _plot(mean, bound, local)


def _least(run: Callable[[], float], repeat: int) -> float:
    return min(run() for _ in range(max(2, repeat)))


def _prepared_cholesky(count: int) -> float:
    places = problem(count, (2, 2))[0]
    matrix = np.asfortranarray(np.exp(-3 / RANGE * np.abs(places[:, :1] - places[:, 0])))
    matrix[np.diag_indices(count)] += NUGGET
    began = time.process_time()
    linalg.cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)
    return time.process_time() - began


def _time_a_product(count: int, repeat: int) -> float:
    """CPU seconds a row of a product with a matrix that is beyond the caches."""
    matrix = np.ones((max(100, 20_000_000 // count), count))
    vector = np.ones(count)

    def run() -> float:
        began = time.process_time()
        matrix @ vector
        return time.process_time() - began

    return _least(run, repeat) / len(matrix)


def exponent(measured: dict[int, float]) -> float:
    """Of the power law that fits the times best."""
    return float(np.polyfit(np.log(list(measured)), np.log(list(measured.values())), 1)[0])


def _plot(mean: dict[int, float], bound: dict[int, float], local: dict[int, float]) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.loglog(list(mean), list(mean.values()), "o-", label=f"mean here, ∝ n^{exponent(mean):.2f}")
    left.loglog(list(bound), list(bound.values()), "k--", label="Cholesky and product")
    left.set(xlabel="samples", ylabel="CPU seconds", title="All samples, 70×10 nodes")
    right.loglog(list(local), list(local.values()), "o-", label=f"mean and standard error, ∝ m^{exponent(local):.2f}")
    right.set(xlabel="nodes", title=f"{NEIGHBOURS} nearest of {LOCAL_SAMPLES} samples")
    for axes in (left, right):
        axes.grid(which="both", alpha=0.3)
        axes.legend(fontsize=8)
        axes.xaxis.set_minor_formatter(NullFormatter())
    right.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    right.yaxis.set_major_formatter(ScalarFormatter())
    right.yaxis.set_minor_formatter(NullFormatter())
    right.set_ylim(0.8 * min(local.values()), 1.3 * max(local.values()))
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, dpi=80)
