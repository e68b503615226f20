"""Reading literals."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasflux_core.errors import InputError
from processes.declaration import InputDeclaration
from processes.literals import literal_text, read_literal


def declared(data_type: str, **more: Any) -> InputDeclaration:
    return InputDeclaration("height", "Height", "A height.", "literal", data_type=data_type, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "  ", "None", None])
@pytest.mark.parametrize("data_type", ["string", "integer", "float", "boolean"])
def test_nothing_sent_is_absent(data_type: str, text: str | None) -> None:
    assert read_literal(declared(data_type), text) is None


@pytest.mark.parametrize("text", ["NaN", "nan", "INF", "inf", "-Infinity", "1_000", "1,5", "0x10", "1e999", "٣", "ten"])
def test_what_is_no_finite_xml_schema_number_is_refused(text: str) -> None:
    for data_type in ("float", "integer"):
        with pytest.raises(InputError, match="height: expected") as caught:
            read_literal(declared(data_type), text)
        assert caught.value.parameter == "height"


@pytest.mark.parametrize(("text", "value"), [("1", 1.0), (" -0.5 ", -0.5), (".5", 0.5), ("2.", 2.0), ("1E-3", 0.001)])
def test_numbers(text: str, value: float) -> None:
    assert read_literal(declared("float"), text) == value


@pytest.mark.parametrize("text", ["1.0", "1e3", ""])
def test_a_whole_number_has_no_fraction(text: str) -> None:
    if text:
        with pytest.raises(InputError, match="whole number"):
            read_literal(declared("integer"), text)
    assert read_literal(declared("integer"), "+12") == 12


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("True", True), ("1", True), ("FALSE", False), ("0", False)]
)
def test_truth_values(text: str, value: bool) -> None:
    assert read_literal(declared("boolean"), text) is value


def test_a_truth_value_is_nothing_else() -> None:
    with pytest.raises(InputError, match="true or false, got 'yes'"):
        read_literal(declared("boolean"), "yes")


def test_allowed_values_are_exact() -> None:
    model = declared("string", allowed=("spherical", "cubic"))
    assert read_literal(model, "cubic") == "cubic"
    with pytest.raises(InputError, match="one of spherical, cubic, got 'Cubic'"):
        read_literal(model, "Cubic")


@pytest.mark.parametrize(
    ("more", "inside", "outside"),
    [
        ({"minimum": 0.0, "maximum": 10.0}, ["0", "10"], ["-0.001", "10.001"]),
        ({"minimum": 0.0, "minimum_excluded": True}, ["1e-9", "1e9"], ["0", "-1"]),
        ({"maximum": 360.0, "maximum_excluded": True}, ["-5", "359.999"], ["360"]),
    ],
)
def test_ranges_with_open_and_closed_ends(more: dict[str, Any], inside: list[str], outside: list[str]) -> None:
    for text in inside:
        assert read_literal(declared("float", **more), text) == float(text)
    for text in outside:
        with pytest.raises(InputError, match="expected a number"):
            read_literal(declared("float", **more), text)


def test_a_foreign_unit_is_refused_not_ignored() -> None:
    with pytest.raises(InputError, match="expected in m, came in ft"):
        read_literal(declared("float", unit="m"), "10", "ft")
    assert read_literal(declared("float", unit="m"), "10", "m") == 10.0


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_its_text(value: float) -> None:
    read = read_literal(declared("float"), literal_text(value))
    assert read == value and math.copysign(1, float(read)) == math.copysign(1, value)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    for data_type in ("integer", "float", "boolean"):
        try:
            value = read_literal(declared(data_type), text)
        except InputError as error:
            assert error.parameter == "height"
        else:
            assert value is None or math.isfinite(value)  # type: ignore[arg-type]
