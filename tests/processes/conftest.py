"""What the tests of the processes share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gasflux_core.errors import GasFluxError, InputError
from gasflux_core.io.tables import write_table
from gasflux_core.simulate import SimulationParameters, simulate_flight
from processes.base import execute
from processes.declaration import Circumstances, InputValue, PassedOn, SubRequest, SubResult
from tests.core.dems import write_dem

MAP_SERVICES = {kind: f"http://example.org/ows/job?service={kind}" for kind in ("wms", "wcs", "wfs", "features")}


@dataclass
class RecordingContext:
    """Keeps what it is told, has files under addresses instead of a network, and runs sub-jobs itself."""

    workdir: Path
    outputs: frozenset[str] | None = None
    told: list[tuple[float, str]] = field(default_factory=list)
    addresses: dict[str, Path] = field(default_factory=dict)
    passed: dict[str, list[InputValue]] = field(default_factory=dict)
    """Values of the inputs that are passed on only."""
    map_services: dict[str, str] = field(default_factory=MAP_SERVICES.copy)
    circumstances: Circumstances = field(default_factory=Circumstances)
    asked: list[tuple[str, SubRequest]] = field(default_factory=list)
    """Sub-jobs that were asked for, each with its process."""

    def progress(self, fraction: float, text: str) -> None:
        self.told.append((fraction, text))

    def fetch(self, url: str, parameter: str, media_types: Sequence[str] = ()) -> Path:
        if url not in self.addresses:
            raise InputError(f"{parameter}: {url} answered 404", parameter)
        return self.addresses[url]

    def passed_on(self, identifier: str) -> int:
        return len(self.passed.get(identifier, ()))

    def run_each(self, process: str, requests: Sequence[SubRequest]) -> list[SubResult]:
        self.asked += [(process, request) for request in requests]
        return [self._run_one(process, request, f"job-{number}") for number, request in enumerate(requests, start=1)]

    def _run_one(self, process: str, request: SubRequest, job_id: str) -> SubResult:
        from processes import registry

        folder = self.workdir / job_id
        folder.mkdir()
        inner = RecordingContext(folder, frozenset(request.outputs) or None, addresses=self.addresses)
        values = {
            name: [
                self.passed[one.identifier][one.index] if isinstance(one, PassedOn) else InputValue(text=one)
                for one in given
            ]
            for name, given in request.inputs.items()
        }
        try:
            return SubResult(request.label, job_id, execute(registry()[process], values, inner))
        except GasFluxError as error:
            return SubResult(request.label, job_id, {}, error.message)


@pytest.fixture
def context(tmp_path: Path) -> RecordingContext:
    folder = tmp_path / "work"
    folder.mkdir()
    return RecordingContext(folder)


@pytest.fixture(scope="session")
def small_flight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated flight of 150 rows through the plume of 10 kg/h of methane; beside it dem.tif, its level ground."""
    path = tmp_path_factory.mktemp("flight") / "small.csv"
    parameters = SimulationParameters.check({"seed": 1, "transects": 6, "width": 120})
    simulation = simulate_flight(parameters)
    write_table(simulation.table, path)
    corner = {"left": parameters.longitude - 0.01, "top": parameters.latitude + 0.01, "cell": 5e-4}
    write_dem(path.with_name("dem.tif"), lambda x, y: 0 * x + 80.0, crs="EPSG:4326", size=(40, 40), **corner)
    return path
