"""The calls that the WPS plugin of OpenGeoLabs makes in QGIS, one after the other; prints what came of them as JSON.

python3 plugin_run.py ADDRESS PROCESS LAYER FOLDER [IDENTIFIER=VALUE…]: LAYER is what the user chose in the dialog, an
address as QGIS's provider of delimited text or a file of OGR takes it; the values are the fields that the user filled
in. It runs under the operating system's Python with PyQGIS and its OWSLib, and so imports nothing of the project.

What the plugin does was written down from watching it: it describes the process; it writes the chosen layer as GML
and puts it, without a media type, into every complex input, also an optional one; a field that was left alone is
sent as an empty text; it executes asynchronously only and asks until the job has ended; and it saves every output
under a name that its media type decides, and loads it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from layers import qgis, told_of
from owslib.wps import ComplexDataInput, Process, WebProcessingService, WPSExecution
from qgis.core import (
    QgsCoordinateTransformContext,
    QgsMapLayer,
    QgsRasterLayer,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

POLLING = 0.5
"""Seconds between two questions; the plugin's own 3 are only slower."""

SUFFIXES = {"image/tiff; subtype=geotiff": ".tif", "text/csv": ".csv", "application/csv": ".csv"}
"""By media type; an output of any other is saved as a zip."""


def main(address: str, process: str, layer: str, folder: Path, filled: dict[str, str]) -> None:
    """Run one process as the plugin does."""
    with qgis():
        service = WebProcessingService(address)
        described = service.describeprocess(process)
        gml = as_gml(chosen(layer))
        execution = service.execute(process, sent(described, gml, filled), output=[], mode="async")
        while not execution.isComplete():
            execution.checkStatus(sleepSecs=POLLING)
        told: dict[str, Any] = {
            "status": execution.status,
            "errors": [error.text for error in execution.errors],
            "fields": [item.identifier for item in described.dataInputs if item.dataType == "ComplexData"],
            "outputs": loaded(execution, folder) if execution.isSucceded() else {},
            "gml": gml[:3000],
        }
    print(json.dumps(told))


def chosen(layer: str) -> QgsVectorLayer:
    found = QgsVectorLayer(layer, "flight", "delimitedtext" if "xField" in layer else "ogr")
    if not found.isValid():
        raise SystemExit(f"QGIS can't open {layer}")
    return found


def as_gml(layer: QgsVectorLayer) -> str:
    with tempfile.TemporaryDirectory() as folder:
        options = QgsVectorFileWriter.SaveVectorOptions()
        options.driverName = "GML"
        file = Path(folder) / "layer.gml"
        error, words, *_ = QgsVectorFileWriter.writeAsVectorFormatV3(
            layer, str(file), QgsCoordinateTransformContext(), options
        )
        if error:
            raise SystemExit(words)
        return file.read_text(encoding="utf-8")


def sent(described: Process, gml: str, filled: dict[str, str]) -> list[tuple[str, Any]]:
    return [
        (item.identifier, ComplexDataInput(gml))
        if item.dataType == "ComplexData"
        else (item.identifier, filled.get(item.identifier, ""))
        for item in described.dataInputs
    ]


def loaded(execution: WPSExecution, folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for output in execution.processOutputs:
        if output.dataType not in (None, "ComplexData"):
            told[output.identifier] = {"text": output.data[0]}
            continue
        suffix = SUFFIXES.get(output.mimeType, ".zip")
        file = folder / f"{output.identifier}{suffix}"
        execution.getOutput(str(file), output.identifier)
        told[output.identifier] = {"suffix": suffix, **told_of(as_layer(file))}
    return told


def as_layer(file: Path) -> QgsMapLayer:
    if file.suffix == ".tif":
        return QgsRasterLayer(str(file), file.stem)
    if file.suffix == ".csv":
        return QgsVectorLayer(f"{file.as_uri()}?delimiter=,", file.stem, "delimitedtext")
    return QgsVectorLayer(str(file), file.stem, "ogr")


if __name__ == "__main__":
    pairs = (argument.partition("=") for argument in sys.argv[5:])
    main(*sys.argv[1:4], Path(sys.argv[4]), {name: value for name, _, value in pairs})
