"""The mean of several flights' rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gasflux_core.campaign import combine_rates
from gasflux_core.errors import InputError, NoSolution
from gasflux_core.io.campaign_layer import campaign_geojson

TRIALS = [
    (4, 119, 11, 128),
    (6, 300, 29, 274),
    (3, 228, 11, 209),
    (62, 13536, 248, 12619),
    (33, 5036, 47, 5761),
    (180, 1361, 372, 1079),
    (8, 2537, 10, 619),
    (505, 87886, 499, 87892),
    (29, 7470, 45, 7232),
    (17, 1699, 65, 1600),
    (186, 50448, 141, 27197),
    (5, 2493, 3, 2338),
    (27, 16886, 29, 17825),
]
"""Cases and non-cases of tuberculosis, with and without vaccination, of 13 trials (Colditz et al. 1994)."""


def log_risk_ratios() -> tuple[list[float], list[float]]:
    rates, uncertainties = [], []
    for case, healthy, case_without, healthy_without in TRIALS:
        treated, untreated = case + healthy, case_without + healthy_without
        rates.append(math.log(case / treated / (case_without / untreated)))
        uncertainties.append(math.sqrt(1 / case - 1 / treated + 1 / case_without - 1 / untreated))
    return rates, uncertainties


def test_the_figures_published_for_the_vaccine_trials() -> None:
    """The example of many textbooks, as the R package metafor gives it with method DL, and its fixed-effect mean."""
    mean = combine_rates(*log_risk_ratios())
    assert mean.flights == 13
    assert mean.emission_rate == pytest.approx(-0.7141, abs=5e-5)
    assert mean.standard_uncertainty == pytest.approx(0.1787, abs=5e-5)
    assert mean.between_flights**2 == pytest.approx(0.3088, abs=5e-5)
    assert mean.q == pytest.approx(152.2330, abs=5e-5)
    assert mean.i2 == pytest.approx(0.9212, abs=5e-5)
    assert mean.p is not None and mean.p < 1e-4
    assert (mean.fixed_rate, mean.fixed_uncertainty) == pytest.approx((-0.4303, 0.0405), abs=5e-5)
    assert mean.flags == ("flights_differ",)


def test_equal_uncertainties_give_the_plain_mean() -> None:
    rates = [8.0, 11.0, 9.0, 14.0, 10.5]
    mean = combine_rates(rates, [0.5] * 5)
    assert (mean.emission_rate, mean.fixed_rate) == pytest.approx((np.mean(rates), np.mean(rates)))
    # Q = Σ (y − ȳ)² / u², and u² + τ² is the variance of the rates.
    assert mean.q == pytest.approx(4 * np.var(rates, ddof=1) / 0.25)
    assert mean.between_flights**2 == pytest.approx(np.var(rates, ddof=1) - 0.25)
    assert mean.standard_uncertainty == pytest.approx(np.std(rates, ddof=1) / math.sqrt(5))
    assert mean.fixed_uncertainty == pytest.approx(0.5 / math.sqrt(5))


def test_the_chance_of_a_scatter_is_that_of_chi_square() -> None:
    # With two degrees of freedom it is exp(−Q / 2); here Q = 6.
    mean = combine_rates([0.0, 3.0, 0.0], [1.0, 1.0, 1.0])
    assert mean.q == pytest.approx(6.0)
    assert mean.p == pytest.approx(math.exp(-3))
    assert mean.i2 == pytest.approx(1 - 2 / 6)
    assert mean.flags == ("few_flights", "flights_differ")


def test_a_surer_flight_counts_more() -> None:
    mean = combine_rates([10.0, 10.5], [1.0, 0.5])
    assert mean.between_flights == 0.0
    assert mean.emission_rate == pytest.approx((10.0 + 4 * 10.5) / 5)
    assert mean.standard_uncertainty == pytest.approx(1 / math.sqrt(1 + 4))


def test_identical_flights_have_no_spread() -> None:
    mean = combine_rates([7.3] * 6, [0.2, 0.9, 1.0, 1.4, 2.0, 0.4])
    assert mean.between_flights == mean.q == mean.i2 == pytest.approx(0.0, abs=1e-12)
    assert mean.emission_rate == pytest.approx(7.3)
    assert mean.p == pytest.approx(1.0)
    assert mean.standard_uncertainty == pytest.approx(mean.fixed_uncertainty)
    assert mean.flags == ()


def test_one_flight_is_its_own_mean() -> None:
    mean = combine_rates([-3.0], [2.0])
    assert (mean.emission_rate, mean.standard_uncertainty, mean.between_flights) == (-3.0, 2.0, 0.0)
    assert mean.interval95 == pytest.approx((-3.0 - 1.959964 * 2, -3.0 + 1.959964 * 2))
    assert mean.p is None and mean.q == 0.0
    assert mean.flags == ("few_flights",)


@pytest.mark.parametrize("uncertainties", [(0.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.1, 0.2, 0.1, 0.3)])
def test_without_an_uncertainty_the_scatter_alone_tells(uncertainties: tuple[float, ...]) -> None:
    rates = [8.0, 11.0, 9.0, 14.0, 10.5]
    mean = combine_rates(rates, uncertainties)
    assert mean.emission_rate == mean.fixed_rate == pytest.approx(np.mean(rates))
    assert mean.standard_uncertainty == pytest.approx(np.std(rates, ddof=1) / math.sqrt(5))
    expected = np.var(rates, ddof=1) - np.mean(np.square(uncertainties))
    assert mean.between_flights**2 == pytest.approx(expected)
    assert mean.q is None and mean.p is None and mean.i2 is None
    assert mean.flags == ("flights_not_weighted",)


def test_all_zero_is_zero() -> None:
    mean = combine_rates([0.0, 0.0], [0.0, 0.0])
    assert (mean.emission_rate, mean.standard_uncertainty) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("rates", "uncertainties"),
    [([1.0], []), ([1.0], [-1.0]), ([math.nan], [1.0]), ([1.0], [math.inf]), ([[1.0]], [[1.0]])],
)
def test_what_is_no_rate_is_refused(rates: list[float], uncertainties: list[float]) -> None:
    with pytest.raises(InputError):
        combine_rates(rates, uncertainties)


def test_no_flight_has_no_mean() -> None:
    with pytest.raises(NoSolution):
        combine_rates([], [])


RATES = st.floats(-1e4, 1e4, allow_subnormal=False)
UNCERTAINTIES = st.floats(1e-2, 1e3)
FLIGHTS = st.lists(st.tuples(RATES, UNCERTAINTIES), min_size=1, max_size=30)


@given(FLIGHTS, st.randoms(use_true_random=False))
def test_the_order_of_flights_does_not_matter(flights: list[tuple[float, float]], random: object) -> None:
    shuffled = list(flights)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = combine_rates(*zip(*flights, strict=True)), combine_rates(*zip(*shuffled, strict=True))
    size = max(max(abs(rate), uncertainty) for rate, uncertainty in flights)
    assert one.emission_rate == pytest.approx(other.emission_rate, abs=1e-9 * size)
    assert one.standard_uncertainty == pytest.approx(other.standard_uncertainty, rel=1e-6)


@given(FLIGHTS, st.floats(1e-6, 1e6), st.booleans())
def test_another_unit_or_sign_gives_the_same_mean(
    flights: list[tuple[float, float]], factor: float, mirrored: bool
) -> None:
    rates, uncertainties = zip(*flights, strict=True)
    one = combine_rates(rates, uncertainties)
    signed = -factor if mirrored else factor
    other = combine_rates([signed * rate for rate in rates], [factor * value for value in uncertainties])
    size = max(max(map(abs, rates)), max(uncertainties))
    assert other.emission_rate / signed == pytest.approx(one.emission_rate, abs=1e-9 * size)
    assert other.standard_uncertainty / factor == pytest.approx(one.standard_uncertainty, rel=1e-6)
    assert other.q == pytest.approx(one.q, rel=1e-6, abs=1e-6)


@given(FLIGHTS)
def test_the_mean_lies_among_the_flights_and_its_parts_agree(flights: list[tuple[float, float]]) -> None:
    rates, uncertainties = zip(*flights, strict=True)
    mean = combine_rates(rates, uncertainties)
    slack = 1e-9 * max(map(abs, (*rates, 1.0)))
    for value in (mean.emission_rate, mean.fixed_rate):
        assert min(rates) - slack <= value <= max(rates) + slack
    assert mean.standard_uncertainty >= mean.fixed_uncertainty * (1 - 1e-9)
    assert mean.q is not None and mean.i2 is not None
    assert mean.q >= 0 and 0 <= mean.i2 <= 1 and (mean.p is None or 0 <= mean.p <= 1)
    # τ² and I² say the same: spread is seen where Q is more than its degrees of freedom.
    assume(abs(mean.q - (len(rates) - 1)) > 1e-6)
    assert (mean.between_flights > 0) == (mean.i2 > 0) == (mean.q > len(rates) - 1)


@pytest.mark.parametrize(("count", "spread"), [(3, 0.0), (3, 1.5), (10, 1.5), (10, 4.0)])
def test_the_interval_holds_the_truth_as_often_as_it_says(count: int, spread: float) -> None:
    random = np.random.default_rng(1)
    uncertainties = np.linspace(0.5, 2.0, count)
    held = 0
    for _ in range(2000):
        true = random.normal(10.0, spread, size=count)
        low, high = combine_rates(random.normal(true, uncertainties), uncertainties).interval95
        held += low < 10.0 < high
    assert held / 2000 > 0.94


def test_the_interval_is_that_of_student() -> None:
    # All weights are equal, so this is the interval of a mean from its sample; t(4, 97.5 %) = 2.776.
    rates = [8.0, 11.0, 9.0, 14.0, 10.5]
    reach = 2.7764451 * np.std(rates, ddof=1) / math.sqrt(5)
    for uncertainty in (0.0, 0.5):
        low, high = combine_rates(rates, [uncertainty] * 5).interval95
        assert (low, high) == pytest.approx((10.5 - reach, 10.5 + reach))


def test_a_flight_is_one_line_on_the_map() -> None:
    def segment(*places: list[float]) -> dict[str, object]:
        return {"type": "Feature", "geometry": {"type": "LineString", "coordinates": list(places)}, "properties": {}}

    footprint = {"features": [segment([0.0, 50.0], [0.1, 50.1]), segment([0.1, 50.1], [0.2, 50.3])]}
    layer = campaign_geojson([(footprint, {"label": "a"}), (footprint, {"label": "b"})])
    assert layer["type"] == "FeatureCollection" and len(layer["features"]) == 2
    first = layer["features"][0]
    assert first["geometry"] == {"type": "LineString", "coordinates": [[0.0, 50.0], [0.1, 50.1], [0.2, 50.3]]}
    assert first["properties"] == {"label": "a"}
