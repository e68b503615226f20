"""Opens the map services of a job in QGIS and prints a map: run by the system's Python, which has PyQGIS.

``python3 map_services.py <addresses.json> <folder>``, with ``QT_QPA_PLATFORM=offscreen``: the addresses are those of
the outputs wms, wcs, wfs and features. Prints what was found as JSON, and writes ``map.png`` into the folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsLayout,
    QgsLayoutExporter,
    QgsLayoutItemLabel,
    QgsLayoutItemMap,
    QgsLayoutItemPicture,
    QgsLayoutItemScaleBar,
    QgsLayoutPoint,
    QgsLayoutSize,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsTextFormat,
    QgsUnitTypes,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QByteArray, QEventLoop, QUrl
from qgis.PyQt.QtGui import QColor, QFont
from qgis.PyQt.QtNetwork import QNetworkAccessManager, QNetworkReply, QNetworkRequest

CANVAS = "EPSG:3857"
MILLIMETRES = QgsUnitTypes.LayoutMillimeters


def wms(address: str, layers: list[str], system: str) -> QgsRasterLayer:
    names = "".join(f"&layers={layer}" for layer in layers) + "&styles=" * len(layers)
    # QGIS reads ampersands of the address as its own unless they are escaped.
    source = f"crs={system}&format=image/png&dpiMode=7{names}&url={address.replace('&', '%26')}"
    return QgsRasterLayer(source, " ".join(layers), "wms")


def fetched(address: str) -> bytes:
    """What an address answers, by Qt's own network."""
    manager, loop = QNetworkAccessManager(), QEventLoop()
    reply: QNetworkReply = manager.get(QNetworkRequest(QUrl(address)))
    reply.finished.connect(loop.quit)
    loop.exec_()
    assert reply.error() == QNetworkReply.NoError, reply.errorString()
    return bytes(QByteArray(reply.readAll()))


def describe_vector(layer: QgsVectorLayer) -> dict[str, Any]:
    if not layer.isValid():
        return {"valid": False, "error": layer.error().summary()}
    features = list(layer.getFeatures())
    first = features[0]
    return {
        "valid": True,
        "count": len(features),
        "fields": [field.name() for field in layer.fields()],
        "crs": layer.crs().authid(),
        "first": [first.geometry().asWkt(7), *map(str, first.attributes()[:4])],
        "extent": [layer.extent().xMinimum(), layer.extent().yMinimum()],
    }


def describe_raster(layer: QgsRasterLayer) -> dict[str, Any]:
    if not layer.isValid():
        return {"valid": False, "error": layer.error().summary()}
    extent = layer.extent()
    return {
        "valid": True,
        "bands": layer.bandCount(),
        "crs": layer.crs().authid(),
        "extent": [extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()],
    }


def sample(layer: QgsRasterLayer, places: list[list[float]]) -> list[float]:
    provider = layer.dataProvider()
    return [provider.sample(QgsPointXY(*place), 1)[0] for place in places]


def print_map(layers: list[QgsRasterLayer], legends: list[Path], extent: QgsRectangle, title: str, path: Path) -> None:
    """A sheet with the map, its legends, a scale and a title."""
    project = QgsProject.instance()
    layout = QgsLayout(project)
    layout.initializeDefaults()
    width, height = 210.0, 118.0
    layout.pageCollection().page(0).setPageSize(QgsLayoutSize(width, height, MILLIMETRES))

    sheet = QgsLayoutItemMap(layout)
    # Without some size of its own a map takes no extent.
    sheet.setRect(0, 0, 10, 10)
    layout.addLayoutItem(sheet)
    sheet.attemptMove(QgsLayoutPoint(6, 16, MILLIMETRES))
    sheet.attemptResize(QgsLayoutSize(158, 94, MILLIMETRES))
    sheet.setCrs(QgsCoordinateReferenceSystem(CANVAS))
    sheet.setLayers(list(reversed(layers)))
    sheet.zoomToExtent(extent)
    sheet.setBackgroundColor(QColor(250, 251, 249))
    sheet.setFrameEnabled(True)
    sheet.setFrameStrokeColor(QColor(135, 149, 161))

    def label(text: str, x: float, y: float, wide: float, size: int, *, bold: bool = False) -> None:
        item = QgsLayoutItemLabel(layout)
        item.setText(text)
        font = QFont("DejaVu Sans", size)
        font.setBold(bold)
        item.setFont(font)
        item.setFontColor(QColor(38, 50, 61))
        layout.addLayoutItem(item)
        item.attemptMove(QgsLayoutPoint(x, y, MILLIMETRES))
        item.attemptResize(QgsLayoutSize(wide, 8, MILLIMETRES))

    label(title, 6, 6, 200, 12, bold=True)
    words = ("Flux density,\nkg m\u207b\u00b2 h\u207b\u00b9", "Flight track")
    for top, tall, legend, text in zip((16.0, 82.0), (54.0, 10.0), legends, words, strict=True):
        label(text, 168, top, 40, 8, bold=True)
        picture = QgsLayoutItemPicture(layout)
        layout.addLayoutItem(picture)
        picture.setPicturePath(str(legend))
        picture.setResizeMode(QgsLayoutItemPicture.Zoom)
        picture.setPictureAnchor(QgsLayoutItemPicture.UpperLeft)
        picture.attemptMove(QgsLayoutPoint(167, top + 8, MILLIMETRES))
        picture.attemptResize(QgsLayoutSize(40, tall, MILLIMETRES))

    scale = QgsLayoutItemScaleBar(layout)
    scale.setLinkedMap(sheet)
    scale.setStyle("Single Box")
    scale.setUnits(QgsUnitTypes.DistanceMeters)
    scale.setUnitLabel("m")
    scale.setNumberOfSegments(2)
    scale.setNumberOfSegmentsLeft(0)
    scale.setUnitsPerSegment(50)
    scale.setHeight(1.5)
    numbers = QgsTextFormat()
    numbers.setFont(QFont("DejaVu Sans", 8))
    numbers.setSize(8)
    scale.setTextFormat(numbers)
    layout.addLayoutItem(scale)
    scale.attemptMove(QgsLayoutPoint(9, 96, MILLIMETRES))

    settings = QgsLayoutExporter.ImageExportSettings()
    settings.dpi = 130
    done = QgsLayoutExporter(layout).exportToImage(str(path), settings)
    assert done == QgsLayoutExporter.Success, done


def main() -> None:
    given = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(sys.argv[2])
    application = QgsApplication([], False)
    application.initQgis()
    try:
        project = QgsProject.instance()
        project.setCrs(QgsCoordinateReferenceSystem(CANVAS))
        plane = wms(given["wms"], ["ch4_flux_density"], CANVAS)
        track = wms(given["wms"], ["track"], CANVAS)
        line = wms(given["wms"], ["footprint"], CANVAS)
        wfs = QgsVectorLayer(f"url='{given['wfs']}' typename='gasflux:footprint' version='2.0.0'", "wfs", "WFS")
        wfs_track = QgsVectorLayer(f"url='{given['wfs']}' typename='gasflux:track' version='auto'", "track", "WFS")
        wcs = QgsRasterLayer(
            f"url={given['wcs'].replace('&', '%26')}&identifier=flux_plane_map&crs={given['crs']}&format=GTiff"
            "&cache=AlwaysNetwork",
            "wcs",
            "wcs",
        )
        oapif = QgsVectorLayer(f"url='{given['features']}' typename='track'", "oapif", "OAPIF")
        cells = QgsVectorLayer(f"url='{given['features']}' typename='flux_plane_map'", "cells", "OAPIF")
        told = {
            "wms": describe_raster(plane),
            "wfs": describe_vector(wfs),
            "wfs_track": describe_vector(wfs_track),
            "wcs": describe_raster(wcs),
            "wcs_values": sample(wcs, given["places"]) if wcs.isValid() else [],
            "features": describe_vector(oapif),
            "cells": describe_vector(cells),
        }
        shown = [plane, track, line]
        project.addMapLayers(shown)
        legends = []
        for name in ("ch4_flux_density", "track"):
            address = f"{given['wms']}&version=1.3.0&request=GetLegendGraphic&layer={name}&format=image/png"
            legends.append(folder / f"legend_{name}.png")
            legends[-1].write_bytes(fetched(f"{address}&sld_version=1.1.0&style=default"))
        extent = plane.extent()
        extent.scale(1.08)
        print_map(shown, legends, extent, given["title"], folder / "map.png")
        print(json.dumps(told))
        # Before the application, which their providers need.
        project.clear()
        del plane, track, line, shown, wfs, wfs_track, wcs, oapif, cells
    finally:
        application.exitQgis()


main()
