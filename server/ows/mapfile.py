"""The mapfile from which MapServer serves one job's results, which lie in its own folder.

Layers for WMS: one a band of each raster, in classes made from its range, and one a vector layer. For WCS each raster
is one coverage with all its bands, from its copy with north up, since MapServer describes turned rasters wrongly.
For WFS each vector layer is a feature type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gasflux_core.io.geotiff import STANDARD_ERROR
from gasflux_core.io.map_layers import Box
from server.ows.colours import ColourClass, error_classes, flux_classes
from server.ows.layers import OnMap, RasterOnMap, VectorOnMap
from server.sections import MetadataSection

NAMESPACE_PREFIX = "gasflux"

_MARGIN = 0.05
"""Share of a layer's longer side by which its bounds are widened."""

_LEAST_MARGIN = 1e-4
"""The same in degrees; a map of no size can't be drawn."""

_FORMATS = """
  OUTPUTFORMAT
    NAME "png"
    DRIVER AGG/PNG
    MIMETYPE "image/png"
    IMAGEMODE RGBA
    EXTENSION "png"
    TRANSPARENT ON
  END
  OUTPUTFORMAT
    NAME "jpeg"
    DRIVER AGG/JPEG
    MIMETYPE "image/jpeg"
    IMAGEMODE RGB
    EXTENSION "jpg"
  END
  OUTPUTFORMAT
    NAME "GTiff"
    DRIVER GDAL/GTiff
    MIMETYPE "image/tiff"
    IMAGEMODE FLOAT32
    EXTENSION "tif"
    FORMATOPTION "NULLVALUE=nan"
    FORMATOPTION "COMPRESS=DEFLATE"
  END
  OUTPUTFORMAT
    NAME "geojson"
    DRIVER OGR/GEOJSON
    MIMETYPE "application/json; subtype=geojson"
    FORMATOPTION "STORAGE=stream"
    FORMATOPTION "FORM=SIMPLE"
    FORMATOPTION "LCO:COORDINATE_PRECISION=8"
  END
  SYMBOL
    NAME "dot"
    TYPE ELLIPSE
    FILLED TRUE
    POINTS 1 1 END
  END
  LEGEND
    KEYSIZE 22 14
    KEYSPACING 6 3
    LABEL
      SIZE 10
      COLOR 38 50 61
    END
  END
""".strip("\n")


@dataclass(frozen=True)
class MapText:
    """What the map says of itself."""

    title: str
    abstract: str
    address: str
    """At which clients find it."""
    service: MetadataSection
    """Who runs it."""
    largest_picture: int
    """Pixels along one side."""


def mapfile(on_map: OnMap, text: MapText) -> str:
    """The mapfile. Whatever is in the texts and names, it stays one text or one name."""
    system = on_map.rasters[0].raster.crs if on_map.rasters else "EPSG:4326"
    systems = " ".join(dict.fromkeys(("EPSG:4326", "EPSG:3857", "CRS:84", system)))
    layers: list[str] = []
    for raster in on_map.rasters:
        layers += _pictures(raster)
        layers += _coverage(raster)
    for vector in on_map.vectors:
        layers += _vector(vector)
    lines = [
        "MAP",
        '  NAME "gasflux"',
        "  SIZE 800 600",
        f"  MAXSIZE {text.largest_picture}",
        f"  UNITS {'METERS' if on_map.rasters else 'DD'}",
        f"  EXTENT {_numbers(_extent(on_map))}",
        "  IMAGECOLOR 255 255 255",
        f"  {_projection(system)}",
        '  CONFIG "MS_ERRORFILE" "stderr"',
        _FORMATS,
        "  WEB",
        *_indented(_metadata(_web_metadata(text, systems)), 4),
        "  END",
        *_indented(layers, 2),
        "END",
    ]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text as one string of a mapfile, whose lexer knows quotation marks and backslashes."""
    # Neither can be told safely to all versions of the lexer.
    plain = text.replace('"', "'").replace("\\", "/")
    return f'"{" ".join("".join(c if c.isprintable() else " " for c in plain).split())}"'


def layer_name(text: str) -> str:
    """A name that XML, mapfile and query strings all take as it is."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")
    return name if name[:1].isalpha() else f"layer_{name}"


# --- rasters --------------------------------------------------------------------------------------


def _pictures(raster: RasterOnMap) -> list[str]:
    lines: list[str] = []
    for number, band in enumerate(raster.raster.bands, start=1):
        is_error = band.description.endswith(STANDARD_ERROR)
        classes = error_classes(band.maximum) if is_error else flux_classes(band.minimum, band.maximum)
        unit = f", {band.unit}" if band.unit else ""
        lines += [
            "LAYER",
            f"  NAME {quoted(layer_name(band.description))}",
            "  TYPE RASTER",
            "  STATUS ON",
            f"  DATA {quoted(raster.path.name)}",
            f"  EXTENT {_numbers(raster.raster.bounds)}",
            f"  {_projection(raster.raster.crs)}",
            f'  PROCESSING "BANDS={number}"',
            '  PROCESSING "RESAMPLE=NEAREST"',
            '  TEMPLATE "none"',
            *_indented(
                _metadata(
                    {
                        "ows_title": f"{_capital(band.description)}{unit}",
                        "ows_abstract": raster.words.abstract,
                        "wms_include_items": "value_list,x,y",
                        "gml_include_items": "value_list",
                        "wcs_enable_request": "!*",
                        "wfs_enable_request": "!*",
                    }
                ),
                2,
            ),
            *_indented(_raster_classes(classes), 2),
            "END",
        ]
    return lines


def _raster_classes(classes: Sequence[ColourClass]) -> Iterable[str]:
    for one in classes:
        yield from (
            "CLASS",
            f"  NAME {quoted(one.label)}",
            *_expression("[pixel]", one),
            "  STYLE",
            f"    COLOR {_numbers(one.colour)}",
            "  END",
            "END",
        )


def _coverage(raster: RasterOnMap) -> list[str]:
    names = [layer_name(band.description) for band in raster.coverage.bands]
    metadata = {
        "ows_title": raster.words.title,
        "ows_abstract": raster.words.abstract,
        "wcs_label": raster.words.title,
        "wcs_description": raster.words.abstract,
        "wcs_formats": "GTiff",
        "wcs_native_format": "image/tiff",
        "wcs_nativeformat": "GTiff",
        "wcs_rangeset_name": layer_name(raster.name),
        "wcs_rangeset_label": raster.words.title,
        "wcs_bandcount": str(len(names)),
        # Without extent and size MapServer doesn't look at the names.
        "wcs_extent": _numbers(raster.coverage.bounds),
        "wcs_size": f"{raster.coverage.width} {raster.coverage.height}",
        "wcs_nilvalues": "NaN",
        "wcs_nilvalues_reasons": "http://www.opengis.net/def/nil/OGC/0/missing",
        "wcs_band_names": " ".join(names),
        "wcs_imagemode": "FLOAT32",
        "wcs_outputformat_GTiff_mimetype": "image/tiff",
        "wms_enable_request": "!*",
        "wfs_enable_request": "!*",
    }
    for name, band in zip(names, raster.coverage.bands, strict=True):
        metadata |= {
            f"{name}_band_interpretation": band.description,
            f"{name}_band_uom": band.unit,
        }
        if band.minimum is not None and band.maximum is not None:
            metadata[f"{name}_interval"] = f"{band.minimum:.9g} {band.maximum:.9g}"
    return [
        "LAYER",
        f"  NAME {quoted(layer_name(raster.name))}",
        "  TYPE RASTER",
        "  STATUS ON",
        f"  DATA {quoted(raster.coverage_path.name)}",
        f"  {_projection(raster.raster.crs)}",
        *_indented(_metadata(metadata), 2),
        "END",
    ]


# --- vectors --------------------------------------------------------------------------------------


def _vector(vector: VectorOnMap) -> list[str]:
    is_line = vector.layer.geometry.endswith("LineString")
    kind = "LINE" if is_line else "POLYGON" if vector.layer.geometry.endswith("Polygon") else "POINT"
    bounds = vector.layer.bounds
    # The number of a feature becomes a column too, since MapServer takes its identifiers from columns only.
    return [
        "LAYER",
        f"  NAME {quoted(layer_name(vector.name))}",
        f"  TYPE {kind}",
        "  STATUS ON",
        "  CONNECTIONTYPE OGR",
        f"  CONNECTION {quoted(vector.path.name)}",
        f"  DATA 'SELECT FID AS fid, * FROM \"{vector.path.stem}\"'",
        *([] if bounds is None else [f"  EXTENT {_numbers(_widened(bounds))}"]),
        f"  {_projection('EPSG:4326')}",
        '  TEMPLATE "none"',
        *_indented(
            _metadata(
                {
                    "ows_title": vector.words.title,
                    "ows_abstract": vector.words.abstract,
                    "gml_include_items": "all",
                    "wms_include_items": "all",
                    "gml_featureid": "fid",
                    "gml_types": "auto",
                    "gml_geometries": "geometry",
                    "gml_geometry_type": kind.lower(),
                    "wfs_getfeature_formatlist": "geojson",
                }
            ),
            2,
        ),
        *_indented(_vector_classes(vector, is_line), 2),
        "END",
    ]


def _vector_classes(vector: VectorOnMap, is_line: bool) -> Iterable[str]:
    """Lines in the colours of the first flux they have; places that were left out of the calculation are pale."""
    ranges = vector.layer.properties
    flux = next((name for name, found in ranges.items() if found and re.fullmatch(r"[A-Za-z0-9_]+_flux", name)), None)
    if is_line and flux is not None:
        least, greatest = ranges[flux] or (None, None)
        classes = flux_classes(least, greatest)
        for one in classes:
            yield from ("CLASS", f"  NAME {quoted(f'{flux} {one.label}')}", *_expression(f"[{flux}]", one))
            # A dark line below, so that pale ones are seen on a pale map.
            yield from ("  STYLE", "    COLOR 38 50 61", "    WIDTH 5", "  END")
            yield from ("  STYLE", f"    COLOR {_numbers(one.colour)}", "    WIDTH 3", "  END", "END")
        return
    if is_line:
        yield from ("CLASS", f"  NAME {quoted(vector.words.title)}")
        yield from ("  STYLE", "    COLOR 38 50 61", "    WIDTH 3", "  END", "END")
        return
    for name, condition, colour, size in (
        ("used", "  EXPRESSION ('[kept]' = '1')", "31 111 178", 5),
        ("left out", "", "135 149 161", 3),
    ):
        if condition and "kept" not in ranges:
            continue
        yield from ("CLASS", f"  NAME {quoted(name if 'kept' in ranges else vector.words.title)}")
        if condition:
            yield condition
        yield from ("  STYLE", '    SYMBOL "dot"', f"    COLOR {colour}", f"    SIZE {size}", "  END", "END")


# --- parts ----------------------------------------------------------------------------------------


def _web_metadata(text: MapText, systems: str) -> dict[str, str]:
    who = text.service
    return {
        "ows_title": text.title,
        "ows_abstract": text.abstract,
        "ows_onlineresource": f"{text.address}?",
        "ows_service_onlineresource": text.address,
        "ows_enable_request": "*",
        "ows_srs": systems,
        "ows_keywordlist": ",".join(who.identification_keywords),
        "ows_fees": who.identification_fees,
        "ows_accessconstraints": who.identification_accessconstraints,
        "ows_contactorganization": who.provider_name,
        "ows_contactperson": who.contact_name,
        "ows_contactposition": who.contact_position,
        "ows_contactelectronicmailaddress": who.contact_email,
        "ows_contactvoicetelephone": who.contact_phone,
        "wms_getmap_formatlist": "png,jpeg",
        "wms_getlegendgraphic_formatlist": "png",
        "wms_getfeatureinfo_formatlist": "text/plain,application/vnd.ogc.gml",
        "wcs_label": text.title,
        "wcs_description": text.abstract,
        "wcs_formats": "GTiff",
        # Of degrees: about 1 mm.
        "wfs_geometry_precision": "8",
        "wfs_namespace_prefix": NAMESPACE_PREFIX,
        "wfs_namespace_uri": f"{text.address}/features",
    }


def _metadata(values: dict[str, str]) -> list[str]:
    pairs = [f"  {quoted(name)} {quoted(value)}" for name, value in values.items() if value]
    return ["METADATA", *pairs, "END"]


def _expression(name: str, one: ColourClass) -> list[str]:
    parts = []
    if one.lower is not None:
        parts.append(f"{name} >= {one.lower!r}")
    if one.upper is not None:
        parts.append(f"{name} < {one.upper!r}")
    return [f"  EXPRESSION ({' AND '.join(parts)})"] if parts else []


def _projection(system: str) -> str:
    return f'PROJECTION "init={system.lower()}" END'


def _widened(bounds: Box) -> Box:
    """With room for what is drawn around a place, since clients ask for nothing beyond the bounds."""
    west, south, east, north = bounds
    margin = max(_LEAST_MARGIN, _MARGIN * max(east - west, north - south))
    return west - margin, south - margin, east + margin, north + margin


def _extent(on_map: OnMap) -> Box:
    """Around all, in the map's own system."""
    if on_map.rasters:
        boxes = [one.raster.bounds for one in on_map.rasters if one.raster.crs == on_map.rasters[0].raster.crs]
    else:
        boxes = [_widened(bounds) for one in on_map.vectors if (bounds := one.layer.bounds) is not None]
    west, south, east, north = zip(*(boxes or [(-180.0, -90.0, 180.0, 90.0)]), strict=True)
    return min(west), min(south), max(east), max(north)


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{value:.12g}" for value in values)


def _indented(lines: Iterable[str], spaces: int) -> list[str]:
    return [f"{' ' * spaces}{line}" for line in lines]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def write_mapfile(folder: Path, on_map: OnMap, text: MapText) -> None:
    """Write the mapfile, and the configuration under which MapServer reads no other."""
    (folder / MAPFILE).write_text(mapfile(on_map, text), encoding="utf-8")
    (folder / CONFIGURATION).write_text('CONFIG\n  ENV\n    "MS_MAP_NO_PATH" "1"\n  END\nEND\n', encoding="utf-8")


MAPFILE = "map.map"
CONFIGURATION = "mapserver.conf"
