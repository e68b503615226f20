"""Where a simulated drone is at which time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasflux_core.simulation_parameters import SimulationParameters

_Floats = NDArray[np.float64]

TAKE_OFF_DISTANCE = 60.0
"""Distance of the take-off point from the curtain or the spiral, m."""

_TRANSIT_HEIGHT = 25.0
_TAKE_OFF_HEIGHT = 0.5
_CLIMB_SPEED = 2.0
"""Of climb-out and landing, m/s."""

_TURN_KNOTS = 12
_DEGREES_A_KNOT = 2.0


@dataclass(frozen=True, eq=False)
class Path:
    """A path through points; straight and at even speed between them."""

    time: _Floats
    """s from the start, strictly rising."""
    along: _Floats
    """m from the centre, along the azimuth."""
    across: _Floats
    """m from the centre, to the right of the azimuth."""
    height: _Floats
    """m above take-off."""

    @property
    def duration(self) -> float:
        """s."""
        return float(self.time[-1])

    def at(self, time: _Floats) -> tuple[_Floats, _Floats, _Floats]:
        """(along, across, height) at times in s; before the start and after the end it rests."""
        return (
            np.interp(time, self.time, self.along),
            np.interp(time, self.time, self.across),
            np.interp(time, self.time, self.height),
        )


def plan_path(parameters: SimulationParameters, downwind: float) -> Path:
    """The path of a flight plan.

    :param downwind: 1 where the wind blows to the right of the azimuth, −1 to the left: the side of the take-off point.
    """
    flown = _spiral(parameters) if parameters.pattern == "spiral" else _curtain(parameters)
    if parameters.legs:
        beyond = TAKE_OFF_DISTANCE + (parameters.radius if parameters.pattern == "spiral" else 0.0)
        flown = _with_legs(flown, downwind * beyond, parameters.ground_speed)
    knots = np.array(flown)
    time = np.concatenate([[0.0], np.cumsum(knots[1:, 0])])
    return Path(time, knots[:, 1], knots[:, 2], knots[:, 3])


def transect_heights(parameters: SimulationParameters) -> _Floats:
    """Heights above take-off of the transects, or of the beginnings of the revolutions and the end of the last; m."""
    reach = parameters.radius if parameters.pattern == "spiral" else parameters.width / 2
    lowest = parameters.lowest_height + abs(parameters.ground_slope) * reach
    count = parameters.transects + (1 if parameters.pattern == "spiral" else 0)
    return np.asarray(lowest + parameters.spacing * np.arange(count), dtype=float)


_Knot = tuple[float, float, float, float]
"""(seconds since the knot before, along, across, height)."""


def _curtain(parameters: SimulationParameters) -> list[_Knot]:
    heights = list(transect_heights(parameters))
    if parameters.up_and_down:
        heights += heights[-2::-1]
    end = parameters.width / 2
    seconds = parameters.width / parameters.ground_speed
    knots: list[_Knot] = [(0.0, -end, 0.0, heights[0])]
    side = 1.0
    for number, height in enumerate(heights):
        knots.append((seconds, side * end, 0.0, height))
        if number + 1 < len(heights):
            knots += _turn(side * end, side * parameters.turn_radius, height, heights[number + 1], parameters.turn_time)
        side = -side
    return knots


def _turn(end: float, beyond: float, height: float, next_height: float, seconds: float) -> list[_Knot]:
    """Half an ellipse beyond the end of a transect."""
    angles = np.linspace(0.0, np.pi, _TURN_KNOTS + 1)[1:]
    return [
        (
            seconds / _TURN_KNOTS,
            end + beyond * float(np.sin(angle)),
            0.0,
            height + (next_height - height) * float(1 - np.cos(angle)) / 2,
        )
        for angle in angles
    ]


def _spiral(parameters: SimulationParameters) -> list[_Knot]:
    """Clockwise from the side of the azimuth."""
    heights = transect_heights(parameters)
    revolutions = float(parameters.transects)
    turns = np.linspace(0.0, revolutions, round(revolutions * 360 / _DEGREES_A_KNOT) + 1)
    climbed = heights[0] + parameters.spacing * turns
    if parameters.up_and_down:
        turns = np.concatenate([turns, revolutions + turns[1:]])
        climbed = np.concatenate([climbed, climbed[-2::-1]])
    step = 2 * np.pi * parameters.radius * (turns[1] - turns[0]) / parameters.ground_speed
    angles = 2 * np.pi * turns
    return [
        (step, parameters.radius * float(np.cos(angle)), parameters.radius * float(np.sin(angle)), float(height))
        for angle, height in zip(angles, climbed, strict=True)
    ]


def _with_legs(flown: list[_Knot], take_off_across: float, speed: float) -> list[_Knot]:
    """Climb on the spot, fly to the first transect at one height, descend to it; at the end straight back."""
    first, last = flown[0], flown[-1]
    transit = max(_TRANSIT_HEIGHT, first[3])
    climb = (transit - _TAKE_OFF_HEIGHT) / _CLIMB_SPEED
    back = float(np.hypot(np.hypot(last[1], last[2] - take_off_across), last[3] - transit))
    return [
        (0.0, 0.0, take_off_across, _TAKE_OFF_HEIGHT),
        (climb, 0.0, take_off_across, transit),
        (float(np.hypot(first[1], first[2] - take_off_across)) / speed, first[1], first[2], transit),
        (max((transit - first[3]) / _CLIMB_SPEED, 1.0), *first[1:]),
        *flown[1:],
        (back / speed, 0.0, take_off_across, transit),
        (climb, 0.0, take_off_across, _TAKE_OFF_HEIGHT),
    ]
