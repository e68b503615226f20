"""The error of settings with which the service can't run."""

from __future__ import annotations

from gasflux_core.errors import GasFluxError


class SettingsError(GasFluxError):
    """Settings with which the service can't run; the text names every fault."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(
            "The service can't start with these settings:\n" + "\n".join(f"  - {fault}" for fault in faults)
        )
