"""The clipped smooth baseline: a robust smooth curve in time through the rows without plume.

The background is taken as b(t, s) = Σⱼ cⱼ Bⱼ(t) + g·s: cubic B-splines in time, whose knots lie
about a transect apart, and a gradient g along the transects' direction s. Coefficients follow from
least squares over the rows that hold no plume, with a penalty on the steps between neighbouring
coefficients, so that the curve bridges a plume evenly (P-splines, Eilers & Marx 1996,
*Statist. Sci.* 11, 89). The weight of the penalty is the one of largest restricted likelihood (Wood
2011, *J. R. Statist. Soc. B* 73, 3).

Which rows hold plume is found by turns with the fit: rows whose running mean stands out are clipped
with their flanks, and so are places along the transects where the mean over all transects stands
out. Runs of rows and not single ones are clipped, so that noise is not clipped on one side and the
baseline keeps to the middle of the noise. The turns start from several first guesses, low curves
and lines through the transects' ends, and the outcome that explains the flight best is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gasflux_core.baseline import (
    DILATION,
    NORMAL_MAD,
    Baseline,
    Bools,
    Floats,
    Series,
    correlation_factor,
    find_signal,
    quick_noise,
    resolution,
    running_mean,
    widen,
)
from gasflux_core.parameters import Parameters, parameter

KNOTS_A_TRANSECT = 0.7
"""Distance of the knots over the duration of a transect: a plume is shorter, drift is longer."""

MOST_KNOTS = 80

PLACES = 24
"""Places along the transects at which the mean over all transects is judged."""

PLACE_THRESHOLD = 3.5
"""Standard errors above which such a mean shows the plume."""

MOST_PLACES = 0.7
"""Share of places above which they tell nothing: plumes fill the flight."""

ENOUGH_ROWS = 0.2
"""Share of rows that are to be left as background; where plume fills the flight, the lowest."""

LOWEST_ROWS = 0.1
"""Share of rows, the lowest, that are left as background to a transect clipped whole."""

FLANKS = (DILATION, 0.1, 0.0)
"""Shares by which a run of plume is widened, the next where the one before leaves too few rows."""

LOW_WEIGHT = 0.05
"""Weight of rows above the curve in the low first guesses."""

PLUME_COST = 4.0
"""Half the squared deviation, in σ², beyond which a row above the baseline is plume, and not a worse fit."""

STARTS = (("low", 0.01), ("low", 0.1), ("low", 1.0), ("ends", 0.01), ("ends", 1.0))
"""First guesses: kind, and weight of the penalty relative to the rows of a coefficient."""

PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
"""Weights of the penalty among which the likelihood chooses, relative likewise."""

ALLOWANCE_DECAY = 0.7
"""Factor of the first guess's allowance from turn to turn."""

MOST_TURNS = 25

RIVAL_COST = 1.1
"""Cost of an outcome over that of the best, up to which it explains the flight about as well."""


class ClippedParameters(Parameters):
    """Clipped smooth baseline."""

    time_scale: float = parameter(
        0.0,
        title="Time scale",
        text="Distance of the curve's knots: what changes faster is plume or noise. 0 takes 0.7 of a transect's "
        "duration.",
        unit="s",
        ge=0.0,
        le=1.0e5,
    )
    gradient: bool = parameter(
        True,
        title="Gradient along the transects",
        text="Whether the background may rise from one end of the transects to the other, evenly over the flight.",
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Model:
    """The linear model of the baseline for the rows between the first and the last transect."""

    design: Floats
    penalty: Floats
    rows_a_coefficient: float
    rank: int
    """Of the penalty."""

    def fit(self, value: Floats, weight: Floats, strength: float) -> Floats:
        """The curve of one penalty, at all rows."""
        full = self._penalised(self.design.T @ (weight[:, None] * self.design), strength)
        return np.asarray(self.design @ np.linalg.solve(full, self.design.T @ (weight * value)))

    def _penalised(self, gram: Floats, strength: float) -> Floats:
        # A trace of a ridge keeps coefficients without rows finite.
        ridge = 1e-9 * np.trace(gram) / len(gram) * np.eye(len(gram))
        return np.asarray(gram + strength * self.rows_a_coefficient * self.penalty + ridge)

    def likeliest(self, value: Floats, weight: Floats) -> tuple[Floats, Floats]:
        """The curve of the likeliest penalty at all rows, and its coefficients' covariance over σ²."""
        count = float(weight.sum())
        gram = self.design.T @ (weight[:, None] * self.design)
        right = self.design.T @ (weight * value)
        found: list[tuple[float, Floats, Floats]] = []
        for strength in PENALTIES:
            full = np.asarray(self._penalised(gram, strength), dtype=float)
            coefficients = np.asarray(np.linalg.solve(full, right), dtype=float)
            misfit = float(np.sum(weight * (value - self.design @ coefficients) ** 2))
            misfit += strength * self.rows_a_coefficient * float(coefficients @ self.penalty @ coefficients)
            criterion = float(
                np.linalg.slogdet(full)[1]
                - self.rank * np.log(strength)
                + count * np.log(max(misfit, np.finfo(float).tiny))
            )
            found.append((criterion, coefficients, full))
        _, coefficients, full = min(found, key=lambda one: one[0])
        return np.asarray(self.design @ coefficients), np.asarray(np.linalg.inv(full))


@dataclass(frozen=True, eq=False, slots=True)
class _Outcome:
    value: Floats
    plume: Bools
    noise: float
    covariance: Floats
    cost: float


def clipped_baseline(series: Series, parameters: ClippedParameters) -> Baseline:
    """Fit the clipped smooth baseline (see the module's text).

    Its standard error holds the noise of the rows it was fitted to, with their correlation, and what
    it moves by where the plume's flanks are clipped more widely, and the spread of the outcomes that
    explain the flight about as well.
    """
    on_transect = np.flatnonzero(series.transect > 0)
    whole = slice(on_transect[0], on_transect[-1] + 1) if on_transect.size else slice(None)
    part, count = series.rows(whole).averaged()
    # Centred, so that a large mole fraction costs no digits.
    level = float(np.median(part.value))
    part = Series(part.time, part.value - level, part.transect, part.across, part.kept)
    model = _model(part, count, parameters)
    outcomes = [
        _turns(part, count, model, kind, strength, leave) for kind, strength in STARTS for leave in (True, False)
    ]
    best = min(outcomes, key=lambda outcome: outcome.cost)
    wider = widen(best.plume, DILATION)
    moved = 0.0
    kept = part.kept if part.kept.any() else np.ones(part.kept.shape, dtype=bool)
    if (~wider).sum() >= ENOUGH_ROWS / 2.0 * wider.size:
        again, _ = model.likeliest(part.value, count * ~wider)
        moved = float(np.mean((again - best.value)[kept]))
    mean_row = model.design[kept].mean(axis=0)
    longest = max(1, round(part.duration / float(np.median(np.diff(part.time))) / 2.0))
    factor = correlation_factor(part.value - best.value, ~best.plume, longest)
    rivals = [outcome for outcome in outcomes if outcome.cost <= RIVAL_COST * best.cost]
    spread = float(np.sqrt(np.mean([np.mean((rival.value - best.value)[kept]) ** 2 for rival in rivals])))
    # The noise is that of the averaged rows; the covariance counts single ones.
    row_variance = best.noise**2 * float(count.mean())
    variance = float(mean_row @ best.covariance @ mean_row) * row_variance * factor
    return Baseline(
        value=np.interp(series.time, part.time, best.value) + level,
        standard_error=float(np.sqrt(max(variance, 0.0) + moved**2 + spread**2)),
    )


def _model(part: Series, count: Floats, parameters: ClippedParameters) -> _Model:
    # scipy.interpolate takes a moment to import, and not every flight is fitted this way.
    from scipy.interpolate import BSpline

    begin, end = float(part.time[0]), float(part.time[-1])
    spacing = parameters.time_scale or KNOTS_A_TRANSECT * part.duration
    intervals = int(np.clip(round((end - begin) / spacing), 1, MOST_KNOTS)) if spacing > 0.0 else 1
    # In units of the knots' distance, so that the outer knots meet the ends exactly.
    scaled = np.clip((part.time - begin) * (intervals / (end - begin)), 0.0, float(intervals))
    design = BSpline.design_matrix(scaled, np.arange(-3.0, intervals + 4.0), 3).toarray()
    splines = design.shape[1]
    steps = np.diff(np.eye(splines), axis=0)
    penalty = steps.T @ steps
    reach = float(np.abs(part.across).max())
    if parameters.gradient and reach > 0.0:
        design = np.column_stack((design, part.across / reach))
        penalty = np.pad(penalty, ((0, 1), (0, 1)))
    return _Model(design, penalty, float(count.sum()) / splines, splines - 1)


def _turns(part: Series, count: Floats, model: _Model, kind: str, strength: float, leave: bool) -> _Outcome:
    """Clip and fit by turns from one first guess."""
    value = part.value
    first_noise, least = quick_noise(value), resolution(value)
    baseline = _first_guess(part, count, model, kind, strength)
    # A first guess is further off than the noise: what it leaves at the low side is let in first, and less each turn.
    allowance = float(np.subtract(*np.quantile(value - baseline, (0.3, 0.05))))
    noise = max(first_noise, allowance)
    plume = np.zeros(value.shape, dtype=bool)
    covariance = np.zeros_like(model.penalty)
    for turn in range(MOST_TURNS):
        residual = value - baseline
        clipped = _clip(part, residual, noise, ~plume if turn else None, leave)
        baseline, covariance = model.likeliest(value, count * ~clipped)
        same = np.array_equal(clipped, plume)
        plume = clipped
        rest = (value - baseline)[~plume]
        scatter = max(NORMAL_MAD * float(np.median(np.abs(rest - np.median(rest)))), least)
        allowance *= ALLOWANCE_DECAY
        if same and scatter >= allowance:
            break
        noise = max(scatter, allowance)
    standardised = (value - baseline) / first_noise
    half_square = standardised**2 / 2.0
    # Above the baseline a row may be plume at a fixed cost; below there is nothing but misfit.
    cost = float(np.sum(count * np.where(standardised > 0.0, np.minimum(half_square, PLUME_COST), half_square)))
    return _Outcome(baseline, plume, noise, covariance, cost)


def _clip(part: Series, residual: Floats, noise: float, background: Bools | None, leave: bool) -> Bools:
    """Rows that show plume, and their flanks as far as enough rows are left."""
    places = _plume_places(part, residual, noise)
    for share in FLANKS:
        runs = find_signal(residual, noise, part.window, background, share)
        for clipped in (runs | places, runs):
            if (~clipped).sum() >= ENOUGH_ROWS * clipped.size:
                return _leave_lowest(part, residual, clipped) if leave else clipped
    smooth = running_mean(residual, part.window)
    return np.asarray(smooth > np.quantile(smooth, ENOUGH_ROWS))


def _leave_lowest(part: Series, residual: Floats, clipped: Bools) -> Bools:
    """Leave the lowest rows of transects that would be clipped whole.

    A curve that has come off a transect would else find nothing there to come back to.
    """
    left = clipped.copy()
    smooth = running_mean(residual, part.window)
    for number in np.unique(part.transect[part.transect > 0]):
        rows = np.flatnonzero(part.transect == number)
        if clipped[rows].mean() > 1.0 - LOWEST_ROWS / 2.0:
            left[rows] = smooth[rows] > np.quantile(smooth[rows], LOWEST_ROWS)
    return left


def _first_guess(part: Series, count: Floats, model: _Model, kind: str, strength: float) -> Floats:
    value = part.value
    if kind == "ends":
        weight = np.zeros(value.shape)
        for number in np.unique(part.transect[part.transect > 0]):
            rows = np.flatnonzero(part.transect == number)
            end = max(3, round(0.1 * rows.size))
            weight[rows[:end]] = weight[rows[-end:]] = 1.0
        if weight.any():
            return model.fit(value, weight * count, strength)
    baseline, weight = value, np.ones(value.shape)
    for _ in range(30):
        baseline = model.fit(value, weight * count, strength)
        low = np.where(value > baseline, LOW_WEIGHT, 1.0)
        if np.array_equal(low, weight):
            break
        weight = low
    # The low curve runs under the noise; its tenth percentile tells by how much, had all rows been background.
    return np.asarray(baseline + np.quantile(value - baseline, 0.1) + 1.28 * quick_noise(value))


def _plume_places(part: Series, residual: Floats, noise: float) -> Bools:
    """Rows at places along the transects where the mean over all transects shows the plume."""
    on_transect = part.transect > 0
    none = np.zeros(residual.shape, dtype=bool)
    if not on_transect.any() or not np.ptp(part.across[on_transect]) > 0.0:
        return none
    low, length = part.across[on_transect].min(), np.ptp(part.across[on_transect])
    place = np.clip(((part.across - low) / length * PLACES).astype(int), 0, PLACES - 1)
    rows = np.bincount(place[on_transect], minlength=PLACES)
    total = np.bincount(place[on_transect], weights=residual[on_transect], minlength=PLACES)
    shows = total > PLACE_THRESHOLD * noise * np.sqrt(rows)
    shows |= np.concatenate((shows[1:], [False])) | np.concatenate(([False], shows[:-1]))
    return on_transect & shows[place] if shows.mean() < MOST_PLACES else none
