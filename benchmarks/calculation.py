"""The calculation, stage by stage, in process and through WPS."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.stages import GASES, show_stages, show_whole
from gasflux_core.configuration import read_configuration
from gasflux_core.io.tables import read_table
from gasflux_core.pipeline import check_settings, run_pipeline
from processes.products import Source, write_products
from tests.acceptance.running import Service, running_service

DATA = Path(__file__).resolve().parents[1] / "tests" / "data"
FLIGHT = DATA / "example_flight.csv"
CONFIGURATION = DATA / "gasflux_testconfig.yaml"


@dataclass(frozen=True)
class Timing:
    """Seconds that one case took, over all its runs."""

    case: str
    seconds: tuple[float, ...]
    note: str = ""

    @property
    def least(self) -> float:
        """The run that other work on the machine disturbed least."""
        return min(self.seconds)


def time_calculation(repeat: int) -> None:
    """Run all cases, each so many times, and print the tables."""
    in_process = [
        timed("gas_flux in process, defaults", run_with({}), repeat),
        timed("gas_flux in process, GasFlux's configuration", run_with(gasflux_sections()), repeat),
        timed("gas_flux in process, defaults, all files", run_with({}, files=True), repeat),
    ]
    with tempfile.TemporaryDirectory() as folder:
        show_stages(Path(folder), min(repeat, 3))
        show_whole(Path(folder), FLIGHT, min(repeat, 3))
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder)) as service:
        request = wps_request(service)
        through_wps = [timed("gas_flux through WPS, synchronous, all outputs", request, repeat)]
    show(f"The example flight: 1000 rows, {len(GASES)} gases", [*in_process, *through_wps])


def timed(case: str, run: Callable[[], Any], repeat: int, note: str = "") -> Timing:
    """Run a case once to warm it up, then so many times by the clock."""
    run()
    seconds = []
    for _ in range(repeat):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return Timing(case, tuple(seconds), note)


def run_with(sections: dict[str, dict[str, Any]], *, files: bool = False) -> Callable[[], Any]:
    """The whole calculation from the file on, with all its files or with none."""
    settings = check_settings(sections)

    def run() -> None:
        result = run_pipeline(read_table(FLIGHT), GASES, settings)
        if files:
            with tempfile.TemporaryDirectory() as folder:
                write_products(result, Path(folder), source=Source(FLIGHT, FLIGHT.name))

    return run


def gasflux_sections() -> dict[str, dict[str, Any]]:
    """The stages' parameters as GasFlux's own example configuration has them."""
    return read_configuration(CONFIGURATION.read_text(encoding="utf-8")).sections


def wps_request(service: Service) -> Callable[[], Any]:
    """One synchronous Execute with every output, from the request to the response document."""
    from owslib.wps import ComplexDataInput, WebProcessingService

    client = WebProcessingService(service.wps)
    flight = FLIGHT.read_text(encoding="utf-8")

    def run() -> None:
        inputs = [("flight", ComplexDataInput(flight, mimeType="text/csv")), *(("gases", gas) for gas in GASES)]
        execution = client.execute("gas_flux", inputs, output=[], mode="sync")
        if not execution.isSucceded():
            raise RuntimeError("; ".join(error.text for error in execution.errors))

    return run


def show(title: str, timings: list[Timing]) -> None:
    """One table; the ratio is to the first case."""
    print(f"\n{title}\n")
    print(f"{'case':50}{'runs':>5}{'least s':>10}{'median s':>10}{'ratio':>8}  note")
    for timing in timings:
        median = statistics.median(timing.seconds)
        ratio = timing.least / timings[0].least
        print(f"{timing.case:50}{len(timing.seconds):5}{timing.least:10.3f}{median:10.3f}{ratio:8.1f}  {timing.note}")
