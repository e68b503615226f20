"""What the tests of the processes share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gasflux_core.errors import InputError
from gasflux_core.io.tables import write_table
from gasflux_core.simulate import SimulationParameters, simulate_flight


@dataclass
class RecordingContext:
    """A context that keeps what it is told, and has files under addresses instead of a network."""

    workdir: Path
    outputs: frozenset[str] | None = None
    told: list[tuple[float, str]] = field(default_factory=list)
    addresses: dict[str, Path] = field(default_factory=dict)

    def progress(self, fraction: float, text: str) -> None:
        self.told.append((fraction, text))

    def fetch(self, url: str, parameter: str) -> Path:
        if url not in self.addresses:
            raise InputError(f"{parameter}: {url} answered 404", parameter)
        return self.addresses[url]


@pytest.fixture
def context(tmp_path: Path) -> RecordingContext:
    folder = tmp_path / "work"
    folder.mkdir()
    return RecordingContext(folder)


@pytest.fixture(scope="session")
def small_flight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated flight of 150 rows through the plume of 10 kg/h of methane."""
    path = tmp_path_factory.mktemp("flight") / "small.csv"
    simulation = simulate_flight(SimulationParameters.check({"seed": 1, "transects": 6, "width": 120}))
    write_table(simulation.table, path)
    return path
