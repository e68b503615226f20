"""The errors this library raises on purpose. Everything else is a fault of the program itself.

Every message is written for the person who sent the data: which input, which column and row,
what was expected, what came, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence


class GasFluxError(Exception):
    """Base of all errors that are meant to be read by users."""

    def __init__(self, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.parameter = parameter
        """Name of the input or parameter at fault, as the caller knows it; None where none is."""


class InputError(GasFluxError):
    """An input or a parameter that can't be used as it came."""

    def __init__(
        self,
        message: str,
        parameter: str | None = None,
        *,
        column: str | None = None,
        row: int | None = None,
    ) -> None:
        super().__init__(message, parameter)
        self.column = column
        self.row = row
        """1-based row of data (the header is not counted) where the fault is seen first."""


class MissingInput(InputError):
    """A mandatory input that did not come."""


class TooLarge(InputError):
    """An input over a limit of size or count."""


class NotAccessible(InputError):
    """An input that is referred to, and can't be had from there."""


class InputFaults(InputError):
    """Several faults of one input, told whole."""

    def __init__(self, faults: Sequence[InputError], parameter: str | None = None) -> None:
        self.faults = tuple(faults)
        lines = [fault.message for fault in self.faults]
        if len(lines) == 1:
            message = lines[0]
        else:
            message = f"{len(lines)} faults: " + "; ".join(f"({i}) {line}" for i, line in enumerate(lines, start=1))
        first = self.faults[0]
        super().__init__(message, parameter or first.parameter, column=first.column, row=first.row)


class NoSolution(GasFluxError):
    """The data are well formed but hold no answer: no plane, no enhancement, a singular system."""


class Busy(GasFluxError):
    """The service can't take the work now."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds after which a new try makes sense."""
