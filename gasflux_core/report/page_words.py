"""The words of the report in English, by place. In another language they are another mapping with these keys.

Words in braces are filled in. Units belong to the words: languages write them differently.
"""

from __future__ import annotations

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "language": "en",
    "page_title": "Emission rate: {gases}",
    "page_heading": "Emission rate report",
    "page_about": "From a drone flight through the wind downwind of a source: how much gas crossed the flight plane "
    "per hour, and how sure that is.",
    "fact_start": "Start",
    "fact_end": "End",
    "fact_duration": "Duration",
    "fact_rows": "Samples used",
    "fact_rows_value": "{kept} of {rows}",
    "fact_transects": "Transects",
    "fact_plane": "Flight plane",
    "fact_curtain": "vertical plane, {length} m long, running towards {azimuth}° from true north; samples lie {rms} "
    "m from it (root mean square)",
    "fact_spiral": "cylinder of radius {radius} m; samples lie {rms} m from it (root mean square)",
    "fact_heights": "Heights",
    "fact_heights_value": "{low} to {high} m above take-off",
    "fact_wind": "Mean wind",
    "fact_wind_value": "{speed} m/s from {direction}° (standard deviations {speed_std} m/s, {direction_std}°; "
    "turning by {turn}° over the flight)",
    "fact_place": "Start at",
    "fact_place_value": "{latitude}, {longitude} (latitude, longitude, WGS 84)",
    "fact_projection": "Map projection",
    "sec_result": "Result",
    "sec_flight": "The flight",
    "sec_gas": "{gas} in detail",
    "sec_how": "How it was calculated",
    "sec_words": "Words used here",
    "rate_unit": "kg/h",
    "rate_label": "{gas} emission rate",
    "interval_label": "95 % interval",
    "interval_value": "{low} to {high} kg/h",
    "interval_alt": "Interval bar: {low} to {high} kg/h with the estimate {rate} kg/h; zero is marked.",
    "interval_zero": "0",
    "detection_label": "Detection limit",
    "expanded_label": "Expanded uncertainty",
    "expanded_value": "± {half} kg/h (half the interval's width; coverage factor k = {factor})",
    "relative_label": "Relative uncertainty",
    "not_detected": "Below the detection limit: this flight could not surely tell such a rate from none.",
    "plus_minus": "± {uncertainty}",
    "standard_uncertainty": "standard uncertainty",
    "flags_heading": "What to know about this result",
    "no_flags": "No warnings: nothing in the flight or the calculation called for one.",
    "flags_gas": "{gas}",
    "flags_flight": "The flight",
    "part_heading": "Where the rate comes from",
    "part_sampled": "Between the lowest and the highest transect",
    "part_below": "Below the lowest transect (extrapolated)",
    "part_above": "Above the highest transect (extrapolated)",
    "part_cut": "Sum of the positive part of the plane",
    "part_fill": "Sum of the negative part of the plane",
    "part_column": "Part",
    "rate_column": "kg/h",
    "share_column": "Share of the rate",
    "budget_heading": "Uncertainty budget",
    "budget_about": "Each row is one reason why the rate may be off, as a standard uncertainty. The total is the "
    "root of the sum of their squares. The anemometer's calibration is in it only where wind_speed_uncertainty and "
    "wind_direction_uncertainty were given.",
    "coverage_heading": "What the interval covers",
    "coverage_text": "It holds the mean emission rate during the flight with 95 % probability, if the budget names "
    "everything that matters. Its ends are the 2.5th and the 97.5th percentile of {draws} Monte Carlo draws from the "
    "budget's terms (JCGM 101:2008), so that it need not lie evenly about the rate; half its width is {factor} "
    "standard uncertainties.",
    "coverage_not": "It doesn't cover the gas sensor's calibration, gas that passed beside or above the plane, and "
    "emissions at any other time.",
    "budget_column": "Reason",
    "budget_percent": "% of the rate",
    "budget_total": "Total",
    "others_heading": "Other methods",
    "others_column": "Method",
    "others_kriged": "Kriging (the rate above)",
    "others_interval": "{low} to {high}",
    "others_withheld": "withheld",
    "others_none": "No other method gives a rate for this flight: below each, why.",
    "others_agree": "Same samples, background and wind, but other ways between them. The largest difference is "
    "{percent} ({name}), which the methods' own uncertainties explain.",
    "others_disagree": "Same samples, background and wind, but other ways between them. The largest difference is "
    "{percent} ({name}), {times} standard uncertainties of what the methods don't share: trust the interval less. See "
    "in the flux plane and the transects whether the plume is cut at an edge, moves, or is more than one; fly again "
    "with more transects.",
    "others_undetected": "Same samples, background and wind, but other ways between them. The rate may be nothing, so "
    "that differences in percent say little.",
    "plane_caption": "Each cell is the estimated flow of gas through the plane; dots are the samples in the same "
    "colours. Above and beside: the rate per metre of length and of height, with the rate measured by each "
    "transect as a dot. Hatched parts lie beyond the lowest or highest transect and are extrapolated.",
    "plane_alt": "Map of the {gas} flux density over the flight plane, {length} m long, from {low} to {high} m "
    "above take-off. Highest estimate {highest} kg per square metre and hour, at {place} m along the plane and "
    "{height} m height.",
    "error_caption": "How far the estimate may be off at each place by interpolation alone: small near samples "
    "(white dots), large far from them. Errors of neighbouring cells go together, so they can't be summed; the "
    "budget does it right.",
    "error_alt": "Map of the standard error of the {gas} flux density; highest {highest} kg per square metre and hour.",
    "transects_caption": "One line a transect, standing at the transect's height. A plume that stays in place from "
    "line to line is steady; one that jumps meanders in the wind.",
    "transects_alt": "Lines of {gas} enhancement along each of {count} transects, stacked by height.",
    "background_caption": "The background is what the air would hold without the source. Orange samples are taken "
    "as signal; the background must not rise under them. Shaded bands are every second transect. Algorithm: "
    "{algorithm}. Standard deviation around the background {deviation} ppm, standard error of the background "
    "itself {error} ppm, drift over the flight {drift} ppm.",
    "background_alt": "{gas} against time with the background; {signal} of {rows} samples are taken as signal.",
    "variogram_caption": "How much more samples differ the further they lie apart (half the mean squared "
    "difference). Points are measured, larger where more pairs were seen; lines are the fitted {model} model that "
    "kriging uses. It levels off at a range of {range_x} m along the plane and {range_z} m upwards; nugget share "
    "{nugget} %.",
    "variogram_alt": "Semivariogram of {gas} along the plane and upwards with the {model} model; range {range_x} m "
    "along and {range_z} m upwards.",
    "model_spherical": "spherical",
    "model_exponential": "exponential",
    "model_gaussian": "Gaussian",
    "model_matern": "Matérn",
    "model_stable": "stable",
    "model_cubic": "cubic",
    "cross_validation_heading": "Cross-validation",
    "cross_validation_about": "Samples are left out and predicted from the others. A mean standardised error near 0 "
    "means no bias; a root mean square near 1 means that the stated errors are of the right size.",
    "validation_method": "Left out at a time",
    "validation_leave_one_out": "one sample",
    "validation_transects": "one transect",
    "validation_samples": "Samples",
    "validation_mean": "Mean standardised error",
    "validation_spread": "Root mean square of the standardised errors",
    "validation_error": "Root mean square error ({unit})",
    "unit_mass_enhancement": "kg m⁻³",
    "unit_flux_density": "kg m⁻² h⁻¹",
    "wind_caption": "The rose shows where the wind came from. On the right, only the wind component through the "
    "plane counts; positive is downwind.",
    "wind_alt": "Wind rose, time series and profile: mean {speed} m/s from {direction} degrees.",
    "track_caption": "Seen from above: grid north is up. Projection {crs}.",
    "track_alt": "Map of the flight track coloured by {gas} enhancement, with the flight plane and the mean wind.",
    "view_caption": "The track in three dimensions, coloured by {gas} enhancement.",
    "view_help": "Drag or use the arrow keys to turn it; + and − to come nearer or go away.",
    "view_alt": "The flight track in three dimensions, coloured by {gas} enhancement.",
    "view_high": "{high} ppm",
    "reason_cut window": "In a time window that was cut by hand",
    "reason_outside keep windows": "Outside the time windows kept by hand",
    "reason_hover": "Hovering",
    "reason_climb": "Climbing or sinking",
    "reason_turn": "Turning",
    "reason_course": "Straight, but off the flight's main courses",
    "reason_short": "Too short a run for a transect",
    "reason_off plane": "Beside the flight plane",
    "reason_series": "Transects outside the series taken",
    "reason_no reading": "Flown when the sensor was not running any more, its lag taken out",
    "reason_far from the plane": "Too far from the flight plane",
    "removed_heading": "Samples not used",
    "removed_reason": "Reason",
    "removed_rows": "Samples",
    "notes_heading": "Notes",
    "method_heading": "Method",
    "method_text": "Mole fractions above the background are turned into mass concentrations by the ideal gas law, and "
    "multiplied by the wind through the plane. Between the samples: {method} The rate is the sum over the plane.",
    "input_heading": "Input",
    "origin_heading": "Calculation",
    "origin_calculated": "Calculated",
    "origin_calculated_value": "{time} UTC",
    "origin_provider": "Run by",
    "origin_program": "Program",
    "origin_libraries": "Libraries",
    "input_source": "Flight table",
    "input_size": "Size",
    "input_size_value": "{size} bytes",
    "input_sha256": "SHA-256",
    "input_unknown": "not given",
    "reproduce_heading": "To do it again",
    "reproduce_text": "Save the settings below as configuration.yaml. The same flight table with the same settings "
    "and versions gives the same figures:",
    "reproduce_attached": "In the PDF they are attached as configuration.yaml, in the HTML page they are the element "
    "with the id configuration.",
    "reproduce_terrain": "The terrain model (--dem) is the one that this calculation was given.",
    "configuration_heading": "All settings in force",
    "configuration_label": "All settings as YAML",
    "term_enhancement": "Enhancement",
    "text_enhancement": "Mole fraction above the background, in parts per million (ppm) of the air's molecules.",
    "term_flux_density": "Flux density",
    "text_flux_density": "Mass of gas that crosses one square metre of the plane per hour. Negative where the wind, "
    "or a dip under the background, carries it the other way.",
    "term_uncertainty": "Standard uncertainty",
    "text_uncertainty": "One standard deviation of what the true value may reasonably be (GUM, JCGM 100:2008).",
    "term_interval": "95 % interval",
    "text_interval": "Range that holds the true rate with 95 % probability, if the budget names everything that "
    "matters.",
    "term_expanded": "Expanded uncertainty",
    "text_expanded": "Half the width of the 95 % interval; the coverage factor k is how many standard uncertainties "
    "that is.",
    "term_detection": "Detection limit",
    "text_detection": "Smallest rate that this flight would have told apart from no source, with 5 % risk of error "
    "either way.",
    "term_kriging": "Kriging",
    "text_kriging": "Interpolation that weights samples by how alike samples at such distances are, and tells its "
    "own error.",
    "term_transect": "Transect",
    "text_transect": "One straight pass along the plane, or one turn around the source, at about one height.",
    "menu": "Contents",
    "compass_north": "N",
    "compass_east": "E",
    "compass_south": "S",
    "compass_west": "W",
    "figure_number": "Figure {number}.",
    "page_number": "Page {number} of {count}",
    "appendix_heading": "Appendix: all settings in force",
    "footer": "Calculated by GasFlux WPS {version}.",
}
