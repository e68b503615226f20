"""Background and enhancement of each gas.

    Δχ = χ − χ₀,  χ the measured mole fraction and χ₀ the background, ppm

The background is what the sensor would have read without the source. An error of it that is common
to the flight goes into the emission rate by the whole plane's area, so it has to lie in the middle
of the noise, and its standard error is told.

Once the plume stands out, so does a sensor that reads late: by how much is told from transects of opposite courses
(``gasflux_core.sensor_lag``), gas by gas, since each has a sensor of its own. The readings are moved, and the
background is laid once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from gasflux_core.background_algorithms import (
    ArplsParameters,
    AslsParameters,
    DietrichParameters,
    FabcParameters,
    FastchromParameters,
    GolotvinParameters,
    SnipParameters,
    StdDistributionParameters,
    library_baseline,
)
from gasflux_core.baseline import (
    Baseline,
    Bools,
    Floats,
    Series,
    correlation_factor,
    find_signal,
    quick_noise,
    resolution,
    rounding,
)
from gasflux_core.clipped_baseline import ClippedParameters, clipped_baseline
from gasflux_core.columns import needed_columns
from gasflux_core.errors import InputError, NoSolution
from gasflux_core.parameters import Parameters, parameter
from gasflux_core.sensor_lag import SensorLag, estimate_sensor_lag, move_readings
from gasflux_core.smoothed_positions import SMOOTHED
from gasflux_core.transect_ends import TransectEndsParameters, transect_ends_baseline

NO_READING = "no reading"
"""Reason of the rows that the sensor was not running for once its lag is taken out."""

FEWEST_ROWS = 10
"""Rows from which on a background can be told."""

SEEN_SHARE = 0.1
"""Share of rows without signal below which the background is hardly seen."""

EATEN_SHARE = 0.05
"""Share of a plume that the baseline may follow before it is flagged."""


class BackgroundParameters(Parameters):
    """Which algorithm lays the baseline, and the settings of each."""

    algorithm: Literal[
        "clipped",
        "transect_ends",
        "fastchrom",
        "fabc",
        "dietrich",
        "golotvin",
        "std_distribution",
        "arpls",
        "asls",
        "snip",
    ] = parameter(
        "clipped",
        title="Background algorithm",
        text="'clipped': a robust smooth curve in time, with known error; did best on flights of known rate. "
        "'transect_ends': the straight line through each transect's ends. 'fastchrom': what GasFlux takes; it follows "
        "broad plumes. The others are baselines of the library pybaselines.",
    )
    correct_sensor_lag: bool = parameter(
        True,
        title="Correct the sensor lag",
        text="Find from transects of opposite courses how late each gas is read, beyond the lag set for the flight, "
        "and take it out where it is sure.",
    )
    clipped: ClippedParameters = ClippedParameters()
    transect_ends: TransectEndsParameters = TransectEndsParameters()
    fastchrom: FastchromParameters = FastchromParameters()
    fabc: FabcParameters = FabcParameters()
    dietrich: DietrichParameters = DietrichParameters()
    golotvin: GolotvinParameters = GolotvinParameters()
    std_distribution: StdDistributionParameters = StdDistributionParameters()
    arpls: ArplsParameters = ArplsParameters()
    asls: AslsParameters = AslsParameters()
    snip: SnipParameters = SnipParameters()


@dataclass(frozen=True, eq=False, slots=True)
class GasBackground:
    """What is known of one gas's background; mole fractions in ppm."""

    standard_deviation: float
    """Standard deviation of the enhancement outside the signal: noise, and what the baseline doesn't follow."""
    standard_error: float
    """Standard error of the baseline's mean over the kept rows: an error common to the flight."""
    drift: float
    """Largest less least background of the kept rows."""
    signal_rows: int
    """Kept rows with signal."""
    flags: tuple[str, ...]
    """``constant_concentration``: the sensor read one value; ``no_signal``: nothing stands out from the noise;
    ``background_hardly_seen``: almost all rows hold signal; ``baseline_rises_under_plume``: the baseline follows the
    plume; ``plume_at_transect_end``: an end of a transect lies in the plume; ``sensor_lag_left``: the gas is read late,
    which wasn't to be corrected."""


@dataclass(frozen=True, eq=False, slots=True)
class Background:
    """The backgrounds of all gases."""

    table: pd.DataFrame
    """The table with ``<gas>_background``, ``<gas>_enhancement`` (ppm) and ``<gas>_signal`` of each gas."""
    gases: dict[str, GasBackground]
    lags: dict[str, SensorLag] = field(default_factory=dict)
    """How late gases are read, where that is to be seen."""
    notes: tuple[str, ...] = ()
    """Which lags were taken out."""


def estimate_background(table: pd.DataFrame, gases: Sequence[str], parameters: BackgroundParameters) -> Background:
    """Estimate the background of each gas.

    :param table: with ``time`` (s) and a column a gas (ppm); ``transect`` and ``kept``, and
        ``easting`` and ``northing`` (m), are used where they are there.
    :param gases: formulas in lower case.
    :raises InputFaults: where a gas's column is missing or holds text or gaps.
    :raises InputError: where the table has fewer than 10 rows.
    :raises NoSolution: where no row is kept, or an algorithm can't treat the flight, with what to change.
    """
    columns = needed_columns(table, ["time", *gases])
    if len(table) < FEWEST_ROWS:
        raise InputError(f"A background needs at least {FEWEST_ROWS} rows, the table has {len(table)}", "table")
    transect = table["transect"].to_numpy(dtype=np.int64) if "transect" in table.columns else None
    kept = table["kept"].to_numpy(dtype=bool) if "kept" in table.columns else np.ones(len(table), dtype=bool)
    if not kept.any():
        raise NoSolution("No row of the table is kept: find the transects first, or loosen their settings", "table")
    transect = np.zeros(len(table), dtype=np.int64) if transect is None else transect
    across = _across(table, transect)
    added: dict[str, Any] = {}
    found, lags, notes = {}, {}, []
    unread = np.zeros(len(table), dtype=bool)
    for gas in gases:
        series = Series(columns["time"], columns[gas], transect, across, kept)
        baseline = _lay_baseline(series, parameters)
        lag = estimate_sensor_lag(series.time, across, np.where(kept, transect, 0), series.value - baseline.value)
        if lag is not None:
            lags[gas] = lag
            if lag.significant and parameters.correct_sensor_lag:
                moved, missing = move_readings(series.time, series.value, lag.seconds)
                unread |= missing
                notes.append(f"{gas}: sensor lag of {lag} found from opposite courses and taken out")
                added[gas] = moved
                series = replace(series, value=moved)
                baseline = _lay_baseline(series, parameters)
            elif lag.significant:
                baseline = replace(baseline, flags=(*baseline.flags, "sensor_lag_left"))
        enhancement = series.value - baseline.value
        signal, found[gas] = _judge(series, baseline, enhancement)
        added |= {f"{gas}_background": baseline.value, f"{gas}_enhancement": enhancement, f"{gas}_signal": signal}
    if (unread & kept).any():
        added |= _without(table, unread & kept)
    return Background(table=table.assign(**added), gases=found, lags=lags, notes=tuple(notes))


def _without(table: pd.DataFrame, rows: Bools) -> dict[str, Any]:
    """Columns that tell of rows no longer kept."""
    reason = table["reason"] if "reason" in table.columns else pd.Series("", index=table.index)
    kept = table["kept"].to_numpy(dtype=bool) if "kept" in table.columns else np.ones(len(table), dtype=bool)
    return {"kept": kept & ~rows, "reason": reason.mask(rows, NO_READING)}


def _lay_baseline(series: Series, parameters: BackgroundParameters) -> Baseline:
    if _is_constant(series.value):
        return Baseline(value=series.value.copy(), standard_error=0.0, flags=("constant_concentration",))
    name = parameters.algorithm
    own: dict[str, Callable[[Series, Any], Baseline]] = {
        "clipped": clipped_baseline,
        "transect_ends": transect_ends_baseline,
    }
    algorithm = own.get(name) or library_baseline(name)
    return algorithm(series, getattr(parameters, name))


def _judge(series: Series, baseline: Baseline, enhancement: Floats) -> tuple[Bools, GasBackground]:
    """The signal mask, and the figures of one gas."""
    kept = series.kept
    flags = list(baseline.flags)
    drift = float(np.ptp(baseline.value[kept]))
    if _is_constant(series.value):
        return np.zeros(kept.shape, dtype=bool), GasBackground(0.0, 0.0, 0.0, 0, tuple(flags))
    noise = quick_noise(series.value)
    signal = baseline.signal
    if signal is None:
        # Twice, since only the first mask tells which rows show how noise is correlated.
        signal = find_signal(enhancement, noise, series.window)
        signal = find_signal(enhancement, noise, series.window, ~signal)
    judged = kept | (series.transect > 0)
    outside = judged & ~signal
    if outside.sum() < SEEN_SHARE * judged.sum():
        flags.append("background_hardly_seen")
    if not (signal & kept).any():
        flags.append("no_signal")
    rest = enhancement[outside]
    deviation = float(rest.std(ddof=1)) if rest.size > 1 else noise
    error = baseline.standard_error
    if error is None:
        factor = correlation_factor(enhancement, outside, len(enhancement) // 20 + 1)
        error = float(deviation * np.sqrt(factor / max(1, rest.size)))
        # A baseline that doesn't lie in the middle of the noise is wrong by how far it is off.
        error = float(np.hypot(error, rest.mean() if rest.size else deviation))
    steps = resolution(series.value)
    if deviation < 2.0 * steps:
        # Noise smaller than the sensor's steps doesn't average their rounding out.
        error = float(np.hypot(error, steps))
    eaten = _followed_share(series, baseline.value, noise)
    if eaten > EATEN_SHARE:
        flags.append("baseline_rises_under_plume")
    return signal, GasBackground(deviation, error, drift, int((signal & kept).sum()), tuple(flags))


def _followed_share(series: Series, baseline: Floats, noise: float) -> float:
    """Share of the plume that the baseline follows.

    The slope, over all transects, of the baseline against the measured mole fraction, both less the
    straight line through the transect's ends; 0 where nothing but noise is seen.
    """
    cross = square = 0.0
    rows_seen = 0
    for number in np.unique(series.transect[series.transect > 0]):
        rows = np.flatnonzero(series.transect == number)
        end = max(3, round(0.1 * rows.size))
        if rows.size < 3 * end:
            continue
        gas, under = (_less_ends(part[rows], end) for part in (series.value, baseline))
        cross += float(gas @ under)
        square += float(gas @ gas)
        rows_seen += rows.size
    if rows_seen == 0 or square < rows_seen * (3.0 * noise) ** 2:
        return 0.0
    return cross / square


def _less_ends(values: Floats, end: int) -> Floats:
    places = np.arange(values.size, dtype=float)
    ends = (places[:end].mean(), places[-end:].mean())
    levels = (values[:end].mean(), values[-end:].mean())
    slope = (levels[1] - levels[0]) / (ends[1] - ends[0])
    return np.asarray(values - (levels[0] + slope * (places - ends[0])))


def _across(table: pd.DataFrame, transect: np.ndarray) -> Floats:
    """Place of each row along the main direction of the transects, m, from their middle."""
    rows = transect > 0
    if not rows.any() or not {"easting", "northing"} <= set(table.columns):
        return np.zeros(len(table))
    names = [SMOOTHED[name] if SMOOTHED[name] in table.columns else name for name in ("easting", "northing")]
    place = table[names].to_numpy(dtype=float)
    place = place - place[rows].mean(axis=0)
    _, vectors = np.linalg.eigh(place[rows].T @ place[rows])
    return np.asarray(place @ vectors[:, -1])


def _is_constant(value: Floats) -> bool:
    return bool(np.ptp(value) <= rounding(value))
