"""What users really send by mistake: the answer says what is wrong, where, and what was expected.

Each case is tried three ways: on the command line, as the process runs in a job, and over WPS on the
running service. All three must say the same words.
"""

from __future__ import annotations

import base64
import html
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import pandas as pd
import pytest

from gasflux_core.errors import GasFluxError
from gasflux_core.simulate import SimulationParameters, simulate_flight
from processes import registry
from processes.base import execute
from processes.declaration import InputValue
from server.command_line import main
from tests.acceptance.running import Service
from tests.processes.conftest import RecordingContext


@dataclass(frozen=True)
class Mistake:
    """One way to go wrong, and what must be said of it."""

    name: str
    make: Callable[[pd.DataFrame], pd.DataFrame | bytes]
    words: tuple[str, ...]
    """Each must be in the message."""
    gas: str = "ch4"
    configuration: str | None = None
    exit_status: int = 2


def same(table: pd.DataFrame) -> pd.DataFrame:
    return table


def with_text(table: pd.DataFrame) -> pd.DataFrame:
    changed = table.astype({"ch4": object})
    changed.loc[6, "ch4"] = "n/v"
    changed.loc[9, "ch4"] = "over"
    return changed


def with_gap(table: pd.DataFrame) -> pd.DataFrame:
    changed = table.copy()
    changed.loc[4, "windspeed"] = float("nan")
    return changed


def backwards(table: pd.DataFrame) -> pd.DataFrame:
    return table.iloc[::-1]


def swapped_positions(table: pd.DataFrame) -> pd.DataFrame:
    east = table["longitude"] + 150.0
    return table.assign(latitude=east, longitude=table["latitude"])


def hover(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(latitude=table["latitude"].iloc[0], longitude=table["longitude"].iloc[0], height_ato=20.0)


MISTAKES = [
    Mistake("missing columns", lambda t: t.drop(columns=["winddir", "pressure"]), ("winddir", "pressure")),
    Mistake("text in numbers", with_text, ("ch4", "row 7", "n/v", "2 ")),
    Mistake("not a number", with_gap, ("windspeed", "row 5")),
    Mistake("kelvin", lambda t: t.assign(temperature=t["temperature"] + 273.15), ("temperature", "60", "K")),
    Mistake("pascal", lambda t: t.assign(pressure=t["pressure"] * 100), ("pressure", "1100", "Pa")),
    Mistake("19 rows", lambda t: t.iloc[:19], ("19", "20")),
    Mistake("one transect", lambda t: t.iloc[:22], ("transect",), exit_status=3),
    Mistake("hover only", hover, ("transect",), exit_status=3),
    Mistake("latitude and longitude swapped", swapped_positions, ("latitude", "longitude", "swap")),
    Mistake("timestamps backwards", backwards, ("timestamp", "row 2")),
    Mistake("empty file", lambda _: b"", ("flight",)),
    Mistake("a picture", lambda _: b"\x89PNG\r\n\x1a\n" + bytes(200), ("PNG",)),
    Mistake("a web page", lambda _: b"<!doctype html><html><body>Not found</body></html>", ("HTML",)),
    Mistake("only a header", lambda t: t.iloc[:0], ("row",)),
    Mistake("unknown gas", same, ("sf6", "ch4"), gas="sf6"),
    Mistake("formula that is none", lambda t: t.rename(columns={"ch4": "qx9"}), ("qx9", "formula"), gas="qx9"),
    Mistake("broken YAML", same, ("line 3",), configuration="variogram:\n  model: [spherical\n"),
    Mistake("unknown key", same, ("modle", "model"), configuration="variogram: {modle: spherical}"),
    Mistake("unknown section", same, ("krigging", "kriging"), configuration="krigging: {resolution: 100}"),
    Mistake("out of range", same, ("resolution",), configuration="kriging: {resolution: -5}"),
    Mistake("not finite", same, ("roughness_length",), configuration="kriging: {roughness_length: .nan}"),
    Mistake("not a choice", same, ("spherical",), configuration="variogram: {model: cubistic}"),
]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return simulate_flight(SimulationParameters.check({"seed": 1, "transects": 6, "width": 120, "legs": False})).table


def written(mistake: Mistake, table: pd.DataFrame, folder: Path) -> Path:
    made = mistake.make(table)
    path = folder / "flight.csv"
    if isinstance(made, bytes):
        path.write_bytes(made)
    else:
        made.to_csv(path, index=False)
    return path


def message_of_process(mistake: Mistake, flight: Path, folder: Path) -> str:
    work = folder / "work"
    work.mkdir()
    values = {"flight": [InputValue(file=flight)], "gases": [InputValue(text=mistake.gas)]}
    if mistake.configuration:
        values["configuration"] = [InputValue(text=mistake.configuration)]
    with pytest.raises(GasFluxError) as caught:
        execute(registry()["gas_flux"], values, RecordingContext(work))
    assert not list(work.iterdir()), "something half made was left"
    return caught.value.message


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_command_line_and_process_say_the_same_words(
    mistake: Mistake, table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flight = written(mistake, table, tmp_path)
    arguments = ["run", str(flight), "--gas", mistake.gas, "--out", str(tmp_path / "out"), "--quiet"]
    if mistake.configuration:
        (tmp_path / "settings.yaml").write_text(mistake.configuration, encoding="utf-8")
        arguments += ["--config", str(tmp_path / "settings.yaml")]
    assert main(arguments) == mistake.exit_status
    said = capsys.readouterr().err
    assert "Traceback" not in said
    for word in mistake.words:
        assert word in said
    assert message_of_process(mistake, flight, tmp_path) in said
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_service_says_the_same_words(
    mistake: Mistake, table: pd.DataFrame, tmp_path: Path, service: Service
) -> None:
    flight = written(mistake, table, tmp_path)
    status, answer = post(service, execute_document(flight.read_bytes(), mistake.gas, mistake.configuration))
    assert 400 <= status < 500
    said = html.unescape(answer)
    assert "ExceptionReport" in said
    assert "Traceback" not in said
    for word in mistake.words:
        assert word in said
    locators = {"flight", "gases", "configuration"}
    assert mistake.exit_status == 3 or any(f'locator="{name}' in answer for name in locators)


def test_a_flight_of_two_hundred_megabytes_is_refused_before_it_is_sent(service: Service) -> None:
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(service.url).netloc, timeout=20)
    connection.putrequest("POST", "/wps")
    connection.putheader("Content-Type", "text/xml")
    connection.putheader("Content-Length", str(200 * 1024 * 1024))
    connection.endheaders()
    response = connection.getresponse()
    text = response.read().decode()
    assert response.status == 413
    assert "FileSizeExceeded" in text
    connection.close()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("roughness_length", "NaN", "roughness_length"),
        ("roughness_length", "INF", "roughness_length"),
        ("roughness_length", "1_0", "roughness_length"),
        ("roughness_length", "-3", "roughness_length"),
        ("resolution", "many", "resolution"),
        ("no_such_input", "1", "no_such_input"),
    ],
)
def test_a_literal_that_is_none_is_refused_before_anything_is_accepted(
    service: Service, table: pd.DataFrame, name: str, value: str, words: str
) -> None:
    document = execute_document(table.to_csv(index=False).encode(), "ch4", None, {name: value})
    status, answer = post(service, document)
    assert status == 400
    assert 'exceptionCode="InvalidParameterValue"' in answer
    assert f'locator="{words}"' in answer


def test_after_all_this_the_service_is_well_and_nothing_is_left(service: Service) -> None:
    with urllib.request.urlopen(f"{service.url}/health", timeout=10) as response:
        assert json.load(response)["status"] == "ok"
    left = [path for path in (service.data / "work").iterdir() if path.is_dir() and any(path.rglob("*.csv"))]
    assert left == []


def execute_document(
    flight: bytes, gas: str, configuration: str | None, literals: dict[str, str] | None = None
) -> bytes:
    given = {"gases": gas, **({"configuration": configuration} if configuration else {}), **(literals or {})}
    inputs = "".join(
        f"<wps:Input><ows:Identifier>{name}</ows:Identifier><wps:Data><wps:LiteralData>{escape(value)}"
        "</wps:LiteralData></wps:Data></wps:Input>"
        for name, value in given.items()
    )
    content = base64.b64encode(flight).decode()
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<wps:Execute service="WPS" version="1.0.0" xmlns:wps="http://www.opengis.net/wps/1.0.0"
  xmlns:ows="http://www.opengis.net/ows/1.1">
  <ows:Identifier>gas_flux</ows:Identifier>
  <wps:DataInputs>
    <wps:Input><ows:Identifier>flight</ows:Identifier>
      <wps:Data>
        <wps:ComplexData mimeType="text/csv" encoding="base64">{content}</wps:ComplexData>
      </wps:Data>
    </wps:Input>{inputs}
  </wps:DataInputs>
  <wps:ResponseForm><wps:ResponseDocument>
    <wps:Output><ows:Identifier>figures</ows:Identifier></wps:Output>
  </wps:ResponseDocument></wps:ResponseForm>
</wps:Execute>""".encode()


def post(service: Service, document: bytes) -> tuple[int, str]:
    request = urllib.request.Request(service.wps, document, {"Content-Type": "text/xml"})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
