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

from gasflux_core.errors import InputError
from gasflux_core.io.tables import write_table
from processes import formats
from processes.declaration import Context, OutputValue
from processes.literals import LiteralValue, literal_text

_MAP_OUTPUTS = {
    "wms": ("WMS", "Address of the results as pictures of a map (WMS 1.3.0)."),
    "wcs": ("WCS", "Address of the flux plane as a coverage (WCS 2.0.1)."),
    "wfs": ("WFS", "Address of track and footprint as features (WFS 2.0.0)."),
    "features": ("OGC API - Features", "Address of track, footprint and the plane's cells as OGC API - Features."),
}
"""Kind of map service → title and abstract of the output with its address."""

SERVED_ON_MAPS = frozenset({"flux_plane_map", "track", "footprint"})
"""Outputs that the map services are made of."""

IMPLIED_BY_MAPS = dict.fromkeys(_MAP_OUTPUTS, SERVED_ON_MAPS)
"""For :attr:`processes.base.StageProcess.implies`."""


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


def map_outputs() -> list[LiteralOutput]:
    """Addresses at which other programs find the job's results on the map."""
    return [
        LiteralOutput(kind, title, data_type="anyURI", abstract=abstract)
        for kind, (title, abstract) in _MAP_OUTPUTS.items()
    ]


def map_values(context: Context) -> dict[str, OutputValue]:
    """The values of :func:`map_outputs` that were asked for.

    :raises InputError: one was asked for by name, and this service has no such map.
    """
    for kind in _MAP_OUTPUTS.keys() - context.map_services.keys():
        if context.outputs is not None and kind in context.outputs:
            raise InputError(
                f"{kind}: this service serves no results as {_MAP_OUTPUTS[kind][0]}; leave the output out, or ask the "
                "operator to install MapServer",
                kind,
            )
    return {
        kind: OutputValue(text=context.map_services[kind])
        for kind in _MAP_OUTPUTS
        if kind in context.map_services and wants(context, kind)
    }


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
