"""A job's results and what is known of them as RO-Crate: ``ro-crate-metadata.json`` and ``ro-crate.zip``."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from urllib.parse import quote

from flask import Blueprint, Response
from werkzeug.exceptions import Conflict, NotFound, ServiceUnavailable

from gasflux_core.errors import Busy
from server.crate_metadata import METADATA_FILE, Service, crate_metadata
from server.execution import Execution
from server.jobs.model import Job, JobStatus
from server.jobs.queue import NoSuchJob
from server.store import NoSuchFile, StoredFile

_PIECE = 256 * 1024
_PACKED = (".zip", ".tif", ".png", ".pdf", ".xlsx", ".gpkg")
"""Endings of files that are compressed already."""

_LONGEST_NAME = 80


@dataclass(frozen=True)
class _Entry:
    """One file within the archive."""

    name: str
    pieces: Iterable[bytes]
    size: int


def crate_blueprint(execution: Execution) -> Blueprint:
    """The routes of the crates, which stand beside those of the files of a job."""
    pages = Blueprint("crate", __name__)

    @pages.get(f"/<job_id>/{METADATA_FILE}")
    def metadata(job_id: str) -> Response:
        job = _successful(execution, job_id)
        return Response(_metadata(execution, job), content_type="application/ld+json")

    @pages.get("/<job_id>/ro-crate.zip")
    def crate(job_id: str) -> Response:
        job = _successful(execution, job_id)
        text = _metadata(execution, job)
        entries = [_Entry(METADATA_FILE, [text], len(text)), *_files(execution, job)]
        response = Response(_archive(entries, job), content_type="application/zip")
        response.headers["Content-Disposition"] = _disposition(job)
        return response

    return pages


def _successful(execution: Execution, job_id: str) -> Job:
    try:
        job = execution.job(job_id)
    except NoSuchJob as error:
        raise NotFound(error.message) from None
    if job.status is JobStatus.SUCCESSFUL:
        return job
    if job.status is JobStatus.DISMISSED:
        raise NotFound("The job was cancelled, so that there are no results of which a crate could be made.")
    if job.status is JobStatus.FAILED:
        why = f": {job.error.message}" if job.error is not None else "."
        raise Conflict(f"The job failed, so that there are no results of which a crate could be made{why}")
    raise Conflict("The job has not ended; ask again when it has.")


def _metadata(execution: Execution, job: Job) -> bytes:
    settings = execution.settings
    service = Service(settings.metadata, settings.root, version("gasflux-wps"))
    owners = {key.key_id: key.name for key in execution.access.keys.list()} if job.client else {}
    made = crate_metadata(job, execution.declared(job), service, owners.get(job.client, ""))
    return json.dumps(made, ensure_ascii=False, indent=1).encode("utf-8")


def _files(execution: Execution, job: Job) -> list[_Entry]:
    """The result files, of which each is known to be there before the first byte is sent."""
    try:
        names = [item.file for item in job.results.values() if item.file]
        stored = [(name, execution.jobs.store.open(job.id, job.attempt, name)) for name in names]
    except NoSuchFile as error:
        raise NotFound(error.message) from None
    except Busy as error:
        raise ServiceUnavailable(error.message, retry_after=error.retry_after) from None
    return [_Entry(name, _pieces(file), file.size) for name, file in stored]


def _pieces(stored: StoredFile) -> Iterator[bytes]:
    with stored.open() as stream:
        while piece := stream.read(_PIECE):
            yield piece


@dataclass
class _Taken:
    """What was written to an archive and not sent yet. It can't seek, so sizes follow each file."""

    _pieces: list[bytes] = field(default_factory=list)

    def write(self, content: bytes) -> int:
        """Take more of it."""
        self._pieces.append(bytes(content))
        return len(content)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def _archive(entries: Iterable[_Entry], job: Job) -> Iterator[bytes]:
    """The archive piece by piece, never whole in memory."""
    taken = _Taken()
    time = (job.finished or job.created).timetuple()[:6]
    with zipfile.ZipFile(taken, "w") as archive:  # type: ignore[call-overload]  # it wants no more than it is given
        for entry in entries:
            about = zipfile.ZipInfo(entry.name, time)
            packed = entry.name.lower().endswith(_PACKED)
            about.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            about.external_attr = 0o644 << 16
            with archive.open(about, "w", force_zip64=entry.size > zipfile.ZIP64_LIMIT) as file:
                for piece in entry.pieces:
                    file.write(piece)
                    yield taken.take()
    yield taken.take()


def _disposition(job: Job) -> str:
    """That the archive is to be saved, and under which name; headers hold no letters beyond Latin ones."""
    name = f"{_name(job)}-ro-crate.zip"
    if name.isascii():
        return f"attachment; filename={name}"
    return f"attachment; filename={job.id}-ro-crate.zip; filename*=UTF-8''{quote(name)}"


def _name(job: Job) -> str:
    """What the job is called, as part of a file's name."""
    return re.sub(r"[^\w.-]+", "-", job.name).strip("-.")[:_LONGEST_NAME] or job.id
