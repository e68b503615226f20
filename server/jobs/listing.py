"""Lists of jobs: those of which all that is asked is true, page by page."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Double, Select, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from server.jobs.model import JobRow, JobStatus, UtcTime

SortKey = Literal["created", "started", "finished", "name", "status", "progress"]
"""By what a list can be sorted."""


class _SecondsBetween(FunctionElement[float]):
    """Seconds from the first time to the second."""

    type = Double()
    inherit_cache = True


@compiles(_SecondsBetween, "sqlite")
def _in_sqlite(element: _SecondsBetween, compiler: Any, **more: Any) -> str:
    begin, end = (compiler.process(one, **more) for one in element.clauses)
    # Days in floating point, in which whole seconds are no longer whole.
    return f"(round((julianday({end}) - julianday({begin})) * 86400000) / 1000.0)"


@compiles(_SecondsBetween, "postgresql")
def _in_postgresql(element: _SecondsBetween, compiler: Any, **more: Any) -> str:
    begin, end = (compiler.process(one, **more) for one in element.clauses)
    return f"extract(epoch from ({end} - {begin}))"


def listing(
    *,
    statuses: Collection[JobStatus] | None,
    processes: Collection[str] | None,
    faces: Collection[str] | None,
    client: str | None,
    parent: str | None,
    subjobs: bool,
    created_from: datetime | None,
    created_to: datetime | None,
    min_seconds: float | None,
    max_seconds: float | None,
    text: str | None = None,
    sort: SortKey = "created",
    ascending: bool = False,
    now: datetime,
) -> Select[JobRow]:
    """The rows that :meth:`server.jobs.table.JobTable.find` gives, in its order.

    :param now: the time up to which running jobs have run.
    """
    wanted: list[ColumnElement[bool]] = []
    for column, values in ((JobRow.status, statuses), (JobRow.process, processes), (JobRow.face, faces)):
        if values is not None:
            wanted.append(column.in_(values))
    if client is not None:
        wanted.append(JobRow.client == client)
    if parent is not None:
        wanted.append(JobRow.parent == parent)
    elif not subjobs:
        wanted.append(JobRow.parent.is_(None))
    if created_from is not None:
        wanted.append(JobRow.created >= created_from)
    if created_to is not None:
        wanted.append(JobRow.created <= created_to)
    # Of jobs that have not started nothing is known, and so nothing is true.
    seconds = _SecondsBetween(JobRow.started, func.coalesce(JobRow.finished, now, type_=UtcTime))
    if min_seconds is not None:
        wanted.append(seconds >= min_seconds)
    if max_seconds is not None:
        wanted.append(seconds <= max_seconds)
    if text is not None:
        wanted.append(or_(JobRow.name.icontains(text, autoescape=True), JobRow.id.startswith(text, autoescape=True)))
    return select(JobRow).where(*wanted).order_by(*_order(sort, ascending))


def _order(sort: SortKey, ascending: bool) -> list[ColumnElement[Any]]:
    """By the column, what has none last; then by what no two jobs share, so that no job is on two pages."""
    column = getattr(JobRow, sort)
    ways = [column.asc() if ascending else column.desc(), JobRow.id.asc() if ascending else JobRow.id.desc()]
    if sort in ("started", "finished"):
        ways[0] = ways[0].nulls_last()
    if sort not in ("created", "started", "finished"):
        ways.insert(1, JobRow.created.desc())
    return ways
