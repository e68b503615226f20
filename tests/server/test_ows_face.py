"""WMS, WCS and WFS of a job at its address: what MapServer answers, and what is answered in its place."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from flask.testing import FlaskClient
from lxml import etree
from werkzeug.test import TestResponse

from server.ows import folders
from server.ows.leftovers import forget_map, maps_folder
from tests.conftest import need_program
from tests.server.ows_maps import BARE, FAILED, FILES, JOB, RUNNING, UNKNOWN, Served, declared

ADDRESS = f"/ows/{JOB}"
GETMAP = (
    "service=WMS&version=1.3.0&request=GetMap&layers=ch4_flux_density,footprint,track&styles=&crs=EPSG:32631"
    "&bbox=499900,5599800,500300,5600200&width=200&height=200&format=image/png"
)


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path, GASFLUX_OWS_MAPSERVER=need_program("mapserv"))


@pytest.fixture
def client(served: Served) -> FlaskClient:
    return served.client


def told(answer: TestResponse) -> tuple[str, str | None, str]:
    """Code, locator and text of the one exception."""
    assert answer.headers["Content-Type"].startswith("text/xml"), answer.text
    [fault] = etree.fromstring(answer.data).iter("{*}Exception", "{*}ServiceException")
    code = fault.get("exceptionCode") or fault.get("code") or ""
    return code, fault.get("locator"), " ".join("".join(fault.itertext()).split())


@pytest.mark.parametrize(
    ("query", "root"),
    [
        ("service=WMS&version=1.3.0&request=GetCapabilities", "{http://www.opengis.net/wms}WMS_Capabilities"),
        ("service=WMS&version=1.1.1&request=GetCapabilities", "WMT_MS_Capabilities"),
        ("service=WCS&version=2.0.1&request=GetCapabilities", "{http://www.opengis.net/wcs/2.0}Capabilities"),
        ("service=WCS&version=1.0.0&request=GetCapabilities", "{http://www.opengis.net/wcs}WCS_Capabilities"),
        ("service=WFS&version=2.0.0&request=GetCapabilities", "{http://www.opengis.net/wfs/2.0}WFS_Capabilities"),
        ("service=WFS&version=1.1.0&request=GetCapabilities", "{http://www.opengis.net/wfs}WFS_Capabilities"),
        ("SERVICE=wms", "{http://www.opengis.net/wms}WMS_Capabilities"),
    ],
)
def test_every_service_says_what_it_has(client: FlaskClient, served: Served, query: str, root: str) -> None:
    answer = client.get(f"{ADDRESS}?{query}")
    assert answer.status_code == 200, answer.text
    document = etree.fromstring(answer.data)
    assert document.tag == root
    text = answer.text
    assert f"https://example.org/ows/{JOB}" in text
    assert str(served.settings.gasflux.data) not in text
    names = {(one.text or "").removeprefix("gasflux:") for one in document.iter("{*}Name", "{*}CoverageId", "{*}name")}
    if "WCS" in query:
        assert "flux_plane_map" in names and "footprint" not in names
    else:
        assert {"track", "footprint"} <= names and "flux_plane_map" not in names


def test_a_picture_shows_something_and_its_ground_is_clear(client: FlaskClient) -> None:
    answer = client.get(f"{ADDRESS}?{GETMAP}&transparent=true")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    with rasterio.MemoryFile(answer.data) as file, file.open() as picture:
        assert (picture.width, picture.height, picture.count) == (200, 200, 4)
        opaque = picture.read(4) > 0
        colours = {tuple(place) for place in picture.read((1, 2, 3))[:, opaque].T}
    assert 0.05 < opaque.mean() < 0.6
    assert len(colours) >= 10


def test_the_coverage_is_the_raster_pixel_for_pixel(client: FlaskClient, served: Served) -> None:
    answer = client.get(f"{ADDRESS}?service=WCS&version=2.0.1&request=GetCoverage&coverageid=flux_plane_map"
                        "&format=image/tiff")  # fmt: skip
    assert answer.status_code == 200, answer.text
    with (
        rasterio.MemoryFile(answer.data) as file,
        file.open() as coverage,
        rasterio.open(served.store.outputs / JOB / "flux_plane_map.tif") as source,
    ):
        assert coverage.count == source.count == 4 and coverage.dtypes[0] == "float32"
        assert coverage.crs == source.crs and np.isnan(coverage.nodata)
        pixels, cells = coverage.read(), source.read()
        column, row = np.meshgrid(np.arange(coverage.width) + 0.5, np.arange(coverage.height) + 0.5)
        right, below = ~source.transform @ (coverage.transform @ (column, row))
        inside = (right > 0) & (right < source.width) & (below > 0) & (below < source.height)
        met = cells[:, below[inside].astype(int), right[inside].astype(int)]
        np.testing.assert_array_equal(pixels[:, inside], met)
        assert np.isnan(pixels[:, ~inside]).all()
        assert np.unique(pixels[2][np.isfinite(pixels[2])]).size == np.unique(cells[2][np.isfinite(cells[2])]).size


def test_the_bands_of_the_coverage_have_their_names(client: FlaskClient) -> None:
    answer = client.get(f"{ADDRESS}?service=WCS&version=2.0.1&request=DescribeCoverage&coverageid=flux_plane_map")
    document = etree.fromstring(answer.data)
    assert [one.get("name") for one in document.iter("{*}field")] == [
        "ch4_flux_density",
        "ch4_standard_error",
        "co2_flux_density",
        "co2_standard_error",
    ]
    assert {one.get("code") for one in document.iter("{*}uom")} == {"kg m-2 h-1"}


def test_features_come_with_their_identifiers_and_places(client: FlaskClient, served: Served) -> None:
    written = json.loads((served.store.outputs / JOB / "footprint.geojson").read_text())["features"]
    query = f"{ADDRESS}?service=WFS&version=2.0.0&request=GetFeature&typenames=gasflux:footprint"
    found = json.loads(client.get(f"{query}&outputformat=geojson").data)["features"]
    assert [one["geometry"] for one in found] == [one["geometry"] for one in written]
    assert [one["properties"]["ch4_flux"] for one in found] == [one["properties"]["ch4_flux"] for one in written]
    document = etree.fromstring(client.get(query).data)
    ids = [one.get("{http://www.opengis.net/gml/3.2}id") for one in document.iter("{*}footprint")]
    assert ids == [f"footprint.{one['id']}" for one in written]


def test_a_document_is_answered_too(client: FlaskClient) -> None:
    body = (
        '<wfs:GetFeature xmlns:wfs="http://www.opengis.net/wfs/2.0" service="WFS" version="2.0.0" count="2">'
        '<wfs:Query typeNames="track"/></wfs:GetFeature>'
    )
    answer = client.post(ADDRESS, data=body, content_type="text/xml")
    assert answer.status_code == 200, answer.text
    assert etree.fromstring(answer.data).get("numberReturned") == "2"
    form = client.post(ADDRESS, data={"service": "WFS", "version": "2.0.0", "request": "GetCapabilities"})
    assert form.status_code == 200 and b"WFS_Capabilities" in form.data


def test_what_is_seen_can_be_asked_for(client: FlaskClient) -> None:
    query = GETMAP.replace("GetMap", "GetFeatureInfo") + "&query_layers=ch4_flux_density&i=105&j=105"
    answer = client.get(f"{ADDRESS}?{query}&info_format=text/plain")
    assert answer.status_code == 200, answer.text
    assert "value_list" in answer.text


def test_every_layer_has_a_legend(client: FlaskClient) -> None:
    for layer in ("ch4_flux_density", "ch4_standard_error", "footprint", "track"):
        answer = client.get(f"{ADDRESS}?service=WMS&version=1.3.0&request=GetLegendGraphic&layer={layer}"
                            "&format=image/png&sld_version=1.1.0&style=default")  # fmt: skip
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png"), answer.text
        with rasterio.MemoryFile(answer.data) as file, file.open() as picture:
            assert picture.height > 15


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("service=XXX&request=GetCapabilities", 400, "InvalidParameterValue"),
        ("request=GetCapabilities", 400, "MissingParameterValue"),
        ("service=WMS&version=1.3.0&request=Nope", 400, ""),
        (GETMAP.replace("track", "nope"), 400, "LayerNotDefined"),
        (GETMAP.replace("width=200", "width=5000"), 400, ""),
        (GETMAP.replace("EPSG:32631", "EPSG:1"), 400, "InvalidCRS"),
        ("service=WFS&version=2.0.0&request=GetFeature&typenames=nope", 400, "InvalidParameterValue"),
        ("service=WCS&version=2.0.1&request=GetCoverage&coverageid=nope", 404, "NoSuchCoverage"),
        (
            "service=WCS&version=2.0.1&request=GetCoverage&coverageid=flux_plane_map&scalesize=x(99999),y(99999)",
            400,
            "InvalidParameterValue",
        ),
        ("service=WMS&version=1.3.0&layers=a", 400, "MissingParameterValue"),
    ],
)
def test_faults_of_the_request_are_the_clients(client: FlaskClient, served: Served, query: str, status: int,
                                               code: str) -> None:  # fmt: skip
    answer = client.get(f"{ADDRESS}?{query}")
    assert answer.status_code == status, answer.text
    assert told(answer)[0] == code
    assert str(served.settings.gasflux.data) not in answer.text


@pytest.mark.parametrize(
    ("job", "status", "word"),
    [(UNKNOWN, 404, "no job"), ("..", 404, ""), (RUNNING, 409, "running"), (FAILED, 404, "failed"), (BARE, 404, "wms")],
)
@pytest.mark.parametrize("service", ["WMS", "WCS", "WFS"])
def test_a_job_without_a_map_is_told_in_words(client: FlaskClient, job: str, status: int, word: str,
                                              service: str) -> None:  # fmt: skip
    answer = client.get(f"/ows/{job}?service={service}&request=GetCapabilities")
    assert answer.status_code == status
    if word:
        assert word in told(answer)[2]


def test_no_other_mapfile_can_be_named(client: FlaskClient, tmp_path: Path) -> None:
    other = tmp_path / "other.map"
    other.write_text('MAP EXTENT 0 0 1 1 SIZE 9 9 WEB METADATA "ows_title" "stolen" END END END')
    own = client.get(f"{ADDRESS}?service=WMS&version=1.3.0&request=GetCapabilities").data
    title = "metadata+ows_title+stolen"
    for more in (f"map={other}", f"MAP={other}", f"map.web={title}", f"map_web={title}"):
        answer = client.get(f"{ADDRESS}?{more}&service=WMS&version=1.3.0&request=GetCapabilities")
        assert (answer.status_code, answer.data) == (200, own)


def test_a_document_that_is_too_large_is_refused(client: FlaskClient) -> None:
    answer = client.post(ADDRESS, data=b" " * (1024**2 + 1), content_type="text/xml")
    assert answer.status_code == 413 and "1048576" in told(answer)[2]
    unsized = client.post(ADDRESS, input_stream=io.BytesIO(b" " * (2 * 1024**2)), content_type="text/xml",
                          environ_overrides={"wsgi.input_terminated": True})  # fmt: skip
    assert unsized.status_code == 413


@pytest.mark.parametrize("body", [b"", b"<a", b"\xff\xfe", b'<!DOCTYPE a [<!ENTITY b "c">]><a service="WFS">&b;</a>'])
def test_a_document_that_is_none_is_refused(client: FlaskClient, body: bytes) -> None:
    answer = client.post(ADDRESS, data=body, content_type="text/xml")
    assert answer.status_code == 400 and told(answer)[2]


def test_without_mapserver_it_is_said_so(tmp_path: Path) -> None:
    client = Served(tmp_path, GASFLUX_OWS_MAPSERVER="none").client
    answer = client.get(f"{ADDRESS}?service=WFS&version=2.0.0&request=GetCapabilities")
    assert answer.status_code == 501
    assert "Features" in told(answer)[2]


def test_the_bare_address_leads_to_the_features(client: FlaskClient) -> None:
    answer = client.get(ADDRESS)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{ADDRESS}/features")
    assert client.get(f"/ows/{UNKNOWN}").status_code == 404


# --- what is kept ---------------------------------------------------------------------------------


def test_what_the_client_has_is_not_made_again(client: FlaskClient, served: Served) -> None:
    first = client.get(f"{ADDRESS}?{GETMAP}")
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "public, max-age=300"
    # Whoever drew it again would now fail.
    [folder] = served.maps.iterdir()
    (folder / "map.map").unlink()
    again = client.get(f"{ADDRESS}?{GETMAP}&unknown=1", headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    other = client.get(f"{ADDRESS}?{GETMAP.replace('200', '201')}", headers={"If-None-Match": tag})
    assert other.status_code != 304


def test_a_folder_is_made_once_and_again_where_it_is_missing(client: FlaskClient, served: Served) -> None:
    client.get(f"{ADDRESS}?service=WMS")
    [folder] = served.maps.iterdir()
    made = (folder / "map.map").stat().st_mtime_ns
    client.get(f"{ADDRESS}?service=WFS")
    assert [(folder / "map.map").stat().st_mtime_ns for folder in served.maps.iterdir()] == [made]
    forget_map(maps_folder(served.settings), JOB)
    assert not list(served.maps.iterdir())
    assert client.get(f"{ADDRESS}?service=WFS&request=GetCapabilities").status_code == 200
    assert [path.name for path in served.maps.iterdir()] == [folder.name]


def test_nothing_is_added_to_the_published_results(client: FlaskClient, served: Served) -> None:
    before = {path: path.stat().st_mtime_ns for path in served.store.outputs.rglob("*")}
    client.get(f"{ADDRESS}?{GETMAP}")
    client.get(f"{ADDRESS}?service=WCS&version=2.0.1&request=GetCoverage&coverageid=flux_plane_map&format=image/tiff")
    assert {path: path.stat().st_mtime_ns for path in served.store.outputs.rglob("*")} == before


def test_another_attempt_has_another_map(client: FlaskClient, served: Served) -> None:
    client.get(f"{ADDRESS}?service=WMS")
    served.table.jobs[JOB].attempt = 2
    client.get(f"{ADDRESS}?service=WMS")
    assert len(list(served.maps.iterdir())) == 2


def test_folders_that_nobody_uses_go(client: FlaskClient, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    client.get(f"{ADDRESS}?service=WMS")
    [first] = served.maps.iterdir()
    os.utime(first, (0, 0))
    served.table.jobs[JOB].attempt = 2
    client.get(f"{ADDRESS}?service=WMS")
    [second] = served.maps.iterdir()
    assert second != first
    monkeypatch.setattr(folders, "MOST_FOLDERS", 1)
    served.table.jobs[JOB].attempt = 3
    client.get(f"{ADDRESS}?service=WMS")
    assert len(list(served.maps.iterdir())) == 1 and not second.exists()


class Remote:
    """A store whose files have to be fetched."""

    def __init__(self, served: Served) -> None:
        self._own = served.store
        self.fetched: list[str] = []

    def result_file(self, job_id: str, attempt: int, name: str, folder: Path) -> Path:
        self.fetched.append(name)
        target = folder / name
        target.write_bytes(self._own.path(job_id, name).read_bytes())
        return target


def test_results_of_a_remote_store_are_fetched_once(served: Served) -> None:
    remote = Remote(served)
    maps = folders.MapFolders(served.settings, remote, declared)  # type: ignore[arg-type]
    job = served.table.get(JOB)
    found = maps.open(job)
    assert maps.open(job) is found
    assert sorted(remote.fetched) == sorted(file for file, _ in FILES.values() if not file.endswith("csv"))
    assert found.on_map.names == ["track", "footprint", "flux_plane_map"]
    # As another web worker finds it.
    other = folders.MapFolders(served.settings, remote, declared)  # type: ignore[arg-type]
    assert other.open(job).folder == found.folder and len(remote.fetched) == 4
