"""Opens what gas_flux made as layers of QGIS, draws each, and prints what it found as JSON.

python3 open_results.py FOLDER PICTURES, where FOLDER holds the fetched outputs. It runs under the operating system's
Python with PyQGIS and without a screen (QT_QPA_PLATFORM=offscreen), and so imports nothing of the project.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from layers import draw, qgis, told_of
from qgis.core import QgsMapLayer, QgsRasterLayer, QgsVectorLayer


def main(folder: Path, pictures: Path) -> None:
    """Open every output that is a layer."""
    seen: dict[str, dict[str, Any]] = {}
    with qgis() as version:
        for name, layer in layers(folder).items():
            seen[name] = told_of(layer)
            seen[name]["colours"] = draw(layer, pictures / f"{name}.png") if layer.isValid() else 0
    print(json.dumps({"version": version, "layers": seen}))


def layers(folder: Path) -> dict[str, QgsMapLayer]:
    zipped = str(folder / "layers.zip")
    return {
        "flux_plane": QgsRasterLayer(str(folder / "flux_plane.tif"), "flux_plane", "gdal"),
        "flux_plane_map": QgsRasterLayer(str(folder / "flux_plane_map.tif"), "flux_plane_map", "gdal"),
        "track": QgsVectorLayer(str(folder / "track.geojson"), "track", "ogr"),
        "footprint": QgsVectorLayer(str(folder / "footprint.geojson"), "footprint", "ogr"),
        "layers": QgsVectorLayer(zipped, "layers", "ogr"),
        "zipped_track": QgsVectorLayer(f"/vsizip/{zipped}|layername=track", "zipped_track", "ogr"),
        "table": QgsVectorLayer(
            f"{(folder / 'table.csv').as_uri()}?delimiter=,&xField=longitude&yField=latitude&crs=EPSG:4326",
            "table",
            "delimitedtext",
        ),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
