"""Physical constants and the units of the quantities in a table."""

from __future__ import annotations

GAS_CONSTANT = 8.314462618
"""Molar gas constant R, J mol⁻¹ K⁻¹ (CODATA 2018, exact)."""

ZERO_CELSIUS = 273.15
"""0 °C in kelvin."""

SECONDS_PER_HOUR = 3600.0

COLUMN_UNITS = {
    "timestamp": "ISO 8601, UTC where no offset is given",
    "time": "s",
    "latitude": "deg",
    "longitude": "deg",
    "height_ato": "m",
    "height_agl": "m",
    "ground": "m",
    "windspeed": "m/s",
    "winddir": "deg",
    "temperature": "Cel",
    "pressure": "hPa",
    "humidity": "%",
    "easting": "m",
    "northing": "m",
    "course_azimuth": "deg",
    "course_elevation": "deg",
    "ground_speed": "m/s",
    "wind_east": "m/s",
    "wind_north": "m/s",
    "wind_normal": "m/s",
    "transect": "1",
    "kept": "bool",
    "reason": "text",
    "smoothed_easting": "m",
    "smoothed_northing": "m",
    "smoothed_height_ato": "m",
    "smoothed_height_agl": "m",
    "x": "m",
    "z": "m",
    "height_above_ground": "m",
    "distance_from_plane": "m",
}
"""Unit of each column that stages read or add; gas columns are in GAS_COLUMN_UNITS."""

GAS_COLUMN_UNITS = {
    "": "ppm",
    "_background": "ppm",
    "_enhancement": "ppm",
    "_signal": "bool",
    "_density": "kg m-3",
    "_mass_enhancement": "kg m-3",
    "_flux_density": "kg m-2 h-1",
}
"""Suffix of a gas column (after the lower-case formula) → its unit."""
