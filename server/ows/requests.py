"""What of a request may reach MapServer: the parameters of the OGC's services, and no others.

MapServer takes more than the standards have: parameters that name another mapfile, change it, or let it fetch
a style from an address (``map``, ``map_layer…``, ``SLD``). What isn't listed here never gets there.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from gasflux_core.errors import InputError, MissingInput, TooLarge
from server.errors import UnknownOperation
from server.wps.xml import local_name, read_xml, to_bytes

SERVICES = ("WMS", "WCS", "WFS")

LARGEST_BODY = 1024**2
_MOST_PAIRS = 100

_COMMON = {"service", "version", "request", "acceptversions", "sections", "updatesequence", "acceptformats", "format",
           "language", "exceptions"}  # fmt: skip

_PARAMETERS: dict[str, set[str]] = {
    "WMS": {
        *("layers", "styles", "crs", "srs", "bbox", "width", "height", "transparent", "bgcolor", "time", "elevation"),
        *("query_layers", "info_format", "feature_count", "i", "j", "x", "y", "layer", "style", "rule", "scale"),
        *("sld_version", "map_resolution", "dpi"),
    },
    "WCS": {
        *("coverage", "coverageid", "identifier", "identifiers", "subset", "subsettingcrs", "outputcrs", "size"),
        *("resolution", "rangesubset", "interpolation", "mediatype", "scalefactor", "scaleaxes", "scalesize"),
        *("scaleextent", "crs", "response_crs", "bbox", "boundingbox", "width", "height", "depth", "resx", "resy"),
        *("gridbasecrs", "gridtype", "gridcs", "gridorigin", "gridoffsets", "store", "time", "parameter", "bands"),
    },
    "WFS": {
        *("typename", "typenames", "outputformat", "resulttype", "count", "maxfeatures", "startindex", "srsname"),
        *("bbox", "filter", "propertyname", "sortby", "featureid", "resourceid", "storedquery_id", "valuereference"),
        *("namespace", "namespaces", "id", "resolve", "aliases"),
    },
}

_REPEATED = {"subset", "size", "resolution"}
"""Parameters of WCS 2.0 of which there may be several."""

_SERVICE_OF = {"getmap": "WMS", "getfeatureinfo": "WMS", "getlegendgraphic": "WMS", "getstyles": "WMS",
               "describelayer": "WMS", "map": "WMS", "capabilities": "WMS"}  # fmt: skip
"""WMS lets a request go without its service."""


@dataclass(frozen=True)
class Asked:
    """A request as MapServer is to see it."""

    service: str
    version: str
    query: str
    body: bytes | None = None


def named_service(query: str) -> tuple[str, str]:
    """Service and version that a request names, in whatever state the rest of it is; the form of its errors."""
    values = {key.lower(): value for key, value in _pairs(query)}
    service = values.get("service", "").upper()
    return (service if service in SERVICES else _SERVICE_OF.get(values.get("request", "").lower(), "")), values.get(
        "version", ""
    )


def read_query(query: str) -> Asked:
    """A request in key-value pairs.

    :raises InputError: or a kin of it, with the name of the parameter at fault.
    """
    pairs = _pairs(query)
    if len(pairs) > _MOST_PAIRS:
        raise TooLarge(f"The request has {len(pairs)} parameters; at most {_MOST_PAIRS} are read.")
    values: dict[str, str] = {}
    for key, value in pairs:
        values.setdefault(key.lower(), value)
    service, _ = named_service(query)
    if not service:
        _refuse_service(values.get("service"))
    if not values.get("request"):
        if values.keys() - {"service", "version", "request"}:
            raise MissingInput("The parameter request is required, such as request=GetCapabilities.", "request")
        # The bare address of a service, as the outputs of a job have it.
        pairs = [*((key, value) for key, value in pairs if key.lower() != "request"), ("request", "GetCapabilities")]
    known = _PARAMETERS[service] | _COMMON
    # A dimension other than time, as WMS has it; this map has none.
    kept = [("service", service)]
    seen: set[str] = {"service"}
    for key, value in pairs:
        name = key.lower()
        if name in known and (name not in seen or name in _REPEATED):
            _check_text(name, value)
            kept.append((name, value))
            seen.add(name)
    return Asked(service, values.get("version", ""), urlencode(kept))


def read_document(content: bytes) -> Asked:
    """A request in XML, of WFS or WCS.

    :raises UnreadableRequest: where it is no XML that is accepted.
    :raises InputError: naming what is at fault.
    """
    root = read_xml(content)
    service = (root.get("service") or "").upper()
    if service not in ("WFS", "WCS"):
        if service in SERVICES:
            raise UnknownOperation(
                f"{local_name(root)[:40]} is not read as XML; send it in key-value pairs.", "service"
            )
        _refuse_service(root.get("service"))
    # As it was understood here: without comments and processing instructions, in UTF-8.
    return Asked(service, root.get("version") or "", "", to_bytes(root))


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True, errors="replace")


def _check_text(name: str, value: str) -> None:
    if any(ord(character) < 32 and character not in "\t\r\n" for character in value):
        raise InputError(f"The parameter {name} holds a character that is no text.", name)


def _refuse_service(came: str | None) -> None:
    names = ", ".join(SERVICES[:-1]) + f" or {SERVICES[-1]}"
    if not came:
        raise MissingInput(f"The parameter service is required: {names}.", "service")
    raise InputError(f"The service {came[:40]!r} is not offered; {names} is.", "service")
