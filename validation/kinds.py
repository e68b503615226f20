"""Kinds of simulated flights whose emission rate is known.

Each kind is one difficulty that flights meet. What is no part of the difficulty (wind, azimuth, place of the plume)
is drawn anew for each flight, so that no figure hangs on one geometry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gasflux_core.simulate import SimulatedGas, SimulationParameters, Source

Draw = np.random.Generator
Made = dict[str, Any]

_GOLDEN_SECTION = (5.0**0.5 - 1.0) / 2.0


@dataclass(frozen=True)
class Kind:
    """One kind of flight."""

    name: str
    title: str
    make: Callable[[Draw], Made]
    """Parameters of one flight beside those that all kinds draw alike."""
    steady: bool = False
    """Steady wind, and at least 95 % of the plume within the transects."""
    gas: str = "ch4"
    factors: tuple[float, float] = (0.1, 10.0)
    """Least and largest factor on the rates of the sources, spread evenly on a log scale; the noise stays."""

    def parameters(self, seed: int) -> SimulationParameters:
        """The flight of this kind with this seed."""
        draw = np.random.default_rng([seed, *self.name.encode()])
        azimuth = float(draw.uniform(0.0, 360.0))
        common: Made = {
            "seed": int(draw.integers(2**31)),
            "azimuth": azimuth,
            "incidence": float(draw.uniform(-12.0, 12.0)),
            "wind_speed": float(draw.uniform(3.0, 6.0)),
            "roughness_length": 0.03 * float(np.exp(draw.uniform(-0.5, 0.5))),
            "transects": 12,
            "legs": bool(draw.random() < 0.5),
            "turn_time": float(draw.choice([2.0, 4.0])),
            "sources": (_source(draw),),
        }
        made = common | self.make(draw)
        incidence = made.pop("incidence")
        side = draw.choice([90.0, 270.0])
        made.setdefault("wind_direction", (made["azimuth"] + side + incidence) % 360.0)
        factor = self._factor(seed)
        made["sources"] = tuple(_scaled(source, factor) for source in made["sources"])
        return SimulationParameters(**made)

    def _factor(self, seed: int) -> float:
        # By the seed alone, so that all kinds are tried with the same strengths and can be compared; in steps of the
        # golden section, which spread evenly over any run of seeds as draws of a few dozen do not.
        least, largest = self.factors
        return float(least * (largest / least) ** (seed * _GOLDEN_SECTION % 1.0))


def _scaled(source: Source, factor: float) -> Source:
    return source.model_copy(update={"rates": {gas: rate * factor for gas, rate in source.rates.items()}})


def _source(draw: Draw, rate: float = 10.0, **changed: Any) -> Source:
    place: Made = {"height": float(draw.uniform(18.0, 27.0)), "offset": float(draw.uniform(-15.0, 15.0))}
    return Source(rates={"ch4": rate}, **(place | changed))


def _fixed(**made: Any) -> Callable[[Draw], Made]:
    return lambda _: dict(made)


def _oblique(degrees: float, width: float) -> Callable[[Draw], Made]:
    return lambda draw: {"incidence": float(draw.choice([-degrees, degrees])), "width": width}


def _weak(draw: Draw) -> Made:
    return {"sources": (_source(draw, 0.5),), "gases": {"ch4": SimulatedGas(background=1.95, noise=0.02)}}


def _drift(draw: Draw) -> Made:
    sensor = SimulatedGas(background=1.95, drift=float(draw.choice([-0.06, 0.06])), gradient=0.005)
    return {"sources": (_source(draw, 2.0),), "gases": {"ch4": sensor}}


def _several(draw: Draw) -> Made:
    return {
        "width": 280.0,
        "sources": tuple(
            _source(draw, rate, offset=offset + float(draw.uniform(-10, 10)), height=height, upwind=upwind)
            for rate, offset, height, upwind in (
                (5.0, -60.0, 10.0, 120.0),
                (3.0, 10.0, 25.0, 150.0),
                (7.0, 60.0, 5.0, 180.0),
            )
        ),
    }


def _meander(share: float, intermittency: float) -> Callable[[Draw], Made]:
    return lambda draw: {"meander": share, "meander_time": 30.0, "intermittency": intermittency, "transects": 14}


def _spiral(off: float) -> Callable[[Draw], Made]:
    def make(draw: Draw) -> Made:
        radius = float(draw.uniform(50.0, 80.0))
        source = _source(draw, height=float(draw.uniform(8.0, 16.0)), offset=off * radius, upwind=0.0)
        return {"pattern": "spiral", "radius": radius, "sources": (source,), "spacing": 4.0, "transects": 12}

    return make


def _co2(draw: Draw) -> Made:
    source = Source(rates={"co2": 800.0}, height=float(draw.uniform(18, 27)), offset=float(draw.uniform(-15, 15)))
    return {"sources": (source,), "gases": {"co2": SimulatedGas(background=420.0, noise=0.5, drift=2.0)}}


KINDS: tuple[Kind, ...] = (
    Kind("plain", "one source, all of the plume sampled", _fixed(), steady=True),
    Kind("north", "curtain due north", _fixed(azimuth=0.0), steady=True),
    Kind("east", "curtain due east", _fixed(azimuth=90.0), steady=True),
    Kind("oblique_30", "wind 30° off the normal", _oblique(30.0, 260.0), steady=True),
    Kind("oblique_60", "wind 60° off the normal", _oblique(60.0, 340.0), steady=True),
    Kind("turns_legs", "legs and wide turns", _fixed(legs=True, turn_radius=6.0, turn_time=5.0), steady=True),
    Kind("thin_air", "site at 850 hPa, 28 °C", _fixed(pressure=850.0, temperature=28.0), steady=True),
    Kind("frost", "−20 °C", _fixed(temperature=-20.0), steady=True),
    Kind("lag", "sensor 4 s late", _fixed(sensor_lag=4.0), steady=True),
    Kind("up_down", "up and down again", _fixed(up_and_down=True, spacing=8.0, transects=9), steady=True),
    Kind("fast_sensor", "5 readings a second", _fixed(sample_rate=5.0), steady=True),
    Kind("jitter", "positions off by 3 m", _fixed(position_noise=3.0), steady=True),
    Kind("zone_edge", "edge of the UTM zone at 60° N", _fixed(latitude=60.2, longitude=5.95), steady=True),
    Kind("co2", "CO₂ on 420 ppm, drift of 2 ppm", _co2, steady=True, gas="co2", factors=(1.0, 10.0)),
    Kind("weak", "0.5 kg/h, noise 20 ppb", _weak, factors=(1.0, 1.0)),
    Kind("drift", "2 kg/h, sensor drifts by 60 ppb, gradient", _drift, factors=(1.0, 1.0)),
    Kind("several", "three sources", _several),
    Kind("swing", "wind turns by 40° over the flight", _fixed(wind_turn=40.0, width=300.0)),
    Kind("meander", "meander of half the spread, intermittency 0.5", _meander(0.5, 0.5)),
    Kind("meander_weak", "meander of 0.3 of the spread, intermittency 0.3", _meander(0.3, 0.3)),
    Kind(
        "ground",
        "source on the ground, lowest transect at 5 m",
        lambda draw: {"sources": (_source(draw, height=0.5),), "lowest_height": 5.0},
    ),
    Kind(
        "top_cut",
        "plume's centre near the highest transect",
        lambda draw: {"sources": (_source(draw, height=35.0),), "transects": 7},
    ),
    Kind("terrain", "ground slopes by 10 %", _fixed(ground_slope=0.1, transects=13)),
    Kind("sparse", "four transects, 16 m apart", _fixed(transects=4, spacing=16.0, lowest_height=4.0)),
    Kind("spiral", "spiral about the source", _spiral(0.0)),
    Kind("spiral_off", "spiral, source off the centre", _spiral(0.4)),
    Kind("none", "no source", lambda draw: {"sources": (_source(draw, 0.0),)}),
)
