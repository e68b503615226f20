"""What the fault tests share: figures that are kept, and one quick service."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.order import assert_nothing_left, fault_service
from tests.faults.service import BOUND, FaultService

Figure = Callable[..., None]

TIME_LIMIT = 8
"""Seconds that a job of the quick service may run."""


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Keeps a figure of a test in the file that GASFLUX_FAULT_FIGURES names: ``figure(fault, **values)``."""

    def keep(fault: str, **values: Any) -> None:
        values = {name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}
        print(f"{fault}: {values}")
        if name := os.environ.get("GASFLUX_FAULT_FIGURES"):
            with Path(name).open("a+") as file:
                # Tests run in several processes.
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                figures = json.loads(file.read() or "{}")
                figures[f"embedded: {fault}"] = {**values, "test": request.node.name}
                file.seek(0)
                file.truncate()
                json.dump(figures, file, indent=1, sort_keys=True)

    return keep


@pytest.fixture
def recovered(figure: Figure) -> Figure:
    """Keeps the seconds that a recovery took, and fails where they are too many: ``recovered(fault, seconds)``."""

    def check(fault: str, seconds: float, **more: Any) -> None:
        figure(fault, seconds_to_recovery=seconds, **more)
        assert seconds <= BOUND, f"{fault}: {seconds:.1f} s to recovery"

    return check


@pytest.fixture(scope="session")
def quick_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultService]:
    """One service with narrow limits for all tests that don't break it."""
    folder = tmp_path_factory.mktemp("quick")
    limits = {"jobs_time_limit": str(TIME_LIMIT), "jobs_memory_limit": "300mb", "jobs_output_limit": "20mb"}
    with fault_service(folder, **limits, jobs_key_share="1") as service:
        yield service


@pytest.fixture
def service(quick_service: FaultService) -> Iterator[FaultService]:
    """That service; after each test nothing may be left behind."""
    yield quick_service
    assert_nothing_left(quick_service)
