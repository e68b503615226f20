"""Real clients at a service that asks everybody for a key: by the header, and by links where they can't send one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import owslib.ogcapi
import pytest
import rasterio
from birdy import WPSClient
from owslib.ogcapi.features import Features
from owslib.ogcapi.processes import Processes
from owslib.wcs import WebCoverageService
from owslib.wfs import WebFeatureService
from owslib.wms import WebMapService
from owslib.wps import ASYNC, ComplexDataInput, WebProcessingService, WPSExecution, monitorExecution

from tests.acceptance.running import Service, running_service
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

QGIS = ROOT / "tests" / "acceptance" / "qgis" / "map_services.py"
FLIGHT = ROOT / "tests" / "data" / "example_flight.csv"


@dataclass(frozen=True)
class Guarded:
    """A service that asks for keys, a key, and the link made of it; all by the command line, as an operator does."""

    service: Service
    key: str
    link: str

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self.key}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    with running_service(folder, {"GASFLUX_SECURITY_KEYS": "all"}) as service:
        settings = folder / "service.cfg"
        settings.write_text(f"[gasflux]\ndata = {service.data}\nport = {service.url.rpartition(':')[2]}\n")

        def run(*words: str) -> str:
            command = [sys.executable, "-m", "service", "key", *words, "--settings", str(settings)]
            return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()

        key = run("create", "--name", "field team")
        yield Guarded(service, key, run("link", "--key-id", key.split("_")[1]))


@pytest.fixture(scope="module")
def finished(guarded: Guarded) -> WPSExecution:
    """A job that was sent with the key, and then followed without: OWSLib sends no header to a status location."""
    service = WebProcessingService(guarded.service.wps, headers=guarded.headers)
    execution = service.execute("gas_flux", [("flight", ComplexDataInput(FLIGHT.read_text()))], output=[], mode=ASYNC)
    assert "/s/" in execution.statusLocation
    followed = WPSExecution()
    followed.checkStatus(url=execution.statusLocation, sleepSecs=0)
    monitorExecution(followed, sleepSecs=1)
    assert followed.isSucceded(), followed.errors
    return followed


def outputs(execution: WPSExecution) -> dict[str, Any]:
    return {output.identifier: output for output in execution.processOutputs}


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


def refused(url: str) -> int:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, timeout=30)
    return int(caught.value.code)


def test_without_a_key_nothing_is_told(guarded: Guarded) -> None:
    assert refused(f"{guarded.service.wps}?service=WPS&request=GetCapabilities") == 401
    assert refused(f"{guarded.service.url}/ogcapi") == 401


def test_owslib_fetches_the_results_by_their_links(finished: WPSExecution, guarded: Guarded, tmp_path: Path) -> None:
    found = outputs(finished)
    plane = found["flux_plane"]
    plane.writeToDisk(f"{tmp_path}/")
    assert next(tmp_path.iterdir()).read_bytes()[:2] in (b"II", b"MM")
    plain = plane.reference.partition("/s/")[0] + "/outputs/" + plane.reference.partition("/outputs/")[2]
    assert refused(plain) == 401


def test_map_services_of_the_result_are_read_by_their_links(finished: WPSExecution) -> None:
    found = {name: output.data[0] for name, output in outputs(finished).items() if name in ("wms", "wcs", "wfs")}
    maps = WebMapService(found["wms"], version="1.3.0")
    name = next(iter(maps.contents))
    box = maps[name].boundingBoxWGS84
    picture = maps.getmap(layers=[name], srs="CRS:84", bbox=box, size=(64, 64), format="image/png", transparent=True)
    assert picture.read()[:4] == b"\x89PNG"
    assert "/s/" in picture.geturl()
    features = WebFeatureService(found["wfs"], version="2.0.0")
    got = features.getfeature(typename=[next(iter(features.contents))], maxfeatures=1, outputFormat="geojson")
    assert json.loads(got.read())["type"] == "FeatureCollection"
    coverages = WebCoverageService(found["wcs"], version="2.0.1")
    assert coverages.contents
    pages = Features(outputs(finished)["features"].data[0])
    assert pages.collection_items("track", limit=2)["numberReturned"] == 2


def test_owslib_works_by_a_link_alone(guarded: Guarded) -> None:
    service = WebProcessingService(f"{guarded.link}/wps")
    assert all("/s/" in method["url"] for each in service.operations for method in each.methods)
    execution = service.execute("simulate_flight", [("transects", "3")], output=[("flight", True)], mode=ASYNC)
    monitorExecution(execution, sleepSecs=0.5)
    assert execution.isSucceded(), execution.errors
    assert fetched(outputs(execution)["flight"].reference).startswith(b"timestamp")


def test_owslib_reads_the_ogc_api_by_a_link_and_by_a_header(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    # OWSLib sends the headers given to one of these clients with all of them, whatever service they are for.
    monkeypatch.setattr(owslib.ogcapi, "REQUEST_HEADERS", {**owslib.ogcapi.REQUEST_HEADERS})
    for api in (
        Processes(f"{guarded.link}/ogcapi"),
        Processes(f"{guarded.service.url}/ogcapi", headers=guarded.headers),
    ):
        assert "gas_flux" in [process["id"] for process in api.processes()]


def test_birdy_works_by_a_link_alone(guarded: Guarded, tried: Callable[[str], None]) -> None:
    client = WPSClient(f"{guarded.link}/wps", progress=False)
    flight = client.simulate_flight(transects=3).get(asobj=False).flight
    assert "/s/" in flight
    assert fetched(flight)


def test_qgis_shows_the_result_by_its_links(finished: WPSExecution, qgis_python: str, tmp_path: Path) -> None:
    found = {name: outputs(finished)[name].data[0] for name in ("wms", "wcs", "wfs", "features")}
    with rasterio.open(BytesIO(fetched(outputs(finished)["flux_plane_map"].reference))) as raster:
        places, system = [list(raster.xy(3, 10))], str(raster.crs)
    given = {**found, "crs": system, "places": places, "title": "By a link"}
    (tmp_path / "addresses.json").write_text(json.dumps(given))
    done = subprocess.run(
        [qgis_python, str(QGIS), str(tmp_path / "addresses.json"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert all(layer.get("valid", True) for layer in seen.values() if isinstance(layer, dict)), seen
    assert (tmp_path / "map.png").stat().st_size > 10_000
