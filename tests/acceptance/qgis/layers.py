"""What the scripts of QGIS share: starting it without a window, looking at layers, drawing them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsMapLayer,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

SIZE = QSize(400, 300)


@contextmanager
def qgis() -> Iterator[str]:
    """QGIS without a window until the end of the block; its version."""
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], False)
    application.initQgis()
    try:
        yield Qgis.QGIS_VERSION.split("-")[0]
    finally:
        application.exitQgis()


def told_of(layer: QgsMapLayer) -> dict[str, Any]:
    """What QGIS knows of a layer."""
    extent = layer.extent()
    told: dict[str, Any] = {
        "valid": layer.isValid(),
        "crs": layer.crs().authid() or layer.crs().description(),
        "extent": [extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()],
    }
    if isinstance(layer, QgsRasterLayer):
        bands = range(1, layer.bandCount() + 1)
        told["bands"] = [layer.bandName(band) for band in bands]
    if isinstance(layer, QgsVectorLayer):
        told["count"] = layer.featureCount()
        told["geometry"] = layer.geometryType()
        told["fields"] = [field.name() for field in layer.fields()]
    return told


def draw(layer: QgsMapLayer, file: Path) -> int:
    """Draw a layer's whole extent on white into a PNG.

    :returns: number of different colours in it; 1 means that nothing was drawn.
    :raises RuntimeError: with QGIS's own words where it couldn't draw.
    """
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setBackgroundColor(QColor("white"))
    settings.setOutputSize(SIZE)
    settings.setExtent(layer.extent().buffered(max(layer.extent().width(), layer.extent().height()) / 20))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    if job.errors():
        raise RuntimeError("; ".join(error.message for error in job.errors()))
    image = job.renderedImage()
    image.save(str(file))
    return len({image.pixel(x, y) for x in range(image.width()) for y in range(image.height())})
