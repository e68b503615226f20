"""One chain from WFS to a map: a flight that a WFS has, one Execute, and the addresses among its outputs opened by
OWSLib and by QGIS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import rasterio
from owslib.ogcapi.features import Features
from owslib.wcs import WebCoverageService
from owslib.wfs import WebFeatureService
from owslib.wms import WebMapService
from owslib.wps import WebProcessingService, monitorExecution
from rasterio.warp import transform_bounds

from gasflux_core.io.plane_map import read_map_raster
from tests.acceptance.running import Service, running_service
from tests.conftest import ROOT, need_program, skip
from tests.server.mapserver import Stranger, stranger, write_flight

pytestmark = pytest.mark.slow

TRUE_RATE = 60.0
"""Of methane, kg/h, as examples/data/README.md states it."""

FLIGHT = ROOT / "examples" / "data" / "example_flight.csv"
SCRIPT = ROOT / "tests" / "acceptance" / "qgis" / "map_services.py"
SYSTEM_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class Addresses:
    """What the one Execute gave."""

    wms: str
    wcs: str
    wfs: str
    features: str
    rate: float
    uncertainty: float
    plane: Path
    """The GeoTIFF of the plane on the map, fetched."""
    footprint: Path


@pytest.fixture(scope="module")
def neighbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    """A MapServer of somebody else, who has the flight as WFS."""
    folder = tmp_path_factory.mktemp("neighbour")
    write_flight(pd.read_csv(FLIGHT), folder)
    with stranger(folder) as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that may fetch from this machine."""
    need_program("mapserv")
    settings = {"GASFLUX_SECURITY_ALLOWED_HOSTS": "127.0.0.1"}
    with running_service(tmp_path_factory.mktemp("service"), settings) as running:
        yield running


def executed(service: Service, flight_url: str, outputs: list[str]) -> dict[str, list[str]]:
    client = WebProcessingService(service.wps)
    inputs = [("flight_url", flight_url), ("gases", "ch4"), ("gases", "co2")]
    wanted = [(name, False) for name in outputs]
    execution = client.execute("gas_flux_from_url", inputs, output=wanted, mode="async")
    monitorExecution(execution, sleepSecs=1, download=False)
    assert execution.isSucceded(), [error.text for error in execution.errors]
    return {output.identifier: output.data for output in execution.processOutputs}


@pytest.fixture(scope="module")
def addresses(service: Service, neighbour: Stranger, tmp_path_factory: pytest.TempPathFactory) -> Addresses:
    """From WFS by one Execute to the map."""
    outputs = executed(
        service, neighbour.wfs("2.0.0"), ["wms", "wcs", "wfs", "features", "emission_rate", "uncertainty"]
    )
    texts = {name: values[0] for name, values in outputs.items()}
    folder = tmp_path_factory.mktemp("fetched")
    for name in ("flux_plane_map.tif", "footprint.geojson"):
        # Nobody asked for them; the map is made of them.
        address = texts["features"].removesuffix("/features").replace("/ows/", "/outputs/") + f"/{name}"
        with urlopen(address, timeout=30) as answer:
            (folder / name).write_bytes(answer.read())
    return Addresses(
        texts["wms"],
        texts["wcs"],
        texts["wfs"],
        texts["features"],
        float(texts["emission_rate"]),
        float(texts["uncertainty"]),
        folder / "flux_plane_map.tif",
        folder / "footprint.geojson",
    )


def test_the_flight_came_by_wfs_and_only_what_was_asked_for_is_told(
    service: Service, neighbour: Stranger, addresses: Addresses
) -> None:
    assert any("GetFeature" in path for path in neighbour.asked)
    assert abs(addresses.rate - TRUE_RATE) < 2.5 * addresses.uncertainty
    told = executed(service, neighbour.wfs("2.0.0", outputformat="geojson"), ["wms"])
    assert set(told) == {"wms"} and told["wms"][0].startswith(f"{service.url}/ows/")


def test_owslib_draws_the_map(addresses: Addresses) -> None:
    service = WebMapService(addresses.wms, version="1.3.0")
    assert service.identification.type == "WMS"
    layer = service["ch4_flux_density"]
    assert layer.title.startswith("Ch4 flux density")
    assert {"EPSG:4326", "EPSG:3857", "EPSG:32631"} <= set(layer.crsOptions)
    west, south, east, north = layer.boundingBoxWGS84
    found = read_map_raster(addresses.plane)
    assert found is not None
    left, bottom, right, top = transform_bounds(found.crs, "EPSG:4326", *found.bounds)
    assert west <= left + 1e-4 and south <= bottom + 1e-4 and east >= right - 1e-4 and north >= top - 1e-4
    for system, box in (("EPSG:4326", layer.boundingBoxWGS84), ("EPSG:32631", found.bounds)):
        picture = service.getmap(
            layers=["ch4_flux_density", "footprint", "track"],
            styles=["", "", ""],
            srs=system,
            bbox=tuple(box),
            size=(600, 300),
            format="image/png",
            transparent=True,
        ).read()
        with rasterio.MemoryFile(picture) as file, file.open() as drawn:
            assert (drawn.width, drawn.height) == (600, 300)
            assert 0.2 < (drawn.read(4) > 0).mean() < 0.9
            assert len(np.unique(drawn.read((1, 2, 3)).reshape(3, -1), axis=1).T) > 10


def test_owslib_finds_the_legend(addresses: Addresses) -> None:
    service = WebMapService(addresses.wms, version="1.3.0")
    with urlopen(service["ch4_flux_density"].styles["default"]["legend"], timeout=30) as answer:
        legend = answer.read()
    assert legend.startswith(b"\x89PNG")
    assert int.from_bytes(legend[20:24]) > 100, "one line a class"


def test_owslib_gets_the_coverage_pixel_for_pixel(addresses: Addresses, tmp_path: Path) -> None:
    service = WebCoverageService(addresses.wcs, version="2.0.1")
    assert list(service.contents) == ["flux_plane_map"]
    grid = service.contents["flux_plane_map"].grid
    assert grid.dimension == 2
    (tmp_path / "coverage.tif").write_bytes(
        service.getCoverage(identifier="flux_plane_map", format="image/tiff").read()
    )
    with rasterio.open(tmp_path / "coverage.tif") as coverage, rasterio.open(addresses.plane) as plane:
        assert [str(size - 1) for size in (coverage.width, coverage.height)] == grid.highlimits
        assert coverage.crs == plane.crs and coverage.count == plane.count == 4
        column, row = np.meshgrid(np.arange(coverage.width) + 0.5, np.arange(coverage.height) + 0.5)
        right, below = ~plane.transform @ (coverage.transform @ (column, row))
        right, below = np.floor(right).astype(int), np.floor(below).astype(int)
        inside = (right >= 0) & (right < plane.width) & (below >= 0) & (below < plane.height)
        pixels, cells = coverage.read(), plane.read()
        np.testing.assert_array_equal(pixels[:, inside], cells[:, below[inside], right[inside]])
        assert np.isnan(pixels[:, ~inside]).all()
        # Every cell of the plane is met.
        assert len({(one, other) for one, other in zip(below[inside], right[inside], strict=True)}) == cells[0].size


def test_owslib_gets_the_features(addresses: Addresses) -> None:
    written = json.loads(addresses.footprint.read_text())["features"]
    service = WebFeatureService(addresses.wfs, version="2.0.0")
    assert set(service.contents) == {"gasflux:track", "gasflux:footprint"}
    found = json.loads(service.getfeature(typename="footprint", outputFormat="geojson").read())["features"]
    assert [one["geometry"] for one in found] == [one["geometry"] for one in written]
    rates = sum(one["properties"]["ch4_rate"] for one in found)
    assert rates == pytest.approx(addresses.rate, rel=1e-6)
    document = ElementTree.fromstring(service.getfeature(typename="gasflux:footprint").read())
    assert len(document.findall("{http://www.opengis.net/wfs/2.0}member")) == len(written)
    old = WebFeatureService(addresses.wfs, version="1.1.0")
    assert set(old.contents) == set(service.contents)


def test_owslib_pages_through_the_features(addresses: Addresses) -> None:
    client = Features(addresses.features)
    assert client.feature_collections() == ["track", "footprint", "flux_plane_map"]
    assert client.api()["openapi"].startswith("3.0")
    seen = []
    for offset in range(0, 96, 40):
        page = client.collection_items("footprint", limit=40, offset=offset)
        seen += page["features"]
    written = json.loads(addresses.footprint.read_text())["features"]
    assert page["numberMatched"] == len(written) and seen == written
    cell = client.collection_item("flux_plane_map", "1")
    assert cell["geometry"]["type"] == "Polygon" and "ch4_flux_density" in cell["properties"]


@pytest.fixture(scope="module")
def in_qgis(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], Path]:
    """What PyQGIS found, and the picture of its map."""
    probe = subprocess.run([SYSTEM_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False)
    if probe.returncode:
        skip("PyQGIS (python3-qgis) is not installed")
    folder = tmp_path_factory.mktemp("qgis")
    with rasterio.open(addresses.plane) as raster:
        places = [list(raster.xy(row, column)) for row, column in ((3, 10), (10, 40), (18, 90))]
    given = {
        "wms": addresses.wms,
        "wcs": addresses.wcs,
        "wfs": addresses.wfs,
        "features": addresses.features,
        "crs": "EPSG:32631",
        "places": places,
        "title": "Methane through the flight plane, folded onto the map: "
        f"{addresses.rate:.1f} ± {addresses.uncertainty:.1f} kg/h",
    }
    (folder / "addresses.json").write_text(json.dumps(given))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "QT_QPA_PLATFORM": "offscreen",
        "LANG": "C.UTF-8",
    }
    done = subprocess.run(
        [SYSTEM_PYTHON, str(SCRIPT), str(folder / "addresses.json"), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if kept := os.environ.get("GASFLUX_TEST_KEEP_PICTURES"):
        shutil.copy(folder / "map.png", Path(kept) / "map_in_qgis.png")
    return {**json.loads(done.stdout.splitlines()[-1]), "places": places}, folder / "map.png"


def test_qgis_opens_every_service(in_qgis: tuple[dict[str, dict[str, object]], Path], addresses: Addresses) -> None:
    told, _ = in_qgis
    written = json.loads(addresses.footprint.read_text())["features"]
    for name in ("wms", "wfs", "wfs_track", "wcs", "features", "cells"):
        assert told[name]["valid"], (name, told[name])
    assert told["wfs"]["count"] == len(written)
    assert told["wfs_track"]["count"] == told["features"]["count"]
    assert "ch4_flux" in str(told["wfs"]["fields"])
    assert (told["wcs"]["bands"], told["wcs"]["crs"]) == (4, "EPSG:32631")
    with rasterio.open(addresses.plane) as raster:
        assert told["cells"]["count"] == int(np.isfinite(raster.read()).any(axis=0).sum())


def test_qgis_reads_the_values_of_the_plane(in_qgis: tuple[dict[str, list[float]], Path], addresses: Addresses) -> None:
    told, _ = in_qgis
    with rasterio.open(addresses.plane) as raster:
        expected = [float(value[0]) for value in raster.sample(told["places"], indexes=1)]
    assert told["wcs_values"] == pytest.approx(expected, rel=1e-6)


def test_qgis_prints_the_map(in_qgis: tuple[dict[str, object], Path]) -> None:
    _, path = in_qgis
    with rasterio.open(path) as picture:
        colours = {tuple(colour) for colour in picture.read((1, 2, 3)).reshape(3, -1).T}
    # The greatest fluxes, the place without any, and the dots of the track.
    assert {(54, 0, 30), (255, 247, 214)} <= colours
    assert len(colours) > 100
