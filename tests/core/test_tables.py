"""Tables read from every kind of file that users send, and the tables of stages written and read back."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasflux_core.errors import InputError, InputFaults, TooLarge
from gasflux_core.flight import check_flight
from gasflux_core.io.tables import read_stage_table, read_table, write_table

DATA = Path(__file__).parents[1] / "data"
EXAMPLE = DATA / "example_flight.csv"
ROWS = "t,a,b\n2024-01-01,1.5,2\n2024-01-02,2.5,3\n"


def written(tmp_path: Path, content: str | bytes, name: str = "flight.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def fault(path: Path, **options: object) -> str:
    with pytest.raises(InputError) as error:
        read_table(path, **options)  # type: ignore[arg-type]
    return error.value.message


# --- delimited text


@pytest.mark.parametrize(
    "text",
    [
        ROWS,
        "\ufeff" + ROWS,
        ROWS.replace("\n", "\r\n"),
        ROWS.replace(",", ";"),
        ROWS.replace(",", "\t"),
        ROWS.replace(",", ";").replace(".", ","),
        ROWS.replace(",", "\t").replace(".", ","),
        "sep=;\n" + ROWS.replace(",", ";"),
        "# logger 7\n\n" + ROWS,
        ROWS + "\n\n  \n",
        ROWS + ",,\n,,\n",
        ROWS.replace(",", ", "),
        't,a,b\n"2024-01-01","1.5","2"\n"2024-01-02","2.5","3"\n',
        't,a,b\n2024-01-01,"1,5",2\n2024-01-02,"2,5",3\n',
        "t,a,b\n2024-01-01,1.5,2,\n2024-01-02,2.5,3,\n",
        "t,a,b,\n2024-01-01,1.5,2,\n2024-01-02,2.5,3,\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_delimited_text_in_many_hands(tmp_path: Path, text: str, encoding: str) -> None:
    if encoding == "utf-16":
        text = text.removeprefix("\ufeff")
    table = read_table(written(tmp_path, text.encode(encoding)))
    assert list(table.columns)[:3] == ["t", "a", "b"]
    assert table["t"].tolist() == ["2024-01-01", "2024-01-02"]
    assert table["a"].tolist() == [1.5, 2.5]
    assert table["b"].tolist() == [2, 3]


def test_an_index_without_a_name(tmp_path: Path) -> None:
    by_pandas = read_table(written(tmp_path, ",t,a\n0,x,1\n1,y,2\n"))
    by_r = read_table(written(tmp_path, "t,a\n1,x,1\n2,y,2\n"))
    for table in (by_pandas, by_r):
        assert table["t"].tolist() == ["x", "y"]
        assert table["a"].tolist() == [1, 2]


def test_a_header_in_the_windows_code_page(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "T (°C),b\n1,2\n".encode("cp1252")))
    assert list(table.columns) == ["T (°C)", "b"]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_the_code_page_is_seen_far_down_in_the_file(tmp_path: Path, encoding: str) -> None:
    for filling in (65536, 65537):  # a letter of two bytes may lie across the end of a block
        lines = "a,b\n" + "1,x\n" * 16383 + " " * (filling - 4 - 4 * 16383 - 3)
        table = read_table(written(tmp_path, (lines + "1,é\n").encode(encoding)))
        assert table["b"].iloc[-1] == "é"


def test_a_stray_byte_spoils_its_field_alone(tmp_path: Path) -> None:
    for content in (b"a,b\n1,2\n\x81,4\n", "a,b\n1,2\n\ud800,4\n".encode("utf-16", "surrogatepass")):
        assert read_table(written(tmp_path, content))["b"].tolist() == [2, 4]


def test_fractions_with_a_comma_in_times_are_no_decimal_commas(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "t;a\n2024-01-01 10:00:00,5;1.5\n"))
    assert table["a"].tolist() == [1.5]


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "a,b\n")).shape == (0, 2)


def test_rows_of_differing_length_are_told(tmp_path: Path) -> None:
    text = fault(written(tmp_path, "a,b\n1,2\n1,2,3\n"))
    assert "line 3 of the file has 3 fields where 2 were expected" in text
    assert "decimal commas need semicolons" in text
    assert "row 1 has 4 fields, the header 2" in fault(written(tmp_path, "lat,lon\n51,5,-1,3\n"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"# nothing\n", "no header"),
        (b"hello world\n", "only one column"),
        (b"\x89PNG\r\n\x1a\n....", "PNG image"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"\x01\x02\0\x03", "binary"),
        (b"PK\x03\x04 cut short", "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "XLS workbook"),
        (b"<!DOCTYPE html><html><title>Sign in</title></html>", "HTML page (title: 'Sign in')"),
        (
            b'<?xml version="1.0"?><ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1"><ows:Exception '
            b'exceptionCode="NoApplicableCode"><ows:ExceptionText>layer flight9\n not found</ows:ExceptionText>'
            b"</ows:Exception></ows:ExceptionReport>",
            "exception report of a service: 'layer flight9 not found'",
        ),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no GML"),
        (b'{"error": "not found"}', "no GeoJSON"),
        (b'{"error": ', "broken at line 1"),
        (b"SQLite format 3\0" + b"\0" * 100, "GeoPackage is damaged"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, content: bytes, says: str) -> None:
    text = fault(written(tmp_path, content))
    assert says in text
    assert text.startswith("flight: ")


def test_the_media_type_sent_is_named_but_not_believed(tmp_path: Path) -> None:
    assert len(read_table(EXAMPLE, "application/gml+xml")) == 1000
    assert "sent as text/csv" in fault(written(tmp_path, b"%PDF-1.7\n"), media_type="text/csv", parameter="flight")


def test_too_many_rows(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="more than 999 rows"):
        read_table(EXAMPLE, max_rows=999)
    assert len(read_table(EXAMPLE, max_rows=1000)) == 1000


# --- workbooks


def test_a_workbook_gives_the_same_flight_as_the_csv(tmp_path: Path) -> None:
    raw = read_table(EXAMPLE)
    path = tmp_path / "flight.bin"
    with pd.ExcelWriter(path, engine="openpyxl") as book:
        pd.DataFrame().to_excel(book, sheet_name="cover")
        raw.assign(timestamp=pd.to_datetime(raw["timestamp"])).to_excel(
            book, sheet_name="data", index=False, startrow=2
        )
    expected = check_flight(raw, ["ch4"]).table
    table = check_flight(read_table(path), ["ch4"]).table
    pd.testing.assert_frame_equal(table, expected, rtol=1e-9, atol=1e-6)  # 16 digits


def test_blank_cells_and_texts_in_a_workbook(tmp_path: Path) -> None:
    cells = {"a": [1, None, 3.5], "b": ["x", " ", "y"], "c": [None, None, None]}
    pd.DataFrame(cells).to_excel(tmp_path / "flight.xlsx", index=False)
    table = read_table(tmp_path / "flight.xlsx")
    assert table["a"].dtype == float
    assert table["a"].isna().tolist() == table["b"].isna().tolist() == [False, True, False]
    assert table["c"].isna().all()


def test_a_workbook_with_too_many_rows_or_nothing(tmp_path: Path) -> None:
    pd.DataFrame({"a": range(300), "b": 1}).to_excel(tmp_path / "long.xlsx", index=False)
    with pytest.raises(TooLarge):
        read_table(tmp_path / "long.xlsx", max_rows=299)
    pd.DataFrame().to_excel(tmp_path / "empty.xlsx", index=False)
    assert "no sheet" in fault(tmp_path / "empty.xlsx")


def test_an_old_workbook(tmp_path: Path) -> None:
    path = written(tmp_path, old_workbook([["a", "b"], [1.5, 2.0], [2.5, 3.0]]), "old.xls")
    table = read_table(path)
    assert list(table.columns) == ["a", "b"]
    assert table["a"].tolist() == [1.5, 2.5]


def old_workbook(rows: list[list[str | float]]) -> bytes:
    """A BIFF 8 stream with one sheet, in the smallest compound document that holds it."""

    def record(code: int, body: bytes) -> bytes:
        return struct.pack("<HH", code, len(body)) + body

    begin = struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0x07CC, 0, 6)
    sheet = record(0x0809, begin.replace(b"\x05\0", b"\x10\0", 1))
    for i, cells in enumerate(rows):
        for j, cell in enumerate(cells):
            place = struct.pack("<HHH", i, j, 0)
            if isinstance(cell, str):
                sheet += record(0x0204, place + struct.pack("<HB", len(cell), 0) + cell.encode())
            else:
                sheet += record(0x0203, place + struct.pack("<d", cell))
    sheet += record(0x000A, b"")
    head = record(0x0809, begin) + record(0x0042, struct.pack("<H", 1200))
    offset = len(head) + 4 + 4 + 4 + 2 + 2 + 4
    bound = record(0x0085, struct.pack("<IBBBB", offset, 0, 0, 4, 0) + b"data")
    stream = head + bound + record(0x000A, b"") + sheet
    # No fewer than 9, below which a stream would lie elsewhere; the one sector that lists them holds 126.
    sectors = max(9, -(-len(stream) // 512))
    stream = stream.ljust(sectors * 512, b"\0")
    fat = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, 2 + sectors), 0xFFFFFFFE]
    fat += [0xFFFFFFFF] * (128 - len(fat))

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        encoded = name.encode("utf-16-le") + b"\0\0"
        links = struct.pack("<HBBiii", len(encoded), kind, 1, -1, -1, child)
        return encoded.ljust(64, b"\0") + links + b"\0" * 36 + struct.pack("<iII", start, size, 0)

    folder = entry("Root Entry", 5, 1, -2, 0) + entry("Workbook", 2, -1, 2, len(stream))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16
    header += struct.pack("<HHHHH6xIIiIIiIiI", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, -2, 0, -2, 0)
    header += struct.pack("<I", 0) + b"\xff" * (4 * 108)
    return header + struct.pack("<128I", *fat) + folder.ljust(512, b"\0") + stream


# --- zip


def test_a_zip_of_one_table(tmp_path: Path) -> None:
    path = tmp_path / "flight.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(EXAMPLE, "my flight/data.csv")
        archive.writestr("__MACOSX/my flight/._data.csv", b"x")
        archive.writestr("my flight/.DS_Store", b"x")
    pd.testing.assert_frame_equal(read_table(path), read_table(EXAMPLE))


def test_zips_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "flight.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", ROWS)
        archive.writestr("b.csv", ROWS)
    assert "expected one table in the zip, found 2 (a.csv, b.csv)" in fault(path)
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.write(path, "inner.zip")
    assert "holds another zip" in fault(tmp_path / "outer.zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("picture.csv", b"\x89PNG\r\n")
    assert "PNG" in fault(path)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gasflux_core.io.workbook.MAXIMUM_UNPACKED", 1_000_000)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.csv", b"0" * 2_000_000)
    assert "unpacks to 0.0 GB" in fault(path)


# --- the tables of stages


def stage_table(values: list[float]) -> pd.DataFrame:
    rows = len(values)
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2024-05-06 07:08:09.2", periods=rows, freq="200ms", tz="UTC").as_unit("ns"),
            "ch4": values,
            "transect": np.arange(rows) % 3,
            "kept": np.arange(rows) % 3 > 0,
            "reason": ["" if i % 3 else 'turn, "sharp"' for i in range(rows)],
            "ch4_signal": np.arange(rows) % 2 == 0,
        }
    )


@given(st.lists(st.floats(allow_infinity=False), min_size=2, max_size=30))
def test_a_stage_table_comes_back_the_same_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    path = tmp_path_factory.mktemp("stage") / "table.csv"
    table = stage_table(values)
    write_table(table, path)
    pd.testing.assert_frame_equal(read_stage_table(path, ["ch4"]), table, check_exact=True)


def test_a_flight_comes_back_the_same(tmp_path: Path) -> None:
    table = check_flight(read_table(EXAMPLE), ["ch4"]).table
    write_table(table, tmp_path / "table.csv")
    pd.testing.assert_frame_equal(read_stage_table(tmp_path / "table.csv", ["easting"]), table, check_exact=True)


def test_written_as_the_contract_says(tmp_path: Path) -> None:
    write_table(stage_table([1.5, np.nan]), tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert lines[0] == "timestamp,ch4,transect,kept,reason,ch4_signal"
    assert lines[1] == '2024-05-06T07:08:09.200Z,1.5,0,false,"turn, ""sharp""",true'
    assert lines[2] == "2024-05-06T07:08:09.400Z,,1,true,,false"


def test_long_tables_are_written_as_short_ones_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = stage_table([1.5, np.nan, 2e-30, -0.1, 3.0])
    write_table(table, tmp_path / "whole.csv")
    monkeypatch.setattr("gasflux_core.io.tables._ROWS_AT_A_TIME", 2)
    write_table(table, tmp_path / "parts.csv")
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert len((tmp_path / "parts.csv").read_text().splitlines()) == 6


def test_missing_columns_name_the_stage_that_adds_them(tmp_path: Path) -> None:
    write_table(stage_table([1.0, 2.0]), tmp_path / "table.csv")
    needs = ["wind_east", "x", "ch4_enhancement", "ch4_flux_density", "ch4_density", "windspeed", "ch4"]
    with pytest.raises(InputFaults) as error:
        read_stage_table(tmp_path / "table.csv", needs)
    stages = {fault.column: fault.message for fault in error.value.faults}
    assert "stage wind adds it" in stages["wind_east"]
    assert "stage plane adds it" in stages["x"]
    assert "stage background adds it" in stages["ch4_enhancement"]
    assert "stage flux_density adds it" in stages["ch4_flux_density"]
    assert "stage flux_density adds it" in stages["ch4_density"]
    assert "the flight table must have it" in stages["windspeed"]
    assert len(stages) == 6


def test_a_stage_table_that_someone_edited(tmp_path: Path) -> None:
    path = written(tmp_path, "timestamp,ch4,transect,kept\nnoon,high,1.5,maybe\n,2,2,true\n")
    with pytest.raises(InputFaults) as error:
        read_stage_table(path, ["ch4"])
    assert {fault.column for fault in error.value.faults} == {"timestamp", "ch4", "transect", "kept"}
    assert error.value.parameter == "table"


@settings(max_examples=300, deadline=None)
@given(
    content=st.binary(max_size=200)
    | st.text(alphabet='a1.,;\t"\n\r #<>{}[]=-é\ufeff', max_size=60).map(lambda text: text.encode())
)
def test_whatever_the_bytes_are_the_answer_is_a_table_or_words(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "anything"
    path.write_bytes(content)
    try:
        read_table(path)
    except InputError as error:
        assert error.message.startswith("flight: ")
