"""Where the map services of a job are, and whether there are any."""

from __future__ import annotations

import os
import shutil
from functools import lru_cache
from pathlib import Path

from server.settings import Settings

_FOLDERS = ("/usr/lib/cgi-bin", "/usr/libexec/mapserver", "/usr/local/bin", "/usr/local/libexec")
"""Where systems put mapserv, beside those in which programs are searched for."""


def map_address(settings: Settings, job_id: str) -> str:
    """Address below which all map services of a job are."""
    return f"{settings.root}/ows/{job_id}"


def map_services(settings: Settings, job_id: str) -> dict[str, str]:
    """Kind of map service → its address for a job; those that are served here.

    Each is the one that clients are given, and gives the capabilities, or the landing page, to who just follows it.
    """
    address = map_address(settings, job_id)
    services = {"features": f"{address}/features"}
    if mapserver_program(settings) is not None:
        services |= {
            # No more: clients put their own parameters behind it, and some leave out those that are there already.
            kind: f"{address}?service={kind.upper()}"
            for kind in ("wms", "wcs", "wfs")
        }
    return services


def mapserver_program(settings: Settings) -> str | None:
    """Path of MapServer's CGI program; None where there is none, or the operator wants none."""
    named = settings.ows.mapserver
    if named == "none":
        return None
    # A named one is believed in: it may be on the machines of the web workers alone.
    return named or _found(os.environ.get("PATH", ""))


@lru_cache(maxsize=8)
def _found(path: str) -> str | None:
    places = [*path.split(os.pathsep), *_FOLDERS]
    return shutil.which("mapserv", path=os.pathsep.join(str(Path(place)) for place in places if place))
