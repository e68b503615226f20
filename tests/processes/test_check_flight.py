"""A look at a flight table: what was understood, what is wrong, whatever the file holds."""

from __future__ import annotations

import json
import sqlite3
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from gasflux_core.errors import InputError, InputFaults
from gasflux_core.flight_preview import MOST_COLUMNS, MOST_FAULTS, MOST_POINTS, plain_text, preview_flight
from gasflux_core.io.tables import read_table
from processes import registry
from processes.base import execute
from processes.declaration import InputValue
from tests.core.test_tables import old_workbook
from tests.processes.conftest import RecordingContext

CHECK = registry()["check_flight"]


@pytest.fixture
def table(small_flight: Path) -> pd.DataFrame:
    return read_table(small_flight)


@pytest.fixture
def look(context: RecordingContext) -> Callable[..., dict[str, Any]]:
    def checked(path: Path, **values: str) -> dict[str, Any]:
        given = {name: [InputValue(text=text)] for name, text in values.items()}
        made = execute(CHECK, {"flight": [InputValue(file=path)], **given}, context)
        assert made["check"].file is not None
        found: dict[str, Any] = json.loads(made["check"].file.read_text(encoding="utf-8"))
        return found

    return checked


def as_csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False)


def as_german_csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, sep=";", decimal=",")


def as_tabs(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, sep="\t")


def as_xlsx(table: pd.DataFrame, path: Path) -> None:
    table.to_excel(path, index=False, engine="openpyxl")


def as_xls(table: pd.DataFrame, path: Path) -> None:
    path.write_bytes(old_workbook([list(table.columns), *table.to_numpy(dtype=object).tolist()]))


def as_geojson(table: pd.DataFrame, path: Path) -> None:
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [row.pop("longitude"), row.pop("latitude")]},
            "properties": row,
        }
        for row in table.to_dict("records")
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def as_geopackage(table: pd.DataFrame, path: Path) -> None:
    rest = table.drop(columns=["longitude", "latitude"])
    pyogrio.raw.write(
        path,
        shapely.to_wkb(shapely.points(table["longitude"], table["latitude"])),
        [column.to_numpy() for _, column in rest.items()],
        list(rest.columns),
        geometry_type="Point",
        crs="EPSG:4326",
        driver="GPKG",
    )


def as_zip(table: pd.DataFrame, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("flight.csv", table.to_csv(index=False))


FORMATS: dict[str, tuple[Callable[[pd.DataFrame, Path], None], str, str]] = {
    "csv": (as_csv, ".csv", "csv"),
    "decimal commas": (as_german_csv, ".csv", "csv"),
    "tabs": (as_tabs, ".txt", "csv"),
    "xlsx": (as_xlsx, ".xlsx", "xlsx"),
    "xls": (as_xls, ".xls", "xls"),
    "geojson": (as_geojson, ".geojson", "geojson"),
    "geopackage": (as_geopackage, ".gpkg", "gpkg"),
    "zip": (as_zip, ".zip", "zip"),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_understood(
    kind: str, look: Callable[..., dict[str, Any]], table: pd.DataFrame, tmp_path: Path
) -> None:
    write, extension, name = FORMATS[kind]
    path = tmp_path / f"flight{extension}"
    write(table, path)
    seen = look(path)
    assert seen["format"] == name
    assert seen["ready"] is True and seen["faults"] == [] and seen["missing"] == []
    assert seen["rows"] == seen["kept"] == len(table) and seen["gases"] == ["ch4"]
    roles = {one["role"] for one in seen["columns"]}
    assert {"timestamp", "latitude", "longitude", "height_ato", "windspeed", "winddir", "ch4"} <= roles
    assert seen["time"]["begin"] == "2026-06-01T10:00:00Z" and seen["time"]["interval"] > 0
    assert seen["extent"]["longitude"] == pytest.approx([table["longitude"].min(), table["longitude"].max()], abs=1e-6)
    assert seen["extent"]["height"] == pytest.approx([table["height_ato"].min(), table["height_ato"].max()], rel=1e-3)
    assert seen["wind"]["speed"] == pytest.approx(table["windspeed"].mean(), rel=1e-3)
    assert len(seen["preview"]["rows"]) == 8
    assert len(seen["preview"]["header"]) == len(seen["columns"]) == len(table.columns)
    assert len(seen["track"]["longitude"]) == len(seen["track"]["mole_fraction"]) == len(table)


def test_names_and_units_are_told(look: Callable[..., dict[str, Any]], table: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "flight.csv"
    changed = table.assign(ch4=table["ch4"] * 1000, windspeed=table["windspeed"] * 3.6, rotor=7)
    as_csv(changed.rename(columns={"ch4": "CH4 (ppb)", "windspeed": "Wind Spd [km/h]", "latitude": "GPS Lat"}), path)
    seen = look(path)
    columns = {one["header"]: one for one in seen["columns"]}
    assert (columns["CH4 (ppb)"]["role"], columns["CH4 (ppb)"]["unit"]) == ("ch4", "ppb")
    assert columns["CH4 (ppb)"]["note"] == "converted from ppb to ppm"
    assert (columns["Wind Spd [km/h]"]["role"], columns["Wind Spd [km/h]"]["unit"]) == ("windspeed", "km/h")
    assert columns["GPS Lat"]["role"] == "latitude"
    assert (columns["rotor"]["role"], columns["rotor"]["unit"], columns["rotor"]["first"]) == (None, None, ["7"] * 3)
    assert seen["ready"] is True and seen["wind"]["speed"] == pytest.approx(table["windspeed"].mean(), rel=1e-3)


def test_it_is_ready_where_gas_flux_takes_it_and_only_there(
    look: Callable[..., dict[str, Any]], small_flight: Path, context: RecordingContext
) -> None:
    assert look(small_flight, gases="ch4")["ready"] is True
    refused = look(small_flight, gases="ch4,sf6")
    assert refused["ready"] is False and refused["gases"] == ["ch4"] and refused["kept"] is None
    (fault,) = refused["faults"]
    assert fault["input"] == "gases" and fault["column"] == "sf6" and "no column sf6" in fault["message"]
    context.outputs = frozenset({"emission_rate"})
    with pytest.raises(InputFaults) as caught:
        values = {"flight": [InputValue(file=small_flight)], "gases": [InputValue(text="ch4,sf6")]}
        execute(registry()["gas_flux"], values, context)
    assert fault["message"] in caught.value.message


def test_the_configuration_is_heeded(look: Callable[..., dict[str, Any]], table: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "flight.csv"
    as_csv(table.rename(columns={"ch4": "Sensor 1", "pressure": "Baro"}), path)
    assert look(path)["missing"] == ["pressure"]
    configuration = "gases: [ch4]\nflight:\n  column_names: {Sensor 1: ch4, Baro: pressure}\n"
    assert look(path, configuration=configuration)["ready"] is True
    with pytest.raises(InputError, match="colum_names"):
        look(path, configuration="flight:\n  colum_names: {}\n")


def test_a_missing_column_comes_with_the_header_that_is_perhaps_meant(
    look: Callable[..., dict[str, Any]], table: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "flight.csv"
    as_csv(table.rename(columns={"pressure": "Presure"}).drop(columns="winddir"), path)
    seen = look(path)
    assert seen["missing"] == ["winddir", "pressure"] and seen["suggestions"] == {"pressure": "Presure"}
    assert seen["ready"] is False and "is it 'Presure'?" in seen["faults"][0]["message"]
    # What can be told is told.
    assert seen["wind"] is None and seen["time"]["duration"] > 0 and seen["track"]["mole_fraction"]


def test_all_faults_are_told_with_column_and_row(
    look: Callable[..., dict[str, Any]], table: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "flight.csv"
    broken = table.astype({"pressure": object})
    broken.loc[16, "pressure"] = "n/a!"
    broken.loc[4, "windspeed"] = 999.0
    broken.loc[9, "temperature"] = np.nan
    as_csv(broken, path)
    seen = look(path)
    told = {fault["column"]: fault for fault in seen["faults"]}
    assert {name: fault["row"] for name, fault in told.items()} == {"pressure": 17, "windspeed": 5, "temperature": 10}
    assert all(fault["input"] == "flight" and fault["message"] for fault in told.values())
    assert seen["more_faults"] == 0 and seen["ready"] is False and seen["extent"]["longitude"] is not None


def test_gases_are_found_by_themselves(
    look: Callable[..., dict[str, Any]], table: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "flight.csv"
    more = {"CO2 [ppm]": 420.0, "SiH4 (ppb)": 1.0, "H2O_ppm": 9000.0, "V": 3.0, "CPU (%)": 50.0, "n2o": np.nan}
    as_csv(table.assign(**more), path)
    seen = look(path)
    assert seen["gases"] == ["ch4", "CO2".lower(), "sih4"] and seen["ready"] is True
    assert any(note.startswith("n2o was left out: ") for note in seen["notes"])
    assert any(note.startswith("h2o was not taken") for note in seen["notes"])


def test_a_single_gas_that_is_faulty_is_a_fault(
    look: Callable[..., dict[str, Any]], table: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "flight.csv"
    as_csv(table.assign(ch4=np.nan), path)
    seen = look(path)
    assert seen["ready"] is False and [fault["column"] for fault in seen["faults"]] == ["ch4"]
    assert set(seen["track"]["mole_fraction"]) == {None}


HOSTILE = ["=cmd|'/c calc'!A1", "<script>alert(1)</script>", "\x1b[2J\u202e", "x" * 10_000, "@SUM(1)", "{{7*7}}"]


def test_cells_are_text_whatever_they_hold(
    look: Callable[..., dict[str, Any]], table: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "flight.csv"
    as_csv(table.assign(note=(HOSTILE * 100)[: len(table)], **{"<img src=x>": 1}), path)
    seen = look(path)
    assert seen["ready"] is True
    cells = [row[list(table.columns).index("ch4") + 1] for row in seen["preview"]["rows"]]
    assert cells[:2] == HOSTILE[:2]
    assert all(len(cell) <= 60 and cell.isprintable() for row in seen["preview"]["rows"] for cell in row)
    assert "<img src=x>" in seen["preview"]["header"]


def test_a_formula_of_a_workbook_is_its_value(
    look: Callable[..., dict[str, Any]], table: pd.DataFrame, tmp_path: Path
) -> None:
    import openpyxl

    path = tmp_path / "flight.xlsx"
    as_xlsx(table, path)
    book = openpyxl.load_workbook(path)
    book.active["I5"] = "=1+1"
    book.save(path)
    seen = look(path)
    # No program has calculated it: the cell is empty, and that is told.
    assert [fault["row"] for fault in seen["faults"]] == [4]
    assert not any("=1+1" in cell for row in seen["preview"]["rows"] for cell in row)


def test_nested_values_of_geojson_are_told_as_faults(
    look: Callable[..., dict[str, Any]], table: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "flight.geojson"
    as_geojson(table.astype({"pressure": object}), path)
    data = json.loads(path.read_text())
    data["features"][2]["properties"]["pressure"] = {"deep": ["a"] * 1000}
    data["features"][0]["properties"]["half a \ud83d character"] = "\ud83d"
    path.write_text(json.dumps(data))
    seen = look(path)
    assert [(fault["column"], fault["row"]) for fault in seen["faults"]] == [("pressure", 3)]


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_very_short_tables_are_told_as_faults(
    look: Callable[..., dict[str, Any]], table: pd.DataFrame, tmp_path: Path, rows: int
) -> None:
    for write, extension, _ in (FORMATS["csv"], FORMATS["xlsx"]):
        path = tmp_path / f"flight{extension}"
        write(table.iloc[:rows], path)
        seen = look(path)
        assert seen["rows"] == rows and seen["ready"] is False and seen["missing"] == []
        assert f"{rows} rows of data; at least 20 are needed" in [fault["message"] for fault in seen["faults"]]
        assert (seen["time"] is None) == (seen["track"] is None) == (rows == 0)
        assert len(seen["preview"]["rows"]) == rows


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("flight.csv", b"", "empty"),
        ("flight.csv", b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG image"),
        ("flight.xlsx", b"%PDF-1.7 ...", "a PDF document"),
        ("flight.csv", b"no table at all", "only one column"),
        ("flight.json", b"{", "broken"),
        ("flight.csv", bytes(range(256)), "binary"),
        ("flight.csv", b"<!doctype html><title>Sign in</title>", "HTML page"),
    ],
)
def test_what_is_no_table_is_refused_in_words(
    look: Callable[..., dict[str, Any]], tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        look(path)
    assert caught.value.parameter == "flight"


def test_a_database_that_is_no_geopackage_is_refused(look: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "flight.gpkg"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (a)")
    with pytest.raises(InputError, match="no GeoPackage"):
        look(path)


def workbook_of_zeros(path: Path, size: int) -> None:
    """An XLSX whose sheet says that it unpacks to so many bytes of zeros, a thousandth of that in the file."""
    block = bytes(64_000_000)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            for _ in range(size // len(block)):
                sheet.write(block)


def test_a_bomb_is_refused_at_once(look: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    workbook_of_zeros(path, 1_088_000_000)
    begin = time.process_time()
    with pytest.raises(InputError, match=r"unpacks to 1\.1 GB; the limit is 1 GB"):
        look(path)
    assert time.process_time() - begin < 1


def test_a_bomb_that_lies_of_its_size_is_refused(look: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    workbook_of_zeros(path, 128_000_000)
    content = path.read_bytes()
    # The size stands in the archive's directory, and there it is told to be a thousand bytes.
    path.write_bytes(content.replace((128_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises(InputError, match="it is damaged"):
        look(path)


def test_what_comes_back_is_bounded(table: pd.DataFrame) -> None:
    wide = pd.concat([table] * 100, ignore_index=True)
    more = pd.DataFrame({f"{number}" + "é" * 3000: "x" * 3000 for number in range(2000)}, index=wide.index[:3])
    seen = preview_flight(pd.concat([wide, more], axis=1))
    assert len(seen["columns"]) == len(seen["preview"]["header"]) == MOST_COLUMNS
    assert seen["more_columns"] == 2000 + len(table.columns) - MOST_COLUMNS
    assert len(seen["track"]["longitude"]) <= MOST_POINTS
    assert len(json.dumps(seen)) < 500_000


def test_of_many_faults_the_rest_is_counted(table: pd.DataFrame) -> None:
    names = {f"gas{number}": "ch4x" for number in range(MOST_FAULTS + 20)}
    from gasflux_core.flight_parameters import FlightParameters

    seen = preview_flight(table, ["ch4"], FlightParameters(column_names=names))
    assert len(seen["faults"]) == MOST_FAULTS and seen["more_faults"] == 20 and seen["ready"] is False


def test_the_track_keeps_the_plume(table: pd.DataFrame) -> None:
    long = pd.concat([table] * 100, ignore_index=True)
    long.loc[7777, "ch4"] = 123.0
    track = preview_flight(long)["track"]
    assert max(track["mole_fraction"]) == 123.0


@pytest.mark.parametrize(
    ("text", "shown"), [("a\nb\x00c", "a b c"), ("abcdef", "abcdef"), ("abcdefg", "abcde…"), ("", "")]
)
def test_text_in_one_line(text: str, shown: str) -> None:
    assert plain_text(text, 6) == shown
