"""What a result's flags mean to the person who reads it, and what to do about them.

A flag is an identifier on a result; here is its text. Stages raise flags, faces show texts. A test
keeps the two together.
"""

from __future__ import annotations

FLAG_TEXTS: dict[str, str] = {
    "anisotropy_assumed": "The transects are too few to tell how far the gas reaches vertically: a usual ratio to the "
    "horizontal reach was taken. Fly more transects, closer together.",
    "background_hardly_seen": "Hardly any row lies outside the plume, so the background is uncertain. Fly longer "
    "transects, with clean air at both ends.",
    "baseline_rises_under_plume": "The background rises under the plume and may take part of it away. Look at the "
    "background figure; try background algorithm transect_ends or clipped.",
    "below_detection_limit": "The rate is below what this flight can tell from zero. The interval still holds; fly "
    "closer to the source, or in steadier and lighter wind.",
    "constant_concentration": "The gas column never changes. Check that the sensor was recording.",
    "extrapolation_replaced": "The chosen treatment below the lowest transect doesn't apply to this interpolator or "
    "quantity; another was used.",
    "far_from_plane": "The flight strays far from one plane, so the rate may be off. Use series or time windows to "
    "keep one curtain only.",
    "few_flights": "Fewer than five flights have a rate: how far flights differ is hardly known, so that the interval "
    "of their mean is wide. Fly more.",
    "few_transects": "Fewer than three transects were found: how the gas changes with height is hardly known. Fly "
    "more levels, or see in the table why rows were left out.",
    "flights_differ": "The flights differ by more than their uncertainties explain; that of the mean allows for it. "
    "Look in the chart for odd flights: the source may vary, or the uncertainties may be too small.",
    "flights_not_weighted": "At least one flight states no uncertainty, so all have the same weight in the mean. Look "
    "at the uncertainties in the configuration.",
    "light_wind": "The mean wind is below 2 m/s, where its direction and so the rate are unsure. Fly in more wind.",
    "long_flight": "The flight took longer than 45 minutes, within which source and wind may change. Fly shorter.",
    "methods_disagree": "Another method gives a rate that differs by more than the methods' own uncertainties explain. "
    "Look at the flux plane and the transects: a plume cut at an edge, several plumes or a plume that moves explain "
    "it. Take the interval for too narrow, and fly again, closer transects and wider.",
    "negative_rate": "The rate is negative: gas seems to flow upwind. Check wind direction, background and plane.",
    "no_signal": "No row of this gas rises out of the noise of the background: expect a rate around zero.",
    "no_structure": "Neighbouring samples are no more alike than distant ones: this is noise, or the sampling is too "
    "coarse to see the plume.",
    "no_variance": "All values are the same, so there is nothing to interpolate.",
    "oblique_wind": "The wind meets the plane at less than 30°: small errors of its direction are large in the rate. "
    "Fly across the wind.",
    "plume_at_transect_end": "The gas is still high at the end of some transects, so the background there is too "
    "high and the plume cut. Fly longer transects, or try background algorithm clipped.",
    "plume_below_lowest_transect": "Much of the rate lies below the lowest transect, where nothing was measured. Fly "
    "lower.",
    "plume_cut_at_side": "The plume reaches the side of the plane: part of it was missed. Fly longer transects.",
    "plume_cut_at_top": "The plume reaches the highest transect: part of it was missed. Fly higher.",
    "range_at_bound": "The variogram's range ran into its bound: gas reaches as far as the plane does. The rate holds "
    "where the samples are dense; look at the semivariogram.",
    "reversed_wind": "The mean wind blows against the plane's normal. Check the wind direction.",
    "samples_below_ground": "Some samples lie below the ground as it is known. Check heights and height_agl.",
    "sensor_lag_left": "Transects of opposite courses see the plume at different places: the sensor reads late. Set "
    "correct_sensor_lag to true, or give the lag as sensor_lag.",
    "take_off_unsure": "The table begins in the air, so that its first row is not where heights begin: those above "
    "ground may all be off by the ground's difference. Give take_off_latitude and take_off_longitude.",
    "terrain_gaps": "The terrain model has no height under some rows; the ground there is that of their neighbours.",
    "transects_left_out": "Transects outside the chosen series were left out. To use them all, set series to all.",
    "turning_wind": "The wind turned by more than 30° during the flight. Split the flight by time windows.",
}
"""Flag → what it means; what to do."""
