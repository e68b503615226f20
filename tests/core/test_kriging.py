"""The flux plane: its grid, what is done below and above the samples, and its integral."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gasflux_core.errors import NoSolution, TooLarge
from gasflux_core.kriging import Field, KrigingParameters, krige_flux_plane
from gasflux_core.kriging_kernel import Kernel
from gasflux_core.plane_grid import GridRule, PlaneGrid, lay_grid, weighted_variance
from gasflux_core.plume_scale import plume_scale
from gasflux_core.variogram import VariogramParameters, estimate_variogram
from gasflux_core.variogram_model import Variogram
from gasflux_core.wind_profile import fit_wind_profile
from tests.core.scenes import curtain, cylinder, level_transects

HEIGHTS = np.arange(2.0, 62.0, 6.0)
MODEL = Variogram("mass_enhancement", "matern", 0.0, 1e-10, 60.0, 30.0)
GASFLUX = KrigingParameters(
    mean="ordinary",
    solver="local",
    neighbours=100,
    resolution=500,
    square_cells=False,
    ground_mirror=False,
    below="none",
    above="none",
    mask_ground=False,
)


def plume(x, z, centre=(100.0, 25.0), spread=(15.0, 8.0)):
    """kg m⁻³ (or kg m⁻² h⁻¹), far from the edges of the plane."""
    return 1e-5 * np.exp(-0.5 * ((x - centre[0]) / spread[0]) ** 2 - 0.5 * ((z - centre[1]) / spread[1]) ** 2)


def flight(heights=HEIGHTS, noise=0.0, seed=0, **more):
    table = level_transects(heights, **more)
    values = plume(table["x"], table["z"]) + noise * np.random.default_rng(seed).standard_normal(len(table))
    return table.assign(ch4_mass_enhancement=values, ch4_flux_density=values)


def krige(table, plane=None, parameters=None, quantity="mass_enhancement"):
    plane = plane or curtain()
    fitted = estimate_variogram(table, "ch4", plane, VariogramParameters(quantity=quantity, cross_validation="none"))
    return krige_flux_plane(table, "ch4", plane, fitted, parameters or KrigingParameters())


def true_rate(table, plane, roughness_length=0.03):
    profile = fit_wind_profile(table, plane, roughness_length)
    x, z = np.meshgrid(np.linspace(0, 200, 801), np.linspace(0, 100, 801))
    return float(np.sum(plume(x, z) * profile.normal(x, z)) * 0.25 * 0.125 * 3600)


def check_sums(field):
    inside = field.region > 0
    area = field.cell_width * field.cell_height
    assert field.integral == pytest.approx(np.sum(field.estimate[inside]) * area, rel=1e-12)
    parts = field.sampled_integral + field.below_integral + field.above_integral
    assert field.integral == pytest.approx(parts, rel=1e-9, abs=1e-15)
    assert np.isnan(field.estimate[~inside]).all()
    assert np.isfinite(field.estimate[inside]).all()
    assert np.all(field.standard_error[inside] >= 0)
    assert field.integral_standard_error >= 0


def test_flux_density_of_a_whole_plume_integrates_to_its_rate():
    table = flight()
    field = krige(table, quantity="flux_density")
    assert field.integral == pytest.approx(1e-5 * 2 * np.pi * 15 * 8, rel=0.01)
    assert field.profile == {}
    check_sums(field)


@pytest.mark.parametrize("noise", [0.0, 3e-7])
def test_mass_enhancement_times_the_wind_profile_integrates_to_the_rate(noise):
    table = flight(noise=noise)
    field = krige(table)
    expected = true_rate(table, curtain())
    assert field.integral == pytest.approx(expected, rel=0.03)
    assert abs(field.integral - expected) < 3 * field.integral_standard_error
    assert field.profile["roughness_length"] == 0.03
    check_sums(field)


@pytest.mark.parametrize("parameters", [{}, {"mean": "ordinary"}, {"interpolator": "inverse_distance"}])
def test_the_rate_is_linear_in_the_samples_and_turns_with_the_wind(parameters):
    table = flight(noise=3e-7)
    chosen = KrigingParameters(**parameters)
    one = krige(table, parameters=chosen)
    three = krige(table.assign(ch4_mass_enhancement=3 * table["ch4_mass_enhancement"]), parameters=chosen)
    assert three.integral == pytest.approx(3 * one.integral, rel=2e-3)
    assert three.integral_standard_error == pytest.approx(3 * one.integral_standard_error, rel=2e-3)
    back = krige(table.assign(wind_north=-table["wind_north"]), parameters=chosen)
    assert back.integral == pytest.approx(-one.integral, rel=1e-6)
    assert back.integral_standard_error == pytest.approx(one.integral_standard_error, rel=1e-6)


def test_a_plane_flown_the_other_way_round_carries_the_same():
    table = flight(noise=3e-7)
    one = krige(table)
    other = krige(table.assign(x=200 - table["x"]))
    # the variogram's search stops a little elsewhere
    assert other.integral == pytest.approx(one.integral, rel=1e-3)
    np.testing.assert_allclose(other.estimate[:, ::-1], one.estimate, atol=1e-3 * np.nanmax(one.estimate))


def test_the_interpolators_agree_on_a_well_sampled_plume():
    table = flight(noise=1e-7, step=6.0)
    expected = true_rate(table, curtain())
    for interpolator in ("kriging", "inverse_distance", "linear", "gaussian_process"):
        field = krige(table, parameters=KrigingParameters(interpolator=interpolator))
        assert field.integral == pytest.approx(expected, rel=0.06), interpolator
        assert field.interpolator == interpolator
        assert ("extrapolation_replaced" in field.flags) == (interpolator in ("inverse_distance", "linear"))
        check_sums(field)


def test_local_and_global_solvers_agree():
    table = flight(noise=3e-7)
    fields = [krige(table, parameters=KrigingParameters(solver=solver)) for solver in ("global", "local")]
    assert fields[1].integral == pytest.approx(fields[0].integral, rel=0.01)
    assert fields[1].integral_standard_error == pytest.approx(fields[0].integral_standard_error, rel=0.01)


def test_the_integrals_error_is_of_the_size_of_the_errors_made():
    # fields drawn from the variogram itself, sampled, kriged: the standardised errors have variance 1
    plane, table = curtain(), level_transects(np.array([5.0, 15.0, 25.0, 35.0]), step=10.0)
    model = Variogram("flux_density", "matern", 0.05, 1.0, 60.0, 25.0)
    chosen = KrigingParameters(resolution=300, plume_scale=False, above="none")
    layout = krige_flux_plane(table.assign(ch4_flux_density=1.0), "ch4", plane, model, chosen)
    x, z = np.meshgrid(layout.x, layout.z)
    places = np.concatenate([table[["x", "z"]].to_numpy(), np.column_stack([x.ravel(), z.ravel()])])
    matrix = Kernel(model, None, 0.0).matrix(places, places) + 1e-9 * np.eye(len(places))
    factor = np.linalg.cholesky(matrix)
    random = np.random.default_rng(0)
    standardised = []
    for _ in range(60):
        drawn = factor @ random.standard_normal(len(places))
        samples = drawn[: len(table)] + np.sqrt(model.nugget) * random.standard_normal(len(table))
        field = krige_flux_plane(table.assign(ch4_flux_density=samples), "ch4", plane, model, chosen)
        truth = drawn[len(table) :].sum() * field.cell_width * field.cell_height
        standardised.append((field.integral - truth) / field.integral_standard_error)
    assert np.sqrt(np.mean(np.square(standardised))) == pytest.approx(1, abs=0.25)
    assert np.mean(standardised) == pytest.approx(0, abs=0.4)


def test_default_cells_are_square_and_about_as_many_as_asked_for():
    field = krige(flight())
    assert field.cell_width == pytest.approx(field.cell_height, rel=0.03)
    assert np.count_nonzero(field.z < HEIGHTS[-1]) * len(field.x) == pytest.approx(2000, rel=0.05)
    assert field.z[0] - field.cell_height / 2 == pytest.approx(0)
    assert field.x[0] - field.cell_width / 2 == pytest.approx(0)
    assert field.x[-1] + field.cell_width / 2 == pytest.approx(200)
    fixed = krige(flight(), parameters=KrigingParameters(cell_size=4.0))
    assert fixed.cell_width == pytest.approx(4, rel=0.05)


def test_gasflux_settings_give_gasfluxs_grid():
    # the example of GasFlux: 989.6 m × 98.8 m, resolution 500, 10 nodes at least: 70 × 10
    table = level_transects(np.linspace(0.0, 98.7842, 10), length=989.612, step=9.9961)
    values = plume(table["x"], table["z"], centre=(500.0, 50.0), spread=(60.0, 15.0))
    field = krige(
        table.assign(ch4_flux_density=values),
        curtain(length=float(table["x"].max())),
        GASFLUX,
        quantity="flux_density",
    )
    assert field.estimate.shape == (10, 70)
    assert (field.region == 1).all()
    assert field.integral == pytest.approx(1e-5 * 2 * np.pi * 60 * 15, rel=0.02)


def test_below_none_begins_at_the_lowest_sample():
    heights = np.arange(10.0, 60.0, 6.0)
    field = krige(flight(heights), parameters=KrigingParameters(below="none", above="none"))
    assert field.z[0] - field.cell_height / 2 == pytest.approx(10)
    assert field.z[-1] + field.cell_height / 2 == pytest.approx(heights[-1])
    assert set(np.unique(field.region)) == {1}
    assert field.below_integral == 0
    assert field.above_integral == 0


@pytest.mark.parametrize("quantity", ["mass_enhancement", "flux_density"])
@pytest.mark.parametrize("interpolator", ["kriging", "linear"])
def test_below_constant_and_log_wind(quantity, interpolator):
    heights = np.arange(20.0, 62.0, 6.0)
    table = flight(heights, noise=1e-8)
    found = {}
    for below in ("constant", "log-wind"):
        parameters = KrigingParameters(below=below, above="none", interpolator=interpolator)
        found[below] = krige(table, parameters=parameters, quantity=quantity)
        check_sums(found[below])
    profile = fit_wind_profile(table, curtain(), 0.03)
    for column in range(0, len(found["constant"].x), 9):
        field = found["constant"]
        lower = np.flatnonzero(field.region[:, column] == 2)
        lowest = np.flatnonzero(field.region[:, column] == 1)[0]
        assert lower.size >= 4
        np.testing.assert_allclose(field.estimate[lower, column], field.estimate[lowest, column])
        np.testing.assert_allclose(field.standard_error[lower, column], field.standard_error[lowest, column])
        winds = profile.factor(field.z[lower]) / profile.factor(field.z[lowest])
        expected = winds * found["log-wind"].estimate[lowest, column]
        np.testing.assert_allclose(found["log-wind"].estimate[lower, column], expected)
    assert found["constant"].below_integral > found["log-wind"].below_integral > 0


def test_standard_error_of_the_integral_holds_the_filled_rows():
    # all weight of the filled cells lies on the lowest sampled row: brute force over the same weights
    table = flight(np.arange(20.0, 50.0, 6.0), step=8.0)
    plane, model = curtain(), replace(MODEL, quantity="flux_density", nugget=1e-12)
    parameters = KrigingParameters(below="constant", above="none", plume_scale=False, resolution=200)
    field = krige_flux_plane(table, "ch4", plane, model, parameters)
    direct = field.region == 1
    weights = direct.astype(float)
    rows = np.argmax(direct, axis=0)
    weights[rows, np.arange(len(field.x))] += (field.region == 2).sum(axis=0)
    weights *= field.cell_width * field.cell_height
    x, z = np.meshgrid(field.x, field.z)
    nodes, pull = np.column_stack([x[direct], z[direct]]), weights[direct]
    kernel = Kernel(model, None, 0.0)
    places = table[["x", "z"]].to_numpy()
    towards = kernel.matrix(places, nodes) @ pull
    matrix = kernel.matrix(places, places) + model.nugget * np.eye(len(places))
    expected = pull @ kernel.matrix(nodes, nodes) @ pull - towards @ np.linalg.solve(matrix, towards)
    assert field.integral_standard_error == pytest.approx(np.sqrt(expected), rel=1e-5)


def test_above_catches_a_plume_that_is_cut():
    table = flight(np.arange(2.0, 30.0, 4.0))
    full = true_rate(table, curtain())
    cut = krige(table, parameters=KrigingParameters(above="none"))
    open_ended = krige(table)
    assert open_ended.above_integral > 0.1 * full
    assert abs(open_ended.integral - full) < abs(cut.integral - full)
    assert open_ended.integral_standard_error > cut.integral_standard_error
    assert open_ended.z[-1] <= 26 * 1.5 + open_ended.cell_height


@pytest.mark.parametrize(("noise", "seed"), [(1e-8, 0), (3e-7, 0), (1e-6, 1), (1e-6, 2)])
def test_noise_is_not_extrapolated_above_a_plume_that_ends_below_the_top(noise, seed):
    field = krige(flight(noise=noise, seed=seed))
    assert field.above_integral == 0
    assert field.z[-1] < HEIGHTS[-1]


def test_cells_under_the_terrain_are_masked():
    plane = replace(curtain(), ground=((0.0, 0.0), (200.0, 20.0)))
    table = level_transects(HEIGHTS)
    table["z"] = table["height_above_ground"] + plane.ground_height(table["x"])
    table["ch4_mass_enhancement"] = plume(table["x"], table["height_above_ground"])
    field = krige(table, plane)
    under = field.z[:, None] < plane.ground_height(field.x)[None, :]
    assert under.any()
    assert (field.region[under] == 0).all()
    flown = field.z[:, None] < plane.ground_height(field.x)[None, :] + HEIGHTS[-1]
    assert (field.region[~under & flown] > 0).all()
    assert field.integral == pytest.approx(true_rate(table, plane), rel=0.03)
    unmasked = krige(table, plane, KrigingParameters(mask_ground=False))
    assert (unmasked.region[under] > 0).all()
    check_sums(field)


def test_samples_below_take_off_lower_the_ground():
    shifted = flight()
    shifted[["z", "height_above_ground"]] -= 12.0
    field = krige(shifted)
    assert "samples_below_ground" in field.flags
    assert field.z[0] - field.cell_height / 2 == pytest.approx(-10)
    same = flight(HEIGHTS - 2.0)
    same["ch4_mass_enhancement"] = shifted["ch4_mass_enhancement"]
    assert field.integral == pytest.approx(krige(same).integral, rel=1e-6)


def test_a_spiral_is_periodic():
    plane = cylinder()
    length = plane.length
    table = level_transects(HEIGHTS, length=length * 0.999, step=4.0)
    # the plume sits on the seam, in a wind that blows it outwards there (north, where x is 0)
    away = np.minimum(table["x"], length - table["x"])
    table = table.assign(
        ch4_mass_enhancement=plume(100 + away, table["z"]), ch4_flux_density=plume(100 + away, table["z"])
    )
    field = krige(table, plane, quantity="flux_density")
    assert field.integral == pytest.approx(1e-5 * 2 * np.pi * 15 * 8, rel=0.02)
    seam = field.estimate[:, 0] - field.estimate[:, -1]
    assert np.nanmax(np.abs(seam)) < 0.01 * np.nanmax(field.estimate)
    check_sums(krige(table, plane))


def test_no_source_gives_an_interval_that_holds_zero():
    held = []
    for seed in range(8):
        noise = 1e-7 * np.random.default_rng(seed).standard_normal(len(HEIGHTS) * 51)
        table = level_transects(HEIGHTS).assign(ch4_mass_enhancement=noise)
        field = krige(table)
        assert field.integral_standard_error > 0
        held.append(abs(field.integral) < 2 * field.integral_standard_error)
    assert np.mean(held) >= 0.75


def test_zeros_give_zero():
    field = krige(level_transects(HEIGHTS).assign(ch4_mass_enhancement=0.0))
    assert field.integral == 0
    assert field.integral_standard_error == 0
    assert "no_variance" in field.flags


def test_the_scale_follows_the_plume_and_keeps_its_mean_square():
    table = flight(noise=1e-7)
    places, values = table[["x", "z"]].to_numpy(), table["ch4_mass_enhancement"].to_numpy()
    fitted = estimate_variogram(table, "ch4", curtain(), VariogramParameters(cross_validation="none"))
    scale = plume_scale(places, values, Kernel(fitted, None, 0.0))
    core, edge = scale.at(np.array([[100.0, 25.0], [5.0, 55.0]]))
    assert core > 2
    assert edge < 0.3
    assert np.sqrt(np.mean(scale.at(places) ** 2)) == pytest.approx(1, rel=0.2)
    stationary = krige(table, parameters=KrigingParameters(plume_scale=False))
    following = krige(table)
    assert following.integral == pytest.approx(stationary.integral, rel=0.03)
    # clean air is doubted less, so that the integral's error is less
    assert following.integral_standard_error < stationary.integral_standard_error


def test_a_level_flight_of_one_height_has_no_plane():
    with pytest.raises(NoSolution, match="two heights"):
        krige_flux_plane(flight(np.array([0.0])), "ch4", curtain(), MODEL, KrigingParameters())
    with pytest.raises(NoSolution, match="lowest_height"):
        krige_flux_plane(flight(), "ch4", curtain(), MODEL, KrigingParameters(lowest_height=500.0))


def test_too_fine_cells_are_refused():
    with pytest.raises(TooLarge, match="cells"):
        krige_flux_plane(flight(), "ch4", curtain(), MODEL, KrigingParameters(cell_size=0.05))


def test_survives_json():
    plane = replace(curtain(), ground=((0.0, 0.0), (200.0, 20.0)))
    table = flight()
    table["z"] += plane.ground_height(table["x"])
    fitted = estimate_variogram(table, "ch4", plane, VariogramParameters())
    field = krige_flux_plane(table, "ch4", plane, fitted, KrigingParameters())
    text = json.dumps(field.to_dict(), allow_nan=False)
    back = Field.from_dict(json.loads(text))
    np.testing.assert_array_equal(back.estimate, field.estimate)
    np.testing.assert_array_equal(back.region, field.region)
    assert back.cross_validation == fitted.cross_validation
    assert back.to_dict() == field.to_dict()


def test_rows_of_unequal_reach_are_only_sampled_where_they_were_flown():
    # the lowest transect covers the left half alone
    table = flight()
    table.loc[(table["transect"] == 1) & (table["x"] > 100), "kept"] = False
    field = krige(table)
    low = np.flatnonzero(field.z < 4)[-1]
    assert field.region[low, 2] == 1
    assert field.region[low, -3] == 2


@pytest.mark.parametrize("period", [None, 120.0])
@pytest.mark.parametrize("mirror", [None, 0.0])
@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_the_double_sum_by_lags_equals_the_sum_over_pairs(period, mirror, slope):
    x = (np.arange(12) + 0.5) * 10.0
    z = 3.0 + (np.arange(7) + 0.5) * 4.0
    ground = -2.0 + slope * (x if period is None else np.abs(x - 60))
    grid = PlaneGrid(x, z, 10.0, 4.0, ground, np.ones((7, 12), dtype=np.int8))
    weights = np.random.default_rng(0).uniform(-1, 2, (7, 12)) * (grid.height_above_ground > 0)
    kernel = Kernel(replace(MODEL, partial_sill=2.0), period, mirror)
    nodes = np.column_stack([np.broadcast_to(x, (7, 12)).ravel(), grid.height_above_ground.ravel()])
    expected = weights.ravel() @ kernel.matrix(nodes, nodes) @ weights.ravel()
    assert weighted_variance(grid, weights, kernel) == pytest.approx(expected, rel=1e-10)


def test_a_very_long_plane_keeps_its_cells_in_bounds():
    positions = np.column_stack([np.linspace(0, 20_000, 500), np.tile([10.0, 10.5], 250)])
    rule = GridRule(2000, 10, 0.0, True, None, False, 0.0, True)
    grid = lay_grid(positions, curtain(length=20_000.0), 0.0, rule)
    assert grid.region.size <= 250_000


@pytest.mark.parametrize("quantity", ["mass_enhancement", "flux_density"])
@pytest.mark.parametrize(
    "chosen", [KrigingParameters(plume_scale=False, above="none"), GASFLUX], ids=["simple", "ordinary"]
)
def test_an_error_of_the_background_goes_through_the_kriging_weights(quantity, chosen):
    table = flight(noise=1e-7)
    field = krige(table, parameters=chosen, quantity=quantity)
    # 1 ppb more background all over the flight takes this off each sample.
    less = 1e-9 * table["ch4_density"] * (1.0 if quantity == "mass_enhancement" else 3600.0 * table["wind_normal"])
    column = f"ch4_{quantity}"
    lowered = krige(table.assign(**{column: table[column] - less}), parameters=chosen, quantity=quantity)
    assert field.integral - lowered.integral == pytest.approx(1e-3 * field.background_response, rel=0.01)


def test_one_reading_under_the_ground_does_not_lower_the_plane():
    table = flight()
    table["height_above_ground"] = table["z"]
    astray = table.copy()
    astray.loc[3, ["z", "height_above_ground"]] = -4.0
    assert krige(astray).z.min() == pytest.approx(krige(table).z.min(), abs=1e-6)
