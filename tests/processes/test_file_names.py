"""What people call their files: shown as text, with nothing in it that could deceive or break a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from processes import registry
from processes.base import execute
from processes.declaration import InputValue
from processes.file_names import LONGEST, file_name_of_address, shown_file_name
from tests.processes.conftest import RecordingContext


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Flug 3.csv", "Flug 3.csv"),
        ("飞行.xlsx", "飞行.xlsx"),
        ("C:\\fakepath\\flight.csv", "flight.csv"),
        ("../../etc/passwd", "passwd"),
        ("a\x00b\x1b[2J\r\nc.csv", "ab[2Jc.csv"),
        ("exe.\u202evsc", "exe.vsc"),
        ("<b>&.csv", "<b>&.csv"),
        ("  two   blanks .csv ", "two blanks .csv"),
        ("", None),
        ("\x00\n", None),
        ("folder/", None),
        (None, None),
    ],
)
def test_a_name_is_its_last_part_without_what_cant_be_seen(name: str | None, shown: str | None) -> None:
    assert shown_file_name(name) == shown


def test_a_long_name_keeps_its_ending() -> None:
    shown = shown_file_name("x" * 5000 + ".csv")
    assert shown is not None and len(shown) == LONGEST and shown.endswith("x.csv") and "…" in shown
    assert shown_file_name("y" * LONGEST) == "y" * LONGEST


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://example.org/data/Flug%203.csv?key=secret#x", "Flug 3.csv"),
        ("https://example.org/wfs/?service=WFS", "wfs"),
        ("https://user:password@example.org", None),
        ("http://[broken", None),
        ("http://example.org/%2e%2e%2fetc%2fpasswd", "passwd"),
    ],
)
def test_an_address_is_called_by_the_last_part_of_its_path(address: str, shown: str | None) -> None:
    assert file_name_of_address(address) == shown


def test_report_and_figures_tell_the_name_that_was_sent(context: RecordingContext, small_flight: Path) -> None:
    context.outputs = frozenset({"report", "figures"})
    flight = InputValue(file=small_flight, file_name="My <flight>.csv")
    made = execute(registry()["gas_flux"], {"flight": [flight]}, context)
    assert made["figures"].file is not None and made["report"].file is not None
    assert json.loads(made["figures"].file.read_text())["input"]["name"] == "My <flight>.csv"
    page = made["report"].file.read_text(encoding="utf-8")
    assert "My &lt;flight&gt;.csv" in page and small_flight.name not in page


def test_a_name_that_nobody_told_is_not_made_up(context: RecordingContext, small_flight: Path) -> None:
    context.outputs = frozenset({"figures"})
    made = execute(registry()["gas_flux"], {"flight": [InputValue(file=small_flight)]}, context)
    assert made["figures"].file is not None
    told = json.loads(made["figures"].file.read_text())["input"]
    assert told["name"] is None and len(told["sha256"]) == 64


def test_a_fetched_flight_is_called_as_its_address_says(context: RecordingContext, small_flight: Path) -> None:
    context.outputs = frozenset({"figures"})
    address = "http://example.org/flights/third.csv?token=x"
    context.addresses[address] = small_flight
    made = execute(registry()["gas_flux_from_url"], {"flight_url": [InputValue(text=address)]}, context)
    assert made["figures"].file is not None
    assert json.loads(made["figures"].file.read_text())["input"]["name"] == "third.csv"
