"""Columns that a stage needs from the table of the stages before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.errors import InputError, InputFaults, MissingInput

_STAGE_OF: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("time", "easting", "northing"), "flight"),
        **dict.fromkeys(("course_azimuth", "course_elevation", "ground_speed"), "flight"),
        **dict.fromkeys(("wind_east", "wind_north"), "wind"),
        **dict.fromkeys(("transect", "kept", "reason"), "transects"),
        **dict.fromkeys(("x", "z", "height_above_ground", "distance_from_plane"), "plane"),
        "wind_normal": "flux_density",
    }
)
_STAGE_OF_SUFFIX = {
    "_background": "background",
    "_enhancement": "background",
    "_signal": "background",
    "_density": "flux_density",
    "_mass_enhancement": "flux_density",
    "_flux_density": "flux_density",
}


def stage_adding(name: str) -> str | None:
    """The stage that adds a column to the table; None for what only the flight table has."""
    suffixes = sorted(_STAGE_OF_SUFFIX, key=len, reverse=True)
    suffix = next((suffix for suffix in suffixes if name.endswith(suffix)), None)
    return _STAGE_OF.get(name) or (_STAGE_OF_SUFFIX[suffix] if suffix else None)


def needed_columns(
    table: pd.DataFrame, names: Sequence[str], parameter: str = "table"
) -> dict[str, NDArray[np.float64]]:
    """Columns of finite numbers, by name.

    :param parameter: name of the input that the table came by, for messages.
    :raises InputFaults: naming every column that is missing (and the stage that adds it), and every
        column that holds text or gaps, with its first such row.
    """
    faults: list[InputError] = []
    columns = {}
    for name in names:
        if name not in table.columns:
            faults.append(_missing(name, parameter))
            continue
        values = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
        bad = ~np.isfinite(values)
        if bad.any():
            row = int(np.argmax(bad)) + 1
            faults.append(
                InputError(
                    f"column {name}: {int(bad.sum())} rows without a finite number, the first is row {row}: "
                    "fill or remove them",
                    parameter,
                    column=name,
                    row=row,
                )
            )
        columns[name] = values
    if faults:
        raise InputFaults(faults, parameter)
    return columns


def kept_rows(table: pd.DataFrame, parameter: str = "table") -> NDArray[np.bool_]:
    """The mask of the rows that later stages use.

    :raises MissingInput: where the table has no column ``kept``.
    """
    if "kept" not in table.columns:
        raise _missing("kept", parameter)
    return table["kept"].to_numpy(dtype=bool)


def _missing(name: str, parameter: str) -> MissingInput:
    stage = stage_adding(name)
    advice = f"the stage {stage} adds it: run it first" if stage else "the flight table must have it"
    return MissingInput(f"column {name} is missing; {advice}", parameter, column=name)
