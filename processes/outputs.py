"""The outputs that processes share, and how they are written into the work folder."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pywps import ComplexOutput, Format, LiteralOutput

from gasflux_core.io.tables import write_table
from processes import formats
from processes.declaration import Context, OutputValue
from processes.literals import LiteralValue, literal_text


def complex_output(
    identifier: str, title: str, abstract: str, made_as: Format, *, by_reference: bool = True
) -> ComplexOutput:
    """A complex output in one format."""
    return ComplexOutput(identifier, title, abstract=abstract, supported_formats=[made_as], as_reference=by_reference)


def quantity_output(identifier: str, title: str, abstract: str, unit: str) -> LiteralOutput:
    """A literal output that is a quantity."""
    return LiteralOutput(identifier, title, data_type="float", abstract=abstract, uoms=[unit])


def stage_outputs(added: str) -> list[ComplexOutput]:
    """What every stage gives back: the table with its columns added, and its figures.

    :param added: which columns, for the abstract.
    """
    return [
        complex_output("table", "Table", f"The table with the columns {added}; the next stage reads it.", formats.CSV),
        complex_output("figures", "Figures", "What the stage found, with its flags.", formats.JSON, by_reference=False),
    ]


def rate_outputs() -> list[LiteralOutput]:
    """The two figures everyone wants first."""
    return [
        quantity_output("emission_rate", "Emission rate", "Emission rate of the first gas through the plane.", "kg/h"),
        quantity_output(
            "uncertainty", "Standard uncertainty", "Combined standard uncertainty of that emission rate.", "kg/h"
        ),
    ]


def stage_values(context: Context, result: Any) -> dict[str, OutputValue]:
    """The values of :func:`stage_outputs` from a stage's result."""
    return {"table": table_value(context, "table", result.table), "figures": json_value(context, "figures", result)}


def table_value(context: Context, identifier: str, table: pd.DataFrame) -> OutputValue:
    """A table as CSV."""
    path = _path(context, identifier, formats.CSV)
    write_table(table, path)
    return file_value(path, formats.CSV)


def json_value(context: Context, identifier: str, value: Any) -> OutputValue:
    """Anything that :func:`plain` can turn into JSON."""
    path = _path(context, identifier, formats.JSON)
    path.write_text(json_text(value), encoding="utf-8")
    return file_value(path, formats.JSON)


def quantity_value(value: LiteralValue, unit: str) -> OutputValue:
    """A quantity, with all its digits."""
    return OutputValue(text=literal_text(value), unit=unit)


def file_value(path: Path, made_as: Format) -> OutputValue:
    """A file that is already written."""
    return OutputValue(file=path, media_type=made_as.mime_type)


def wants(context: Context, identifier: str) -> bool:
    """Whether the client asked for this output."""
    return context.outputs is None or identifier in context.outputs


def json_text(value: Any) -> str:
    """JSON text; numbers keep all their digits, NaN and infinity become null."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=1)


def plain(value: Any) -> Any:
    """A result as plain JSON values; tables within it are left out.

    Results that say themselves how they look as JSON (``to_dict``) are taken at their word.
    """
    if isinstance(value, pd.DataFrame):
        return None
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {
            name: plain(getattr(value, name)) for name in names if not isinstance(getattr(value, name), pd.DataFrame)
        }
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def _path(context: Context, identifier: str, made_as: Format) -> Path:
    return Path(context.workdir) / f"{identifier}{made_as.extension}"
