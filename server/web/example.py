"""The flight that a visitor can try: simulated, so that the rate which should come out is known."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

FILE_NAME = "example_flight.csv"

RATE = 60
"""True emission rate of methane, kg/h."""

_PLAN: dict[str, Any] = {
    "seed": 7,
    "start": "2026-05-12T13:05:00Z",
    "latitude": 52.1,
    "longitude": 0.45,
    "azimuth": 70,
    "width": 260,
    "lowest_height": 5,
    "spacing": 6,
    "transects": 10,
    "legs": True,
    "ground_speed": 6,
    "turn_time": 6,
    "turn_radius": 8,
    "wind_speed": 4.5,
    "wind_direction": 345,
    "stability": "C",
    "meander": 0.2,
    "intermittency": 0.2,
    "sources": [
        {"rates": {"ch4": 42, "co2": 150}, "upwind": 200, "offset": -40, "height": 12},
        {"rates": {"ch4": RATE - 42, "co2": 60}, "upwind": 160, "offset": 50, "height": 6},
    ],
    "gases": {"ch4": {"background": 1.97, "noise": 0.008, "drift": 0.004}, "co2": {"background": 428, "noise": 0.4}},
}
"""That of examples/data."""


@cache
def example_flight() -> bytes:
    """The flight table, as CSV."""
    # Loaded by those who ask for it only.
    from gasflux_core.io.tables import write_table
    from gasflux_core.simulate import SimulationParameters, simulate_flight

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        write_table(simulate_flight(SimulationParameters.check(_PLAN)).table, path)
        return path.read_bytes()
