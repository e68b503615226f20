"""Every requirement on the list has a test, and the page says which."""

from __future__ import annotations

import pytest

from docs.make_conformance import PAGE, STANDARDS, covers, page, requirements


@pytest.mark.parametrize("folder", STANDARDS)
def test_each_requirement_has_a_test_and_each_test_a_requirement(folder: str) -> None:
    known = [item.id for item in requirements(folder)]
    assert len(known) == len(set(known))
    tests = covers(folder)
    covered = {name for cover in tests for name in cover.ids}
    assert [name for name in known if name not in covered] == []
    assert sorted(covered - set(known)) == []
    assert [cover.test for cover in tests if not cover.ids] == []


def test_the_page_is_up_to_date() -> None:
    every = {cover.test: "passes" for folder in STANDARDS for cover in covers(folder)}
    # With all passing, as continuous integration sees to it, the page can only be this one.
    assert PAGE.read_text(encoding="utf-8") == page(every), "run python -m docs.make_conformance"
