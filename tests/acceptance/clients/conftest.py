"""What the tests of the clients share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from examples.owslib_gas_flux import execute, save_outputs
from tests.acceptance.running import Service, running_service
from tests.conftest import ROOT, need_program, skip

CLIENTS = pytest.StashKey[set[str]]()
"""Every client that was tried, with its version."""

SYSTEM_PYTHON = "/usr/bin/python3"
"""That of the operating system, for which its packages of QGIS and of an older OWSLib are."""


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One real service with the diagnostic processes, for all tests of the clients."""
    with running_service(tmp_path_factory.mktemp("clients"), {"GASFLUX_DIAGNOSTICS": "true"}) as running:
        yield running


@pytest.fixture(scope="session")
def tried(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Note a client with its version; all are told at the end."""
    return pytestconfig.stash.setdefault(CLIENTS, set()).add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if clients := config.stash.get(CLIENTS, None):
        terminalreporter.write_line(f"clients tried: {', '.join(sorted(clients))}")


@pytest.fixture(scope="session")
def system_python() -> str:
    """The operating system's Python."""
    return SYSTEM_PYTHON if Path(SYSTEM_PYTHON).exists() else need_program("python3")


@pytest.fixture(scope="session")
def qgis_python(system_python: str) -> str:
    """The operating system's Python, with QGIS."""
    if subprocess.run([system_python, "-c", "import qgis.core"], capture_output=True, check=False).returncode:
        skip("python3-qgis is not installed")
    return system_python


@pytest.fixture(scope="session")
def chromium(tried: Callable[[str], None]) -> str:
    """A real browser."""
    program = need_program("chromium")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    tried(" ".join(version.split()[:2]))
    return program


@pytest.fixture(scope="session")
def fetched_results(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that ``gas_flux`` makes of the public example flight."""
    folder = tmp_path_factory.mktemp("results")
    save_outputs(execute(service.wps, ROOT / "tests" / "data" / "example_flight.csv", ["ch4", "co2"]), folder)
    return folder
