"""The files of a whole calculation, for the processes and the command line alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasflux_core.io.geotiff import write_flux_plane
from gasflux_core.io.kml import write_kml
from gasflux_core.io.layers import footprint_geojson, track_geojson, write_layers_zip
from gasflux_core.io.plane_map import write_flux_plane_map
from gasflux_core.io.tables import write_table
from gasflux_core.kriging import Field
from gasflux_core.pipeline import Result
from gasflux_core.view import result_view
from processes.declaration import Circumstances
from processes.outputs import json_text
from processes.translation import translate

if TYPE_CHECKING:
    from gasflux_core.report import ReportContents

Progress = Callable[[float, str], None]

FILE_NAMES = {
    "flux_plane": "flux_plane.tif",
    "figures": "figures.json",
    "track": "track.geojson",
    "footprint": "footprint.geojson",
    "layers": "layers.zip",
    "flux_plane_map": "flux_plane_map.tif",
    "table": "table.csv",
    "report": "report.html",
    "report_pdf": "report_pdf.pdf",
    "preview": "preview.png",
    "view": "view.json",
    "track_kml": "track_kml.kml",
}
"""Each product and the name of its file."""


@dataclass(frozen=True)
class Source:
    """The file that a flight came in."""

    path: Path
    name: str | None
    """What its sender calls it, to be shown; None: not known."""


def write_products(
    result: Result,
    folder: Path,
    wanted: Collection[str] | None = None,
    *,
    source: Source | None = None,
    circumstances: Circumstances | None = None,
    progress: Progress | None = None,
) -> dict[str, Path]:
    """Write the products of a calculation into a folder; only those wanted are made.

    :param wanted: names from :data:`FILE_NAMES`; None: all of them. Other names are left alone.
    :param source: the flight's file, of which report and figures tell.
    :param circumstances: of which the report tells, in whose language.
    :param progress: told before each product, 0 to 1.
    :returns: name → file.
    """
    made = _Made(result, source, circumstances or Circumstances())
    names = [name for name in FILE_NAMES if wanted is None or name in wanted]
    paths = {name: folder / FILE_NAMES[name] for name in names}
    for number, (name, path) in enumerate(paths.items()):
        if progress is not None:
            progress(number / len(paths), f"Writing {name.replace('_', ' ')}")
        _WRITERS[name](made, path)
    return paths


@dataclass(frozen=True)
class _Made:
    """A result, and what several products hold of it."""

    result: Result
    source: Source | None
    circumstances: Circumstances

    @cached_property
    def report(self) -> ReportContents:
        """What the report says, its figures drawn once for all forms."""
        # Imported here because matplotlib takes a second to load and most runs in a chain draw nothing.
        from gasflux_core.report import Origin, report_contents, wording

        told = self.circumstances
        origin = Origin(
            source=self.source_name,
            size=self.source.path.stat().st_size if self.source is not None else None,
            sha256=self.sha256,
            calculated=told.accepted,
            provider=told.provider,
        )
        words = wording(told.language, partial(translate, language=told.language))
        return report_contents(self.result, origin, words)

    @cached_property
    def sha256(self) -> str | None:
        return _sha256(self.source.path) if self.source is not None else None

    @property
    def source_name(self) -> str | None:
        return self.source.name if self.source is not None else None

    @cached_property
    def fields(self) -> dict[str, Field]:
        return fields_on_one_grid(self.result)

    @cached_property
    def track(self) -> dict[str, Any]:
        return track_geojson(self.result.table, tuple(self.result.gases))

    @cached_property
    def footprint(self) -> dict[str, Any]:
        return footprint_geojson(self.result.plane_fit.plane, self.fields)


def fields_on_one_grid(result: Result) -> dict[str, Field]:
    """The fields of all gases, filled up with NaN to the highest top: each reaches up as far as its variogram says."""
    fields = {name: gas.field for name, gas in result.gases.items()}
    heights = max((field.z for field in fields.values()), key=len)
    return {name: _filled_up(field, heights) for name, field in fields.items()}


def _filled_up(field: Field, heights: NDArray[np.float64]) -> Field:
    rows = ((0, len(heights) - len(field.z)), (0, 0))
    return replace(
        field,
        z=heights,
        estimate=np.pad(field.estimate, rows, constant_values=np.nan),
        standard_error=np.pad(field.standard_error, rows, constant_values=np.nan),
        region=np.pad(field.region, rows),
    )


def _write_flux_plane(made: _Made, path: Path) -> None:
    write_flux_plane(path, made.fields, made.result.plane_fit.plane, made.result.versions)


def _write_flux_plane_map(made: _Made, path: Path) -> None:
    write_flux_plane_map(path, made.fields, made.result.plane_fit.plane, made.result.versions)


def _write_figures(made: _Made, path: Path) -> None:
    figures = made.result.figures()
    if made.source is not None:
        figures["input"] = {"name": made.source_name, "sha256": made.sha256}
    path.write_text(json_text(figures), encoding="utf-8")


def _write_track(made: _Made, path: Path) -> None:
    _write_geojson(made.track, path)


def _write_footprint(made: _Made, path: Path) -> None:
    _write_geojson(made.footprint, path)


def _write_geojson(layer: dict[str, Any], path: Path) -> None:
    # In one line, since it is for programs: indented it takes ten times as long.
    path.write_text(json.dumps(layer, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def _write_view(made: _Made, path: Path) -> None:
    path.write_text(json.dumps(result_view(made.result), allow_nan=False, separators=(",", ":")), encoding="utf-8")


def _write_track_kml(made: _Made, path: Path) -> None:
    result = made.result
    rates = {name: gas.rate for name, gas in result.gases.items()}
    write_kml(path, result.table, result.plane_fit.plane, made.fields, rates, made.source_name)


def _write_layers(made: _Made, path: Path) -> None:
    # A client that opens only one layer shows the first.
    write_layers_zip(path, {"footprint": made.footprint, "track": made.track})


def _write_table(made: _Made, path: Path) -> None:
    write_table(made.result.table, path)


def _write_report(made: _Made, path: Path) -> None:
    from gasflux_core.report import write_report

    write_report(path, made.report)


def _write_report_pdf(made: _Made, path: Path) -> None:
    from gasflux_core.report import write_report_pdf

    write_report_pdf(path, made.report)


def _write_preview(made: _Made, path: Path) -> None:
    from gasflux_core.report import write_preview

    write_preview(path, made.result, next(iter(made.result.gases)))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_WRITERS: dict[str, Callable[[_Made, Path], None]] = {
    "flux_plane": _write_flux_plane,
    "figures": _write_figures,
    "track": _write_track,
    "footprint": _write_footprint,
    "layers": _write_layers,
    "flux_plane_map": _write_flux_plane_map,
    "table": _write_table,
    "report": _write_report,
    "report_pdf": _write_report_pdf,
    "preview": _write_preview,
    "view": _write_view,
    "track_kml": _write_track_kml,
}
