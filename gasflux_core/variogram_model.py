"""The fitted variogram: a model with geometric anisotropy along x and z."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasflux_core.covariance import ModelName, unit_semivariance
from gasflux_core.experimental_variogram import LagClasses

Quantity = Literal["mass_enhancement", "flux_density"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CrossValidation:
    """How well a variogram tells left-out samples from the others."""

    method: str
    """``leave_one_out`` or ``transects``."""
    samples: int
    mean_standardised_error: float
    """Mean of (sample − estimate) / standard error, dimensionless; near 0 for an unbiased estimate."""
    rms_standardised_error: float
    """Root mean square of the same; near 1 where the standard errors are of the right size."""
    rms_error: float
    """Root mean square of sample − estimate, in the quantity's unit."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "method": self.method,
            "samples": self.samples,
            "mean_standardised_error": self.mean_standardised_error,
            "rms_standardised_error": self.rms_standardised_error,
            "rms_error": self.rms_error,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CrossValidation:
        """The inverse of :meth:`to_dict`."""
        return cls(**values)


@dataclass(frozen=True, eq=False)
class Variogram:
    """Semivariogram model γ(Δx, Δz) = nugget + partial sill · γ₁(h), h² = (Δx/range_x)² + (Δz/range_z)².

    γ₁ is a model of unit sill (:func:`gasflux_core.covariance.unit_semivariance`). The nugget is
    measurement noise: it belongs to samples, not to the field.
    """

    quantity: Quantity
    model: ModelName
    nugget: float
    """Square of the quantity's unit (kg m⁻³ or kg m⁻² h⁻¹), as all semivariances here."""
    partial_sill: float
    range_x: float
    """Effective range along the plane, m."""
    range_z: float
    """Effective range upwards, m."""
    smoothness: float = 1.5
    """Matérn's ν, or the exponent of the stable model; of no meaning for the others."""
    experimental: tuple[LagClasses, ...] = ()
    cross_validation: CrossValidation | None = None
    flags: tuple[str, ...] = ()

    @property
    def sill(self) -> float:
        """Nugget and partial sill together."""
        return self.nugget + self.partial_sill

    def relative_lag(self, dx: ArrayLike, dz: ArrayLike) -> Array:
        """Distance in effective ranges, dimensionless, of lags in m."""
        along, up = np.asarray(dx, dtype=float), np.asarray(dz, dtype=float)
        return np.asarray(np.hypot(along / self.range_x, up / self.range_z))

    def semivariance(self, dx: ArrayLike, dz: ArrayLike) -> Array:
        """Semivariance of two samples a lag (dx, dz) in m apart; 0 at lag 0, the nugget just beside it."""
        lag = self.relative_lag(dx, dz)
        structured = self.partial_sill * unit_semivariance(self.model, lag, self.smoothness)
        return np.asarray(np.where(lag > 0, self.nugget + structured, 0.0))

    def covariance(self, dx: ArrayLike, dz: ArrayLike) -> Array:
        """Covariance of the field (without the nugget, which is noise of the samples) at a lag in m."""
        unit = unit_semivariance(self.model, self.relative_lag(dx, dz), self.smoothness)
        return np.asarray(self.partial_sill * (1.0 - unit))

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "quantity": self.quantity,
            "model": self.model,
            "nugget": self.nugget,
            "partial_sill": self.partial_sill,
            "range_x": self.range_x,
            "range_z": self.range_z,
            "smoothness": self.smoothness,
            "experimental": [classes.to_dict() for classes in self.experimental],
            "cross_validation": self.cross_validation.to_dict() if self.cross_validation else None,
            "flags": list(self.flags),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Variogram:
        """The inverse of :meth:`to_dict`."""
        validation = values.get("cross_validation")
        return cls(
            quantity=values["quantity"],
            model=values["model"],
            nugget=float(values["nugget"]),
            partial_sill=float(values["partial_sill"]),
            range_x=float(values["range_x"]),
            range_z=float(values["range_z"]),
            smoothness=float(values["smoothness"]),
            experimental=tuple(LagClasses.from_dict(classes) for classes in values.get("experimental", ())),
            cross_validation=CrossValidation.from_dict(validation) if validation else None,
            flags=tuple(values.get("flags", ())),
        )
