"""Normal wind, gas density and flux density against hand calculation and the golden flight."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasflux_core.errors import InputError, InputFaults
from gasflux_core.flux_density import (
    FluxDensityParameters,
    calculate_flux_density,
    gas_density,
    molar_mass,
    vapour_pressure,
)
from tests.core.scenes import curtain, cylinder

BY_ROW = FluxDensityParameters()


def table_of(**columns) -> pd.DataFrame:
    given_columns = {
        "x": [0.0, 10.0, 20.0],
        "wind_east": 1.0,
        "wind_north": 5.0,
        "temperature": 15.0,
        "pressure": 1000.0,
        "kept": True,
        "ch4_enhancement": [0.0, 1.0, -0.5],
    }
    return pd.DataFrame({**given_columns, **columns})


@pytest.mark.parametrize(
    ("formula", "grams"),
    [
        ("CH4", 16.043),
        ("ch4", 16.043),
        ("co2", 44.009),
        ("co", 28.010),  # carbon monoxide, not cobalt
        ("no2", 46.006),  # nitrogen dioxide, not nobelium
        ("n2o", 44.013),
        ("c2h6", 30.069),
        ("C2H6", 30.069),
        ("sf6", 146.055),
        ("hcl", 36.461),
        ("sih4", 32.117),
        ("cos", 60.075),
        ("CF3Br", 148.91),
        ("(CH3)2O", 46.069),
    ],
)
def test_molar_mass(formula, grams):
    assert molar_mass(formula) == pytest.approx(grams * 1e-3, abs=1.5e-6)


@pytest.mark.parametrize(
    "formula", ["", "xx", "methane", "CH4)", "CH4 + 2", "EtOH", "4", "C" * 30, "in" * 11 + "ix", "ch₄"]
)
def test_no_formula(formula):
    with pytest.raises(InputError, match="formula") as caught:
        molar_mass(formula)
    assert caught.value.parameter == "gases"


def test_gas_density_is_that_of_an_ideal_gas():
    # one mole in 22.71095 L at 0 °C and 1000 hPa (CODATA)
    assert gas_density("ch4", 0.0, 1000.0) == pytest.approx(16.0425e-3 / 22.71095464e-3, rel=1e-5)


def test_golden_gas_density():
    # GasFlux 0.2.2's own example, ideal gas at the example's 10 °C and 1000 hPa
    for gas, density in (("ch4", 0.6814302443573775), ("co2", 1.8693739088709724), ("c2h6", 1.2772327734992475)):
        assert gas_density(gas, 10.0, 1000.0) == pytest.approx(density, rel=1e-9)


def test_flux_density_by_hand():
    found = calculate_flux_density(table_of(), curtain(), ["ch4"], BY_ROW).table
    density = 1e5 * 0.016042504 / (8.314462618 * 288.15)
    assert found["wind_normal"].tolist() == pytest.approx([5.0, 5.0, 5.0])
    assert found["ch4_density"].tolist() == pytest.approx([density] * 3)
    assert found["ch4_mass_enhancement"].tolist() == pytest.approx([0.0, density * 1e-6, -0.5 * density * 1e-6])
    assert found["ch4_flux_density"].tolist() == pytest.approx([0.0, 0.018 * density, -0.009 * density])


def test_a_reversed_wind_carries_gas_back():
    table = table_of(wind_north=[5.0, -5.0, 5.0], ch4_enhancement=1.0)
    found = calculate_flux_density(table, curtain(), ["ch4"], BY_ROW)
    assert found.table["ch4_flux_density"].iloc[1] == pytest.approx(-found.table["ch4_flux_density"].iloc[0])
    assert found.flags == ("reversed_wind",)
    assert found.mean_wind_normal == pytest.approx(5 / 3)
    assert calculate_flux_density(table_of(), curtain(), ["ch4"], BY_ROW).flags == ()


def test_normals_of_a_cylinder_point_outward():
    plane = cylinder(50.0)
    quarters = np.array([0.0, 0.25, 0.5]) * plane.length
    found = calculate_flux_density(table_of(x=quarters), plane, ["ch4"], BY_ROW)
    assert found.table["wind_normal"].tolist() == pytest.approx([5.0, 1.0, -5.0])
    assert found.flags == ()


def test_mean_density_is_of_kept_rows():
    table = table_of(temperature=[10.0, 20.0, 50.0], pressure=[990.0, 1010.0, 500.0], kept=[True, True, False])
    found = calculate_flux_density(table, curtain(), ["ch4"], FluxDensityParameters(density_basis="mean")).table
    assert found["ch4_density"].tolist() == pytest.approx([float(gas_density("ch4", 15.0, 1000.0))] * 3)


@settings(max_examples=25, deadline=None)
@given(st.floats(-100, 100), st.floats(0.1, 100))
def test_flux_density_is_linear_in_the_enhancement(enhancement, factor):
    one = calculate_flux_density(table_of(ch4_enhancement=enhancement), curtain(), ["ch4"], BY_ROW).table
    more = calculate_flux_density(table_of(ch4_enhancement=factor * enhancement), curtain(), ["ch4"], BY_ROW).table
    assert more["ch4_flux_density"].to_numpy() == pytest.approx(factor * one["ch4_flux_density"].to_numpy(), rel=1e-9)


def test_integer_columns_are_numbers():
    table = table_of(temperature=15, pressure=1000, wind_north=5, ch4_enhancement=[0, 1, 2])
    found = calculate_flux_density(table, curtain(), ["ch4"], BY_ROW).table
    assert found["ch4_flux_density"].iloc[2] == pytest.approx(0.036 * found["ch4_density"].iloc[2])


def test_several_gases():
    table = table_of(co2_enhancement=[1.0, 2.0, 3.0])
    found = calculate_flux_density(table, curtain(), ["ch4", "co2"], BY_ROW)
    assert set(found.molar_masses) == {"ch4", "co2"}
    ratio = found.table["co2_density"] / found.table["ch4_density"]
    assert ratio.to_numpy() == pytest.approx(molar_mass("co2") / molar_mass("ch4"))


def test_dry_mole_fractions_take_off_the_vapour():
    # saturated at 20 °C: 23.4 hPa (WMO-No. 8)
    assert vapour_pressure(20.0, 100.0) == pytest.approx(23.4, abs=0.1)
    dry = FluxDensityParameters(dry_mole_fraction=True)
    table = table_of(humidity=[0.0, 50.0, 100.0], temperature=20.0)
    density = calculate_flux_density(table, curtain(), ["ch4"], dry).table["ch4_density"].to_numpy()
    assert density / density[0] == pytest.approx([1.0, 1 - 0.0117, 1 - 0.0234], abs=1e-4)
    with pytest.raises(InputFaults, match="humidity"):
        calculate_flux_density(table_of(), curtain(), ["ch4"], dry)


def test_faults_are_told():
    with pytest.raises(InputFaults, match="stage background") as caught:
        calculate_flux_density(table_of().drop(columns="ch4_enhancement"), curtain(), ["ch4"], BY_ROW)
    assert caught.value.column == "ch4_enhancement"
    with pytest.raises(InputError, match="formula"):
        calculate_flux_density(table_of(xyz_enhancement=1.0), curtain(), ["xyz"], BY_ROW)
    with pytest.raises(InputError, match="row 2") as caught_row:
        calculate_flux_density(table_of(pressure=[1000.0, 0.0, 1000.0]), curtain(), ["ch4"], BY_ROW)
    assert (caught_row.value.column, caught_row.value.row) == ("pressure", 2)
    with pytest.raises(InputError, match="absolute zero"):
        calculate_flux_density(table_of(temperature=-300.0), curtain(), ["ch4"], BY_ROW)
