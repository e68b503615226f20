"""Gaussian plumes that carry exactly their stated rate through a flight's surface.

Around a source the concentration at distance d along the wind, y across it and height h above ground is

    C = Q · g(y − m; σ_y(d)) · v(d, h) / K

g is the normal density; m the meander's shift of the plume's centre. The vertical part is a normal
curve about the source's height H with its reflection at the ground (Pasquill & Smith 1983,
*Atmospheric Diffusion*, § 6.3; Stockie 2011, *SIAM Review* 53, 349–372), scaled so that ∫ u(h) v dh = 1
for the logarithmic wind u(h). K = ∫ g dy over the surface is 1 where the spread is the same all over
the surface; in an oblique plane it grows along it, and K keeps the rate exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Floats = NDArray[np.float64]

Stability = Literal["A", "B", "C", "D", "E", "F"]

_NODES_ACROSS = 257
_NODES_UP = 96
_REACH = 8.0
"""Half-width of integrals in spreads: exp(−8²/2) is 1e-14."""

_ROWS_AT_ONCE = 4000
"""Rows whose integrals are evaluated together: 4000 × 257 numbers are 8 MB."""

_NEAREST, _FARTHEST = 0.5, 2.0
"""Multiples of the distance at which the plume's axis meets the surface, between which its spread is taken."""


_BRIGGS: dict[Stability, tuple[float, float, float, float]] = {
    "A": (0.22, 0.20, 0.0, 0.0),
    "B": (0.16, 0.12, 0.0, 0.0),
    "C": (0.11, 0.08, 2e-4, -0.5),
    "D": (0.08, 0.06, 1.5e-3, -0.5),
    "E": (0.06, 0.03, 3e-4, -1.0),
    "F": (0.04, 0.016, 3e-4, -1.0),
}
"""Class → a, b, c, p of σ_y = a d (1 + 0.0001 d)^−½ and σ_z = b d (1 + c d)^p."""


@dataclass(frozen=True)
class LogWind:
    """Mean wind u(h) = u₁₀ ln(h/z₀)/ln(10/z₀), 0 below z₀ (Stull 1988, eq. 9.7.1c)."""

    speed_at_10m: float
    roughness_length: float

    def speed(self, height: ArrayLike) -> _Floats:
        """Speed in m s⁻¹ at heights above ground in m."""
        above = np.maximum(np.asarray(height, dtype=float) / self.roughness_length, 1.0)
        return np.asarray(self.speed_at_10m * np.log(above) / np.log(10.0 / self.roughness_length), dtype=float)


def spreads(stability: Stability, distance: ArrayLike) -> tuple[_Floats, _Floats]:
    """σ_y and σ_z (m) at distances (m) from the source.

    Briggs's rural formulas for the Pasquill classes A (very unstable) to F (stable) (Briggs 1973;
    Hanna, Briggs & Hosker 1982, *Handbook on Atmospheric Diffusion*, table 4.5).
    """
    d = np.asarray(distance, dtype=float)
    across, up, slowing, power = _BRIGGS[stability]
    return (
        np.asarray(across * d / np.sqrt(1 + 1e-4 * d), dtype=np.float64),
        np.asarray(up * d * (1 + slowing * d) ** power, dtype=np.float64),
    )


class Crossing(NamedTuple):
    """One way in which the lines along the wind cross the surface."""

    distance: _Floats
    """Distance from the source at which each line crosses, m; NaN where it does not."""
    sign: float
    """1 where the wind blows out through the surface, −1 where it blows in."""


@dataclass(frozen=True)
class Curtain:
    """A plane without ends through the centre; ``along`` its azimuth, degrees from true north."""

    azimuth: float

    def crossings(self, source: _Floats, wind_to: _Floats, y: _Floats) -> list[Crossing]:
        """For a source at (east, north), winds to ``wind_to`` (n, 1) radians and lines y (n, k)."""
        along_east, along_north = np.sin(np.radians(self.azimuth)), np.cos(np.radians(self.azimuth))
        # place = a · along; its distance and its y are linear in a
        wind_east, wind_north = np.sin(wind_to), np.cos(wind_to)
        per_distance = along_east * wind_east + along_north * wind_north
        per_y = along_east * wind_north - along_north * wind_east
        a = (y + source[0] * wind_north - source[1] * wind_east) / per_y
        return [Crossing(a * per_distance - (source[0] * wind_east + source[1] * wind_north), 1.0)]


@dataclass(frozen=True)
class Cylinder:
    """An upright cylinder about the centre."""

    radius: float

    def crossings(self, source: _Floats, wind_to: _Floats, y: _Floats) -> list[Crossing]:
        """As for the curtain; lines that pass the cylinder have NaN."""
        wind_east, wind_north = np.sin(wind_to), np.cos(wind_to)
        across = y + source[0] * wind_north - source[1] * wind_east
        half = np.sqrt(np.where(np.abs(across) < self.radius, self.radius**2 - across**2, np.nan))
        centre = -(source[0] * wind_east + source[1] * wind_north)
        return [Crossing(centre + half, 1.0), Crossing(centre - half, -1.0)]


@dataclass(frozen=True)
class Plume:
    """The plume of one source of unit rate."""

    source_east: float
    source_north: float
    """Place of the source from the surface's centre, m, true east and north."""
    source_height: float
    """Above ground, m."""
    stability: Stability
    wind: LogWind
    surface: Curtain | Cylinder

    def concentration(
        self,
        east: ArrayLike,
        north: ArrayLike,
        height: ArrayLike,
        wind_from: ArrayLike,
        meander: ArrayLike,
        share: float,
    ) -> _Floats:
        """Concentration per rate, kg m⁻³ per kg s⁻¹; arguments broadcast to one shape.

        :param east, north: places, m from the centre. :param height: m above ground.
        :param wind_from: direction of the mean wind at that time, degrees.
        :param meander: shift of the plume's centre in its own standard deviations.
        :param share: standard deviation of the shift as a share of σ_y; the spread about the moving centre
            is then √(1 − share²) σ_y, so that the spread of the mean over time stays σ_y.
        """
        arrays = np.broadcast_arrays(east, north, height, wind_from, meander)
        shape = arrays[0].shape
        rows = np.stack([np.asarray(array, dtype=float).ravel() for array in arrays])
        parts = [
            self._concentration(rows[:, begin : begin + _ROWS_AT_ONCE], share)
            for begin in range(0, max(rows.shape[1], 1), _ROWS_AT_ONCE)
        ]
        return np.concatenate(parts).reshape(shape)

    def _concentration(self, rows: _Floats, share: float) -> _Floats:
        east, north, height, wind_from, meander = rows
        wind_to = np.radians(wind_from + 180.0)
        offset_east, offset_north = east - self.source_east, north - self.source_north
        distance = offset_east * np.sin(wind_to) + offset_north * np.cos(wind_to)
        y = offset_east * np.cos(wind_to) - offset_north * np.sin(wind_to)
        axis = self.axis_distance(wind_from)
        across, up = spreads(self.stability, _limited(distance, axis))
        spread = np.sqrt(1 - share**2) * across
        shift = meander * share * spreads(self.stability, axis)[0]
        found = np.zeros(east.shape)
        near = (distance > 0) & (np.abs(y - shift) < _REACH * spread) & (height > 0)
        if near.any():
            mass = self._share_crossing(wind_to[near], shift[near], axis[near], share)
            found[near] = _normal(y[near] - shift[near], spread[near]) * self._vertical(up[near], height[near]) / mass
        return found

    def axis_distance(self, wind_from: _Floats) -> _Floats:
        """Distance (m) along the wind from the source to where the plume's axis meets the surface."""
        wind_to = np.radians(wind_from + 180.0)
        source = np.array([self.source_east, self.source_north])
        return self.surface.crossings(source, wind_to[:, None], np.zeros((len(wind_to), 1)))[0].distance[:, 0]

    def _share_crossing(self, wind_to: _Floats, shift: _Floats, axis: _Floats, share: float) -> _Floats:
        """K = ∫ g(y − m; σ_y(d(y))) dy over the surface, signed by the wind's way through it."""
        # in a steady wind all rows have the same K
        _, first, inverse = np.unique(wind_to + 1j * shift, return_index=True, return_inverse=True)
        wind_to, shift, axis = wind_to[first, None], shift[first], axis[first]
        widest = spreads(self.stability, _FARTHEST * axis)[0]
        nodes = np.linspace(-1.0, 1.0, _NODES_ACROSS)
        y = shift[:, None] + _REACH * widest[:, None] * nodes
        total = np.zeros(len(shift))
        source = np.array([self.source_east, self.source_north])
        for crossing in self.surface.crossings(source, wind_to, y):
            spread = np.sqrt(1 - share**2) * spreads(self.stability, _limited(crossing.distance, axis[:, None]))[0]
            density = np.where(crossing.distance > 0, _normal(y - shift[:, None], spread), 0.0)
            total += crossing.sign * np.trapezoid(np.nan_to_num(density), y, axis=1)
        return total[inverse]

    def _vertical(self, spread: _Floats, height: _Floats) -> _Floats:
        """v(d, h), s m⁻²: the reflected normal curve over the wind it meets."""
        return self._curve(spread, height) / self._wind_met(spread)

    def _curve(self, spread: _Floats, height: _Floats) -> _Floats:
        return _normal(height - self.source_height, spread) + _normal(height + self.source_height, spread)

    def _wind_met(self, spread: _Floats) -> _Floats:
        """∫ u(h) × the curve dh, m s⁻¹: Gauss–Legendre in ln h, in which the logarithmic wind is a straight line."""
        spread, inverse = np.unique(spread, return_inverse=True)
        nodes, weights = _legendre(_NODES_UP)
        ground = self.wind.roughness_length
        low = np.log(np.maximum(self.source_height - _REACH * spread, ground))
        high = np.log(np.maximum(self.source_height + _REACH * spread, 2 * ground))
        half = 0.5 * (high - low)
        height = np.exp(low[:, None] + half[:, None] * (nodes + 1.0))
        met = self.wind.speed(height) * self._curve(spread[:, None], height) * height
        return np.asarray((half * (met @ weights))[inverse], dtype=float)


@lru_cache(maxsize=4)
def _legendre(count: int) -> tuple[_Floats, _Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes, weights


def _limited(distance: _Floats, axis: _Floats) -> _Floats:
    """The distance that sets the spread: as it is near the axis, levelling off smoothly at half and twice the axis's.

    Without an end, a very oblique plane would see a plume that widens as fast as the plane runs along it.
    """
    cube = np.maximum(distance / axis, 0.0) ** 3
    return np.asarray(axis * (_NEAREST + (_FARTHEST - _NEAREST) * cube / (cube + 2.0)), dtype=float)


def _normal(deviation: _Floats, spread: _Floats) -> _Floats:
    return np.asarray(np.exp(-0.5 * (deviation / spread) ** 2) / (np.sqrt(2 * np.pi) * spread), dtype=float)
