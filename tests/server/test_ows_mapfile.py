"""The mapfile: whole, and one text stays one text whatever is in it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gasflux_core.io.map_layers import VectorLayer
from server.ows.colours import ColourClass, error_classes, flux_classes
from server.ows.layers import OnMap, VectorOnMap, Words, read_layers
from server.ows.mapfile import MapText, layer_name, mapfile, quoted
from server.sections import MetadataSection
from tests.server.ows_maps import FILES, write_results

TEXT = MapText("A title", "What it is.", "https://example.org/ows/job", MetadataSection(), 4096)

HOSTILE = 'x" END END LAYER NAME "in" DATA "/etc/passwd\\" %DATA% [item] \n END \x07 \' & <b> é'


@pytest.fixture
def on_map(tmp_path: Path) -> OnMap:
    write_results(tmp_path / "results")
    files = {name: tmp_path / "results" / file for name, (file, _) in FILES.items() if not file.endswith("csv")}
    return read_layers(files, {}, {"track": Words("The track", "Where it flew.")})


def names(text: str) -> list[str]:
    return re.findall(r'LAYER\n    NAME "(\w+)"', text)


def test_there_is_a_layer_for_every_band_coverage_and_vector(on_map: OnMap) -> None:
    assert on_map.names == ["track", "footprint", "flux_plane_map"], "the upright plane lies on no map"
    pictures = ["ch4_flux_density", "ch4_standard_error", "co2_flux_density", "co2_standard_error"]
    assert names(mapfile(on_map, TEXT)) == [*pictures, "flux_plane_map", "track", "footprint"]


def test_what_it_says_of_itself(on_map: OnMap) -> None:
    text = mapfile(on_map, TEXT)
    assert '"ows_onlineresource" "https://example.org/ows/job?"' in text
    assert "MAXSIZE 4096" in text
    assert '"ows_srs" "EPSG:4326 EPSG:3857 CRS:84 EPSG:32631"' in text
    assert '"ows_title" "The track"' in text and '"ows_abstract" "Where it flew."' in text


def test_files_are_named_without_their_folders(on_map: OnMap, tmp_path: Path) -> None:
    assert str(tmp_path) not in mapfile(on_map, TEXT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", '"plain"'),
        ('a "b" \\ c', "\"a 'b' / c\""),
        ("line\nbreak\tand\x00\x1b", '"line break and"'),
        ("100 % é", '"100 % é"'),
        ("", '""'),
    ],
)
def test_texts_are_quoted(text: str, expected: str) -> None:
    assert quoted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ch4 flux density", "ch4_flux_density"),
        ("9 lives", "layer_9_lives"),
        ('"; END', "END"),
        ("é", "layer_"),
    ],
)
def test_names_are_plain(text: str, expected: str) -> None:
    assert layer_name(text) == expected


def test_a_hostile_text_stays_a_text(on_map: OnMap) -> None:
    hostile = replace(TEXT, title=HOSTILE, abstract=HOSTILE, service=MetadataSection(provider_name=HOSTILE))
    words = Words(HOSTILE, HOSTILE)
    rasters = tuple(
        replace(one, words=words, raster=replace(one.raster, bands=(replace(one.raster.bands[0], unit=HOSTILE),)))
        for one in on_map.rasters
    )
    vectors = tuple(replace(one, words=words) for one in on_map.vectors)
    text = mapfile(OnMap(rasters, vectors), hostile)
    assert "\\" not in text
    # Outside its strings the file has nothing that wasn't there before.
    bare = re.sub(r"'[^'\n]*\"[^\"\n]*\"'|\"[^\"\n]*\"", "", text)
    assert '"' not in bare and "passwd" not in bare
    assert set(re.findall(r"[A-Za-z]+", bare)) <= set(re.findall(r"[A-Za-z]+", mapfile(on_map, TEXT)))


def test_a_map_without_rasters_is_in_degrees() -> None:
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [7.0, 51.0]}, "properties": {}}
    vector = VectorOnMap("map", Words("Map", "It."), Path("map.geojson"), VectorLayer((point,)))
    text = mapfile(OnMap((), (vector,)), TEXT)
    assert "UNITS DD" in text and "EXTENT 6.9999 50.9999 7.0001 51.0001" in text
    assert names(text) == ["map"] and "[kept]" not in text


def test_a_layer_without_features_can_be_drawn_too() -> None:
    empty = VectorOnMap("map", Words("Map", "It."), Path("map.geojson"), VectorLayer(()))
    assert "EXTENT -180 -90 180 90" in mapfile(OnMap((), (empty,)), TEXT)


# --- classes --------------------------------------------------------------------------------------


def holds(one: ColourClass, value: float) -> bool:
    return (one.lower is None or value >= one.lower) and (one.upper is None or value < one.upper)


@pytest.mark.parametrize(
    ("minimum", "maximum"),
    [(0.0, 0.0283), (-1e-5, 0.0283), (-0.5, 0.6), (-3.0, -1.0), (2.0, 2.0), (1e-12, 3e-12), (0.0, 1e9), (-1.0, 0.0)],
)
def test_every_value_has_one_class(minimum: float, maximum: float) -> None:
    classes = flux_classes(minimum, maximum)
    assert 2 <= len(classes) <= 26
    for value in (minimum, maximum, (minimum + maximum) / 2, 0.0, minimum - 1, maximum + 1):
        if value >= 0 or minimum < 0:
            assert sum(holds(one, value) for one in classes) == 1, value
    assert len({one.colour for one in classes}) == len(classes)
    assert len({one.label for one in classes}) == len(classes)


def test_limits_are_round_numbers() -> None:
    assert [one.label for one in flux_classes(-1e-6, 0.0283)][:3] == ["below 0", "0 to 0.0025", "0.0025 to 0.005"]
    assert flux_classes(-1e-6, 0.0283)[-1].label == "0.0275 and more"


def test_both_ways_have_their_colours() -> None:
    classes = flux_classes(-1.0, 0.8)
    below = next(one for one in classes if one.lower is None)
    above = next(one for one in classes if one.upper is None)
    assert below.colour[2] > below.colour[0] and above.colour[0] > above.colour[2]
    assert any(one.upper == 0.0 for one in classes), "zero parts the colours"


@pytest.mark.parametrize("classes", [flux_classes(None, None), flux_classes(0.0, 0.0), error_classes(None)])
def test_nothing_known_is_one_class(classes: list[ColourClass]) -> None:
    assert [one.label for one in classes] == ["all"]
