"""A MapServer of somebody else, with a flight as WFS and OGC API – Features, and a terrain model as WCS."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pyogrio.raw
import shapely

from tests.conftest import skip

_PLACES = (Path("/usr/lib/cgi-bin/mapserv"), Path("/usr/bin/mapserv"))

_MAP = """
MAP
  NAME "stranger" EXTENT -180 -90 180 90 SHAPEPATH "{folder}"
  PROJECTION "init=epsg:4326" END
  WEB METADATA
    "ows_title" "stranger" "ows_enable_request" "*" "ows_srs" "EPSG:4326 EPSG:32630" "ows_onlineresource" "{url}/ms?"
    "wfs_getfeature_formatlist" "gml,geojson,csv" "oga_onlineresource" "{url}/t/ogcapi" {more}
  END END
  OUTPUTFORMAT NAME "geojson" DRIVER "OGR/GEOJSON" MIMETYPE "application/json"
    FORMATOPTION "STORAGE=stream" FORMATOPTION "FORM=SIMPLE" FORMATOPTION "LCO:COORDINATE_PRECISION=15" END
  OUTPUTFORMAT NAME "csv" DRIVER "OGR/CSV" MIMETYPE "text/csv"
    FORMATOPTION "STORAGE=stream" FORMATOPTION "FORM=SIMPLE" FORMATOPTION "LCO:GEOMETRY=AS_XY" END
  OUTPUTFORMAT NAME "GEOTIFF" DRIVER "GDAL/GTiff" MIMETYPE "image/tiff" IMAGEMODE FLOAT32 EXTENSION "tif" END
  LAYER
    NAME "flight" TYPE POINT STATUS ON TEMPLATE "needed" EXTENT -1.4 51.3 0.6 52.3
    CONNECTIONTYPE OGR CONNECTION "flight.gpkg" DATA "flight"
    PROJECTION "init=epsg:4326" END
    METADATA
      "ows_title" "flight" "gml_include_items" "all" "gml_featureid" "number" "gml_types" "auto"
      "wfs_geometry_precision" "12" "wfs_getfeature_formatlist" "gml,geojson,csv"
    END
  END
  LAYER
    NAME "dem" TYPE RASTER STATUS ON DATA "dem.tif"
    PROJECTION "init=epsg:4326" END
    METADATA
      "ows_title" "dem" "wcs_label" "dem" "wcs_formats" "GEOTIFF" "wcs_nativeformat" "GEOTIFF" "wcs_rangeset_name" "z"
      "wcs_rangeset_label" "z" "wcs_imagemode" "FLOAT32"
    END
  END
END
"""


@dataclass(frozen=True)
class Stranger:
    """A running MapServer."""

    url: str
    asked: list[str]
    """Paths with queries, as they came."""

    def wfs(self, version: str, **more: str) -> str:
        """Address of a GetFeature request."""
        names = "typenames" if version.startswith("2") else "typename"
        return self._address("WFS", "GetFeature", version, **{names: "flight", **more})

    def wcs(self, version: str, **more: str) -> str:
        """Address of a GetCoverage request."""
        return self._address("WCS", "GetCoverage", version, **more)

    def _address(self, service: str, request: str, version: str, **more: str) -> str:
        pairs = {"service": service, "version": version, "request": request, **more}
        return f"{self.url}/ms?" + "&".join(f"{name}={value}" for name, value in pairs.items())


def program() -> str:
    """MapServer's CGI program; without it the test skips."""
    found = next((str(path) for path in _PLACES if path.exists()), None)
    return found or skip("MapServer (cgi-mapserver) is not installed")


def write_flight(table: pd.DataFrame, folder: Path) -> None:
    """The flight as a layer of points, without columns for its position and with names as QGIS changes them."""
    table = table.rename(columns={"ch4": "CH4__ppm_"})
    table.insert(0, "number", np.arange(len(table)))
    names = [name for name in table.columns if name not in ("latitude", "longitude")]
    points = shapely.to_wkb(shapely.points(table["longitude"].to_numpy(), table["latitude"].to_numpy()))
    pyogrio.raw.write(
        folder / "flight.gpkg",
        points,
        [table[name].to_numpy() for name in names],
        names,
        layer="flight",
        driver="GPKG",
        geometry_type="Point",
        crs="EPSG:4326",
    )


@contextmanager
def stranger(folder: Path, *, more: str = "") -> Iterator[Stranger]:
    """MapServer over a folder with ``flight.gpkg`` and ``dem.tif``, on a free port of the loopback.

    :param more: further metadata of the map.
    """
    mapserv = program()
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            parts = urlsplit(self.path)
            script, _, path = parts.path.lstrip("/").partition("/")
            environment = {
                "PATH": os.environ["PATH"],
                "MAPSERVER_CONFIG_FILE": str(folder / "mapserver.conf"),
                "REQUEST_METHOD": "GET",
                "QUERY_STRING": parts.query,
                "SERVER_NAME": "127.0.0.1",
                "SERVER_PORT": str(self.server.server_port),  # type: ignore[attr-defined]
                "SCRIPT_NAME": f"/{script}",
                **({"PATH_INFO": f"/{script}/{path}"} if path else {"MS_MAPFILE": str(folder / "stranger.map")}),
            }
            answer = subprocess.run([mapserv], env=environment, capture_output=True, check=False, timeout=30).stdout
            headers, _, content = answer.replace(b"\r\n\r\n", b"\n\n", 1).partition(b"\n\n")
            told = dict(line.split(": ", 1) for line in headers.decode().replace("\r", "").splitlines())
            self.send_response(int(told.pop("Status", "200").split()[0]))
            for name, value in told.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    (folder / "stranger.map").write_text(_MAP.format(folder=folder, url=url, more=more))
    (folder / "mapserver.conf").write_text(
        f'CONFIG ENV MS_MAP_PATTERN "." END MAPS "t" "{folder / "stranger.map"}" END END\n'
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Stranger(url, asked)
    finally:
        server.shutdown()
        server.server_close()
