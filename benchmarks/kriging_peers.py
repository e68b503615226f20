"""Kriging beside its peers: mean and standard error, by samples and nodes, CPU seconds and peak memory.

Each way solves each problem in a process of its own with one thread (:mod:`benchmarks.kriging_ways`).
What would take longer than the cap, or more memory than there is, isn't run but told from the
smaller problems (a process that takes twice the cap nevertheless is stopped): times as
c₀ + c₁n² + c₂n³ + c₃m + c₄nm + c₅n²m with coefficients of 0 or more, n samples and m nodes; memory
likewise. Such figures are marked with ~.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray
from scipy.optimize import nnls

from benchmarks.peer_environment import peers_python

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = (1_000, 5_000, 20_000)
GRIDS = ((70, 10), (200, 100), (1_000, 500))
OURS = ("here", "here, near", "here, mean only", "here, k = 32", "here, k = 32, own")
ALL_SAMPLES = ("scikit-learn", "PyKrige", "PyKrige, C", "GSTools", "GSTools-Core")
NEIGHBOURHOODS = ("PyKrige, C, k = 32", "PyKrige, k = 32", "scikit-gstat, k = 32")
_SHARE_OF_MEMORY = 0.6

Array = NDArray[np.float64]
Cell = tuple[int, int]
"""Samples and nodes."""


@dataclass
class Way:
    """What has been measured of one way."""

    name: str
    seconds: dict[Cell, float] = field(default_factory=dict)
    megabytes: dict[Cell, float] = field(default_factory=dict)
    answers: dict[Cell, tuple[Array, Array]] = field(default_factory=dict)
    stopped: dict[Cell, float] = field(default_factory=dict)
    """CPU seconds after which runs that took far longer than expected were stopped."""

    def expected_seconds(self, cell: Cell) -> float:
        """From what has been measured, or 0 with nothing measured."""
        known = self.seconds | self.stopped
        return _extrapolated(known, cell, ((0, 0), (2, 0), (3, 0), (0, 1), (1, 1), (2, 1)))

    def expected_megabytes(self, cell: Cell) -> float:
        """Likewise."""
        return _extrapolated(self.megabytes, cell, ((0, 0), (2, 0), (0, 1), (1, 1)))


def problem(samples: int, grid: tuple[int, int]) -> tuple[Array, Array, Array]:
    """A plume over a plane of 900 m by 100 m, sampled at random places with noise; and the nodes."""
    random = np.random.default_rng(1)
    places = np.column_stack([random.uniform(0, 900, samples), random.uniform(0, 100, samples)])
    plume = 3.0 * np.exp(-((places[:, 0] - 450) ** 2) / (2 * 90**2) - (places[:, 1] - 30) ** 2 / (2 * 20**2))
    values = plume + np.sqrt(0.02) * random.standard_normal(samples)
    x, z = np.meshgrid(np.linspace(10, 890, grid[0]), np.linspace(5, 95, grid[1]))
    return places, values, np.column_stack([x.ravel(), z.ravel()])


def time_peers(cap: float) -> dict[str, Way]:
    """Run all ways on all problems and print the tables.

    :param cap: CPU seconds that a peer's run may be expected to take; this program's may take four times as long.
    """
    python = peers_python()
    ours = {name: Way(name) for name in OURS}
    theirs = {name: Way(name) for name in (*ALL_SAMPLES, *NEIGHBOURHOODS)}
    with tempfile.TemporaryDirectory() as folder:
        cells = [(samples, grid) for samples in SAMPLES for grid in GRIDS]
        for samples, grid in sorted(cells, key=lambda cell: cell[0] * cell[1][0] * cell[1][1]):
            given = Path(folder) / "problem.npz"
            places, values, nodes = problem(samples, grid)
            np.savez(given, samples=places, values=values, nodes=nodes)
            for way in (*ours.values(), *theirs.values()):
                own = way.name in ours
                _run(way, (samples, len(nodes)), given, sys.executable if own else str(python), 4 * cap if own else cap)
    versions = json.loads(_output([str(python), "-m", "benchmarks.kriging_ways", "versions"]))
    print("\nPeers: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    _show("All samples for all nodes", ours["here"], [theirs[name] for name in ALL_SAMPLES])
    _show(
        "Mean by all samples, standard error by near ones", ours["here, near"], [theirs[name] for name in ALL_SAMPLES]
    )
    _show("The 32 nearest samples", ours["here, k = 32"], [theirs[name] for name in NEIGHBOURHOODS])
    _show_more(list(ours.values()))
    _show_agreement(ours, theirs)
    return ours | theirs


def _run(way: Way, cell: Cell, given: Path, python: str, cap: float) -> None:
    memory = psutil.virtual_memory().available / 2**20 * _SHARE_OF_MEMORY
    if way.expected_seconds(cell) > cap or way.expected_megabytes(cell) > memory:
        return
    answer = given.with_name("answer.npz")
    command = [python, "-m", "benchmarks.kriging_ways", way.name, str(given), str(answer)]
    try:
        told = json.loads(_output(command, limit=int(2 * cap)))
    except Stopped:
        way.stopped[cell] = 2 * cap
        return
    way.seconds[cell], way.megabytes[cell] = told["seconds"], told["megabytes"]
    with np.load(answer) as found:
        way.answers[cell] = found["estimate"], found["error"]
    print(f"{way.name:24}{cell[0]:8}{cell[1]:8}{way.seconds[cell]:10.3f} s{way.megabytes[cell]:8.0f} MB", flush=True)


class Stopped(Exception):
    """A process had used up its CPU seconds."""


def _output(command: list[str], limit: int | None = None) -> str:
    if limit is not None:
        command = ["sh", "-c", f'ulimit -t {limit}; exec "$@"', "sh", *command]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise Stopped
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


def _extrapolated(measured: dict[Cell, float], cell: Cell, powers: tuple[tuple[int, int], ...]) -> float:
    if not measured:
        return 0.0

    def terms(at: Cell) -> Array:
        return np.array([float(at[0]) ** n * float(at[1]) ** m for n, m in powers])

    known = np.array(list(measured.values()))
    # Relative errors count, so that the small problems are met as well as the large ones
    matrix = np.array([terms(at) for at in measured]) / known[:, None]
    scale = np.linalg.norm(matrix, axis=0)
    return float(terms(cell) / scale @ nnls(matrix / scale, np.ones(len(known)))[0])


def _show(title: str, ours: Way, peers: list[Way]) -> None:
    print(f"\n{title}: mean and standard error, CPU seconds\n")
    names = [ours.name, *(way.name for way in peers)]
    print(f"| samples | nodes | {' | '.join(names)} | fastest peer over here |")
    print("|" + "---:|" * (len(names) + 3))
    for samples in SAMPLES:
        for grid in GRIDS:
            cell = samples, grid[0] * grid[1]
            fastest = min(way.seconds.get(cell, way.expected_seconds(cell)) for way in peers)
            own = ours.seconds.get(cell, ours.expected_seconds(cell))
            run = cell in ours.seconds and any(cell in way.seconds for way in peers)
            mark = "" if run else "~"
            times = " | ".join(_time(way, cell) for way in (ours, *peers))
            print(f"| {samples} | {grid[0]}×{grid[1]} | {times} | {mark}{fastest / own:.1f} |")


def _time(way: Way, cell: Cell) -> str:
    if cell in way.seconds:
        return f"{way.seconds[cell]:.3g}"
    if cell in way.stopped:
        return f"> {way.stopped[cell]:.0f}"
    needed = way.expected_megabytes(cell)
    enough = psutil.virtual_memory().total / 2**20 * _SHARE_OF_MEMORY
    return f"~{way.expected_seconds(cell):.0f}" + (f" (~{needed / 1024:.0f} GB)" if needed > enough else "")


def _show_more(ways: list[Way]) -> None:
    print("\nHere: CPU seconds and peak memory of the process, in MB\n")
    print("| samples | nodes | " + " | ".join(way.name for way in ways) + " |")
    print("|" + "---:|" * (len(ways) + 2))
    for samples in SAMPLES:
        for grid in GRIDS:
            cell = samples, grid[0] * grid[1]
            told = (
                f"{way.seconds[cell]:.3g} s, {way.megabytes[cell]:.0f}" if cell in way.seconds else _time(way, cell)
                for way in ways
            )
            print(f"| {samples} | {grid[0]}×{grid[1]} | {' | '.join(told)} |")


def _show_agreement(ours: dict[str, Way], theirs: dict[str, Way]) -> None:
    """Largest differences where both were run; scikit-learn's mean is known to be 0, ours is estimated."""
    print("\nLargest difference from here, in standard deviations of the field: estimate, standard error\n")
    pairs = [("here", name) for name in ALL_SAMPLES] + [("here, k = 32, own", name) for name in NEIGHBOURHOODS]
    for own, name in [*pairs, ("here", "here, near"), ("here", "here, k = 32"), ("here", "here, k = 32, own")]:
        other = (ours | theirs)[name]
        common = [cell for cell in other.answers if cell in ours[own].answers]
        if common:
            gaps = [
                [np.abs(a - b).max() for a, b in zip(ours[own].answers[cell], other.answers[cell], strict=True)]
                for cell in common
            ]
            worst = np.max(gaps, axis=0)
            print(f"{own:20} and {name:24}{worst[0]:10.1e}{worst[1]:10.1e}   in {len(common)} problems")
