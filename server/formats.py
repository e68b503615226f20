"""Which declared format a client means by a media type: clients write them in many ways."""

from __future__ import annotations

from collections.abc import Sequence

from processes.declaration import FormatDeclaration

_ALIASES = {
    "application/csv": "text/csv",
    "text/comma-separated-values": "text/csv",
    "application/x-csv": "text/csv",
    "text/x-csv": "text/csv",
    "application/x-zip-compressed": "application/zip",
    "application/x-zip": "application/zip",
    "application/vnd.geo+json": "application/geo+json",
    "application/x-geotiff": "image/tiff",
    "application/geotiff": "image/tiff",
    "image/geotiff": "image/tiff",
    "image/x-geotiff": "image/tiff",
    "image/tif": "image/tiff",
    "application/x-yaml": "application/yaml",
    "text/yaml": "application/yaml",
    "text/x-yaml": "application/yaml",
    "text/json": "application/json",
    "application/gml": "application/gml+xml",
    "text/gml": "application/gml+xml",
    "application/x-sqlite3": "application/geopackage+sqlite3",
    "application/geopackage+vnd.sqlite3": "application/geopackage+sqlite3",
    "application/x-gpkg": "application/geopackage+sqlite3",
    "application/x-xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/msexcel": "application/vnd.ms-excel",
    "application/x-msexcel": "application/vnd.ms-excel",
}
_XML = frozenset({"text/xml", "application/xml"})
_SAYS_NOTHING = frozenset({"", "application/octet-stream", "text/plain", "*/*"})


def match_format(formats: Sequence[FormatDeclaration], media_type: str | None) -> FormatDeclaration | None:
    """The declared format that a media type means.

    Case, white space, the parameter ``charset`` and other names of the same type make no
    difference; a type without its parameters means the first declared format of that type.

    :return: the format, or None where none fits. No media type means the first format.
    """
    if not media_type or not media_type.strip():
        return formats[0] if formats else None
    wanted, parameters = canonical(media_type)
    same = [item for item in formats if canonical(item.media_type)[0] == wanted]
    for item in same:
        if canonical(item.media_type)[1] == parameters:
            return item
    if same and (not parameters or not canonical(same[0].media_type)[1] or _is_gml(wanted, parameters)):
        return same[0]
    if wanted in _XML or _is_gml(wanted, parameters):
        return next((item for item in formats if _is_gml(*canonical(item.media_type))), None)
    if wanted == "application/json":
        return next((item for item in formats if canonical(item.media_type)[0].endswith("+json")), None)
    return None


def says_nothing(media_type: str | None) -> bool:
    """Whether a media type leaves open what the content is (so that the content itself decides)."""
    return media_type is None or canonical(media_type)[0] in _SAYS_NOTHING


def canonical(media_type: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """A media type in one spelling: (type, parameters without the character set)."""
    name, *rest = (part.strip() for part in media_type.lower().split(";"))
    parameters = set()
    for part in rest:
        key, _, value = part.partition("=")
        if key.strip() and key.strip() != "charset":
            parameters.add((key.strip(), value.strip().strip('"')))
    name = _ALIASES.get(name, name)
    return name, frozenset(parameters)


def _is_gml(name: str, parameters: frozenset[tuple[str, str]]) -> bool:
    return name == "application/gml+xml" or (
        name in _XML and any(key == "subtype" and value.startswith("gml") for key, value in parameters)
    )
