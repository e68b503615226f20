"""A result for globes and maps that read KML 2.2 (OGC 12-007r2): track, samples by flux, footprint and curtain.

Heights are drawn above the globe's own ground (``relativeToGround``): above ground where the flight or a terrain model
tells that, else above take-off, as though the ground were level. They are never drawn as ``absolute``: nothing in a
flight says how high its take-off lies above the sea.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.kriging_field import Field
from gasflux_core.plane_geometry import Plane
from gasflux_core.thinning import thinned_with_peaks

if TYPE_CHECKING:
    from gasflux_core.emission_rate import EmissionRate

MOST_POINTS = 4000
"""Points of the track."""
MOST_SAMPLES = 6000
"""Samples of all gases together; of one gas at most a third of them."""

_NAMESPACE = "http://www.opengis.net/kml/2.2"
_DOT = "http://maps.google.com/mapfiles/kml/shapes/shaded_dot.png"
"""A picture that comes with Google Earth; programs without it show their own mark."""

_RAMP = (
    *("440154", "482173", "433e85", "38588c", "2d708e", "25858e"),
    *("1e9b8a", "2ab07f", "52c569", "86d549", "c2df23", "fde725"),
)
"""Colours of the classes of flux from low to high (viridis), rrggbb."""

_UNIT = "kg m-2 h-1"

Floats = NDArray[np.float64]


def write_kml(
    path: Path,
    table: pd.DataFrame,
    plane: Plane,
    fields: Mapping[str, Field],
    rates: Mapping[str, EmissionRate],
    source: str | None = None,
) -> None:
    """Write a result as KML; the same result gives the same bytes.

    :param table: as processed.
    :param fields: gas → field; all on one grid.
    :param source: what the flight's file is called.
    """
    # 30 ms to load, for one product of many
    from lxml import etree

    root = etree.Element(f"{{{_NAMESPACE}}}kml", nsmap={None: _NAMESPACE})
    document = _element(root, "Document")
    _element(document, "name", "Emission rates" + (f" from {source}" if source else ""))
    _element(document, "description", _description(table, rates, source))
    _add_styles(document)
    flight = _element(document, "Folder")
    _element(flight, "name", "Flight")
    _add_track(flight, table)
    first = next(iter(fields.values()))
    _add_lines(flight, plane, first)
    for number, gas in enumerate(fields):
        _add_samples(document, table, gas, min(MOST_SAMPLES // 3, MOST_SAMPLES // len(fields)), shown=number == 0)
    etree.ElementTree(root).write(str(path), xml_declaration=True, encoding="UTF-8")


def _element(parent: Any, tag: str, text: str | None = None, **attributes: str) -> Any:
    from lxml import etree

    element = etree.SubElement(parent, f"{{{_NAMESPACE}}}{tag}", attributes)
    element.text = text
    return element


def _description(table: pd.DataFrame, rates: Mapping[str, EmissionRate], source: str | None) -> str:
    """HTML, as globes show it: what comes from the user is escaped."""
    lines = [f"Flight: {escape(source)}"] if source else []
    for gas, rate in rates.items():
        low, high = rate.interval95
        lines.append(
            f"<b>{escape(gas)}</b>: {rate.emission_rate:.3g} ± {rate.standard_uncertainty:.2g} kg/h, "
            f"95 % interval {low:.3g} to {high:.3g} kg/h"
        )
    if "height_agl" in table.columns:
        lines.append("Heights are above ground.")
    else:
        lines.append("Heights are above take-off, drawn as though the ground were level.")
    return "<br/>".join(lines)


def _add_styles(document: Any) -> None:
    for number, colour in enumerate(_RAMP):
        style = _element(document, "Style", id=f"class{number}")
        icon = _element(style, "IconStyle")
        _element(icon, "color", _kml_colour(colour))
        _element(icon, "scale", "0.5")
        _element(_element(icon, "Icon"), "href", _DOT)
    for name, colour, width in (("track", "9e9e9e", "1"), ("footprint", "d95f02", "4"), ("curtain", "d95f02", "2")):
        line = _element(_element(document, "Style", id=name), "LineStyle")
        _element(line, "color", _kml_colour(colour))
        _element(line, "width", width)


def _kml_colour(rrggbb: str) -> str:
    return f"ff{rrggbb[4:]}{rrggbb[2:4]}{rrggbb[:2]}"


def _add_track(folder: Any, table: pd.DataFrame) -> None:
    step = max(1, -(-len(table) // MOST_POINTS))
    shown = table.iloc[::step]
    placemark = _placemark(folder, "Track", "track", "The whole flight.", times=table["timestamp"].iloc[[0, -1]])
    places = (shown["longitude"].to_numpy(dtype=float), shown["latitude"].to_numpy(dtype=float))
    _add_line(placemark, places, _heights(shown), "relativeToGround")


def _add_lines(folder: Any, plane: Plane, field: Field) -> None:
    """The footprint on the ground, and the outline of the part of the plane that has values."""
    edges = np.append(field.x - field.cell_width / 2, field.x[-1] + field.cell_width / 2)
    placemark = _placemark(folder, "Footprint", "footprint", "The flight plane's line on the ground.")
    _add_line(placemark, plane.lonlat(edges), None, "clampToGround")
    inside = field.region > 0
    columns = np.flatnonzero(inside.any(axis=0))
    low = field.z[inside.argmax(axis=0)] - field.cell_height / 2
    high = field.z[len(field.z) - 1 - inside[::-1].argmax(axis=0)] + field.cell_height / 2
    # Each column's two edges, along the lower side and back along the upper one.
    along = np.column_stack([edges[columns], edges[columns + 1]]).ravel()
    ring = np.concatenate([along, along[::-1], along[:1]])
    lower, upper = np.repeat(low[columns], 2), np.repeat(high[columns], 2)
    heights = np.concatenate([lower, upper[::-1], lower[:1]]) - plane.ground_height(ring)
    placemark = _placemark(folder, "Curtain", "curtain", "Outline of the flux plane.")
    _add_line(placemark, plane.lonlat(ring), np.maximum(heights, 0.0), "relativeToGround")


def _add_samples(document: Any, table: pd.DataFrame, gas: str, most: int, *, shown: bool) -> None:
    """The kept samples of a gas as points, coloured by classes of flux of equal width."""
    flux = table[f"{gas}_flux_density"].to_numpy(dtype=float)
    rows = np.flatnonzero(table["kept"].to_numpy(dtype=bool) & np.isfinite(flux))
    folder = _element(document, "Folder")
    _element(folder, "name", f"{gas} samples")
    if not shown:
        _element(folder, "visibility", "0")
    if not rows.size:
        return
    rows = rows[thinned_with_peaks([flux[rows]], most)]
    low, high = float(flux[rows].min()), float(flux[rows].max())
    edges = np.linspace(low, high, len(_RAMP) + 1)
    classes = np.clip(np.searchsorted(edges, flux[rows], side="right") - 1, 0, len(_RAMP) - 1)
    _element(folder, "description", f"Flux density from {low:.3g} (dark) to {high:.3g} {_UNIT} (yellow).")
    part = table.iloc[rows]
    values = zip(
        part["timestamp"], part["longitude"], part["latitude"], _heights(part), part[gas], flux[rows], classes,
        strict=True,
    )  # fmt: skip
    for time, longitude, latitude, height, reading, value, number in values:
        placemark = _element(folder, "Placemark")
        if not shown:
            _element(placemark, "visibility", "0")
        _element(_element(placemark, "TimeStamp"), "when", _iso(time))
        _element(placemark, "styleUrl", f"#class{number}")
        data = _element(placemark, "ExtendedData")
        for name, one in (("flux_density", value), ("mole_fraction", reading)):
            _element(_element(data, "Data", name=name), "value", f"{one:.6g}")
        point = _element(placemark, "Point")
        _element(point, "altitudeMode", "relativeToGround")
        _element(point, "coordinates", _coordinate(longitude, latitude, height))


def _placemark(folder: Any, name: str, style: str, description: str, times: pd.Series | None = None) -> Any:
    """A placemark without its geometry; KML asks for its parts in this order."""
    placemark = _element(folder, "Placemark")
    _element(placemark, "name", name)
    _element(placemark, "description", description)
    if times is not None:
        span = _element(placemark, "TimeSpan")
        _element(span, "begin", _iso(times.iloc[0]))
        _element(span, "end", _iso(times.iloc[-1]))
    _element(placemark, "styleUrl", f"#{style}")
    return placemark


def _add_line(placemark: Any, places: tuple[Floats, Floats], heights: Floats | None, mode: str) -> None:
    line = _element(placemark, "LineString")
    _element(line, "tessellate", "1" if heights is None else "0")
    _element(line, "altitudeMode", mode)
    up = np.zeros_like(places[0]) if heights is None else heights
    _element(line, "coordinates", " ".join(_coordinate(*place) for place in zip(*places, up, strict=True)))


def _heights(table: pd.DataFrame) -> Floats:
    """Heights to draw above the globe's ground, m; none below it, where nothing would be seen."""
    name = "height_agl" if "height_agl" in table.columns else "height_ato"
    return np.asarray(np.maximum(np.nan_to_num(table[name].to_numpy(dtype=float)), 0.0))


def _coordinate(longitude: float, latitude: float, height: float) -> str:
    return f"{longitude:.7f},{latitude:.7f},{height:.2f}"


def _iso(time: pd.Timestamp) -> str:
    return time.isoformat().replace("+00:00", "Z")
