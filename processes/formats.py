"""The media types the processes read and write, each written once."""

from __future__ import annotations

from pywps import Format

CSV = Format("text/csv", extension=".csv")
JSON = Format("application/json", extension=".json")
GEOJSON = Format("application/geo+json", extension=".geojson")
GEOTIFF = Format("image/tiff; subtype=geotiff", extension=".tif", encoding="base64")
ZIP = Format("application/zip", extension=".zip", encoding="base64")
HTML = Format("text/html", extension=".html")
PDF = Format("application/pdf", extension=".pdf", encoding="base64")
PNG = Format("image/png", extension=".png", encoding="base64")
KML = Format("application/vnd.google-earth.kml+xml", extension=".kml")
TEXT = Format("text/plain", extension=".txt")
XML = Format("text/xml", extension=".xml")
BINARY = Format("application/octet-stream", extension=".bin", encoding="base64")

FLIGHT_FORMATS = (
    CSV,
    Format("application/csv", extension=".csv"),
    Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", extension=".xlsx", encoding="base64"),
    Format("application/vnd.ms-excel", extension=".xls", encoding="base64"),
    GEOJSON,
    Format("application/vnd.geo+json", extension=".geojson"),
    Format("application/geopackage+sqlite3", extension=".gpkg", encoding="base64"),
    Format("application/gml+xml", extension=".gml"),
    Format("text/xml; subtype=gml/3.1.1", extension=".gml"),
    Format("text/xml", extension=".gml"),
    ZIP,
)
"""In what a flight may come; the first is taken where the client doesn't say, and the content decides."""

TERRAIN_FORMATS = (
    Format("image/tiff", extension=".tif", encoding="base64"),
    GEOTIFF,
    Format("image/tiff; application=geotiff", extension=".tif", encoding="base64"),
    Format("image/tiff; application=geotiff; profile=cloud-optimized", extension=".tif", encoding="base64"),
)
"""In what a terrain model may come."""
