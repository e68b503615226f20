"""What is read from a flight before it is sent: the process ``check_flight``, and what the page shows of its answer."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from werkzeug.datastructures import FileStorage

from gasflux_core.errors import Busy, GasFluxError, InputError
from processes.translation import translate
from server.errors import UnfitValue
from server.execution import Execution
from server.jobs.model import Job, JobStatus
from server.jobs.request import InputItem, JobRequest, Upload
from server.web.form import FLIGHT, file_name

PROCESS = "check_flight"
OUTPUT = "check"

LEVELS = 6
"""In so many colours the picture of the track shows the mole fraction."""

_LONGEST_SECONDS = 60.0
"""Nobody looks at a page longer than that for an answer."""

_WIDTH, _HEIGHT, _MARGIN = 360.0, 240.0, 14.0
_METRES_PER_DEGREE = 111_320.0


class UnreadFlight(GasFluxError):
    """A file that can't be read as a flight."""


@dataclass(frozen=True)
class TrackPicture:
    """The flight from above."""

    width: float
    height: float
    pieces: tuple[tuple[int, str], ...]
    """(level of the mole fraction, path), the lowest first, so that the plume lies on top."""
    bar: float
    """Length of the scale bar."""
    metres: int
    """What it stands for."""


def check_flight(execution: Execution, file: FileStorage, configuration: str, language: str) -> dict[str, Any]:
    """Have a flight looked through; the job that does it is gone afterwards.

    :raises UnreadFlight: in words why it can't be read.
    :raises InputError: no file came, or it can't be taken.
    :raises Busy: it is not its turn within a minute.
    :raises GasFluxError: as :meth:`server.execution.Execution.submit` does.
    """
    name = file_name(file)
    content = file.read()
    if not name or not content.strip():
        raise UnfitValue(f"The file {name} is empty. Choose another." if name else "No file came.", FLIGHT)
    inputs = {FLIGHT: [InputItem(upload="flight", file_name=name)]}
    if configuration.strip():
        inputs["configuration"] = [InputItem(text=configuration)]
    asked = JobRequest(PROCESS, inputs, mode="sync", language=language, face="web")
    job = execution.submit(asked, (Upload("flight", content),))
    try:
        return _translated(_answer(execution, execution.wait(job, _LONGEST_SECONDS)), language)
    finally:
        # Nobody misses it, and the janitor takes what can't go now.
        with contextlib.suppress(GasFluxError):
            execution.forget(job.id)


def _answer(execution: Execution, job: Job) -> dict[str, Any]:
    if not job.status.ended:
        raise Busy("The service has too much to do to look at flights. Send it as it is, or try again later.", 30)
    if job.status is not JobStatus.SUCCESSFUL:
        if job.error is not None and job.error.kind == "server":
            raise UnreadFlight(f"The service failed on this file. Its operator finds the reason in the log: {job.id}.")
        raise UnreadFlight(job.error.message if job.error else "The look at the flight was cancelled.")
    item = job.results[OUTPUT]
    if item.file is None:
        raise InputError(f"The process {PROCESS} gave no file.")
    with execution.jobs.store.open(job.id, job.attempt, item.file).open() as stream:
        found: dict[str, Any] = json.load(stream)
    return found


def _translated(found: dict[str, Any], language: str) -> dict[str, Any]:
    """The answer with its notes in a language."""
    columns = [column | {"note": translate(column["note"], language)} for column in found["columns"] or []]
    return found | {"columns": columns, "notes": [translate(note, language) for note in found["notes"] or []]}


def track_picture(track: dict[str, Any] | None) -> TrackPicture | None:
    """The picture of a track; None where there are too few points for one."""
    if not track:
        return None
    fractions = track.get("mole_fraction") or [None] * len(track["longitude"])
    rows = [
        (float(x), float(y), value)
        for x, y, value in zip(track["longitude"], track["latitude"], fractions, strict=False)
        if x is not None and y is not None
    ]
    if len(rows) < 2:
        return None
    west, east = min(row[0] for row in rows), max(row[0] for row in rows)
    south, north = min(row[1] for row in rows), max(row[1] for row in rows)
    shrink = math.cos(math.radians((south + north) / 2))
    across, along = (east - west) * shrink, north - south
    if max(across, along) == 0:
        return None
    scale = min((_WIDTH - 2 * _MARGIN) / max(across, 1e-12), (_HEIGHT - 2 * _MARGIN) / max(along, 1e-12))
    width, height = across * scale + 2 * _MARGIN, along * scale + 2 * _MARGIN
    points = [((x - west) * shrink * scale + _MARGIN, (north - y) * scale + _MARGIN, value) for x, y, value in rows]
    metres = _round_length((width - 2 * _MARGIN) / 2 / scale * _METRES_PER_DEGREE)
    return TrackPicture(
        round(max(width, 120.0), 1),
        round(max(height, 60.0), 1),
        tuple(_pieces(points)),
        round(metres / _METRES_PER_DEGREE * scale, 1),
        metres,
    )


def _pieces(points: Sequence[tuple[float, float, float | None]]) -> list[tuple[int, str]]:
    """A path for each level, of all stretches of the track that have it."""
    values = sorted(value for _, _, value in points if value is not None)
    # The plume's top is narrow: the highest reading would leave all others in one colour.
    low, high = (values[int(share * (len(values) - 1))] for share in (0.1, 0.98)) if values else (0.0, 0.0)
    paths: list[list[str]] = [[] for _ in range(LEVELS)]
    for (x0, y0, _), (x1, y1, value) in pairwise(points):
        share = 0.0 if value is None or high <= low else (value - low) / (high - low)
        paths[min(max(int(share * LEVELS), 0), LEVELS - 1)].append(f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}")
    return [(level, "".join(path)) for level, path in enumerate(paths) if path]


def _round_length(metres: float) -> int:
    """The largest of 1, 2, 5, 10, … that is not longer."""
    power = 10 ** math.floor(math.log10(max(metres, 1.0)))
    return int(max(step * power for step in (1, 2, 5) if step * power <= max(metres, 1.0)))
