"""Chaining in, against the running service with a single slot: its own stages, its own requests, and other services."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest
from lxml import etree

from gasflux_core.io.tables import write_table
from gasflux_core.simulate import SimulationParameters, simulate_flight
from tests.acceptance.running import Service, running_service
from tests.core.dems import write_dem
from tests.server.mapserver import stranger, write_flight
from tests.server.wps_requests import execute_xml, one_input, raw

OWS = "{http://www.opengis.net/ows/1.1}"
WPS = "{http://www.opengis.net/wps/1.0.0}"
HREF = "{http://www.w3.org/1999/xlink}href"

SIMULATED = "simulate_flight", {"seed": "1", "transects": "6", "width": "120"}


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that runs one job at a time, and reaches no other host."""
    settings = {
        "GASFLUX_SERVER_PARALLELPROCESSES": "1",
        "GASFLUX_SECURITY_ALLOWED_HOSTS": "data.example.org",
        "GASFLUX_JOBS_SYNC_WAIT": "120",
    }
    with running_service(tmp_path_factory.mktemp("single"), settings) as running:
        yield running


def execute(service: Service, process: str, inputs: dict[str, str], output: str, *, document: bool = False) -> str:
    """Address of an Execute request; an input that begins with ``@`` is a reference."""
    pairs = [
        f"{name}=@xlink:href={quote(value[1:], safe='')}"
        if value.startswith("@")
        else f"{name}={quote(value, safe='')}"
        for name, value in inputs.items()
    ]
    form = f"ResponseDocument={output}" if document else f"RawDataOutput={output}"
    query = f"service=WPS&version=1.0.0&request=Execute&identifier={process}&DataInputs={';'.join(pairs)}&{form}"
    return f"{service.wps}?{query}"


def get(url: str, body: bytes | None = None) -> bytes:
    asked = urllib.request.Request(url, body, {"Content-Type": "text/xml"} if body else {})
    with urllib.request.urlopen(asked, timeout=180) as answer:
        return bytes(answer.read())


def refused(url: str, body: bytes | None = None) -> str:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(url, body)
    root = etree.fromstring(caught.value.read())
    return " ".join("".join(element.itertext()) for element in root.iter(f"{OWS}ExceptionText"))


def references(answer: bytes) -> dict[str, str]:
    """Output → its address, of a response document."""
    root = etree.fromstring(answer)
    found = {}
    for output in root.iter(f"{WPS}Output"):
        reference = output.find(f"{WPS}Reference")
        if reference is not None:
            found[output.findtext(f"{OWS}Identifier")] = reference.get("href") or reference.get(HREF)
    return found


@pytest.fixture(scope="module")
def flight(single: Service) -> str:
    """Address of a request that simulates a flight."""
    return execute(single, *SIMULATED, "flight")


@pytest.fixture(scope="module")
def rate(single: Service, flight: str) -> float:
    """What gas_flux finds of it, in one piece."""
    return by_value(single, get(flight).decode())


def by_value(service: Service, flight: str) -> float:
    """The emission rate of a flight sent along."""
    data = f'<wps:Data><wps:ComplexData mimeType="text/csv">{flight}</wps:ComplexData></wps:Data>'
    return float(get(service.wps, execute_xml(one_input("flight", data), raw("emission_rate"), "gas_flux")))


# --- this service's own stages --------------------------------------------------------------------


def test_stage_by_stage_by_the_addresses_of_outputs(single: Service, flight: str, rate: float) -> None:
    def stage(process: str, *outputs: str, **inputs: str) -> dict[str, str]:
        form = ";".join(f"{name}@asReference=true" for name in outputs)
        return references(get(execute(single, process, inputs, form, document=True)))

    checked = stage("flight_table", "table", flight=f"@{references_of_flight(single)}")
    wind = stage("wind", "table", table=f"@{checked['table']}")
    transects = stage("transects", "table", table=f"@{wind['table']}")
    background = stage("background", "table", "figures", table=f"@{transects['table']}")
    placed = stage("flight_plane", "table", "plane", table=f"@{background['table']}")
    plane = f"@{placed['plane']}"
    table = f"@{stage('flux_density', 'table', table='@' + placed['table'], plane=plane)['table']}"
    variogram = stage("variogram", "variogram", table=table, plane=plane)["variogram"]
    field = stage("kriging", "field", table=table, plane=plane, variogram=f"@{variogram}")["field"]
    inputs = {"table": table, "plane": plane, "field": f"@{field}", "background": f"@{background['figures']}"}
    assert float(get(execute(single, "emission_rate", inputs, "emission_rate"))) == pytest.approx(rate, rel=1e-9)


def references_of_flight(single: Service) -> str:
    answer = get(execute(single, *SIMULATED, "flight@asReference=true", document=True))
    return references(answer)["flight"]


def test_a_request_within_a_request_runs_though_there_is_one_slot(single: Service, flight: str, rate: float) -> None:
    assert float(get(execute(single, "gas_flux", {"flight": f"@{flight}"}, "emission_rate"))) == rate
    assert float(get(execute(single, "gas_flux_from_url", {"flight_url": flight}, "emission_rate"))) == rate


def test_requests_within_requests_side_by_side_and_within_each_other(single: Service, flight: str) -> None:
    def background(output: str) -> str:
        table = execute(single, "flight_table", {"flight": f"@{flight}"}, "table")
        for process in ("wind", "transects"):
            table = execute(single, process, {"table": f"@{table}"}, "table")
        return execute(single, "background", {"table": f"@{table}"}, output)

    # a document of all outputs: table and plane are told apart by the names of the inputs
    placed = execute(single, "flight_plane", {"table": f"@{background('table')}"}, "table;plane;figures", document=True)
    inputs = {"table": f"@{placed}", "plane": f"@{placed}"}
    table = get(execute(single, "flux_density", inputs, "table")).decode()
    assert "ch4_flux_density" in table.splitlines()[0] and len(table.splitlines()) == 156


def test_a_request_in_xml_may_bring_its_data_along(single: Service, flight: str, rate: float) -> None:
    data = f'<wps:Data><wps:ComplexData mimeType="text/csv">{get(flight).decode()}</wps:ComplexData></wps:Data>'
    inner = execute_xml(one_input("flight", data), identifier="flight_table").decode().partition("?>")[2]
    body = f'<wps:Reference xlink:href="{single.wps}" method="POST"><wps:Body>{inner}</wps:Body></wps:Reference>'
    outer = execute_xml(one_input("flight", body), raw("emission_rate"), "gas_flux")
    assert float(get(single.wps, outer)) == pytest.approx(rate, rel=1e-9)


@pytest.mark.parametrize(
    ("process", "inputs", "output", "words"),
    [
        ("simulate_flight", {"transects": "many"}, "flight", "is refused: transects: "),
        ("simulate_flight", {"transects": "6"}, "emission_rate", "holds no output that is data"),
        ("nowhere", {}, "flight", "This service has no process 'nowhere'"),
        ("simulate_flight", {"wind_direction": "90", "azimuth": "90"}, "flight", "has no results: "),
        ("simulate_flight", {"seed": "1"}, "plane", "has no output 'plane'"),
    ],
)
def test_a_request_within_a_request_that_goes_wrong_is_told(
    single: Service, process: str, inputs: dict[str, str], output: str, words: str
) -> None:
    inner = execute(single, process, inputs, output)
    message = refused(execute(single, "gas_flux", {"flight": f"@{inner}"}, "emission_rate"))
    assert words in message and "Input flight: the reference" in message


def test_a_job_that_has_ended_may_be_the_input(single: Service, rate: float) -> None:
    pairs = ";".join(f"{name}={value}" for name, value in SIMULATED[1].items())
    query = f"service=WPS&version=1.0.0&request=Execute&identifier=simulate_flight&DataInputs={pairs}"
    answer = get(f"{single.wps}?{query}&ResponseDocument=flight&storeExecuteResponse=true&status=false")
    status = etree.fromstring(answer).get("statusLocation")
    for address in (status, status.replace("/wps/status/", "/ogcapi/jobs/") + "/results"):
        assert float(get(execute(single, "gas_flux", {"flight": f"@{address}"}, "emission_rate"))) == rate
    unknown = status[:-36] + "00000000-0000-4000-8000-000000000000"
    assert "no job that is kept here" in refused(execute(single, "gas_flux", {"flight": f"@{unknown}"}, "figures"))


def test_the_service_is_not_made_to_reach_itself_in_other_ways(single: Service) -> None:
    for path in ("/wps?service=WPS&request=GetCapabilities", "/metrics", "/health"):
        message = refused(execute(single, "gas_flux", {"flight": f"@{single.url}{path}"}, "figures"))
        assert "not on the list of hosts" in message


# --- other services -------------------------------------------------------------------------------


def test_flight_from_a_wfs_and_terrain_from_a_wcs(tmp_path: Path) -> None:
    folder = tmp_path / "stranger"
    folder.mkdir()
    parameters = SimulationParameters.check({"seed": 1, "transects": 6, "width": 120})
    write_table(simulate_flight(parameters).table, folder / "flight.csv")
    write_flight(pd.read_csv(folder / "flight.csv"), folder)
    write_dem(
        folder / "dem.tif",
        lambda x, y: 80 + 2000 * (x - parameters.longitude),
        crs="EPSG:4326",
        left=parameters.longitude - 0.01,
        top=parameters.latitude + 0.01,
        cell=5e-4,
        size=(40, 40),
        dtype="float32",
    )
    with (
        stranger(folder) as other,
        running_service(tmp_path, {"GASFLUX_SECURITY_ALLOWED_HOSTS": "127.0.0.1,localhost"}) as service,
    ):
        wfs = other.wfs("2.0.0", outputformat="geojson")
        wcs = other.wcs("2.0.1", coverageid="dem", format="image/tiff", mediatype="multipart/related")

        def rate(process: str, **inputs: str) -> float:
            return float(get(execute(service, process, inputs, "emission_rate")))

        level = by_value(service, (folder / "flight.csv").read_text())
        sloping = rate("gas_flux", flight=f"@{wfs}", dem=f"@{wcs}")
        assert sloping != pytest.approx(level, rel=1e-3)
        assert rate("gas_flux", flight=f"@{wfs}") == pytest.approx(level, rel=1e-4)
        assert rate("gas_flux", flight=f"@{wfs}", dem_url=wcs) == sloping
        assert rate("gas_flux_from_url", flight_url=wfs, dem_url=wcs) == sloping
        # a layer in place of a terrain model, as QGIS sends it
        gml = other.wfs("1.0.0")
        assert rate("gas_flux", flight=f"@{wfs}", dem=f"@{gml}") == rate("gas_flux", flight=f"@{wfs}")
        # another WPS: this one, under a name that it does not know as its own
        for document in (False, True):
            there = execute(service, *SIMULATED, "flight", document=document).replace("127.0.0.1", "localhost")
            assert rate("gas_flux", flight=f"@{there}") == pytest.approx(level, rel=1e-9)
