"""The service's own configuration and the GasFlux file that users already have."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pybaselines import Baseline

from gasflux_core.configuration import read_configuration
from gasflux_core.errors import InputError, InputFaults, TooLarge
from gasflux_core.pipeline import Settings

TESTCONFIG = (Path(__file__).parents[1] / "data" / "gasflux_testconfig.yaml").read_text()


def faults(text: str) -> list[str]:
    with pytest.raises(InputFaults) as error:
        read_configuration(text)
    assert {fault.parameter for fault in error.value.faults} == {"configuration"}
    return [fault.message for fault in error.value.faults]


# --- GasFlux's file


def test_the_testconfig_of_gasflux() -> None:
    configuration = read_configuration(TESTCONFIG)
    assert configuration.gases == ("ch4", "co2", "c2h6")
    settings_ = Settings.check(configuration.sections)
    assert settings_.flight.ranges["ch4"] == (1.95, 10.0)
    assert settings_.flight.ranges["height_ato"] == (-100, 500)
    assert settings_.flight.ranges["pressure"] == (900, 1100)
    assert settings_.flight.ranges["humidity"] == (0, 100)
    fastchrom = settings_.background.fastchrom
    assert settings_.background.algorithm == "fastchrom"
    assert (fastchrom.half_window, fastchrom.threshold, fastchrom.interp_half_window) == (None, None, 5)
    assert settings_.transects.pattern == "curtain"
    assert settings_.transects.azimuth_tolerance == 10
    assert settings_.transects.elevation_limit == 5
    assert settings_.plane.kind == "curtain"
    variogram = settings_.variogram
    assert (variogram.quantity, variogram.model, variogram.estimator) == ("flux_density", "spherical", "cressie")
    assert (variogram.n_lags, variogram.bin_rule, variogram.fit_method) == (20, "even", "lm")
    assert (variogram.maximum_lag, variogram.tolerance, variogram.direction, variogram.bandwidth) == (100, 10, 0, 20)
    assert (variogram.nugget, variogram.anisotropy) == (False, 1.0)
    kriging = settings_.kriging
    assert (kriging.mean, kriging.solver, kriging.below, kriging.above) == ("ordinary", "local", "none", "none")
    assert (kriging.minimum_neighbours, kriging.neighbours, kriging.resolution) == (3, 100, 500)
    assert (kriging.minimum_nodes, kriging.mask_ground, kriging.lowest_height) == (10, False, None)
    assert not kriging.ground_mirror
    text = " ".join(configuration.notes)
    assert "output_dir" in text
    assert "horizontal_pixels" in text
    assert "sampling_altitude_ato_range" in text


def test_a_file_as_the_web_api_writes_it() -> None:
    configuration = read_configuration("""
        required_cols: {altitude: [-50, 300], windspeed: [0, 40], latitude: ~}
        gases: {ch4: [1.5, 500]}
        strategies: {background: algorithm, sensor: insitu, spatial: spiral, interpolation: kriging}
        algorithmic_baseline_settings:
          algorithm: dietrich
          smooth_half_window: 7
    """)
    settings_ = Settings.check(configuration.sections)
    assert settings_.flight.ranges["height_ato"] == (-50, 300)
    assert settings_.transects.pattern == settings_.plane.kind == "spiral"
    assert settings_.background.algorithm == "dietrich"
    assert settings_.background.dietrich.smooth_half_window == 7
    # without kriging settings of GasFlux the service's own method is kept
    assert settings_.variogram == Settings().variogram
    assert settings_.kriging == Settings().kriging


def test_a_group_takes_the_defaults_of_gasflux_for_the_keys_left_out() -> None:
    sections = read_configuration("ordinary_kriging_settings: {max_points: 50, y_min: 2.5, cut_ground: true}").sections
    settings_ = Settings.check(sections)
    assert (settings_.kriging.neighbours, settings_.kriging.resolution) == (50, 500)
    assert (settings_.kriging.lowest_height, settings_.kriging.mask_ground) == (2.5, True)
    assert (settings_.variogram.quantity, settings_.variogram.maximum_lag) == ("flux_density", 100)


def test_unknown_keys_of_gasflux_are_told_with_the_nearest() -> None:
    told = faults("""
        semivariogram_setings: {}
        semivariogram_settings: {modell: spherical}
        ordinary_kriging_settings: {maxpoints: 3}
        filters: {course_filter: {azimut_filter: 10}}
        strategies: {spacial: curtain}
        algorithmic_baseline_settings: {algorithm: fastchrom, fabs: {lam: 3}}
        required_cols: {batery: [0, 1]}
    """)
    text = " | ".join(told)
    assert "semivariogram_setings: there is no such key; did you mean semivariogram_settings?" in text
    assert "did you mean semivariogram_settings.model?" in text
    assert "did you mean ordinary_kriging_settings.max_points?" in text
    assert "did you mean filters.course_filter.azimuth_filter?" in text
    assert "did you mean strategies.spatial?" in text
    assert "did you mean algorithmic_baseline_settings.fabc?" in text
    assert "required_cols.batery" in text
    assert len(told) == 7


def test_values_that_gasflux_knows_and_this_service_does_not() -> None:
    told = " | ".join(
        faults("""
        strategies: {sensor: openpath, interpolation: spline, spatial: 3}
        algorithmic_baseline_settings: {algorithm: magic}
        semivariogram_settings: {model: cubist, n_lags: many}
        filters: [course_filter]
    """)
    )
    assert "strategies.sensor: expected insitu, got 'openpath'" in told
    assert "strategies.interpolation: expected kriging" in told
    assert "strategies.spatial: expected curtain or spiral, got 3" in told
    assert "algorithmic_baseline_settings.algorithm: expected one of fastchrom" in told
    assert "variogram.model" in told
    assert "variogram.n_lags" in told
    assert "filters: expected keys with their values" in told


@pytest.mark.parametrize(
    "algorithm", ["fastchrom", "fabc", "dietrich", "golotvin", "std_distribution", "arpls", "asls", "snip"]
)
def test_every_baseline_algorithm_is_taken(algorithm: str) -> None:
    sections = read_configuration(f"algorithmic_baseline_settings: {{algorithm: {algorithm}}}").sections
    assert Settings.check(sections).background.algorithm == algorithm


def test_documented_settings_of_the_baseline_algorithms() -> None:
    configuration = read_configuration("""
        algorithmic_baseline_settings:
          algorithm: fastchrom
          fastchrom: {half_window: 8, threshold: custom, min_fwhm: ~, interp_half_window: 3, smooth_half_window: 3,
                      weights: ~, max_iter: 100, min_length: 2}
          fabc: {lam: 1e4, scale: 10, diff_order: 2}
          dietrich: {poly_order: 5, smooth_half_window: 5}
          golotvin: {half_window: 2, sections: 10}
    """)
    background = Settings.check(configuration.sections).background
    assert background.fastchrom.half_window == 8
    assert background.fastchrom.max_iter == 100
    assert background.fabc.lam == 10_000
    assert background.dietrich.poly_order == 5
    assert background.golotvin.sections == 10


def test_what_fastchrom_is_left_with() -> None:
    def fastchrom(text: str) -> Any:
        text = f"algorithmic_baseline_settings: {{algorithm: fastchrom, {text}}}"
        return Settings.check(read_configuration(text).sections).background.fastchrom

    library = inspect.signature(Baseline.fastchrom).parameters
    left = fastchrom("").model_dump()
    assert left == {name: library[name].default for name in left}
    assert fastchrom("fastchrom: {}") == Settings().background.fastchrom
    assert fastchrom("fastchrom: {half_window: ~}").half_window is None
    assert fastchrom("smooth_half_window: 9").smooth_half_window == 9
    assert fastchrom("smooth_half_window: 9, fastchrom: {smooth_half_window: 4}").smooth_half_window == 4
    notes = read_configuration("algorithmic_baseline_settings: {algorithm: fastchrom, num_std: 3}").notes
    assert "num_std is not used: fastchrom has no such setting" in notes[0]
    assert (
        "weights can't be given"
        in faults("algorithmic_baseline_settings: {algorithm: fastchrom, fastchrom: {weights: [1]}}")[0]
    )


# --- the own form


OWN = {"gases": ["CH4", "co2"], "kriging": {"neighbours": 7}, "flight": {"ranges": {"ch4": [1, 2]}}}


@pytest.mark.parametrize(
    "text", [yaml.safe_dump(OWN), json.dumps(OWN), json.dumps(OWN, indent="\t"), "\ufeff" + json.dumps(OWN)]
)
def test_own_sections_as_yaml_and_json(text: str) -> None:
    configuration = read_configuration(text)
    assert configuration.gases == ("ch4", "co2")
    assert configuration.sections == {"kriging": {"neighbours": 7}, "flight": {"ranges": {"ch4": [1, 2]}}}
    assert configuration.notes == ()


def test_own_sections_win_over_those_of_gasflux() -> None:
    sections = read_configuration(
        TESTCONFIG + "\nkriging: {below: log-wind}\nflight: {ranges: {ch4: [1, 3]}}\n"
    ).sections
    assert sections["kriging"]["below"] == "log-wind"
    assert sections["kriging"]["neighbours"] == 100
    ranges = Settings.check(sections).flight.ranges
    assert ranges["ch4"] == (1, 3)
    assert ranges["co2"] == (380, 500)
    assert ranges["windspeed"] == (0, 30)


@pytest.mark.parametrize(
    ("text", "gases"),
    [("gases: ch4", ("ch4",)), ("gases: ch4, N2O", ("ch4", "n2o")), ("gases: {NO: [0, 1]}", ("no",))],
)
def test_gases_in_several_forms(text: str, gases: tuple[str, ...]) -> None:
    assert read_configuration(text).gases == gases


@pytest.mark.parametrize("text", ["", "  \n", "# only a comment", "{}", "kriging:"])
def test_nothing_is_a_configuration_too(text: str) -> None:
    configuration = read_configuration(text)
    assert configuration.sections == {}
    assert configuration.gases is None


def test_unknown_names_and_bad_values_are_told_together() -> None:
    told = faults("""
        krigging: {}
        kriging: {neighbors: 5, resolution: -1}
        wind: 7
        gases: 5
        plane: {kind: cone}
        background: {fabc: {lamda: 3}}
    """)
    text = " | ".join(told)
    assert "krigging: there is no such key; did you mean kriging?" in text
    assert "did you mean kriging.neighbours?" in text
    assert "kriging.resolution: expected" in text
    assert "wind: expected parameters with their values, got 7" in text
    assert "gases: expected formulas" in text
    assert "plane.kind" in text
    assert "background.fabc.lamda: there is no such key; did you mean background.fabc.lam?" in text
    assert len(told) == 7


# --- broken text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kriging: {neighbours: 5", "line 1"),
        ("kriging:\n  a: 1\n b: 2", "line 3, column 2"),
        ("kriging:\n\tneighbours: 5", "line 2, column 1"),
        ("- a\n- b", "expected sections"),
        ("just words", "expected sections"),
        ("a: &x 1\nb: *x", "aliases"),
        ("kriging: {}\nkriging: {}", "the key 'kriging' stands twice"),
        ('{"kriging": {}, "kriging": {}}', "the key 'kriging' stands twice"),
        ("a: !!python/object/apply:os.system [ls]", "line 1"),
        ("a: \x07", "can't be read"),
        ("[" * 5000, "nested too deeply"),
        ("when: !!int soon", "can't be read"),
    ],
)
def test_broken_text_says_where(text: str, says: str) -> None:
    with pytest.raises(InputError, match="configuration: ") as error:
        read_configuration(text)
    assert says in error.value.message
    assert error.value.parameter == "configuration"


def test_an_unfolding_file_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40)]
    with pytest.raises(InputError, match="aliases"):
        read_configuration("\n".join(lines))


def test_too_large() -> None:
    with pytest.raises(TooLarge, match="at most 10"):
        read_configuration("# twenty bytes long.", max_bytes=10)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["gases", "flight", "kriging", "strategies", "required_cols", "filters", "semivariogram_settings", "output_dir"]


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*KEYS, "algorithmic_baseline_settings", "x"]), VALUES, max_size=3))
def test_whatever_the_values_are_the_answer_is_a_configuration_or_words(given_: dict[str, Any]) -> None:
    try:
        Settings.check(read_configuration(yaml.safe_dump(given_)).sections)
    except InputError as error:
        assert error.message


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="a:{}[]-&*!#'\"\n\t ,1?|>%@~é", max_size=30))
def test_whatever_the_text_is_the_answer_is_a_configuration_or_words(text: str) -> None:
    try:
        read_configuration(text)
    except InputError as error:
        assert error.message


def test_times_stay_text() -> None:
    read = read_configuration("transects:\n  cut_windows: [[2026-05-12T13:05:00Z, 2026-05-12 13:06]]\n")
    assert read.sections["transects"]["cut_windows"] == [["2026-05-12T13:05:00Z", "2026-05-12 13:06"]]
