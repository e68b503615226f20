"""Lists of jobs: those of which all that is asked is true, page by page."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from itertools import product
from typing import Any, Literal, TypedDict, Unpack

from sqlalchemy import ColumnElement, Double, Select, UnaryExpression, and_, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from server.jobs.model import JobRow, JobStatus, UtcTime

SortKey = Literal["created", "started", "finished", "seconds", "rate", "name", "status", "progress"]
"""By what a list can be sorted: ``seconds`` is the run time, ``rate`` the emission rate."""


class Filters(TypedDict, total=False):
    """What may be asked of a job that is to be in a list. What is left out, or None, may be anything."""

    statuses: Collection[JobStatus] | None
    """Its status is one of these."""
    processes: Collection[str] | None
    faces: Collection[str] | None
    client: str | None
    """Id of the key that sent it; empty: sent without a key."""
    parent: str | None
    """The job of which it is a sub-job."""
    subjobs: bool
    """Sub-jobs are among them, whichever their parent; without this and ``parent`` they are not."""
    created_from: datetime | None
    """Accepted then or later."""
    created_to: datetime | None
    """Accepted then or earlier."""
    min_seconds: float | None
    """Has run for so long or longer, up to its end or until now; jobs that have not started are in no such list."""
    max_seconds: float | None
    """So long or shorter."""
    text: str | None
    """Stands in its name, notes, label, id, or in the name or address of its flight, in capitals or not."""
    gas: str | None
    """Formula, in lower case: one of the gases that it asks for."""
    default_gas: str | None
    """The gas of jobs that name none, and have no configuration that could."""


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
    *, now: datetime, sort: SortKey = "created", ascending: bool = False, **filters: Unpack[Filters]
) -> Select[JobRow]:
    """The rows that :meth:`server.jobs.table.JobTable.find` gives.

    :param now: the time up to which running jobs have run.
    """
    return select(JobRow).where(*_wanted(filters, now)).order_by(*_order(sort, ascending, now))


def counting(*, now: datetime, **filters: Unpack[Filters]) -> Select[str, int]:
    """How many rows of each status a listing has with these filters."""
    return select(JobRow.status, func.count()).where(*_wanted(filters, now)).group_by(JobRow.status)


def _wanted(filters: Filters, now: datetime) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    for column, values in (
        (JobRow.status, filters.get("statuses")),
        (JobRow.process, filters.get("processes")),
        (JobRow.face, filters.get("faces")),
    ):
        if values is not None:
            wanted.append(column.in_(values))
    if (client := filters.get("client")) is not None:
        wanted.append(JobRow.client == client)
    if (parent := filters.get("parent")) is not None:
        wanted.append(JobRow.parent == parent)
    elif not filters.get("subjobs"):
        wanted.append(JobRow.parent.is_(None))
    if (created_from := filters.get("created_from")) is not None:
        wanted.append(JobRow.created >= created_from)
    if (created_to := filters.get("created_to")) is not None:
        wanted.append(JobRow.created <= created_to)
    # Of jobs that have not started nothing is known, and so nothing is true.
    if (least := filters.get("min_seconds")) is not None:
        wanted.append(_seconds(now) >= least)
    if (most := filters.get("max_seconds")) is not None:
        wanted.append(_seconds(now) <= most)
    if text := filters.get("text"):
        wanted.append(_has_text(text))
    if gas := filters.get("gas"):
        wanted.append(_asks_for(gas, filters.get("default_gas")))
    return wanted


def _seconds(now: datetime) -> _SecondsBetween:
    return _SecondsBetween(JobRow.started, func.coalesce(JobRow.finished, now, type_=UtcTime))


def _has_text(text: str) -> ColumnElement[bool]:
    inputs = JobRow.request["inputs"]
    places = (
        JobRow.name,
        JobRow.notes,
        JobRow.label,
        JobRow.id,
        inputs["flight"][0]["file_name"].as_string(),
        inputs["flight_url"][0]["text"].as_string(),
    )
    # Where a request has no such input, its place is NULL, which is like nothing.
    return or_(*(place.icontains(text, autoescape=True) for place in places))


def _asks_for(gas: str, default: str | None) -> ColumnElement[bool]:
    inputs = JobRow.request["inputs"]
    # A value holds one formula or several with commas; as the JSON that it is, with quotes about it.
    named = inputs["gases"].as_string()
    asked = or_(*(named.icontains(f"{before}{gas}{after}", autoescape=True) for before, after in product('", ', '", ')))
    if gas != default:
        return asked
    unnamed = [inputs[name].as_string().is_(None) for name in ("gases", "configuration", "configuration_url")]
    return or_(asked, and_(*unnamed))


def _order(sort: SortKey, ascending: bool, now: datetime) -> list[UnaryExpression[Any]]:
    """By what is asked for, what has none last; then by what no two jobs share, so that no job is on two pages."""
    column: Any
    match sort:
        case "seconds":
            column = _seconds(now)
        case "rate":
            column = JobRow.results["emission_rate"]["text"].as_string().cast(Double)
        case "name":
            column = func.lower(JobRow.name)
        case _:
            column = getattr(JobRow, sort)
    first = (column.asc() if ascending else column.desc()).nulls_last()
    if sort == "created":
        return [first, JobRow.id.asc() if ascending else JobRow.id.desc()]
    return [first, JobRow.created.desc(), JobRow.id.desc()]
