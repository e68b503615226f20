"""What each stage of the calculation costs against the number of samples, and how true the progress told is.

``python -m benchmarks.stages FLIGHT GASES SETTINGS`` runs one calculation and prints its times and its memory: a
process of its own, so that the peak of memory is that of this calculation.
"""

from __future__ import annotations

import os

for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import json  # noqa: E402  # the environment comes first
import math  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Mapping, Sequence  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from gasflux_core.io.tables import read_table, write_table  # noqa: E402
from gasflux_core.pipeline import Settings, check_settings, run_pipeline  # noqa: E402
from gasflux_core.simulate import SimulatedGas, SimulationParameters, Source, simulate_flight  # noqa: E402
from gasflux_core.stage_costs import Workload, expected_nodes, stage_seconds  # noqa: E402

GASES = ("ch4", "co2", "c2h6")
RATES = {1_000: 1.0, 5_000: 5.0, 20_000: 20.0}
"""Samples, about, and the readings a second that give them."""

STAGES = (
    "flight",
    "wind",
    "transects",
    "background",
    "plane",
    "flux_density",
    "variogram",
    "kriging",
    "emission_rate",
)

Sections = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Told:
    """One run: what the progress told, and the CPU seconds that had passed by then."""

    rows: int
    stages: tuple[str, ...]
    """The stage that each telling begins."""
    fractions: tuple[float, ...]
    seconds: tuple[float, ...]
    """From the first telling on; one more than stages, the last at the end."""
    expected: Mapping[str, float]
    """CPU seconds of each stage by the model of costs."""

    def milliseconds(self, stage: str) -> float:
        """Of all gases together."""
        spans = zip(self.stages, self.seconds, self.seconds[1:], strict=False)
        return 1e3 * sum(end - begin for name, begin, end in spans if name == stage)

    @property
    def largest_deviation(self) -> float:
        """Of the fraction told from that of the time that had passed."""
        pairs = zip(self.fractions, self.seconds, strict=True)
        return max(abs(fraction - passed / self.seconds[-1]) for fraction, passed in pairs)


def flight_file(folder: Path, samples: int) -> Path:
    """A simulated flight of about so many samples, 300 m long and 150 m high, three gases."""
    path = folder / f"flight_{samples}.csv"
    if not path.exists():
        source = Source(rates={"ch4": 20.0, "co2": 1600.0, "c2h6": 2.0}, height=60.0)
        sensors = {
            "ch4": SimulatedGas(background=1.95, noise=0.01),
            "co2": SimulatedGas(background=420.0, noise=0.5),
            "c2h6": SimulatedGas(background=0.001, noise=0.001),
        }
        parameters = SimulationParameters(
            seed=5,
            azimuth=70.0,
            wind_direction=165.0,
            sample_rate=RATES[samples],
            width=300.0,
            transects=12,
            lowest_height=7.0,
            spacing=13.0,
            ground_speed=3.7,
            legs=False,
            sources=(source,),
            gases=sensors,
        )
        write_table(simulate_flight(parameters).table, path)
    return path


def run_told(flight: Path, gases: Sequence[str], settings: Settings) -> Told:
    """Run the calculation once and note when the progress told what."""
    told: list[tuple[float, float]] = []
    raw = read_table(flight)
    result = run_pipeline(raw, gases, settings, lambda fraction, _: told.append((fraction, time.process_time())))
    nodes = expected_nodes(result.flight.table, settings.kriging)
    costs = stage_seconds(Workload(len(raw), len(gases), nodes), settings.variogram, settings.kriging)
    expected: dict[str, float] = {}
    for (stage, _), seconds in costs.items():
        expected[stage] = expected.get(stage, 0.0) + seconds
    fractions, times = zip(*told, strict=True)
    return Told(
        rows=len(raw),
        stages=tuple(stage for stage, _ in costs),
        fractions=fractions,
        seconds=tuple(moment - times[0] for moment in times),
        expected=expected,
    )


def show_stages(folder: Path, repeat: int) -> None:
    """Print CPU milliseconds by stage and samples with the exponents, and how true the progress was."""
    settings = Settings()
    runs = []
    for samples in RATES:
        flight = flight_file(folder, samples)
        tried = [run_told(flight, GASES, settings) for _ in range(repeat + 1)]
        runs.append(min(tried[1:], key=lambda told: told.seconds[-1]))
    print(f"\nStages: CPU ms of {len(GASES)} gases, default settings, one thread; model: what progress goes by\n")
    heads = "".join(f"{told.rows:>10}{'model':>10}" for told in runs)
    print(f"{'samples':18}{heads}{'exponent':>10}")
    for stage in STAGES:
        cells = "".join(f"{told.milliseconds(stage):10.1f}{1e3 * told.expected[stage]:10.1f}" for told in runs)
        print(f"{stage:18}{cells}{exponent(runs[0], runs[-1], stage):10.2f}")
    cells = "".join(f"{1e3 * told.seconds[-1]:10.1f}{1e3 * sum(told.expected.values()):10.1f}" for told in runs)
    print(f"{'all':18}{cells}")
    cells = "".join(f"{100 * told.largest_deviation:10.1f}{'%':>10}" for told in runs)
    print(f"{'progress off by':18}{cells}")


def exponent(few: Told, many: Told, stage: str) -> float:
    """Of the cost of a stage against the number of samples, from the least to the most."""
    return math.log(many.milliseconds(stage) / few.milliseconds(stage)) / math.log(many.rows / few.rows)


def show_whole(folder: Path, example: Path, repeat: int) -> None:
    """Print time and memory of whole calculations from the file on, each in a process of its own."""
    coarse = {"kriging": {"resolution": 500, "square_cells": False, "above": "none"}}
    fine = {"kriging": {"resolution": 20_000, "above": "none"}}
    cases = [
        ("1 000 samples, 3 gases, 70×10", example, GASES, coarse),
        ("1 000 samples, 3 gases, defaults", example, GASES, {}),
        ("20 000 samples, 1 gas, 200×100", flight_file(folder, 20_000), ("ch4",), fine),
        ("20 000 samples, 3 gases, 200×100", flight_file(folder, 20_000), GASES, fine),
    ]
    print("\nWhole gas_flux from the file on, without files, one thread\n")
    print(f"{'case':36}{'rows':>8}{'nodes':>10}{'first s':>9}{'least s':>9}{'CPU s':>8}{'peak MB':>9}")
    for name, flight, gases, sections in cases:
        found = in_a_process(flight, gases, sections, repeat)
        print(
            f"{name:36}{found['rows']:8}{found['nodes']:>10}{found['first']:9.2f}{found['least']:9.2f}"
            f"{found['cpu']:8.2f}{found['peak']:9.0f}"
        )


def in_a_process(flight: Path, gases: Sequence[str], sections: Sections, repeat: int) -> dict[str, Any]:
    """What :func:`main` prints."""
    command = [sys.executable, "-m", "benchmarks.stages", flight, ",".join(gases), json.dumps(sections), str(repeat)]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def main(flight: Path, gases: Sequence[str], sections: Sections, repeat: int) -> dict[str, Any]:
    """Wall seconds of the first run and of the quickest, least CPU seconds, and the peak of memory in MB."""
    settings = check_settings(sections)
    walls, processor = [], []
    for _ in range(repeat + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        result = run_pipeline(read_table(flight), gases, settings)
        walls.append(time.perf_counter() - wall)
        processor.append(time.process_time() - cpu)
    field = next(iter(result.gases.values())).field
    return {
        "rows": len(result.table),
        "nodes": "×".join(str(count) for count in reversed(field.estimate.shape)),
        "first": walls[0],
        "least": min(walls),
        "cpu": min(processor),
        "peak": peak_megabytes(),
    }


def peak_megabytes() -> float:
    """Largest memory of this process so far; what getrusage tells a child holds its parent's too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return float(peak) / 1024


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2].split(","), json.loads(sys.argv[3]), int(sys.argv[4]))))
