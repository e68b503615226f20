"""What a user of OWSLib does with the service, in one go; writes what was seen into seen.json.

python owslib_calls.py ADDRESS FLIGHT FOLDER, where ADDRESS is that of the WPS. It runs under any OWSLib, also that
of the operating system's Python, and so imports nothing of the project.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from owslib.wps import (
    ASYNC,
    SYNC,
    BoundingBoxDataInput,
    ComplexDataInput,
    WebProcessingService,
    WPSExecution,
    monitorExecution,
)

ECHOED = [
    ("string", "a & b < c"),
    ("enumeration", "red"),
    ("quantity", "2.5"),
    ("repeated", "one"),
    ("repeated", "two"),
    ("boolean", "true"),
    ("integer", "7"),
]


def main(address: str, flight: Path, folder: Path) -> None:
    """Call, and write what was seen; a call that failed doesn't hide what the others saw."""
    service = WebProcessingService(address)
    calls: dict[str, Callable[[], Any]] = {
        "capabilities": lambda: capabilities(service),
        "descriptions": lambda: {each.identifier: description(service, each.identifier) for each in service.processes},
        "echo": lambda: outcome(service.execute("echo", ECHOED, output=[], mode=SYNC)),
        "lineage": lambda: lineage(service),
        "box": lambda: box(service),
        "files": lambda: files(service),
        "progress": lambda: progress(service),
        "refused": lambda: outcome(service.execute("simulate_flight", [("source_rate", "much")], mode=ASYNC)),
        "failed": lambda: failed(service),
        "reference": lambda: by_reference(service),
        "gas_flux": lambda: gas_flux(service, flight, folder),
    }
    seen: dict[str, Any] = {"version": importlib.metadata.version("OWSLib")}
    for name, call in calls.items():
        try:
            seen[name] = call()
        except Exception as error:
            seen[name] = {"raised": f"{type(error).__name__}: {error}"}
    (folder / "seen.json").write_text(json.dumps(seen))


def capabilities(service: WebProcessingService) -> dict[str, Any]:
    return {
        "version": service.identification.version,
        "type": service.identification.type,
        "title": service.identification.title,
        "provider": service.provider.name,
        "operations": [operation.name for operation in service.operations],
        "processes": [process.identifier for process in service.processes],
        "languages": {"default": service.languages.default, "supported": service.languages.supported},
    }


def description(service: WebProcessingService, identifier: str) -> dict[str, Any]:
    process = service.describeprocess(identifier)
    return {
        "title": process.title,
        "abstract": process.abstract,
        "version": process.processVersion,
        "stored": process.storeSupported,
        "status": process.statusSupported,
        "inputs": [
            {**item(each), "occurs": [each.minOccurs, each.maxOccurs], "allowed": each.allowedValues}
            for each in process.dataInputs
        ],
        "outputs": [item(each) for each in process.processOutputs],
    }


def item(described: Any) -> dict[str, Any]:
    default = described.defaultValue
    return {
        "identifier": described.identifier,
        "title": described.title,
        "abstract": described.abstract,
        "type": described.dataType,
        "default": getattr(default, "mimeType", default),
        "supported": [getattr(each, "mimeType", each) for each in described.supportedValues],
    }


def outcome(execution: WPSExecution) -> dict[str, Any]:
    """How an execution that has ended did."""
    return {
        "status": execution.status,
        "errors": [[error.code, error.locator, error.text] for error in execution.errors],
        "outputs": {
            output.identifier: {
                "data": [str(each) for each in output.data],
                "type": output.dataType,
                "media type": output.mimeType,
                "reference": output.reference,
            }
            for output in execution.processOutputs
        },
    }


def lineage(service: WebProcessingService) -> dict[str, Any]:
    execution = service.execute("echo", ECHOED, output=[("integer", False)], mode=ASYNC, lineage=True)
    monitorExecution(execution, sleepSecs=0.1)
    return {**outcome(execution), "inputs": [[each.identifier, each.data] for each in execution.dataInputs]}


def box(service: WebProcessingService) -> dict[str, Any]:
    sent = BoundingBoxDataInput([-1.5, 51.0, -1.0, 51.5], crs="urn:ogc:def:crs:OGC:1.3:CRS84")
    execution = service.execute("echo", [("string", "x"), ("bounding_box", sent)], output=[], mode=SYNC)
    found = next(output for output in execution.processOutputs if output.identifier == "bounding_box")
    (read,) = found.data
    return {"corners": [float(each) for each in (read.minx, read.miny, read.maxx, read.maxy)], "crs": read.crs.id}


def files(service: WebProcessingService) -> dict[str, Any]:
    inputs = [("text", ComplexDataInput("tea for <two> & more\n", mimeType="text/plain"))]
    return outcome(service.execute("echo_complex", inputs, output=[("text", False)], mode=SYNC))


def progress(service: WebProcessingService) -> list[list[Any]]:
    execution = service.execute("slow", [("seconds", "2"), ("steps", "4")], output=[], mode=ASYNC)
    told = [[execution.status, execution.percentCompleted, execution.statusMessage]]
    while not execution.isComplete():
        execution.checkStatus(sleepSecs=0.1)
        now = [execution.status, execution.percentCompleted, execution.statusMessage]
        if now != told[-1]:
            told.append(now)
    return told


def failed(service: WebProcessingService) -> dict[str, Any]:
    """What is told of a job that was accepted and then found nothing it could work on."""
    inputs = [("flight", ComplexDataInput("timestamp,ch4\n1,2\n", mimeType="text/csv"))]
    execution = service.execute("gas_flux", inputs, output=[], mode=ASYNC)
    monitorExecution(execution, sleepSecs=0.1)
    return outcome(execution)


def by_reference(service: WebProcessingService) -> dict[str, Any]:
    """One result is the next one's input, by its address only."""
    made = service.execute("simulate_flight", [("seed", "3")], output=[("flight", True)], mode=SYNC)
    flight = ComplexDataInput(made.processOutputs[0].reference, mimeType="text/csv")
    return outcome(service.execute("flight_table", [("flight", flight)], output=[("figures", False)], mode=SYNC))


def gas_flux(service: WebProcessingService, flight: Path, folder: Path) -> dict[str, Any]:
    inputs = [
        ("flight", ComplexDataInput(flight.read_text(encoding="utf-8"), mimeType="text/csv")),
        ("gases", "ch4"),
        ("gases", "co2"),
    ]
    execution = service.execute("gas_flux", inputs, output=[], mode=ASYNC)
    monitorExecution(execution, sleepSecs=0.5)
    execution.getOutput(str(folder / "flux_plane.tif"), "flux_plane")
    return outcome(execution)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
