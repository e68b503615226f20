"""Flights from WFS and OGC API – Features, and terrain from WCS, of a real MapServer; pages of a made-up server."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest

from gasflux_core.errors import TooLarge
from gasflux_core.flight import check_flight
from gasflux_core.io.elevation import read_elevation
from gasflux_core.io.tables import read_table, write_table
from gasflux_core.pipeline import run_pipeline
from gasflux_core.simulate import SimulationParameters, simulate_flight
from processes import registry
from processes.base import declaration
from processes.declaration import FormatDeclaration
from server.fetching import features
from tests.core.dems import write_dem
from tests.server.answers import Make, folder, make, refusal
from tests.server.mapserver import Stranger, stranger, write_flight

__all__ = ["folder", "make"]

LATITUDE, LONGITUDE = 51.4, -1.3
ROWS = 155


def formats(name: str) -> tuple[FormatDeclaration, ...]:
    return declaration(registry()["gas_flux"]).input(name).formats  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flight as CSV, as layer, and the model of the ground under it."""
    place = tmp_path_factory.mktemp("stranger")
    table = simulate_flight(SimulationParameters.check({"seed": 1, "transects": 6, "width": 120})).table
    write_table(table, place / "flight.csv")
    write_flight(pd.read_csv(place / "flight.csv"), place)
    corner = {"left": LONGITUDE - 0.01, "top": LATITUDE + 0.01, "cell": 5e-4}
    write_dem(
        place / "dem.tif",
        lambda x, y: 80 + 3000 * (x - LONGITUDE) + 1000 * (y - LATITUDE),
        crs="EPSG:4326",
        size=(40, 40),
        dtype="float32",
        **corner,
    )
    return place


@pytest.fixture(scope="module")
def mapserver(flown: Path) -> Iterator[Stranger]:
    with stranger(flown) as running:
        yield running


@pytest.fixture
def fetch(make: Make, folder: Path) -> Callable[[str], pd.DataFrame]:
    def table(url: str) -> pd.DataFrame:
        return read_table(make(limit=10_000_000).fetch(url, folder, "flight", formats("flight")))

    return table


def rate(table: pd.DataFrame) -> float:
    return run_pipeline(table, ["ch4"]).gases["ch4"].rate.emission_rate


# --- WFS of a real server -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "more"),
    [
        ("1.0.0", {}),  # GML 2
        ("1.1.0", {}),  # GML 3.1.1
        ("2.0.0", {}),  # GML 3.2
        ("2.0.0", {"outputformat": "geojson"}),
        ("2.0.0", {"outputformat": "csv"}),
        ("2.0.0", {"srsname": "EPSG:32630"}),
        ("1.1.0", {"srsname": "EPSG:32630"}),
    ],
    ids=str,
)
def test_a_flight_from_a_wfs_is_the_flight(
    mapserver: Stranger, flown: Path, fetch: Any, version: str, more: dict[str, str]
) -> None:
    original = read_table(flown / "flight.csv")
    fetched = fetch(mapserver.wfs(version, **more))
    own, came = (check_flight(table, ["ch4"]).table for table in (original, fetched))
    assert len(came) == ROWS
    for name in ("height_ato", "windspeed", "winddir", "temperature", "pressure", "ch4"):
        np.testing.assert_allclose(came[name], own[name], rtol=1e-13)
    np.testing.assert_array_equal(came["time"], own["time"])
    # to the decimals that MapServer writes; latitude and longitude each in its place
    np.testing.assert_allclose(came["latitude"], own["latitude"], atol=1e-8)
    np.testing.assert_allclose(came["longitude"], own["longitude"], atol=1e-8)


@pytest.mark.parametrize("more", [{"outputformat": "geojson"}, {"outputformat": "csv"}, {}], ids=str)
def test_its_emission_rate_is_that_of_the_csv(
    mapserver: Stranger, flown: Path, fetch: Any, more: dict[str, str]
) -> None:
    assert rate(fetch(mapserver.wfs("2.0.0", **more))) == pytest.approx(
        rate(read_table(flown / "flight.csv")), rel=1e-4
    )


def test_pages_of_a_wfs_are_joined(mapserver: Stranger, fetch: Any) -> None:
    before = len(mapserver.asked)
    table = fetch(mapserver.wfs("2.0.0", count="60"))
    assert list(table["number"]) == list(range(ROWS))
    assert [("STARTINDEX" in path) for path in mapserver.asked[before:]] == [False, True, True]
    whole = fetch(mapserver.wfs("2.0.0"))
    pd.testing.assert_frame_equal(table.drop(columns="gml_id"), whole.drop(columns="gml_id"))


def test_items_of_an_ogc_api_are_the_flight(mapserver: Stranger, fetch: Any, flown: Path) -> None:
    table = fetch(f"{mapserver.url}/t/ogcapi/collections/flight/items?f=json&limit=1000")
    assert list(table["number"]) == list(range(ROWS))
    own, came = (check_flight(one, ["ch4"]).table for one in (read_table(flown / "flight.csv"), table))
    np.testing.assert_allclose(came["latitude"], own["latitude"], atol=1e-8)
    np.testing.assert_allclose(came["longitude"], own["longitude"], atol=1e-8)
    np.testing.assert_allclose(came["ch4"], own["ch4"], rtol=1e-13)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/ms", "bare address of a service[?] Send a request for data, such as GetFeature"),
        ("/ms?service=WFS&version=2.0.0", "bare address of a service[?]"),
        ("/ms?service=WFS&version=2.0.0&request=GetCapabilities", r"typeNames=(ms:)?flight"),
        ("/ms?service=WFS&version=1.1.0&request=GetCapabilities", r"typeNames=(ms:)?flight"),
        ("/ms?service=WFS&version=2.0.0&request=DescribeFeatureType&typenames=flight", "answered with a schema"),
        ("/ms?service=WFS&version=2.0.0&request=GetFeature&typenames=none", "TYPENAME 'none' doesn't exist"),
        ("/ms?service=WCS&version=2.0.1&request=GetCapabilities", "coverageId=dem"),
        ("/ms?service=WCS&version=1.0.0&request=GetCapabilities", "coverage=dem"),
        ("/ms?service=WMS&version=1.3.0&request=GetCapabilities", "a WMS gives pictures only"),
        ("/t/ogcapi/collections/flight?f=json", "send http.*/t/ogcapi/collections/flight/items"),
        ("/t/ogcapi/collections?f=json", "/items"),
        ("/t/ogcapi?f=json", "/items"),
    ],
)
def test_an_address_without_data_says_what_to_send(
    mapserver: Stranger, make: Make, folder: Path, path: str, words: str
) -> None:
    message = refusal(make(), mapserver.url + path, folder)
    assert re.search(words, message), message


# --- WCS of a real server -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "more"),
    [
        (
            "1.0.0",
            {"coverage": "dem", "crs": "EPSG:4326", "bbox": "-1.305,51.395,-1.295,51.405", "resx": "0.0005"}
            | {"resy": "0.0005", "format": "GEOTIFF"},
        ),
        ("2.0.1", {"coverageid": "dem", "format": "image/tiff"}),
        ("2.0.1", {"coverageid": "dem", "format": "image/tiff", "mediatype": "multipart/related"}),
        ("2.0.1", {"coverageid": "dem", "subset": "Long(-1.305,-1.295)", "format": "image/tiff"}),
    ],
    ids=str,
)
def test_terrain_from_a_wcs(mapserver: Stranger, make: Make, folder: Path, version: str, more: dict[str, str]) -> None:
    for wanted in (formats("dem"), ()):
        path = make(limit=1_000_000).fetch(mapserver.wcs(version, **more), folder, "dem", wanted)
        model = read_elevation(path, np.array([LONGITUDE + 0.001]), np.array([LATITUDE]))
        a, _, c, _, e, f = model.transform
        column, row = int((LONGITUDE + 0.00125 - c) / a), int((LATITUDE + 0.00025 - f) / e)
        assert model.heights[row, column] == pytest.approx(80 + 3.75 + 0.25, abs=0.01)


# --- pages, good and bad --------------------------------------------------------------------------


class Pages(BaseHTTPRequestHandler):
    """Seven features, two a page, in ways that the path says."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        way, offset = parts.path.strip("/"), int(query.get("offset", ["0"])[0])
        content, kind, headers = getattr(self, f"on_{way}")(offset)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def collection(self, offset: int, next_url: str | None, matched: int | None = 7, size: int = 2) -> Any:
        numbers = range(offset, min(offset + size, 7))
        page: dict[str, Any] = {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "properties": {"number": n}, "geometry": {"type": "Point", "coordinates": [n, 51]}}
                for n in numbers
            ],
            "links": [{"rel": "next", "href": next_url, "type": "application/geo+json"}] if next_url else [],
        }
        page["links"].append({"rel": "self", "href": self.path})
        if matched is not None:
            page |= {"numberMatched": matched, "numberReturned": len(numbers)}
        return json.dumps(page).encode(), "application/geo+json", {}

    def on_good(self, offset: int) -> Any:
        return self.collection(offset, f"good?offset={offset + 2}" if offset + 2 < 7 else None)

    def on_uncounted(self, offset: int) -> Any:
        # always a next page; the last one is empty
        return self.collection(offset, f"/uncounted?offset={offset + 2}" if offset < 8 else "/loop", None)

    def on_loop(self, offset: int) -> Any:
        return self.collection(offset, f"/loop?offset={(offset + 2) % 6}", None)

    def on_same(self, offset: int) -> Any:
        return self.collection(0, f"/same?offset={offset + 1}", None)

    def on_swollen(self, offset: int) -> Any:
        return self.collection(offset % 4, f"/swollen?offset={offset + 2}", 3)

    def on_endless(self, offset: int) -> Any:
        return self.collection(offset % 4, f"/endless?offset={offset + 2}", None)

    def on_cut(self, offset: int) -> Any:
        return self.collection(offset, None)

    def on_torn(self, offset: int) -> Any:
        return self.collection(offset, "/other")

    def on_other(self, offset: int) -> Any:
        return b'{"type": "Point"}', "application/json", {}

    def on_away(self, offset: int) -> Any:
        return self.collection(offset, "http://10.0.0.1/next")

    def on_file(self, offset: int) -> Any:
        return self.collection(offset, "file:///etc/passwd")

    def on_csv(self, offset: int) -> Any:
        return b"number\n1\n", "text/csv", {"Link": '<http://127.0.0.1/csv?offset=2>; rel="next"'}

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("way", ["good", "uncounted"])
def test_all_pages_become_one_collection(make: Make, folder: Path, pages: str, way: str) -> None:
    fetched = make().fetch(f"{pages}/{way}", folder, "flight")
    whole = json.loads(fetched.read_text())
    assert [feature["properties"]["number"] for feature in whole["features"]] == list(range(7))
    assert "links" not in whole and "numberReturned" not in whole
    assert [path.name for path in folder.iterdir()] == [fetched.name]
    assert len(read_table(fetched)) == 7


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("loop", "lead back to one that was there before"),
        ("same", "pages that are all the same"),
        ("swollen", "more features than the 3 there are"),
        ("endless", "comes in more than 20 pages"),
        ("cut", "gives 2 of 7 features and does not say where the rest is"),
        ("torn", "is no GeoJSON FeatureCollection"),
        ("away", "not on the list of hosts"),
        ("file", "not fetched here"),
        ("csv", "joined of GeoJSON and GML only"),
    ],
)
def test_pages_that_are_not_the_whole_are_refused(
    make: Make, folder: Path, pages: str, way: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "MOST_PAGES", 20)
    message = refusal(make(), f"{pages}/{way}", folder)
    assert words in message and f"{pages}/{way}" in message


def test_who_asks_for_a_part_gets_it(make: Make, folder: Path, pages: str) -> None:
    fetched = make().fetch(f"{pages}/cut?limit=2", folder, "flight")
    assert len(json.loads(fetched.read_text())["features"]) == 2


def test_the_limit_holds_for_all_pages_together(make: Make, folder: Path, pages: str) -> None:
    with pytest.raises(TooLarge):
        make(limit=1000).fetch(f"{pages}/good", folder, "flight")
    assert list(folder.iterdir()) == []
