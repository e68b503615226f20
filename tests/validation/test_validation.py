"""The yardstick itself: kinds, summaries, verdicts and the page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gasflux_core.errors import NoSolution
from gasflux_core.pipeline import Settings, check_settings
from tests.conftest import ROOT
from validation import flights, tables
from validation.__main__ import SEEDS, main
from validation.ablations import ABLATED_KINDS, ABLATIONS, Ablated, Ablation, gasflux_settings, run_ablations
from validation.aims import NOT_REACHED, NOT_RUN, REACHED, judge
from validation.flights import Outcome, run_flight
from validation.kinds import KINDS, Kind
from validation.page import Run, page_text, write_page
from validation.summary import (
    NORMAL_WIDTH,
    STEADY,
    band,
    by_agreement,
    confidence,
    other_estimates,
    standardised,
    summarise,
    summarise_no_source,
)

NAN = float("nan")


def outcome(ratio: float = 1.0, half: float = 0.1, kind: str = "plain", seed: int = 0, **changed: Any) -> Outcome:
    """A flight past 10 kg/h with this ratio, and an interval of this half-width (as a share) around it."""
    figures = {"standard_uncertainty": 5 * half, "detection_limit": 0.2}
    made = Outcome(kind, seed, 10.0, 10 * ratio, 10 * (ratio - half), 10 * (ratio + half), 0.99, (), figures)
    return replace(made, **changed)


def no_source(rate: float = 0.01, half: float = 0.1, **changed: Any) -> Outcome:
    flags = ("below_detection_limit",)
    made = Outcome("none", 0, 0.0, rate, rate - half, rate + half, NAN, flags, {"detection_limit": 0.2})
    return replace(made, **changed)


def failed(kind: str = "plain", crashed: bool = False) -> Outcome:
    return outcome(NAN, kind=kind, failure="no plane | found", crashed=crashed)


# ---- kinds


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_and_a_seed_make_one_flight(kind: Kind) -> None:
    assert kind.parameters(3) == kind.parameters(3)
    assert kind.parameters(3) != kind.parameters(4)


def test_kinds_are_told_apart() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert len({kind.parameters(3).model_dump_json() for kind in KINDS}) == len(KINDS)


def test_true_rates_spread_over_two_decades_where_the_kind_allows() -> None:
    rates = {
        kind.name: np.sort([sum(next(iter(s.rates.values())) for s in kind.parameters(n).sources) for n in SEEDS])
        for kind in KINDS
    }
    for name in ("plain", "spiral", "ground"):
        assert 1.0 <= rates[name][0] < 2.0 and 50.0 < rates[name][-1] <= 100.0
        assert np.diff(np.log10(rates[name])).max() < 0.25
    assert rates["several"] == pytest.approx(1.5 * rates["plain"])
    assert rates["co2"][0] >= 800.0
    assert set(rates["weak"]) == {0.5} and set(rates["drift"]) == {2.0} and set(rates["none"]) == {0.0}


def test_kinds_and_ablations_name_kinds_that_there_are() -> None:
    assert set(ABLATED_KINDS) <= {kind.name for kind in KINDS}
    assert {"plain", "jitter"} <= STEADY and "weak" not in STEADY


# ---- summaries


def test_errors_are_summed_up() -> None:
    one = summarise([outcome(0.9), outcome(1.02), outcome(1.04, half=0.03), outcome(1.3, half=0.4)])
    assert (one.flights, one.failures, one.held) == (4, 0, 3)
    assert one.mean_ratio == pytest.approx(1.065)
    assert one.median_error == pytest.approx(0.07)
    assert one.ninetieth_error == pytest.approx(0.1 + 0.7 * 0.2)
    assert one.largest_error == pytest.approx(0.3)
    assert one.coverage == pytest.approx(0.75)
    assert one.median_width == pytest.approx(0.2)
    assert one.width_over_error == pytest.approx(0.2 / 0.07)


def test_a_flight_without_a_rate_is_an_error_of_one_and_has_no_interval() -> None:
    one = summarise([outcome(1.01), failed()])
    assert (one.flights, one.failures, one.largest_error) == (2, 1, 1.0)
    assert one.coverage == 1.0 and one.mean_ratio == pytest.approx(1.01)
    nothing = summarise([failed(), failed()])
    assert nothing.median_error == 1.0
    assert np.isnan([nothing.coverage, nothing.mean_ratio, nothing.sharpness]).all()


def test_sharpness_is_the_width_over_the_width_that_was_needed() -> None:
    errors = np.random.default_rng(1).normal(0.0, 0.05, 4000)
    right = summarise([outcome(1 + error, half=1.96 * 0.05) for error in errors])
    assert right.sharpness == pytest.approx(1.0, abs=0.05)
    assert right.width_over_error == pytest.approx(NORMAL_WIDTH, rel=0.05)
    assert summarise([outcome(1 + error, half=3.92 * 0.05) for error in errors]).sharpness == pytest.approx(
        2.0, abs=0.1
    )


def test_bounds_of_shares() -> None:
    assert confidence(20, 20) == pytest.approx((0.025 ** (1 / 20), 1.0))
    assert confidence(0, 10) == pytest.approx((0.0, 1 - 0.025 ** (1 / 10)))
    low, high = confidence(90, 100)
    assert (low, high) == pytest.approx((0.8238, 0.9510), abs=1e-4)
    # Of 20 flights, 16 or fewer hold the truth in 1.6 % of all sets, 17 or fewer in 7.5 %.
    assert band(20) == pytest.approx((17 / 20, 1.0))


def test_errors_in_units_of_their_uncertainty() -> None:
    assert standardised([outcome(0.9, half=0.1), failed()]) == pytest.approx([1.0 / 0.5])


def test_flights_past_no_source() -> None:
    found = summarise_no_source([no_source(), no_source(0.5, flags=()), no_source(failure="none"), no_source(-0.05)])
    assert (found.flights, found.failures, found.held, found.flagged) == (4, 1, 2, 2)
    assert found.limits == (0.2, 0.2, 0.2)
    assert found.median_size == pytest.approx(0.05)


# ---- failures


@pytest.mark.parametrize(("error", "crashed"), [(NoSolution("no plane found"), False), (ZeroDivisionError("x"), True)])
def test_a_flight_that_fails_is_counted(monkeypatch: pytest.MonkeyPatch, error: Exception, crashed: bool) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(flights, "run_pipeline", fail)
    one = run_flight(KINDS[0], 0)
    assert one.crashed == crashed and str(error) in one.failure and np.isnan(one.rate)
    assert one.failure in tables.failures_table([outcome(), one])
    assert summarise([outcome(), one]).failures == 1


def test_failures_are_told_on_the_page() -> None:
    assert tables.failures_table([outcome()]) == ""
    told = page_text(Run([outcome(), failed(), failed("weak", crashed=True)], (), "make validation"))
    assert "| `plain` | 0 | refused | no plane \\| found |" in told
    assert "| `weak` | 0 | crash |" in told
    assert "Every flight gave a rate" in page_text(Run([outcome()], (), "make validation"))


# ---- aims


def verdicts(*outcomes: Outcome) -> list[str]:
    return [one.verdict for one in judge(outcomes, ["plain"])]


def good(count: int = 20, kind: str = "plain") -> list[Outcome]:
    """Flights of a kind of which one interval in twenty misses, all within 3 %."""
    return [outcome(1.02, half=0.01 if number % 20 == 0 else 0.1, kind=kind) for number in range(count)]


def test_all_aims_are_reached() -> None:
    found = verdicts(*good(), *good(kind="weak"), no_source())
    assert found.count(REACHED) == len(found) - 1
    assert found[7] == "reported"


@pytest.mark.parametrize(
    ("spoilt", "missed"),
    [
        ([outcome(1.101, half=0.2)], {1}),
        ([outcome(1.301, half=0.4, kind="weak") for _ in range(8)], {3}),
        ([outcome(1.031, half=0.1) for _ in range(60)], {0, 2, 4}),
        ([outcome(1.031, half=0.1, kind="weak") for _ in range(60)], {2, 4}),
        ([outcome(1.02, half=0.01, kind="weak") for _ in range(2)], {4, 5}),
        ([outcome(1.02, half=0.01, kind="weak") for _ in range(5)], {4, 5}),
        ([outcome(1.02, half=0.01, kind="ground") for _ in range(4)], {4, 5, 6}),
        ([outcome(1.02, kind="ground") for _ in range(12)], {5}),
        ([no_source(0.5)], {8}),
        ([no_source(figures={"detection_limit": 0.0})], {9}),
        ([outcome(0.0, half=1.5, kind="weak")], {10}),
        ([outcome(1.0, low=NAN, kind="weak")], {4, 10}),
        ([failed("weak", crashed=True)], {11}),
    ],
)
def test_an_aim_that_is_missed_is_said_so(spoilt: list[Outcome], missed: set[int]) -> None:
    found = verdicts(*good(), *good(kind="weak"), no_source(), *spoilt)
    assert {number for number, verdict in enumerate(found) if verdict == NOT_REACHED} == missed


def test_an_aim_without_flights_is_not_called_reached() -> None:
    assert verdicts(*good(kind="weak"))[:2] == [NOT_RUN, NOT_RUN]
    assert verdicts(no_source())[:8] == [NOT_RUN] * 8
    assert verdicts(*good())[8:10] == [NOT_RUN, NOT_RUN]


# ---- other estimators


def with_others(one: Outcome, rates: dict[str, float | None]) -> Outcome:
    others = [
        {"name": name, "title": name.title(), "emission_rate": rate, "note": "no shape", "withheld": rate is None,
         "interval95": None if rate is None else [rate - 1, rate + 1]}
        for name, rate in rates.items()
    ]  # fmt: skip
    return replace(one, figures={**one.figures, "other_estimates": others})


def test_other_estimators_stand_beside_the_kriged_rate() -> None:
    agree = with_others(outcome(1.0), {"transects": 10.5, "plume": None})
    differ = with_others(outcome(1.2), {"transects": 9.0, "plume": 12.0})
    found = other_estimates([agree, differ, outcome(), failed()])
    assert [one.rate for one in found["Transects"]] == [10.5, 9.0]
    assert [one.failure for one in found["Plume"]] == ["no shape", ""]
    assert found["Plume"][1].low == 11.0 and not found["Plume"][1].holds
    assert by_agreement([agree, differ, outcome()], 0.1) == ([agree], [differ])
    overall, by_kind = tables.estimators_tables([agree, differ]) or ("", "")
    assert "| Plume | 1 | 1 | 1.200 | 20.0 % |" in overall
    assert "| `plain` | 10.0 % | 7.5 % | 20.0 % |" in by_kind
    assert "## Other estimators" in page_text(Run([agree, differ], (), "make validation"))


def test_results_without_other_estimates_have_no_section_of_them() -> None:
    assert tables.estimators_tables([outcome(), failed()]) is None
    assert "## Other estimators" not in page_text(Run([outcome()], (), "make validation"))


# ---- ablations


@pytest.mark.parametrize("ablation", ABLATIONS, ids=lambda ablation: ablation.name)
def test_an_ablation_changes_the_settings(ablation: Ablation) -> None:
    assert check_settings(ablation.sections()) != Settings()


def test_gasflux_settings_are_those_of_its_method() -> None:
    settings = check_settings(gasflux_settings())
    assert (settings.background.algorithm, settings.variogram.model) == ("fastchrom", "spherical")
    assert (settings.variogram.quantity, settings.kriging.mean) == ("flux_density", "ordinary")
    assert (settings.kriging.below, settings.kriging.above, settings.kriging.ground_mirror) == ("none", "none", False)
    # What belongs to a flight and not to the method is left as it is: a spiral stays one.
    assert settings.flight == Settings().flight and settings.plane == Settings().plane


def test_flights_that_get_worse_are_counted() -> None:
    before = [outcome(1.01), outcome(0.9), outcome(1.0), failed()]
    after = [outcome(0.98), outcome(1.05), failed(), failed()]
    assert Ablated(ABLATIONS[0], after, before).worse == pytest.approx(2 / 4)


def test_an_ablation_flies_the_same_flights() -> None:
    before = [run_flight(kind, 0) for kind in KINDS if kind.name in ("plain", "north", "none")]
    unchanged = Ablation("none", "nothing changed", "", dict)
    (found,) = run_ablations(before, [unchanged], processes=1)
    assert [one.kind for one in found.before] == ["plain"]
    assert [(one.rate, one.low) for one in found.outcomes] == [(one.rate, one.low) for one in found.before]


# ---- the page


def test_a_small_run_makes_the_page_and_its_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--seeds", "0:2", "--kinds", "plain,none", "--processes", "1", "--out", str(tmp_path)]
    main(words, ABLATIONS[:1])
    page = (tmp_path / "explanation" / "validation.md").read_text(encoding="utf-8")
    assert "4 flights, 2 kinds × 2 seeds (0 to 1)" in page
    assert "this page is a draft" in page
    assert "python -m validation --seeds 0:2 --kinds plain,none\n" in page
    assert "| `plain`: one source, all of the plume sampled | 2 | 0 |" in page
    assert f"| {ABLATIONS[0].title} |" in page
    assert re.search(r"\| intervals that hold 0 \| \d of 2 \|", page)
    pictures = re.findall(r"\]\(\.\./images/(validation_\w+\.png)\)", page)
    assert len(pictures) == len(set(pictures)) == 5
    for name in pictures:
        content = (tmp_path / "images" / name).read_bytes()
        assert content.startswith(b"\x89PNG") and 5_000 < len(content) < 150_000
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert "4 simulated flights: median error" in capsys.readouterr().out


def test_a_page_can_be_made_where_all_flights_fail(tmp_path: Path) -> None:
    run = Run([failed(), failed("weak"), no_source(failure="no plane")], (), "make validation")
    assert len(write_page(run, tmp_path)) == 5


@pytest.mark.parametrize("words", [["--seeds", "5"], ["--seeds", "9:3"], ["--kinds", "plain,nonesuch"]])
def test_what_cannot_be_run_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert words[1].rpartition(",")[2] in capsys.readouterr().err


def test_the_page_of_the_documentation_knows_all_kinds_and_ablations() -> None:
    page = (ROOT / "docs" / "explanation" / "validation.md").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"`{kind.name}`: {kind.title}" in page or kind.name == "none"
    assert [one.title for one in ABLATIONS if f"| {one.title} |" not in page] == [], "run: make validation"


# ---- the calculation


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.steady], ids=lambda kind: kind.name)
def test_in_steady_wind_no_rate_is_off_by_more_than_ten_percent(kind: Kind) -> None:
    found = [run_flight(kind, seed) for seed in range(3)]
    assert [one.failure for one in found] == [""] * 3
    assert max(abs(one.ratio - 1) for one in found) <= 0.10
    assert sum(one.holds for one in found) >= 2
