"""The flights of a campaign on one map, as GeoJSON (RFC 7946: longitude and latitude, WGS 84)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def campaign_geojson(flights: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> dict[str, Any]:
    """One line a flight, along its plane's footprint.

    :param flights: each flight's footprint, as :func:`gasflux_core.io.layers.footprint_geojson` makes it, and
        the properties of its line.
    """
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": _joined(footprint)},
            "properties": dict(properties),
        }
        for footprint, properties in flights
    ]
    return {"type": "FeatureCollection", "features": features}


def _joined(footprint: Mapping[str, Any]) -> list[list[float]]:
    """The ends of the footprint's segments, each of which begins where the one before ends."""
    segments = [feature["geometry"]["coordinates"] for feature in footprint["features"]]
    return [segments[0][0], *(segment[-1] for segment in segments)]
