"""A real client, OWSLib, against the whole service over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from owslib.wps import ASYNC, SYNC, ComplexDataInput, WebProcessingService
from werkzeug.serving import make_server

from tests.server.wps_processes import PIXELS, running_app


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
    root = f"http://127.0.0.1:{server.port}"
    folder = tmp_path_factory.mktemp("owslib")
    with running_app(folder, GASFLUX_SERVER_URL=f"{root}/wps", GASFLUX_SERVER_OUTPUTURL=f"{root}/outputs") as app:
        server.app = app
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"{root}/wps"
        server.shutdown()
        thread.join()


def test_owslib_reads_the_service(address: str) -> None:
    wps = WebProcessingService(address)
    assert [process.identifier for process in wps.processes] == ["everything", "small"]
    described = wps.describeprocess("everything")
    inputs = {item.identifier: item for item in described.dataInputs}
    assert (inputs["flight"].minOccurs, inputs["words"].maxOccurs) == (1, 3)
    assert inputs["model"].allowedValues == ["spherical", "cubic"]
    assert (inputs["height"].dataType, inputs["height"].defaultValue) == ("float", 2.5)
    assert described.processOutputs[0].supportedValues[0].mimeType == "image/tiff; subtype=geotiff"


@pytest.mark.parametrize("mode", [SYNC, ASYNC])
def test_owslib_executes_and_fetches(address: str, tmp_path: Path, mode: str) -> None:
    wps = WebProcessingService(address)
    inputs = [("flight", ComplexDataInput("a,b\n1,2\n", mimeType="text/csv")), ("height", "4")]
    execution = wps.execute("everything", inputs, output=[("raster", True), ("told", False)], mode=mode)
    while not execution.isComplete():
        execution.checkStatus(sleepSecs=0.05)
    assert execution.isSucceeded(), execution.errors
    assert [item.identifier for item in execution.processOutputs] == ["raster", "told"]
    assert execution.processOutputs[1].data == ["height=4.0"]
    execution.getOutput(str(tmp_path / "raster.tif"), "raster")
    assert (tmp_path / "raster.tif").read_bytes() == PIXELS


def test_owslib_chains_one_result_into_the_next_job(address: str) -> None:
    wps = WebProcessingService(address)
    first = wps.execute("everything", [("flight", ComplexDataInput("a,b"))], output=[("copy", True)], mode=SYNC)
    again = ComplexDataInput(first.processOutputs[0].reference)
    second = wps.execute("everything", [("flight", again)], output=[("copy", False)], mode=SYNC)
    assert second.processOutputs[0].data == ["a,b"]


def test_owslib_shows_the_reason_of_a_failure(address: str) -> None:
    wps = WebProcessingService(address)
    inputs = [("flight", ComplexDataInput("a")), ("text", "refuse")]
    execution = wps.execute("everything", inputs, output=[("raster", True)], mode=ASYNC)
    while not execution.isComplete():
        execution.checkStatus(sleepSecs=0.05)
    assert (execution.errors[0].code, execution.errors[0].locator) == ("InvalidParameterValue", "flight")
    assert "column ch4 has text in row 3" in execution.errors[0].text
