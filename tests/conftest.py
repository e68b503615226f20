"""What all tests share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest

# A failing example is found where someone works on the code, not by chance where a change is judged.
hypothesis.settings.register_profile("judge", derandomize=True, deadline=None)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("judge")

ROOT = Path(__file__).resolve().parents[1]


def need_program(name: str) -> str:
    """Path of a program that a test drives; without it the test skips, or fails where nothing may skip."""
    found = shutil.which(name) or next(
        (str(path) for path in (Path("/usr/sbin") / name, Path("/sbin") / name) if path.exists()), None
    )
    return found or skip(f"{name} is not installed")


def skip(why: str) -> NoReturn:
    """Skip the test for want of something, or fail it where nothing may be wanting."""
    if os.environ.get("GASFLUX_TEST_NOTHING_SKIPS"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def example_flight() -> Path:
    """The public example flight of GasFlux 0.2.2: 1000 rows, ten level transects, three gases."""
    return ROOT / "tests" / "data" / "example_flight.csv"
