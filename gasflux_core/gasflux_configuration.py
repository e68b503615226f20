"""GasFlux's own configuration file mapped onto the parameters of this service's stages.

The keys and defaults are those documented for GasFlux 0.2.2. Keys of its flight simulator, which
stand in the same file, are accepted and ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from gasflux_core.background import BackgroundParameters
from gasflux_core.errors import InputError
from gasflux_core.headers import OPTIONAL, REQUIRED, canonical

_SIMULATOR_KEYS = frozenset(
    [
        *("horizontal_pixels", "vertical_pixels", "num_plumes", "groupiness", "spread", "seed", "start_coords"),
        *("windspeed_avg", "windspeed_rel_std", "winddir_avg", "winddir_std", "wind_reference_height"),
        *("surface_roughness", "simplex_octaves", "simplex_persistence", "simplex_lacunarity"),
        *("timestamp", "flight_time_seconds", "sample_frequency", "transect_azimuth", "number_of_transects"),
        *("sampling_altitude_ato_range", "sampling_horizontal_range", "temperature", "pressure"),
        *("scene_altitude_range", "scene_horizontal_range"),
    ]
)

GASFLUX_KEYS = _SIMULATOR_KEYS | {
    "output_dir",
    "required_cols",
    "strategies",
    "algorithmic_baseline_settings",
    "semivariogram_settings",
    "ordinary_kriging_settings",
    "filters",
}
"""Top-level keys of a GasFlux file, but for ``gases``, which both forms have."""

_ALGORITHMS = ("fastchrom", "fabc", "dietrich", "golotvin", "std_distribution", "arpls", "asls", "snip")

_FASTCHROM_LEFT_TO_THE_LIBRARY = {
    "half_window": None,
    "threshold": None,
    "min_fwhm": None,
    "interp_half_window": 5,
    "smooth_half_window": None,
    "max_iter": 100,
    "min_length": 2,
}
"""The defaults of pybaselines: what GasFlux runs where a file names fastchrom and has no settings for it."""

_VARIOGRAM_KEYS = {
    "model": "model",
    "estimator": "estimator",
    "n_lags": "n_lags",
    "bin_func": "bin_rule",
    "fit_method": "fit_method",
    "maxlag": "maximum_lag",
    "tolerance": "tolerance",
    "azimuth": "direction",
    "bandwidth": "bandwidth",
    "fit_sigma": "fit_sigma",
}
_VARIOGRAM_DEFAULTS = {
    "quantity": "flux_density",
    "model": "spherical",
    "estimator": "cressie",
    "n_lags": 20,
    "bin_rule": "even",
    "fit_method": "lm",
    "maximum_lag": 100.0,
    "tolerance": 10.0,
    "direction": 0.0,
    "bandwidth": 20.0,
    "fit_sigma": "equal",
    # GasFlux fits one semivariogram, in one direction, through the origin
    "anisotropy": 1.0,
    "nugget": False,
}
_KRIGING_KEYS = {
    "min_points": "minimum_neighbours",
    "max_points": "neighbours",
    "grid_resolution": "resolution",
    "min_nodes": "minimum_nodes",
    "y_min": "lowest_height",
    "cut_ground": "mask_ground",
}
_KRIGING_DEFAULTS = {
    "interpolator": "kriging",
    "mean": "ordinary",
    "solver": "local",
    "minimum_neighbours": 3,
    "neighbours": 100,
    "resolution": 500,
    "minimum_nodes": 10,
    "mask_ground": False,
    "square_cells": False,
    "below": "none",
    "above": "none",
    "ground_mirror": False,
}
_COURSE_KEYS = {
    "azimuth_filter": "azimuth_tolerance",
    "azimuth_window": "azimuth_window",
    "elevation_filter": "elevation_limit",
}
_COURSE_DEFAULTS = {"azimuth_tolerance": 10.0, "azimuth_window": 5.0, "elevation_limit": 5.0}

_STRATEGIES = {
    "background": ("algorithm",),
    "sensor": ("insitu",),
    "spatial": ("curtain", "spiral"),
    "interpolation": ("kriging",),
}


@dataclass(eq=False, slots=True)
class Mapped:
    """Sections made from a GasFlux file so far, with notes and faults."""

    parameter: str
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    noted: list[str] = field(default_factory=list)
    faults: list[InputError] = field(default_factory=list)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was ignored or assumed."""
        return tuple(self.noted)

    def fault(self, text: str) -> None:
        """Note a fault of the file."""
        self.faults.append(InputError(text, self.parameter))

    def section(self, value: Any, name: str, known: Sequence[str]) -> dict[str, Any]:
        """The keys of a mapping that have a value; faults for what is no mapping and for unknown keys."""
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.fault(f"{name}: expected keys with their values, got {value!r:.60}")
            return {}
        for key in value:
            if key not in known:
                self.fault(unknown_key(str(key), known, f"{name}."))
        return {key: item for key, item in value.items() if key in known and item is not None}


def unknown_key(key: str, known: Sequence[str] | set[str], within: str = "") -> str:
    """Words for a key that is not known, with the nearest one that is."""
    near = get_close_matches(key.lower(), sorted(known), 1, 0.6)
    advice = f"did you mean {within}{near[0]}?" if near else f"known are {', '.join(sorted(known))}"
    return f"{within}{key[:60]}: there is no such key; {advice}"


def map_gasflux(given: Mapping[str, Any], parameter: str) -> Mapped:
    """Map the keys of a GasFlux file onto the sections of this service.

    A group of settings that the file has takes GasFlux's defaults for the keys left out; a group that it
    has not leaves this service's. A file with variogram or kriging settings krigs the flux density, by
    local ordinary kriging between the lowest and highest sample, as GasFlux does.

    :param given: top-level keys of :data:`GASFLUX_KEYS` with their values.
    :param parameter: name of the input, for faults.
    """
    mapped = Mapped(parameter)
    readers: dict[str, Callable[[Any, Mapped], None]] = {
        "required_cols": _map_required_columns,
        "strategies": _map_strategies,
        "algorithmic_baseline_settings": _map_background,
        "filters": _map_filters,
    }
    for key, reader in readers.items():
        if given.get(key) is not None:
            reader(given[key], mapped)
    _map_kriging(given.get("semivariogram_settings"), given.get("ordinary_kriging_settings"), mapped)
    if "output_dir" in given:
        mapped.noted.append("output_dir is not used: the service keeps its results itself")
    simulator = sorted(_SIMULATOR_KEYS & set(given))
    if simulator:
        mapped.noted.append(f"keys of GasFlux's simulator are not used here: {', '.join(simulator)}")
    return mapped


def _map_required_columns(value: Any, mapped: Mapped) -> None:
    if not isinstance(value, Mapping):
        mapped.fault(f"required_cols: expected column: [lowest, highest], got {value!r:.60}")
        return
    columns = [*REQUIRED, *OPTIONAL]
    ranges = {}
    for key, bounds in value.items():
        name = canonical(str(key))
        if name is None:
            mapped.fault(unknown_key(str(key), columns, "required_cols."))
        elif bounds is not None and name != "timestamp":
            ranges[name] = bounds
    mapped.sections["flight"] = {"ranges": ranges}


def _map_strategies(value: Any, mapped: Mapped) -> None:
    for key, choice in mapped.section(value, "strategies", list(_STRATEGIES)).items():
        if choice not in _STRATEGIES[key]:
            mapped.fault(f"strategies.{key}: expected {' or '.join(_STRATEGIES[key])}, got {choice!r:.60}")
        elif key == "spatial":
            mapped.sections.setdefault("transects", {})["pattern"] = choice
            mapped.sections["plane"] = {"kind": choice}


def _map_background(value: Any, mapped: Mapped) -> None:
    parent = "algorithmic_baseline_settings"
    loose = ("smooth_half_window", "num_std")
    settings = mapped.section(value, parent, ["algorithm", *loose, *_ALGORITHMS])
    algorithm = settings.pop("algorithm", "fastchrom")
    if algorithm not in _ALGORITHMS:
        mapped.fault(f"{parent}.algorithm: expected one of {', '.join(_ALGORITHMS)}, got {algorithm!r:.60}")
        return
    high = {key: settings.pop(key) for key in loose if key in settings}
    background: dict[str, Any] = {"algorithm": algorithm}
    for name, values in settings.items():
        known = _names_of_algorithm(name)
        # GasFlux's file has the key weights, always without a value
        mapped.section(values, f"{parent}.{name}", [*known, "weights"])
        if isinstance(values, Mapping):
            if values.get("weights") is not None:
                mapped.fault(f"{parent}.{name}.weights: weights can't be given here; leave them out")
            background[name] = {key: item for key, item in values.items() if key in known}
    own = background.get(algorithm)
    if own is None and algorithm == "fastchrom":
        background["fastchrom"] = dict(_FASTCHROM_LEFT_TO_THE_LIBRARY)
    # some write a key of the algorithm one level too high
    for key, item in high.items():
        if key not in _names_of_algorithm(algorithm):
            mapped.noted.append(f"{parent}.{key} is not used: {algorithm} has no such setting")
        elif key not in (own or {}):
            background.setdefault(algorithm, {})[key] = item
    mapped.sections["background"] = background


def _names_of_algorithm(algorithm: str) -> list[str]:
    return list(getattr(BackgroundParameters.model_fields[algorithm].annotation, "model_fields", ()))


def _map_filters(value: Any, mapped: Mapped) -> None:
    filters = mapped.section(value, "filters", ["course_filter"])
    if "course_filter" not in filters:
        return
    course = mapped.section(filters["course_filter"], "filters.course_filter", list(_COURSE_KEYS))
    renamed = {_COURSE_KEYS[key]: item for key, item in course.items()}
    mapped.sections["transects"] = mapped.sections.get("transects", {}) | _COURSE_DEFAULTS | renamed
    mapped.noted.append("filters.course_filter.azimuth_window was taken in seconds, to either side of a row")


def _map_kriging(variogram: Any, kriging: Any, mapped: Mapped) -> None:
    if variogram is None and kriging is None:
        return
    given = mapped.section(variogram, "semivariogram_settings", list(_VARIOGRAM_KEYS))
    mapped.sections["variogram"] = _VARIOGRAM_DEFAULTS | {_VARIOGRAM_KEYS[key]: item for key, item in given.items()}
    given = mapped.section(kriging, "ordinary_kriging_settings", list(_KRIGING_KEYS))
    mapped.sections["kriging"] = _KRIGING_DEFAULTS | {_KRIGING_KEYS[key]: item for key, item in given.items()}
    mapped.noted.append(
        "the flux density is kriged as GasFlux does, without extrapolation to the ground or upwards; leave "
        "semivariogram_settings and ordinary_kriging_settings out for this service's own method"
    )
