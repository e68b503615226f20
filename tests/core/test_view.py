"""The view: small, thinned so that peaks stay, and saying what the result says."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gasflux_core.pipeline import GasResult, Result, run_pipeline
from gasflux_core.simulate import SimulationParameters, simulate_flight
from gasflux_core.thinning import thinned_with_peaks
from gasflux_core.view import MOST_CELLS, MOST_COLUMNS, MOST_ROWS, numbers, result_view

THREE = {"co2": {"background": 420, "noise": 0.5}, "c2h6": {"background": 0.01, "noise": 0.001}}


def run(wanted: tuple[str, ...] = ("ch4",), **simulation: object) -> Result:
    flight = simulate_flight(SimulationParameters.check({"transects": 5, "width": 120, **simulation}))
    return run_pipeline(flight.table, wanted)


@pytest.fixture(scope="module")
def curtain() -> Result:
    return run(("ch4", "co2", "c2h6"), seed=1, gases=THREE)


@pytest.fixture(scope="module")
def spiral() -> Result:
    return run(seed=2, pattern="spiral", radius=60.0)


def text_of(view: dict[str, Any]) -> str:
    return json.dumps(view, allow_nan=False, separators=(",", ":"))


def many_rows(result: Result, rows: int) -> Result:
    """The result as though it had so many rows, all but the first few of them long after."""
    table = result.table
    longer = pd.concat([table] * math.ceil(rows / len(table)), ignore_index=True).iloc[:rows]
    longer = longer.assign(time=np.arange(rows) * 1.0123)
    return replace(result, flux=replace(result.flux, table=longer))


def many_cells(result: Result, shape: tuple[int, int]) -> Result:
    """The result with random values on a plane of so many rows and columns."""
    random = np.random.default_rng(3)
    gases = {}
    for name, gas in result.gases.items():
        field = replace(
            gas.field,
            x=gas.field.x[0] + gas.field.cell_width * np.arange(shape[1]),
            z=gas.field.z[0] + gas.field.cell_height * np.arange(shape[0]),
            estimate=-random.exponential(1e-5, shape),
            standard_error=random.exponential(1e-5, shape),
            region=random.integers(0, 4, shape, dtype=np.int8),
        )
        gases[name] = replace(gas, field=field)
    return replace(result, gases=gases)


def many_gases(result: Result, count: int) -> Result:
    """The result with the first gas again and again under other names."""
    first, gas = next(iter(result.gases.items()))
    names = [f"g{number}" for number in range(count)]
    columns = {
        f"{name}{suffix}": result.table[f"{first}{suffix}"]
        for name in names
        for suffix in ("", "_background", "_enhancement", "_signal", "_flux_density")
    }
    table = pd.concat([result.table, pd.DataFrame(columns)], axis=1)
    gases: dict[str, GasResult] = {name: replace(gas, gas=name) for name in names}
    return replace(result, flux=replace(result.flux, table=table), gases=gases)


def test_the_parts_are_of_one_shape(curtain: Result) -> None:
    view = result_view(curtain)
    assert view["version"] == 1 and list(view["gases"]) == ["ch4", "co2", "c2h6"]
    rows = len(curtain.table)
    assert {len(values) for values in view["track"].values()} == {rows} == {len(view["flight"]["seconds"])}
    for gas in view["gases"].values():
        plane = gas["plane"]
        assert len(gas["flux"]) == len(gas["mole_fraction"]) == rows
        assert {len(plane[name]) for name in ("flux", "error", "sampled")} == {plane["nx"] * plane["nz"]}
        assert {len(values) for values in gas["background"].values()} == {rows}
        assert {len(values) for values in gas["variogram"]["model"].values()} == {60}
        assert all(len(values) == plane["nx"] + 1 for values in view["ground"].values() if values is not None)


def test_the_plane_is_that_of_the_field_cell_by_cell(curtain: Result) -> None:
    view = result_view(curtain)
    for name, gas in curtain.gases.items():
        plane = view["gases"][name]["plane"]
        assert plane["nx"] == len(gas.field.x) and plane["nz"] == len(gas.field.z)
        assert plane["x0"] + plane["dx"] * np.arange(plane["nx"]) == pytest.approx(gas.field.x)
        assert plane["z0"] + plane["dz"] * np.arange(plane["nz"]) == pytest.approx(gas.field.z)
        for shown, values in (("flux", gas.field.estimate), ("error", gas.field.standard_error)):
            expected = np.where(gas.field.region > 0, values, np.nan).ravel()
            np.testing.assert_allclose(np.array(plane[shown], dtype=float), expected, rtol=5e-5)
        assert plane["sampled"] == (gas.field.region == 1).astype(int).ravel().tolist()


def test_the_track_is_that_of_the_table(curtain: Result) -> None:
    view, table = result_view(curtain), curtain.table
    track = view["track"]
    assert datetime.fromisoformat(view["flight"]["begin"]) == table["timestamp"].iloc[0]
    np.testing.assert_allclose(track["longitude"], table["longitude"], rtol=0, atol=1e-7)
    np.testing.assert_allclose(track["latitude"], table["latitude"], rtol=0, atol=1e-7)
    np.testing.assert_allclose(track["height"], table["height_ato"], rtol=5e-5)
    east = np.array(track["east"]) + curtain.plane_fit.plane.origin_easting
    np.testing.assert_allclose(east, table["easting"], atol=0.01)
    assert track["transect"] == table["transect"].tolist() and track["kept"] == table["kept"].astype(int).tolist()
    for gas in curtain.gases:
        np.testing.assert_allclose(view["gases"][gas]["mole_fraction"], table[gas], rtol=5e-5)
        shown = np.array(view["gases"][gas]["flux"], dtype=float)
        np.testing.assert_allclose(shown, table[f"{gas}_flux_density"], rtol=5e-5)


def test_transects_are_the_kept_rows(curtain: Result) -> None:
    kept = curtain.table[curtain.table["kept"]]
    shown = result_view(curtain)["gases"]["ch4"]["transects"]
    assert [one["number"] for one in shown] == sorted(kept["transect"].unique())
    for one in shown:
        rows = kept[kept["transect"] == one["number"]]
        assert one["height"] == pytest.approx(rows["z"].mean(), rel=5e-5)
        np.testing.assert_allclose(one["x"], rows["x"], rtol=5e-5)
        np.testing.assert_allclose(one["enhancement"], rows["ch4_enhancement"], rtol=5e-5)


def test_the_variogram_is_as_fitted(curtain: Result) -> None:
    shown, fitted = result_view(curtain)["gases"]["ch4"]["variogram"], curtain.gases["ch4"].variogram
    along, vertical = fitted.experimental
    for name, classes in (("along", along), ("vertical", vertical)):
        lag, semivariance, pairs = np.array(shown[name]).T
        np.testing.assert_allclose(lag, classes.lag, rtol=5e-5)
        np.testing.assert_allclose(semivariance, classes.semivariance, rtol=5e-5)
        assert pairs.tolist() == classes.pairs.tolist()
    lags = np.array(shown["model"]["lag"])
    assert (np.diff(lags) > 0).all() and lags[-1] == pytest.approx(along.lag.max(), rel=1e-4)
    np.testing.assert_allclose(shown["model"]["along"], fitted.semivariance(lags, 0 * lags), rtol=1e-3)
    np.testing.assert_allclose(shown["model"]["vertical"], fitted.semivariance(0 * lags, lags), rtol=1e-3)
    assert shown["range_x"] == pytest.approx(fitted.range_x, rel=5e-5) and shown["unit"] == "kg2 m-6"


def test_the_rose_counts_all_kept_rows(curtain: Result) -> None:
    wind = result_view(curtain)["wind"]
    assert len(wind["counts"]) == wind["sectors"] == 16
    assert {len(sector) for sector in wind["counts"]} == {len(wind["speed_edges"]) - 1}
    assert np.sum(wind["counts"]) == curtain.table["kept"].sum()
    mean = round(wind["direction"] / 22.5) % 16
    assert np.argmax(np.sum(wind["counts"], axis=1)) == mean


def test_the_ground_of_a_spiral_is_a_circle(spiral: Result) -> None:
    view, plane = result_view(spiral), spiral.plane_fit.plane
    assert plane.kind == "spiral", "the flight no longer shows what this test is about"
    assert plane.radius is not None
    east = np.array(view["ground"]["east"]) + plane.origin_easting - plane.centre_easting
    north = np.array(view["ground"]["north"]) + plane.origin_northing - plane.centre_northing
    np.testing.assert_allclose(np.hypot(east, north), plane.radius, rtol=1e-3)
    assert np.ptp(np.unwrap(np.arctan2(east, north))) == pytest.approx(2 * np.pi, abs=0.1)
    assert view["wind"]["plane_normal"] is None


def test_a_coarsened_plane_holds_block_means(curtain: Result) -> None:
    large = many_cells(replace(curtain, gases={"ch4": curtain.gases["ch4"]}), (301, 500))
    field = large.gases["ch4"].field
    plane = result_view(large)["gases"]["ch4"]["plane"]
    # three rows and two columns of cells make one
    assert (plane["nz"], plane["nx"]) == (101, 250)
    shown = np.array(plane["flux"], dtype=float).reshape(101, 250)
    inside = np.where(field.region > 0, field.estimate, np.nan)
    assert shown[7, 31] == pytest.approx(np.nanmean(inside[21:24, 62:64]), rel=1e-4)
    # of the last row of blocks only one row of cells is left
    column = int(np.flatnonzero(np.isfinite(shown[100]))[0])
    assert shown[100, column] == pytest.approx(np.nanmean(inside[300, 2 * column : 2 * column + 2]), rel=1e-4)
    assert plane["x0"] == pytest.approx(field.x[:2].mean()) and plane["z0"] == pytest.approx(field.z[:3].mean())
    assert plane["dx"] == pytest.approx(2 * field.cell_width) and plane["dz"] == pytest.approx(3 * field.cell_height)


@pytest.mark.parametrize("gases", [1, 3, 20])
def test_the_largest_results_stay_small(curtain: Result, gases: int) -> None:
    view = result_view(many_cells(many_gases(many_rows(curtain, 20_000), gases), (500, 1000)))
    assert len(text_of(view).encode()) <= 2_000_000
    cells = [gas["plane"]["nx"] * gas["plane"]["nz"] for gas in view["gases"].values()]
    assert sum(cells) <= MOST_CELLS
    assert all(gas["plane"]["nx"] <= MOST_COLUMNS and gas["plane"]["nz"] <= MOST_ROWS for gas in view["gases"].values())
    assert len(view["track"]["time"]) <= 4000
    # still a track, not a few points of it
    assert len(view["track"]["time"]) >= 300
    assert view["track"]["time"][-1] == pytest.approx(20_000 * 1.0123, rel=1e-3)
    assert len(view["ground"]["x"]) == view["gases"][next(iter(view["gases"]))]["plane"]["nx"] + 1


def test_thinning_keeps_the_peak_of_every_gas(curtain: Result) -> None:
    longer = many_rows(curtain, 20_000)
    table = longer.table.copy()
    for row, gas in ((4321, "ch4"), (14_321, "c2h6")):
        for suffix in ("", "_enhancement"):
            table.loc[row, gas + suffix] = 77.0
        table.loc[row, ["kept", "transect"]] = [True, 1]
    view = result_view(replace(longer, flux=replace(longer.flux, table=table)))
    for gas in ("ch4", "c2h6"):
        shown = view["gases"][gas]
        assert max(shown["mole_fraction"]) == max(shown["background"]["reading"]) == 77.0
        assert max(max(one["enhancement"]) for one in shown["transects"]) == 77.0
        assert len(shown["background"]["reading"]) <= 2500
        assert sum(len(one["x"]) for one in shown["transects"]) <= 4000


def test_what_is_no_number_is_null(curtain: Result) -> None:
    table = curtain.table.copy()
    table.loc[3, "ch4_flux_density"] = np.nan
    table.loc[4, "ch4_background"] = np.inf
    view = result_view(replace(curtain, flux=replace(curtain.flux, table=table)))
    assert view["gases"]["ch4"]["flux"][3] is None
    assert view["gases"]["ch4"]["background"]["baseline"][4] is None
    assert "NaN" not in text_of(view) and "Infinity" not in text_of(view)


@pytest.mark.parametrize(
    "value", [0.0, 1.0, -1.23456789, 123456.789, 9.99999e-7, 1.23456789e-19, -4.5e-300, 9.87654321e25, 2 / 3, 5e-324]
)
def test_numbers_have_five_figures(value: float) -> None:
    assert numbers(np.array([value])) == [pytest.approx(float(f"{value:.5g}"), rel=1e-15)]
    assert len(repr(numbers(np.array([value]))[0])) <= 12


def test_numbers_that_are_none_become_none() -> None:
    assert numbers(np.array([np.nan, np.inf, -np.inf, 2.0])) == [None, None, None, 2.0]


def test_rows_shown_are_few_and_hold_the_peaks() -> None:
    random = np.random.default_rng(1)
    series = [random.normal(size=10_000) for _ in range(7)]
    rows = thinned_with_peaks(series, 500)
    assert len(rows) <= 500 and rows[0] == 0 and rows[-1] == 9_999
    assert all(int(np.argmax(one)) in rows for one in series)
    assert np.diff(rows).max() <= 10_000 / 249 + 1


def test_it_is_quick(curtain: Result) -> None:
    """A tenth of a second on a busy machine for 1 000 rows and three gases; a few milliseconds on an idle one."""
    result = many_rows(curtain, 1000)
    taken = []
    for _ in range(5):
        begin = time.process_time()
        text_of(result_view(result))
        taken.append(time.process_time() - begin)
    assert min(taken) < 0.1
