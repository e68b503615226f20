"""Which requests become a job: not those for which there is no room, nor those that a job in flight answers."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.orm import Session

from gasflux_core.errors import Busy, InputError
from server.jobs.family import UNENDED
from server.jobs.model import JobRow, JobStatus
from server.jobs.request import JobRequest, Upload

LOG = logging.getLogger(__name__)


class NoSpace(Busy):
    """There is no room on the disk for what comes with a request, or for its results."""


_FULL_SECONDS = 30
_LOCKED_SECONDS = 10

_WAITING = select(func.count()).where(JobRow.status == JobStatus.ACCEPTED, JobRow.parent.is_(None))
_WAITING_OF_MODE = _WAITING.where(JobRow.mode == bindparam("asked"))
_WAITING_OF_CLIENT = _WAITING.where(JobRow.client == bindparam("asked"))


def new_row(
    job_id: str, request: JobRequest, *, version: str, client: str, shared: str | None, now: datetime, name: str = ""
) -> JobRow:
    """The row of a job that is accepted.

    :param shared: its fingerprint, where others may share it.
    :param name: what its client calls it.
    """
    return JobRow(
        id=job_id,
        status=JobStatus.ACCEPTED,
        process=request.process,
        version=version,
        face=request.face,
        mode=request.mode,
        client=client,
        share=client,
        fingerprint=shared,
        created=now,
        name=name,
        request=request.to_dict(),
    )


def refuse_when_full(session: Session, mode: str, client: str, *, most: int, key_share: float) -> None:
    """Let pass what there is room for.

    :param most: how many jobs of one mode may wait; sub-jobs don't count.
    :param key_share: the part of these that one client's may be.
    :raises Busy: as many wait already.
    """
    table = session.connection()
    if table.execute(_WAITING_OF_MODE, {"asked": mode}).scalar_one() >= most:
        raise Busy(f"{most} jobs wait already; send the request again later", _FULL_SECONDS)
    own_most = max(1, int(key_share * most))
    if client and table.execute(_WAITING_OF_CLIENT, {"asked": client}).scalar_one() >= own_most:
        raise Busy(
            f"{own_most} jobs of this key wait already, and more may not; send the request again when some have ended",
            _FULL_SECONDS,
        )


def refuse_without_space(free: int, min_free: int) -> None:
    """Let pass while there is room on the disk.

    :raises NoSpace: fewer bytes are free than ``min_free``.
    """
    if free < min_free:
        raise NoSpace("The service's disk is nearly full; send the request again later", _FULL_SECONDS)


@contextmanager
def busy_when_out_of_reach() -> Iterator[None]:
    """Say of a database that is locked, full or away, and of a full disk, that the service is busy.

    :raises Busy: so it is.
    """
    try:
        yield
    except (OperationalError, NoFreeConnection) as error:
        LOG.warning("the table of jobs can't be written: %s", error)
        raise Busy("The table of jobs can't be written now; send the request again later", _LOCKED_SECONDS) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        LOG.warning("no space is left for what came with a request: %s", error)
        raise NoSpace("The service's disk is full; send the request again later", _FULL_SECONDS) from error


def fingerprint(request: JobRequest, uploads: Sequence[Upload], version: str, client: str) -> str | None:
    """SHA-256 of all that decides a job's results, hexadecimal; None for requests that can't share one.

    What a reference leads to may change from one request to the next.
    """
    items = [item for items in request.inputs.values() for item in items]
    if any(item.href is not None or item.body_href is not None for item in items):
        return None
    contents = {upload.name: _sha256(upload) for upload in uploads}
    values: dict[str, Any] = {**request.to_dict(), "version": version, "client": client}
    values["inputs"] = {
        name: [{**item, "upload": contents.get(item["upload"], item["upload"])} for item in items]
        for name, items in values["inputs"].items()
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _sha256(upload: Upload) -> str:
    if isinstance(upload.content, bytes):
        return hashlib.sha256(upload.content).hexdigest()
    with upload.content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def in_flight(session: Session, wanted: str | None) -> JobRow | None:
    """The job that waits or runs and has this fingerprint."""
    if wanted is None:
        return None
    same = select(JobRow).where(JobRow.fingerprint == wanted, JobRow.status.in_(UNENDED))
    return session.scalar(same.order_by(JobRow.created, JobRow.id).limit(1))


def refuse_retry(row: JobRow) -> None:
    """Let pass what can be tried again.

    :raises InputError: the job can't.
    """
    if row.status not in (JobStatus.FAILED, JobStatus.DISMISSED):
        raise InputError(f"job {row.id} is {row.status}; only jobs that failed or were dismissed can be tried again")
    if row.parent is not None:
        raise InputError(
            f"job {row.id} is a part of job {row.parent}; try that one again, and with it those of its parts that "
            "did not succeed"
        )
