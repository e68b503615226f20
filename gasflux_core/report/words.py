"""All words within figures, by place: in English only, as the letters of other languages are not in matplotlib's fonts.

Words in braces are filled in. What stands around the figures is in ``page_words`` and ``page_words_chinese``.
"""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    # axes
    "axis_along_plane": "distance along the plane (m)",
    "axis_around_circle": "distance around the circle (m)",
    "axis_height": "height above take-off (m)",
    "axis_height_above_ground": "height above ground (m)",
    "axis_transect_height": "height above take-off (m)",
    "axis_flux_density": "flux density ({unit} m⁻² h⁻¹)",
    "axis_standard_error": "standard error ({unit} m⁻² h⁻¹)",
    "axis_rate_per_metre": "{unit} h⁻¹ m⁻¹",
    "axis_time": "time since start (min)",
    "axis_mole_fraction": "{gas} (ppm)",
    "axis_enhancement": "{gas} enhancement (ppm)",
    "axis_windspeed": "wind speed (m/s)",
    "axis_speed": "speed (m/s)",
    "axis_direction": "from (°)",
    "axis_normal_wind": "normal wind (m/s)",
    "axis_east": "m east of the first sample",
    "axis_north": "m north of the first sample",
    "axis_lag": "distance between samples (m)",
    "axis_semivariance": "semivariance ({unit})",
    "axis_emission_rate": "{gas} emission rate (kg/h)",
    "exaggerated": "heights drawn {times} times too large",
    "north": "N",
    "east": "E",
    "south": "S",
    "west": "W",
    # titles within figures
    "title_flux_plane": "{gas} flux density through the plane",
    "title_standard_error": "Standard error of the {gas} flux density",
    "title_preview": "{gas}  {rate} ± {uncertainty} kg/h",
    "title_background": "{gas} measured",
    "title_background_close": "Close up around the background",
    "title_transects": "{gas} enhancement along each transect",
    "title_rose": "Wind rose",
    "title_wind_series": "Wind during the flight",
    "title_profile": "Through the plane",
    "title_track": "Track, {gas} enhancement",
    "title_variogram_along": "{gas} semivariogram along the plane",
    "title_variogram_upwards": "{gas} semivariogram upwards",
    "title_variogram_oblique": "{gas} semivariogram {direction}° upwards of the plane's length",
    "title_campaign": "{gas} emission rate of each flight, 95 % intervals",
    # legends and marks
    "legend_no_signal": "background sample",
    "legend_signal": "signal",
    "legend_not_kept": "not in a transect",
    "legend_background": "background",
    "legend_background_spread": "± 2 standard deviations",
    "legend_sample": "sample",
    "legend_height_mean": "mean by height",
    "legend_profile": "fitted profile",
    "legend_plane": "flight plane",
    "legend_start": "start",
    "legend_lag_class": "measured, by distance",
    "legend_model": "fitted model",
    "legend_sill": "sill",
    "scale_ppm": "{size} ppm",
    "wind_arrow": "{speed} m/s",
    "campaign_configuration": "configuration {number}",
    "campaign_mean": "weighted mean",
    "campaign_value": "{rate} ± {uncertainty}",
}
