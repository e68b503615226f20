"""The examples that come with the project, the README's among them, and GDAL's programs on what they fetch."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.running import Service
from tests.conftest import ROOT, need_program

pytestmark = pytest.mark.slow

FLIGHT = ROOT / "examples" / "data" / "example_flight.csv"
TRUE_RATES = {"ch4": 60.0, "co2": 210.0}
"""As examples/data/README.md states them."""


def run(command: list[str], status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def fetched(service: Service, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What examples/owslib_gas_flux.py printed, and the folder with what it fetched."""
    folder = tmp_path_factory.mktemp("fetched")
    example = [sys.executable, "examples/owslib_gas_flux.py", str(FLIGHT), "--url", service.wps]
    return run([*example, "--gas", "ch4", "co2", "--out", str(folder)]).stdout, folder


def test_owslib_example_gives_the_true_rate(fetched: tuple[str, Path]) -> None:
    printed, _ = fetched
    match = re.search(r"^ch4: (\S+) ± (\S+) kg/h$", printed, re.MULTILINE)
    assert match, printed
    rate, uncertainty = float(match[1]), float(match[2])
    assert 0 < uncertainty < 0.3 * rate
    assert abs(rate - TRUE_RATES["ch4"]) < 2.5 * uncertainty


def test_progress_rises_in_words(fetched: tuple[str, Path]) -> None:
    printed, _ = fetched
    told = re.findall(r"^ *(\d+) %  (.+)$", printed, re.MULTILINE)
    percents = [int(percent) for percent, _ in told]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert all(words.strip() and words != "None" for _, words in told)


def test_every_file_arrives(fetched: tuple[str, Path]) -> None:
    _, folder = fetched
    names = {path.name for path in folder.iterdir()}
    assert {"flux_plane.tif", "layers.zip", "table.csv", "report.html", "preview.png", "track.geojson"} <= names
    assert json.loads((folder / "footprint.geojson").read_text())["type"] == "FeatureCollection"
    assert (folder / "preview.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.gdal
def test_gdal_reads_the_flux_plane(fetched: tuple[str, Path]) -> None:
    _, folder = fetched
    told = json.loads(run([need_program("gdalinfo"), "-json", "-stats", str(folder / "flux_plane.tif")]).stdout)
    assert told["driverShortName"] == "GTiff"
    bands = told["bands"]
    names = [band["description"] for band in bands]
    assert names == ["ch4 flux density", "ch4 standard error", "co2 flux density", "co2 standard error"]
    assert all(band["unit"] == "kg m-2 h-1" for band in bands)
    assert all(math.isnan(float(band["noDataValue"])) for band in bands)
    assert bands[0]["maximum"] > 0
    wkt = told["coordinateSystem"]["wkt"]
    assert wkt.startswith(("ENGCRS", "LOCAL_CS"))
    # Metres along the plane and above take-off; the top row is the highest.
    x, width, _, z, _, height = told["geoTransform"]
    assert width == pytest.approx(-height, rel=0.05)
    assert height < 0
    assert x == pytest.approx(0, abs=width)
    assert 59 < z < 200


@pytest.mark.gdal
def test_gdal_reads_the_layers(fetched: tuple[str, Path]) -> None:
    _, folder = fetched
    program = need_program("ogrinfo")
    told = run([program, "-ro", "-so", f"/vsizip/{folder / 'layers.zip'}", "footprint"]).stdout
    assert "Line String" in told
    assert "ch4_flux" in told
    assert "WGS 84" in told


def test_example_of_the_readme_runs(service: Service) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    code = blocks[0].replace("http://127.0.0.1:5000/wps", service.wps)
    assert service.wps in code
    printed = run([sys.executable, "-c", code]).stdout
    assert re.search(r"^[\d.]+ ± [\d.]+ kg/h$", printed, re.MULTILINE)
    assert f"{service.url}/outputs/" in printed


def test_example_tells_the_services_own_words(service: Service, tmp_path: Path) -> None:
    lines = FLIGHT.read_text().splitlines()
    header = lines[0].replace("ch4", "methane_maybe")
    bad = tmp_path / "bad.csv"
    bad.write_text("\n".join([header, *lines[1:]]))
    told = run([sys.executable, "examples/owslib_gas_flux.py", str(bad), "--url", service.wps], status=1).stderr
    assert "ch4" in told
    assert "Traceback" not in told
