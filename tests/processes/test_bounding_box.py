"""Bounding boxes as text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasflux_core.errors import InputError
from processes.bounding_box import CRS84, WGS84, BoundingBox, read_bounding_box
from processes.declaration import InputDeclaration

BOX = InputDeclaration("area", "Area", "A box.", "bbox", crs=(WGS84, CRS84, "EPSG:32632"))
NUMBER = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "crs"),
    [
        ("1,2,3,4", WGS84),
        ("1,2,3,4,EPSG:4326", WGS84),
        ("1,2,3,4,urn:ogc:def:crs:EPSG:6.9:4326", WGS84),
        ("1,2,3,4,http://www.opengis.net/def/crs/EPSG/0/4326", WGS84),
        (" 1 , 2,3 ,4 , http://www.opengis.net/def/crs/OGC/1.3/CRS84 ", CRS84),
        ("1,2,3,4,urn:ogc:def:crs:OGC:1.3:CRS84,2", CRS84),
        ("1,2,3,4,urn:ogc:def:crs:EPSG::32632", "EPSG:32632"),
    ],
)
def test_a_system_may_be_named_in_any_of_its_spellings(text: str, crs: str) -> None:
    assert read_bounding_box(BOX, text) == BoundingBox((1.0, 2.0), (3.0, 4.0), crs)


def test_a_box_may_have_heights() -> None:
    assert read_bounding_box(BOX, "1,2,3,4,5,6") == BoundingBox((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), WGS84)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected lower corner, upper corner and crs"),
        ("1,2,3", "expected lower corner, upper corner and crs"),
        ("1,2,3,4,5", "expected lower corner, upper corner and crs"),
        ("1,2,3,nan", "expected lower corner, upper corner and crs"),
        ("1,2,3,inf,EPSG:4326", "expected lower corner, upper corner and crs"),
        ("1,2,3,1_0,EPSG:4326", "expected lower corner, upper corner and crs"),
        ("1,2,3,4,EPSG:4326,2,x", "expected lower corner, upper corner and crs"),
        ("3,2,1,4", "the lower corner must lie below"),
        ("1,2,3,4,EPSG:3857", "expected one of the reference systems urn:ogc:def:crs:EPSG::4326"),
        ("1,2,3,4,elsewhere", "got 'elsewhere'"),
    ],
)
def test_what_is_no_box_is_told_so(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        read_bounding_box(BOX, text)
    assert caught.value.parameter == "area"


@given(st.lists(NUMBER, min_size=4, max_size=4), st.sampled_from(BOX.crs))
def test_a_box_survives_its_text(numbers: list[float], crs: str) -> None:
    a, b, c, d = numbers
    box = BoundingBox((min(a, c), min(b, d)), (max(a, c), max(b, d)), crs)
    assert read_bounding_box(BOX, box.text) == box


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        box = read_bounding_box(BOX, text)
    except InputError as error:
        assert error.parameter == "area"
    else:
        assert all(math.isfinite(value) for value in (*box.lower, *box.upper))
