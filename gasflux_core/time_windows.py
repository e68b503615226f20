"""Time windows that a user sets by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from gasflux_core.errors import InputError

Windows = tuple[tuple[str, str], ...]
"""Pairs of start and end, ISO 8601, UTC where no offset is given; both ends belong to the window."""


def rows_within(timestamp: pd.Series, windows: Windows, parameter: str) -> npt.NDArray[np.bool_]:
    """Rows whose time lies in any of the windows.

    :param timestamp: of each row, UTC. :param parameter: name of the windows in messages.
    :raises InputError: where a window isn't a pair of times in order.
    """
    inside = np.zeros(len(timestamp), dtype=bool)
    for number, window in enumerate(windows, start=1):
        try:
            start, end = (pd.to_datetime(text, utc=True) for text in window)
        except ValueError:
            raise InputError(
                f"{parameter}: window {number} is no pair of times such as 2026-06-01T10:00:00Z, got {window!r}",
                parameter,
            ) from None
        if not start < end:
            raise InputError(f"{parameter}: window {number} must end after it starts, got {window!r}", parameter)
        inside |= ((timestamp >= start) & (timestamp <= end)).to_numpy()
    return inside
