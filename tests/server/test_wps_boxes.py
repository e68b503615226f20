"""Bounding boxes in XML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gasflux_core.errors import GasFluxError, InputError
from processes.bounding_box import BoundingBox, read_bounding_box
from processes.declaration import InputDeclaration
from server.wps.boxes import fill_box, read_box
from server.wps.xml import OWS, ows

SYSTEMS = ("urn:ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:EPSG::4979")
DECLARED = InputDeclaration("where", "Where", "A box.", "bbox", crs=SYSTEMS)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(NUMBERS, NUMBERS).map(sorted), min_size=2, max_size=3), st.sampled_from(SYSTEMS))
def test_a_box_comes_back_as_it_was_written(sides: list[list[float]], crs: str) -> None:
    lower, upper = zip(*sides, strict=True)
    box = BoundingBox(lower, upper, crs)
    element = etree.Element(ows("BoundingBox"))
    fill_box(element, box.text, OWS)
    assert element.get("dimensions") == str(len(sides))
    assert read_bounding_box(DECLARED, read_box(element, "where")) == box


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=10), st.text(max_size=10))
def test_no_box_breaks_the_reader(lower: str, upper: str, crs: str, dimensions: str) -> None:
    element = etree.Element("BoundingBoxData")
    try:
        etree.SubElement(element, "LowerCorner").text = lower
        etree.SubElement(element, "UpperCorner").text = upper
        element.set("crs", crs)
        element.set("dimensions", dimensions)
    except ValueError:
        return  # no XML at all
    try:
        read_bounding_box(DECLARED, read_box(element, "where"))
    except GasFluxError as error:
        assert error.parameter == "where"


def test_corners_with_commas_are_no_more_numbers() -> None:
    element = etree.fromstring("<b><LowerCorner>1,2</LowerCorner><UpperCorner>3,4</UpperCorner></b>")
    with pytest.raises(InputError):
        read_bounding_box(DECLARED, read_box(element, "where"))
