"""The number by which clients see whether capabilities have changed."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.errors import SequenceAhead
from server.wps.sequence import has_current, update_sequence


def test_the_same_content_keeps_its_number_and_another_gets_a_greater_one(tmp_path: Path) -> None:
    first = update_sequence(tmp_path, "1.0.0", b"one")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first)
    assert update_sequence(tmp_path, "1.0.0", b"one") == first
    second = update_sequence(tmp_path, "1.0.0", b"two")
    assert second > first
    # What was before comes back as something new.
    assert update_sequence(tmp_path, "1.0.0", b"one") > second


def test_each_capabilities_have_a_number_of_their_own(tmp_path: Path) -> None:
    first = update_sequence(tmp_path, "1.0.0", b"one")
    update_sequence(tmp_path, "2.0.0", b"two")
    assert update_sequence(tmp_path, "1.0.0", b"one") == first


def test_a_clock_that_is_set_back_does_not_set_the_number_back(tmp_path: Path) -> None:
    (tmp_path / "update-sequence-1.0.0").write_text("digest 9000-01-01T00:00:00.000000Z")
    assert update_sequence(tmp_path, "1.0.0", b"one") == "9000-01-01T00:00:00.000001Z"


@pytest.mark.parametrize("content", ["", "nonsense", "one two three", "digest 9000-99-99"])
def test_a_damaged_file_is_begun_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "update-sequence-1.0.0").write_text(content)
    number = update_sequence(tmp_path, "1.0.0", b"one")
    assert update_sequence(tmp_path, "1.0.0", b"one") == number


def test_workers_that_start_together_agree(tmp_path: Path) -> None:
    update_sequence(tmp_path, "1.0.0", b"before")
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: update_sequence(tmp_path, "1.0.0", b"now"), range(32)))
    assert len(set(numbers)) == 1


def test_a_client_has_the_current_ones_or_older_ones() -> None:
    current = "2024-05-01T12:00:00.000000Z"
    assert has_current(current, current)
    for older in ("", "0", "2024-05-01T11:59:59.999999Z", "2024"):
        assert not has_current(older, current)
    for newer in ("2024-05-01T12:00:00.000001Z", "3", "x"):
        with pytest.raises(SequenceAhead) as caught:
            has_current(newer, current)
        assert caught.value.parameter == "updateSequence"
