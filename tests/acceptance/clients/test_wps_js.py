"""52°North's wps-js in a real browser, from a page of another origin."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from processes import registry_with_diagnostics
from processes.base import declaration
from tests.acceptance.clients.browser import told_by_page
from tests.acceptance.running import Service
from tests.conftest import need_program

pytestmark = pytest.mark.slow

PAGES = Path(__file__).with_name("js")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, tried: Callable[[str], None]) -> dict[str, bytes]:
    """wps-js and the jQuery it needs, as the lock file names them."""
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PAGES / name, folder)
    # What the packages would do when installed (fetch tools to build them) isn't needed.
    command = [need_program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    modules = folder / "node_modules"
    wps_js = modules / "wps-js-52-north"
    tried(f"wps-js {json.loads((wps_js / 'package.json').read_text())['version']}")
    return {
        "jquery.js": (modules / "jquery" / "dist" / "jquery.min.js").read_bytes(),
        "wps-js-all.js": (wps_js / "src" / "web" / "lib" / "wps-js-all.js").read_bytes(),
    }


@pytest.fixture(scope="module", params=["1.0.0", "2.0.0"])
def told(
    request: pytest.FixtureRequest,
    service: Service,
    chromium: str,
    library: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What the page found, with each version of WPS."""
    page = (PAGES / "wps_js.html").read_text(encoding="utf-8")
    page = page.replace("SERVICE", service.url).replace("VERSION", request.param)
    found: dict[str, Any] = told_by_page(
        chromium, {"page.html": page.encode(), **library}, tmp_path_factory.mktemp("browser")
    )
    assert "failed" not in found, found["failed"]
    return found


def test_processes_are_listed(told: dict[str, Any]) -> None:
    assert sorted(told["processes"]) == sorted(registry_with_diagnostics())
    assert told["posted"] == told["processes"]


def test_description_is_read(told: dict[str, Any]) -> None:
    declared = declaration(registry_with_diagnostics()["gas_flux"])
    inputs = {item["identifier"]: item for item in told["inputs"]}
    assert list(inputs) == [item.identifier for item in declared.inputs]
    assert inputs["flight"]["complexData"]["formats"][0]["mimeType"] == "text/csv"
    assert [item["identifier"] for item in told["outputs"]] == [item.identifier for item in declared.outputs]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_process_is_executed(service: Service, told: dict[str, Any], mode: str) -> None:
    outputs = {output["identifier"]: output for output in told[mode]}
    # wps-js takes a value of version 2.0.0 for a literal's only in one of the two forms that the standard has.
    (rate,) = outputs["emission_rate"]["data"].values()
    assert float(rate["value"]) == 25.0
    assert outputs["flight"]["reference"]["href"].startswith(f"{service.url}/outputs/")


def test_error_is_told_in_the_services_words(told: dict[str, Any]) -> None:
    assert "expected a finite number" in told["refused"]
