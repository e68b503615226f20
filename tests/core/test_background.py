"""Background: no bias where there is no source, and the plume's integral where there is one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasflux_core.background import Background, BackgroundParameters, estimate_background
from gasflux_core.background_algorithms import FastchromParameters
from gasflux_core.baseline import (
    Series,
    correlation_factor,
    find_signal,
    median,
    quantile,
    quick_noise,
    running_mean,
    widen,
)
from gasflux_core.errors import InputError, InputFaults, NoSolution
from gasflux_core.transects import TransectParameters, find_transects
from tests.core.flights import curtain

EXAMPLE = Path(__file__).parents[1] / "data" / "example_flight.csv"
ALGORITHMS = BackgroundParameters.model_fields["algorithm"].annotation.__args__
OWN = ("clipped", "transect_ends")


@cache
def flown(length: float = 200.0, rate: float = 1.0, count: int = 12) -> pd.DataFrame:
    """A curtain with its transects found; x is the place along it, m."""
    heights = tuple(3.0 + 6.0 * number for number in range(count))
    table = find_transects(curtain(heights, length=length, rate=rate).table, TransectParameters()).table
    return table.assign(x=table["easting"] - 600_000.0)


def plume(table: pd.DataFrame, peak: float, spread: float, centre: float = 0.0, height: float = 30.0) -> np.ndarray:
    across = np.exp(-0.5 * ((table["x"] - centre) / spread) ** 2)
    along = np.exp(-0.5 * ((table["height_ato"] - height) / 15.0) ** 2)
    # Only in the plane: legs are flown beside it.
    return (peak * across * along * (table["northing"].sub(5.7e6).abs() < 5)).to_numpy()


def drift(table: pd.DataFrame, size: float) -> np.ndarray:
    """A slow wave and a trend, over the flight together of that size, ppm."""
    tau = (table["time"] / table["time"].iloc[-1]).to_numpy()
    wave = tau + 0.3 * np.sin(2 * np.pi * 1.7 * tau + 0.5)
    return size * (wave - wave.min()) / np.ptp(wave)


def measured(table: pd.DataFrame, *parts: np.ndarray, noise: float, seed: int, level: float = 1.95) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return table.assign(ch4=level + sum(parts) + noise * random.normal(size=len(table)))


def run(table: pd.DataFrame, algorithm: str = "clipped", **settings) -> Background:
    return estimate_background(table, ["ch4"], BackgroundParameters(algorithm=algorithm, **settings))


def integral(background: Background, true: np.ndarray) -> float:
    """Sum of the enhancement of the kept rows over the true one."""
    kept = background.table["kept"].to_numpy()
    return float(background.table["ch4_enhancement"].to_numpy()[kept].sum() / true[kept].sum())


# ---- what the default promises


@pytest.mark.parametrize("noise", [0.005, 0.02])
@pytest.mark.parametrize("wandering", [0.0, 0.06])
def test_without_a_source_the_enhancement_averages_zero(noise, wandering):
    table = flown()
    errors, ratios = [], []
    for seed in range(12):
        background = run(measured(table, drift(table, wandering), noise=noise, seed=seed))
        kept = background.table["kept"]
        errors.append(background.table.loc[kept, "ch4_enhancement"].mean() / noise)
        truth = (drift(table, wandering) + 1.95)[kept]
        off = float((background.table.loc[kept, "ch4_background"] - truth).mean())
        ratios.append(off / background.gases["ch4"].standard_error)
        assert background.gases["ch4"].signal_rows < 0.1 * kept.sum()
    # In units of the noise: a mean over some 500 rows scatters by 0.045 itself.
    assert abs(np.mean(errors)) < 0.03
    assert np.sqrt(np.mean(np.square(errors))) < 0.08
    assert 0.2 < np.sqrt(np.mean(np.square(ratios))) < 2.0


@pytest.mark.parametrize(
    ("peak", "spread", "noise", "wandering", "tolerance"),
    [
        (0.7, 15.0, 0.005, 0.0, 0.02),
        (0.7, 30.0, 0.005, 0.0, 0.02),
        (0.2, 15.0, 0.005, 0.06, 0.06),
        (0.06, 15.0, 0.005, 0.0, 0.15),
        (5.0, 15.0, 0.02, 0.06, 0.02),
    ],
)
def test_the_plume_keeps_its_integral(peak, spread, noise, wandering, tolerance):
    table = flown()
    true = plume(table, peak, spread)
    for seed in range(5):
        background = run(measured(table, drift(table, wandering), true, noise=noise, seed=seed))
        assert integral(background, true) == pytest.approx(1.0, abs=tolerance)
        assert "baseline_rises_under_plume" not in background.gases["ch4"].flags


def test_broad_plumes_of_a_hundred_samples_are_kept():
    """Where fastchrom keeps nothing of a plume of σ = 100 samples, the default keeps it all."""
    table = flown(length=1000.0, rate=5.0, count=6)
    true = plume(table, 0.5, 100.0, height=18.0)
    wide = measured(table, drift(table, 0.06), true, noise=0.005, seed=1)
    assert integral(run(wide), true) == pytest.approx(1.0, abs=0.02)
    eaten = run(wide, "fastchrom")
    assert integral(eaten, true) < 0.6
    assert "baseline_rises_under_plume" in eaten.gases["ch4"].flags


def test_a_plume_at_one_end_of_the_transects_is_kept():
    table = flown()
    true = plume(table, 0.7, 20.0, centre=95.0)
    background = run(measured(table, true, noise=0.005, seed=2))
    assert integral(background, true) == pytest.approx(1.0, abs=0.04)


def test_a_meandering_plume_is_kept():
    table = flown()
    centre = 25.0 * np.sin(table["time"] / 37.0) + 10.0 * np.sin(table["time"] / 11.0)
    true = plume(table.assign(x=table["x"] - centre), 0.7, 10.0)
    background = run(measured(table, drift(table, 0.03), true, noise=0.005, seed=2))
    assert integral(background, true) == pytest.approx(1.0, abs=0.03)


def test_the_standard_error_holds_the_truth():
    """Error of the mean baseline over its standard error, over flights of all kinds."""
    table = flown()
    ratios = []
    kept = table["kept"].to_numpy()
    for seed in range(20):
        random = np.random.default_rng(100 + seed)
        wandering = drift(table, random.choice([0.0, 0.02, 0.06]))
        true = plume(table, random.choice([0.03, 0.1, 0.5]), random.uniform(10, 25), random.uniform(-50, 50))
        background = run(measured(table, wandering, true, noise=random.choice([0.005, 0.01]), seed=seed))
        off = background.table["ch4_background"].to_numpy() - 1.95 - wandering
        ratios.append(off[kept].mean() / background.gases["ch4"].standard_error)
    assert np.sqrt(np.mean(np.square(ratios))) < 1.6
    assert np.mean(np.abs(ratios) < 2.0) >= 0.85


@settings(max_examples=20, deadline=None)
@given(offset=st.floats(-3, 400), factor=st.floats(0.01, 1000))
def test_units_and_offsets_change_nothing(offset, factor):
    table = flown()
    base = measured(table, plume(table, 0.3, 15.0), noise=0.01, seed=5)
    plain = run(base)
    moved = run(base.assign(ch4=factor * (base["ch4"] + offset)))
    scatter = 1e-4 * factor
    difference = moved.table["ch4_enhancement"] - factor * plain.table["ch4_enhancement"]
    assert np.abs(difference).max() < scatter
    assert moved.gases["ch4"].signal_rows == plain.gases["ch4"].signal_rows


# ---- every algorithm


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_gives_background_enhancement_and_signal(algorithm):
    table = flown()
    raw = measured(table, plume(table, 0.7, 10.0), noise=0.005, seed=3)
    background = run(raw, algorithm)
    result, figures = background.table, background.gases["ch4"]
    assert (result["ch4_background"] + result["ch4_enhancement"]).to_numpy() == pytest.approx(raw["ch4"].to_numpy())
    assert result["ch4_signal"].dtype == bool
    assert figures.signal_rows == (result["ch4_signal"] & result["kept"]).sum() > 50
    assert figures.standard_error > 0
    assert figures.standard_deviation > 0
    assert list(result.columns[: len(raw.columns)]) == list(raw.columns)
    assert "ch4_background" not in raw.columns


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_constant_concentration_is_flagged_and_no_crash(algorithm):
    background = run(flown().assign(ch4=2.0), algorithm)
    figures = background.gases["ch4"]
    assert figures.flags == ("constant_concentration",)
    assert (figures.standard_deviation, figures.standard_error, figures.signal_rows) == (0.0, 0.0, 0)
    assert (background.table["ch4_enhancement"] == 0).all()
    assert not background.table["ch4_signal"].any()


@pytest.mark.parametrize("algorithm", [*OWN, "fastchrom"])
def test_values_in_steps_are_numbers(algorithm):
    """An integer column of ppb, and a sensor whose steps are wider than its noise."""
    table = flown()
    true = plume(table, 0.7, 10.0)
    counted = measured(table, true, noise=0.005, seed=3)
    whole = counted.assign(ch4=(1000 * counted["ch4"]).round().astype(int))
    background = run(whole, algorithm)
    assert np.isfinite(background.table["ch4_background"]).all()
    assert integral(background, 1000 * true) == pytest.approx(1.0, abs=0.1)
    coarse = run(counted.assign(ch4=(counted["ch4"] / 0.05).round() * 0.05), "clipped")
    assert coarse.gases["ch4"].standard_error > 0.01
    assert coarse.gases["ch4"].signal_rows < 350


def test_no_signal_is_told():
    table = flown()
    background = run(measured(table, noise=0.005, seed=8))
    assert "no_signal" in background.gases["ch4"].flags
    assert not background.table.loc[background.table["kept"], "ch4_signal"].any()


def test_a_plume_all_over_the_flight_is_told():
    table = flown()
    true = plume(table, 5.0, 300.0)
    assert "background_hardly_seen" in run(measured(table, true, noise=0.005, seed=1)).gases["ch4"].flags


# ---- transect ends


def test_straight_lines_through_the_ends_are_found_exactly():
    table = flown()
    line = 1.9 + 1e-4 * table["time"]
    background = run(table.assign(ch4=line + plume(table, 1.0, 10.0)), "transect_ends")
    kept = background.table["kept"]
    assert background.table.loc[kept, "ch4_background"].to_numpy() == pytest.approx(line[kept].to_numpy(), abs=1e-9)


def test_an_end_in_the_plume_is_replaced_and_told():
    table = flown()
    true = plume(table, 0.7, 20.0, centre=95.0)
    background = run(measured(table, true, noise=0.005, seed=1), "transect_ends")
    assert "plume_at_transect_end" in background.gases["ch4"].flags
    assert integral(background, true) == pytest.approx(1.0, abs=0.1)


def test_ends_need_transects_and_the_default_does_not():
    table = flown()[["time", "kept"]]
    raw = table.assign(ch4=1.95 + 0.005 * np.random.default_rng(0).normal(size=len(table)), kept=True)
    with pytest.raises(NoSolution, match="needs transects"):
        run(raw, "transect_ends")
    background = run(raw.drop(columns="kept"))
    assert abs(background.table["ch4_enhancement"].mean()) < 0.001


# ---- the public GasFlux

GOLDEN_ROWS = [0, 1, 50, 100, 101, 250, 499, 500, 750, 998, 999]


def example() -> pd.DataFrame:
    raw = pd.read_csv(EXAMPLE)
    return raw.assign(time=np.arange(len(raw), dtype=float))


@pytest.mark.parametrize(
    ("gas", "rows", "total"),
    [
        ("ch4", 850, 1221.5118399962475),
        ("co2", 851, 7298.188706321443),
        ("c2h6", 849, 100.86854450476733),
    ],
)
def test_fastchrom_of_the_library_is_that_of_the_public_example(gas, rows, total):
    library = FastchromParameters(half_window=None, threshold=None, interp_half_window=None, smooth_half_window=None)
    parameters = BackgroundParameters(algorithm="fastchrom", fastchrom=library)
    background = estimate_background(example(), [gas], parameters)
    assert background.gases[gas].signal_rows == rows
    assert background.table[f"{gas}_enhancement"].sum() == pytest.approx(total, rel=1e-9)
    if gas == "ch4":
        first = background.table["ch4_background"].iloc[[0, 1, 50, 100]].to_list()
        assert first == pytest.approx([1.9485466456062663, 1.9489230929429264, 1.9757970059082703, 1.9505594088468723])


@pytest.mark.parametrize(
    ("gas", "rows", "total"),
    [
        ("ch4", 591, 1093.1693156678975),
        ("co2", 332, 3211.2418401659575),
        ("c2h6", 893, 198.74151103658068),
    ],
)
def test_fastchrom_by_default_is_that_of_gasflux_with_its_shipped_settings(gas, rows, total):
    background = estimate_background(example(), [gas], BackgroundParameters(algorithm="fastchrom"))
    assert background.gases[gas].signal_rows == rows
    assert background.table[f"{gas}_enhancement"].sum() == pytest.approx(total, rel=1e-9)


# ---- faults


def test_a_missing_gas_and_text_are_told_together():
    table = flown().assign(co2="n/a")
    with pytest.raises(InputFaults) as caught:
        estimate_background(table, ["ch4", "co2"], BackgroundParameters())
    assert [fault.column for fault in caught.value.faults] == ["ch4", "co2"]
    assert caught.value.faults[1].row == 1


def test_too_few_rows_and_none_kept():
    table = flown().assign(ch4=1.95)
    with pytest.raises(InputError, match="at least 10 rows"):
        run(table.iloc[:9])
    with pytest.raises(NoSolution, match="No row"):
        run(table.assign(kept=False))


def test_settings_that_the_library_refuses_are_told_with_a_way_out():
    table = flown().assign(ch4=1.95 + np.random.default_rng(0).normal(size=len(flown())))
    parameters = BackgroundParameters(algorithm="asls", asls={"lam": 1e15, "p": 0.99})
    with pytest.raises(NoSolution, match="asls can't treat") as caught:
        estimate_background(table, ["ch4"], parameters)
    assert caught.value.parameter == "algorithm"


# ---- tools


@pytest.mark.parametrize("rows", [1, 2, 3, 10, 101])
def test_median_and_quantile_are_those_of_numpy(rows: int):
    values = np.random.default_rng(rows).normal(size=rows)
    assert median(values) == pytest.approx(np.median(values), rel=1e-12)
    for share in (0.0, 0.05, 0.3, 0.5, 0.99, 1.0):
        assert quantile(values, share) == pytest.approx(np.quantile(values, share), rel=1e-12)


def test_quick_noise_is_that_of_the_noise_whatever_the_drift():
    random = np.random.default_rng(0)
    time = np.linspace(0.0, 1.0, 4000)
    assert quick_noise(3 * time + 0.02 * random.normal(size=4000)) == pytest.approx(0.02, rel=0.05)
    assert quick_noise(np.round(time * 9.0)) == pytest.approx(1 / np.sqrt(12))


def test_noise_alone_is_hardly_ever_signal():
    random = np.random.default_rng(1)
    shares = [find_signal(random.normal(size=2000), 1.0, 5).mean() for _ in range(20)]
    assert np.mean(shares) < 0.01


def test_correlated_noise_is_no_signal_once_background_is_known():
    random = np.random.default_rng(2)
    red = running_mean(random.normal(size=5000), 15)
    red /= red.std()
    assert find_signal(red, quick_noise(red), 15).mean() > 0.2
    assert (
        find_signal(red, quick_noise(red), 15, np.ones(5000, dtype=bool)).mean()
        < find_signal(red, quick_noise(red), 15).mean()
    )


def test_runs_are_widened_by_their_length():
    mask = np.zeros(40, dtype=bool)
    mask[10:18] = True
    assert np.flatnonzero(widen(mask, 0.25)).tolist() == list(range(7, 21))
    mask[:] = False
    mask[0] = mask[39] = True
    assert np.flatnonzero(widen(mask, 0.25)).tolist() == [0, 1, 2, 37, 38, 39]


def test_correlation_factor_of_a_running_mean():
    """Means over k rows of white noise have Σρ = k."""
    random = np.random.default_rng(3)
    known = np.ones(20_000, dtype=bool)
    white = random.normal(size=20_000)
    assert correlation_factor(white, known, 200) == pytest.approx(1.0, abs=0.1)
    assert correlation_factor(running_mean(white, 9), known, 200) == pytest.approx(9.0, rel=0.15)


def test_long_transects_are_averaged_to_a_hundred_rows():
    time = np.arange(0.0, 4000.0)
    series = Series(time, np.sin(time), (time // 1000 + 1).astype(int), time * 0.0, time >= 0)
    means, count = series.averaged()
    assert count.sum() == 4000
    assert means.value[3] == pytest.approx(np.sin(time[27:36]).mean())
    assert 100 <= means.time.size / 4 <= 120
