"""The processes under a plain ``pywps.Service``: they are true PyWPS processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lxml import etree
from pywps import Service
from werkzeug.test import Client
from werkzeug.wrappers import Response

from processes import registry
from tests.processes.test_base import Doubling

WPS = "{http://www.opengis.net/wps/1.0.0}"
OWS = "{http://www.opengis.net/ows/1.1}"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    for name in ("workdir", "outputs"):
        (tmp_path / name).mkdir()
    settings = tmp_path / "pywps.cfg"
    settings.write_text(
        f"[server]\nurl=http://localhost/wps\noutputurl=http://localhost/outputs\noutputpath={tmp_path / 'outputs'}\n"
        f"workdir={tmp_path / 'workdir'}\n[logging]\nlevel=ERROR\ndatabase=sqlite:///{tmp_path / 'log.sqlite'}\n"
    )
    from pywps import configuration, dblog

    monkeypatch.setattr(configuration, "CONFIG", None)
    monkeypatch.setattr(dblog, "_SESSION_MAKER", None)
    return Client(Service([Doubling(), *registry().values()], cfgfiles=[str(settings)]), Response)


def ask(client: Client, inputs: str) -> etree._Element:
    query = "service=WPS&version=1.0.0&request=Execute&identifier=doubling&datainputs="
    return etree.fromstring(client.get("/wps?" + query + inputs).data)


def test_plain_pywps_describes_the_default(client: Client) -> None:
    answer = client.get("/wps?service=WPS&version=1.0.0&request=DescribeProcess&identifier=doubling")
    described = etree.fromstring(answer.data)
    assert described.findtext(".//DefaultValue") == "0.5"
    assert described.findtext(f".//{OWS}MinimumValue") == "0.0" and described.findtext(f".//{OWS}MaximumValue") == "INF"


@pytest.mark.parametrize(("inputs", "double"), [("length=0.1;document={}", "0.2"), ("document={}", "1.0")])
def test_plain_pywps_executes(client: Client, inputs: str, double: str) -> None:
    answer = ask(client, inputs)
    assert answer.find(f".//{WPS}ProcessSucceeded") is not None
    assert answer.findtext(f".//{WPS}LiteralData") == double


def test_plain_pywps_names_the_input_at_fault(client: Client) -> None:
    fault = ask(client, "length=NaN;document={}").find(f".//{OWS}Exception")
    assert fault is not None
    assert (fault.get("exceptionCode"), fault.get("locator")) == ("InvalidParameterValue", "length")


def test_plain_pywps_tells_an_error_whole(client: Client) -> None:
    answer = ask(client, "length=13;document={}")
    text = "".join(answer.itertext())
    assert "no answer (none at all): " + "x" * 400 in text


def test_plain_pywps_describes_every_process(client: Client) -> None:
    query = "/wps?service=WPS&version=1.0.0&request=DescribeProcess&identifier=all"
    described = etree.fromstring(client.get(query).data)
    assert {one.text for one in described.findall(f"ProcessDescription/{OWS}Identifier")} >= set(registry())
    assert "None" not in "".join(described.itertext())


def test_plain_pywps_runs_a_stage(client: Client, small_flight: Path) -> None:
    body = etree.Element(f"{WPS}Execute", nsmap={"wps": WPS[1:-1], "ows": OWS[1:-1]}, service="WPS", version="1.0.0")
    etree.SubElement(body, f"{OWS}Identifier").text = "flight_table"
    given = etree.SubElement(etree.SubElement(body, f"{WPS}DataInputs"), f"{WPS}Input")
    etree.SubElement(given, f"{OWS}Identifier").text = "flight"
    data = etree.SubElement(etree.SubElement(given, f"{WPS}Data"), f"{WPS}ComplexData", mimeType="text/csv")
    data.text = small_flight.read_text()
    answer = etree.fromstring(client.post("/wps", data=etree.tostring(body), content_type="text/xml").data)
    assert answer.find(f".//{WPS}ProcessSucceeded") is not None, etree.tostring(answer)[:2000]
    figures = answer.find(f".//{WPS}ComplexData[@mimeType='application/json']")
    assert figures is not None and json.loads(figures.text or "")["gases"] == ["ch4"]
    assert answer.find(f".//{WPS}Reference[@mimeType='text/csv']") is not None
