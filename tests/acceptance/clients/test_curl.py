"""curl: what the how-to pages tell to type is typed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.clients.pages import run_console
from tests.acceptance.running import Service
from tests.conftest import need_program

pytestmark = pytest.mark.slow


def test_page_of_wps_does_what_it_says(service: Service, tmp_path: Path, tried: Callable[[str], None]) -> None:
    version = subprocess.run([need_program("curl"), "--version"], capture_output=True, text=True, check=True).stdout
    tried(" ".join(version.split()[:2]))
    run_console("curl.md", service.url, tmp_path)
    assert (tmp_path / "flux_plane.tif").read_bytes().startswith((b"II*\0", b"MM\0*"))


def test_commands_of_ogc_api_run(service: Service, tmp_path: Path) -> None:
    need_program("curl")
    need_program("jq")
    run_console("ogcapi.md", service.url, tmp_path)
    assert (tmp_path / "flight.csv").read_text().startswith("timestamp,latitude,longitude,")
