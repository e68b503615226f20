"""The clipped smooth baseline: a robust smooth curve in time through the rows without plume.

The background is taken as b(t, s) = Σⱼ cⱼ Bⱼ(t) + g·s: cubic B-splines in time, whose knots lie
about a transect apart, and a gradient g along the transects' direction s. Coefficients follow from
least squares over the rows that hold no plume, with a penalty on the steps between neighbouring
coefficients, so that the curve bridges a plume evenly (P-splines, Eilers & Marx 1996,
*Statist. Sci.* 11, 89). The weight of the penalty is the one of largest restricted likelihood (Wood
2011, *J. R. Statist. Soc. B* 73, 3).

Which rows hold plume is found by turns with the fit: rows whose running mean stands out are clipped
with their flanks, and so are patches of the curtain whose mean stands out, and the footprint of the
bump that explains the flight best. Runs of rows and not single ones are clipped, so that noise is not
clipped on one side and the baseline keeps to the middle of the noise. The turns start from several
first guesses, low curves and lines through the transects' ends, and the outcome that explains the
flight best is taken.
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
    median,
    quantile,
    quick_noise,
    resolution,
    running_mean,
    stands_out,
    widen,
)
from gasflux_core.curtain_patches import footprint, patches_of
from gasflux_core.parameters import Parameters, parameter

KNOTS_A_TRANSECT = 0.7
"""Distance of the knots over the duration of a transect: a plume is shorter, drift is longer."""

MOST_KNOTS = 80

ENOUGH_ROWS = 0.2
"""Share of rows that are to be left as background; where plume fills the flight, the lowest."""

LOWEST_ROWS = 0.1
"""Share of rows, the lowest, that are left as background to a transect clipped whole."""

FLANKS = (DILATION, 0.1, 0.0)
"""Shares by which a run of plume is widened, the next where the one before leaves too few rows."""

LOW_WEIGHT = 0.05
"""Weight of rows above the curve in the low first guesses."""

PLUME_COST = 1.0
"""Cost of a row taken as plume, in units of half the squared deviation over σ²: that of noise is 0.5 on average."""

OUTLIER_COST = 4.0
"""Largest cost of a row above the baseline that isn't taken as plume."""

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
        full, right = self._normal_equations(value, weight, np.array([strength]))
        return np.asarray(self.design @ np.linalg.solve(full[0], right))

    def likeliest(self, value: Floats, weight: Floats) -> tuple[Floats, Floats]:
        """The curve of the likeliest penalty at all rows, and the inverse of its coefficients' covariance over σ²."""
        strengths = np.array(PENALTIES)
        full, right = self._normal_equations(value, weight, strengths)
        coefficients = np.linalg.solve(full, right)
        curves = coefficients @ self.design.T
        penalties = np.sum((coefficients @ self.penalty) * coefficients, axis=1)
        misfit = (value - curves) ** 2 @ weight + strengths * self.rows_a_coefficient * penalties
        criterion = (
            np.linalg.slogdet(full)[1]
            - self.rank * np.log(strengths)
            + weight.sum() * np.log(np.maximum(misfit, np.finfo(float).tiny))
        )
        best = int(np.argmin(criterion))
        return curves[best], full[best]

    def _normal_equations(self, value: Floats, weight: Floats, strengths: Floats) -> tuple[Floats, Floats]:
        """The matrix (strengths, coefficients, coefficients) and the right-hand side (coefficients,)."""
        rows = np.flatnonzero(weight)
        design = self.design[rows]
        weighted = weight[rows, None] * design
        gram = design.T @ weighted
        # A trace of a ridge keeps coefficients without rows finite.
        gram.flat[:: len(gram) + 1] += 1e-9 * np.trace(gram) / len(gram)
        full = gram + (strengths * self.rows_a_coefficient)[:, None, None] * self.penalty
        return full, value[rows] @ weighted


@dataclass(frozen=True, eq=False, slots=True)
class _Fit:
    """A curve through some of the rows, and what is asked of it again and again; ppm, at all rows."""

    curve: Floats
    residual: Floats
    smooth: Floats
    """Running mean of the residual."""
    at_places: Floats
    """Sums of the residual in the cells of the curtain."""


@dataclass(frozen=True, eq=False, slots=True)
class _Outcome:
    fit: _Fit
    plume: Bools
    noise: float
    cost: float
    left_some: bool
    """Whether rows of a transect that would have been clipped whole were left in any of the turns."""


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
    level = median(part.value)
    part = Series(part.time, part.value - level, part.transect, part.across, part.kept)
    model = _model(part, count, parameters)
    search = _Search(part, count, model)
    outcomes = [outcome for guess in search.first_guesses() for outcome in search.both_ways(guess)]
    best = min(outcomes, key=lambda outcome: outcome.cost)
    curve = best.fit.curve
    kept = part.kept if part.kept.any() else np.ones(part.kept.shape, dtype=bool)
    mean_row = model.design[kept].mean(axis=0)
    longest = max(1, round(part.duration / median(np.diff(part.time)) / 2.0))
    factor = correlation_factor(best.fit.residual, ~best.plume, longest)
    # The noise is that of the averaged rows; the covariance counts single ones.
    row_variance = best.noise**2 * float(count.mean()) * factor
    variance = search.variance(best.plume, mean_row) * row_variance
    wider = widen(best.plume, DILATION)
    moved = 0.0
    if (~wider).sum() >= ENOUGH_ROWS / 2.0 * wider.size:
        # Fewer rows move the mean by chance too, with the difference of the two variances (Hausman 1978).
        by_chance = max(search.variance(wider, mean_row) * row_variance - variance, 0.0)
        moved = max(float(np.mean((search.fit(wider).curve - curve)[kept])) ** 2 - by_chance, 0.0)
    rivals = [outcome for outcome in outcomes if outcome.cost <= RIVAL_COST * best.cost]
    spread = float(np.mean([np.mean((rival.fit.curve - curve)[kept]) ** 2 for rival in rivals]))
    return Baseline(
        value=np.interp(series.time, part.time, curve) + level,
        standard_error=float(np.sqrt(variance + moved + spread)),
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


class _Search:
    """The turns of clipping and fitting of one series.

    Turns from different first guesses come to the same rows time and again: each choice of rows is fitted once.
    """

    def __init__(self, part: Series, count: Floats, model: _Model) -> None:
        self.part = part
        self.count = count
        self.model = model
        self.noise = quick_noise(part.value)
        self.least = resolution(part.value)
        self.patches = patches_of(part)
        self.footprint = footprint(part, count, model.design, model.likeliest(part.value, count)[1])
        self.fits: dict[bytes, _Fit] = {}

    def fit(self, clipped: Bools) -> _Fit:
        """The likeliest curve through the rows that aren't clipped."""
        key = clipped.tobytes()
        if key not in self.fits:
            self.fits[key] = self._seen_from(self.model.likeliest(self.part.value, self.count * ~clipped)[0])
        return self.fits[key]

    def variance(self, clipped: Bools, of: Floats) -> float:
        """Variance of a sum of the coefficients fitted to the rows that aren't clipped, over σ² of a reading."""
        _, precision = self.model.likeliest(self.part.value, self.count * ~clipped)
        return max(float(of @ np.linalg.solve(precision, of)), 0.0)

    def _seen_from(self, curve: Floats) -> _Fit:
        residual = self.part.value - curve
        at_places = self.patches.sums(residual) if self.patches is not None else np.zeros(0)
        return _Fit(curve, residual, running_mean(residual, self.part.window), at_places)

    def both_ways(self, guess: Floats) -> tuple[_Outcome, _Outcome]:
        """What comes of leaving the lowest rows of transects that would be clipped whole, and of not doing so."""
        leaving = self.turns(guess, leave=True)
        return leaving, self.turns(guess, leave=False) if leaving.left_some else leaving

    def turns(self, guess: Floats, leave: bool) -> _Outcome:
        """Clip and fit by turns from one first guess."""
        fit = self._seen_from(guess)
        # A first guess is further off than the noise: what it leaves at the low side is let in first, and less each
        # turn.
        allowance = quantile(fit.residual, 0.3) - quantile(fit.residual, 0.05)
        noise = max(self.noise, allowance)
        plume = np.zeros(fit.residual.shape, dtype=bool)
        left_some = False
        for turn in range(MOST_TURNS):
            clipped, left = self._clip(fit, noise, ~plume if turn else None, leave)
            left_some |= left
            fit = self.fit(clipped)
            same = np.array_equal(clipped, plume)
            plume = clipped
            rest = fit.residual[~plume]
            scatter = max(NORMAL_MAD * median(np.abs(rest - median(rest))), self.least)
            allowance *= ALLOWANCE_DECAY
            if same and scatter >= allowance:
                break
            noise = max(scatter, allowance)
        standardised = fit.residual / self.noise
        half_square = standardised**2 / 2.0
        # Above the baseline a row may be plume at a fixed cost; below there is nothing but misfit.
        above = np.where(plume, PLUME_COST, np.minimum(half_square, OUTLIER_COST))
        cost = np.where(standardised > 0.0, above, half_square)
        return _Outcome(fit, plume, noise, float(cost @ self.count), left_some)

    def _clip(self, fit: _Fit, noise: float, background: Bools | None, leave: bool) -> tuple[Bools, bool]:
        """Rows that show plume, and their flanks as far as enough rows are left; whether any lowest rows were left."""
        patches = self.patches.shown(fit.at_places, noise) if self.patches is not None else None
        beside = (self.footprint,) if patches is None else (patches | self.footprint, patches)
        out = stands_out(fit.residual, fit.smooth, noise, self.part.window, background)
        for share in FLANKS:
            runs = widen(out, share)
            for clipped in (*(runs | one for one in beside), runs):
                if out.size - np.count_nonzero(clipped) >= ENOUGH_ROWS * out.size:
                    return _leave_lowest(self.part, fit.smooth, clipped) if leave else (clipped, False)
        return np.asarray(fit.smooth > quantile(fit.smooth, ENOUGH_ROWS)), False

    def first_guesses(self) -> list[Floats]:
        """The curves to start from."""
        return [self._first_guess(kind, strength) for kind, strength in STARTS]

    def _first_guess(self, kind: str, strength: float) -> Floats:
        value, count = self.part.value, self.count
        if kind == "ends":
            weight = np.zeros(value.shape)
            for rows in self.part.transect_rows:
                end = max(3, round(0.1 * rows.size))
                weight[rows[:end]] = weight[rows[-end:]] = 1.0
            if weight.any():
                return self.model.fit(value, weight * count, strength)
        baseline, weight = value, np.ones(value.shape)
        for _ in range(30):
            baseline = self.model.fit(value, weight * count, strength)
            low = np.where(value > baseline, LOW_WEIGHT, 1.0)
            if np.array_equal(low, weight):
                break
            weight = low
        # The low curve runs under the noise; its tenth percentile tells by how much, had all rows been background.
        return np.asarray(baseline + quantile(value - baseline, 0.1) + 1.28 * self.noise)


def _leave_lowest(part: Series, smooth: Floats, clipped: Bools) -> tuple[Bools, bool]:
    """Leave the lowest rows of transects that would be clipped whole; whether there were any.

    A curve that has come off a transect would else find nothing there to come back to.

    :param smooth: running mean of what lies above the curve, ppm.
    """
    most = 1.0 - LOWEST_ROWS / 2.0
    whole = [rows for rows in part.transect_rows if np.count_nonzero(clipped[rows]) / rows.size > most]
    left = clipped.copy()
    for rows in whole:
        left[rows] = smooth[rows] > quantile(smooth[rows], LOWEST_ROWS)
    return left, bool(whole)
