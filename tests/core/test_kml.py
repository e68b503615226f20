"""The KML of a result: what other programs read in it, and that nothing in a name can break it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
import pyogrio.raw
import pytest
import shapely
from lxml import etree

from gasflux_core.io.kml import MOST_POINTS, MOST_SAMPLES, write_kml
from gasflux_core.pipeline import Result, run_pipeline
from gasflux_core.simulate import SimulationParameters, simulate_flight

KML = {"k": "http://www.opengis.net/kml/2.2"}

FEATURE_ORDER = ("name", "visibility", "description", "TimeSpan", "TimeStamp", "styleUrl", "ExtendedData")
"""Parts of a placemark before its geometry, in the order of the schema (OGC 12-007r2)."""


@pytest.fixture(scope="module")
def curtain() -> Result:
    flight = SimulationParameters.check({"seed": 1, "transects": 5, "width": 120})
    table = simulate_flight(flight).table
    return run_pipeline(table.assign(co2=420 + 100 * (table["ch4"] - table["ch4"].median())), ("ch4", "co2"))


@pytest.fixture(scope="module")
def spiral() -> Result:
    flight = SimulationParameters.check({"seed": 2, "pattern": "spiral", "radius": 60.0})
    return run_pipeline(simulate_flight(flight).table, ("ch4",))


def written(result: Result, path: Path, source: str | None = "flight.csv") -> Any:
    rates = {name: gas.rate for name, gas in result.gases.items()}
    fields = {name: gas.field for name, gas in result.gases.items()}
    write_kml(path, result.table, result.plane_fit.plane, fields, rates, source)
    return etree.parse(str(path))


def coordinates(tree: Any, name: str) -> np.ndarray:
    (text,) = tree.xpath(f"//k:Placemark[k:name='{name}']//k:coordinates/text()", namespaces=KML)
    return np.array([[float(part) for part in place.split(",")] for place in text.split()])


def test_other_programs_read_it(curtain: Result, tmp_path: Path) -> None:
    path = tmp_path / "track.kml"
    written(curtain, path)
    layers = dict(pyogrio.list_layers(path).tolist())
    assert set(layers) == {"Flight", "ch4 samples", "co2 samples"}
    kept = curtain.table[curtain.table["kept"]]
    for gas in ("ch4", "co2"):
        _, _, points, _ = pyogrio.raw.read(path, layer=f"{gas} samples", columns=[])
        places = shapely.get_coordinates(shapely.from_wkb(points), include_z=True)
        np.testing.assert_allclose(places[:, 0], kept["longitude"], atol=1e-7)
        np.testing.assert_allclose(places[:, 1], kept["latitude"], atol=1e-7)
        np.testing.assert_allclose(places[:, 2], kept["height_ato"].clip(lower=0), atol=0.006)
    _, _, lines, (names, *_) = pyogrio.raw.read(path, layer="Flight", columns=["Name"])
    assert names.tolist() == ["Track", "Footprint", "Curtain"]
    track = shapely.from_wkb(lines)[0]
    assert len(track.coords) == len(curtain.table) and track.has_z


def test_parts_are_in_the_order_of_the_schema(curtain: Result, tmp_path: Path) -> None:
    tree = written(curtain, tmp_path / "track.kml")
    placemarks = tree.xpath("//k:Placemark", namespaces=KML)
    assert placemarks
    for placemark in placemarks:
        names = [etree.QName(part).localname for part in placemark]
        assert names[-1] in ("Point", "LineString")
        places = [FEATURE_ORDER.index(name) for name in names[:-1]]
        assert places == sorted(places)
    styles = {f"#{name}" for name in tree.xpath("//k:Style/@id", namespaces=KML)}
    assert set(tree.xpath("//k:styleUrl/text()", namespaces=KML)) <= styles
    assert len([name for name in styles if name.startswith("#class")]) == 12


def test_the_highest_flux_has_the_last_colour(curtain: Result, tmp_path: Path) -> None:
    tree = written(curtain, tmp_path / "track.kml")
    points = tree.xpath("//k:Folder[k:name='ch4 samples']/k:Placemark", namespaces=KML)
    flux = np.array(
        [float(one.xpath(".//k:Data[@name='flux_density']/k:value", namespaces=KML)[0].text) for one in points]
    )
    classes = np.array([int(one.xpath("k:styleUrl", namespaces=KML)[0].text.removeprefix("#class")) for one in points])
    assert classes[flux.argmax()] == 11 and classes[flux.argmin()] == 0
    assert (np.diff(classes[np.argsort(flux)]) >= 0).all()
    times = [one.xpath("k:TimeStamp/k:when", namespaces=KML)[0].text for one in points]
    kept = curtain.table[curtain.table["kept"]]
    assert pd.to_datetime(pd.Series(times)).tolist() == kept["timestamp"].tolist()
    # Only the first gas is shown until somebody asks for the other.
    assert tree.xpath("//k:Folder[k:visibility='0']/k:name/text()", namespaces=KML) == ["co2 samples"]


def test_rates_are_told(curtain: Result, tmp_path: Path) -> None:
    (text,) = written(curtain, tmp_path / "track.kml").xpath("/k:kml/k:Document/k:description/text()", namespaces=KML)
    rate = curtain.gases["ch4"].rate
    assert f"{rate.emission_rate:.3g} ± {rate.standard_uncertainty:.2g} kg/h" in text
    assert f"{rate.interval95[0]:.3g} to {rate.interval95[1]:.3g} kg/h" in text
    assert "above take-off" in text


def test_a_name_is_escaped(curtain: Result, tmp_path: Path) -> None:
    name = "<script>alert(1)</script>&]]>.csv"
    tree = written(curtain, tmp_path / "track.kml", name)
    (title,) = tree.xpath("/k:kml/k:Document/k:name/text()", namespaces=KML)
    (text,) = tree.xpath("/k:kml/k:Document/k:description/text()", namespaces=KML)
    assert name in title
    # The description is HTML within the XML.
    assert "<script" not in text and "&lt;script&gt;" in text


def test_the_curtain_stands_on_the_footprint(curtain: Result, tmp_path: Path) -> None:
    tree, field = written(curtain, tmp_path / "track.kml"), curtain.gases["ch4"].field
    ring, footprint = coordinates(tree, "Curtain"), coordinates(tree, "Footprint")
    assert len(footprint) == len(field.x) + 1
    assert ring[0].tolist() == ring[-1].tolist()
    assert {tuple(place) for place in ring[:, :2]} == {tuple(place) for place in footprint[:, :2]}
    assert ring[:, 2].max() == pytest.approx(field.z[-1] + field.cell_height / 2, abs=0.006)
    assert ring[:, 2].min() >= 0


def test_the_footprint_of_a_spiral_comes_round(spiral: Result, tmp_path: Path) -> None:
    footprint = coordinates(written(spiral, tmp_path / "track.kml"), "Footprint")
    assert spiral.plane_fit.plane.kind == "spiral"
    np.testing.assert_allclose(footprint[0], footprint[-1], atol=2e-7)
    assert len(footprint) > 20


def test_heights_above_ground_are_taken_where_they_are_known(curtain: Result, tmp_path: Path) -> None:
    table = curtain.table.assign(height_agl=curtain.table["height_ato"] + 40.0)
    raised = replace(curtain, flux=replace(curtain.flux, table=table))
    tree = written(raised, tmp_path / "track.kml")
    np.testing.assert_allclose(coordinates(tree, "Track")[:, 2], table["height_agl"], atol=0.006)
    (text,) = tree.xpath("/k:kml/k:Document/k:description/text()", namespaces=KML)
    assert "above ground" in text
    assert set(tree.xpath("//k:altitudeMode/text()", namespaces=KML)) == {"relativeToGround", "clampToGround"}


def test_long_flights_stay_small_and_keep_the_peak(curtain: Result, tmp_path: Path) -> None:
    table = pd.concat([curtain.table] * 200, ignore_index=True)
    table.loc[4567, ["kept", "ch4_flux_density"]] = [True, 77.0]
    path = tmp_path / "track.kml"
    tree = written(replace(curtain, flux=replace(curtain.flux, table=table)), path)
    assert len(coordinates(tree, "Track")) <= MOST_POINTS
    points = tree.xpath("//k:Folder[k:name='ch4 samples']/k:Placemark", namespaces=KML)
    assert MOST_SAMPLES // 4 < len(points) <= MOST_SAMPLES // 3
    assert "77" in tree.xpath("//k:Data[@name='flux_density']/k:value/text()", namespaces=KML)
    assert path.stat().st_size < 4_000_000


def test_the_same_result_gives_the_same_bytes(curtain: Result, tmp_path: Path) -> None:
    for name in ("one", "two"):
        written(curtain, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
