"""How many requests came and how they were answered, over all web workers and restarts: counted in a table.

Each worker counts by itself and adds what it has to the table every few seconds, so that no request waits
for the database.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flask import Flask, Response, g, request
from sqlalchemy import BigInteger, Double, Engine, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import String

from server.jobs.database import clock, open_engine, writing
from server.jobs.model import Base, UtcTime

LOG = logging.getLogger(__name__)

_FLUSH_SECONDS = 5.0
"""So much of the counts is lost at most where a worker is killed."""

_LONGEST_ENDPOINT = 200

NO_ENDPOINT = "(none)"
"""Stands for all paths that lead nowhere: there may be any number of them."""

Key = tuple[str, str, int]
"""Method, endpoint, status."""


class RequestTotalRow(Base):
    """The requests of one method to one endpoint that were answered with one status."""

    __tablename__ = "request_totals"

    method: Mapped[str] = mapped_column(String(10), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(200), primary_key=True)
    """The path as the application declares it, with the names of its parts: ``/task/<task_id>``."""
    status: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    since: Mapped[datetime] = mapped_column(UtcTime)
    count: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Double)
    """Until the answers began, together."""
    longest: Mapped[float] = mapped_column(Double)


@dataclass(frozen=True)
class RequestTotal:
    """The same as a value."""

    method: str
    endpoint: str
    status: int
    since: datetime
    count: int
    seconds: float
    longest: float


class RequestCounts:
    """The counts of one worker, on their way into the table."""

    def __init__(self, database: str) -> None:
        self._engine: Engine = open_engine(database)
        self._writing = writing(self._engine, lasting=False)
        self._lock = threading.Lock()
        self._new: dict[Key, RequestTotal] = {}
        self._timer: threading.Timer | None = None

    def watch(self, app: Flask) -> None:
        """Count every request of an application."""

        @app.before_request
        def begin() -> None:
            g.request_begun = time.monotonic()

        @app.after_request
        def end(response: Response) -> Response:
            begun = g.get("request_begun")
            if begun is not None:
                endpoint = request.url_rule.rule if request.url_rule else NO_ENDPOINT
                self.add(request.method, endpoint, response.status_code, time.monotonic() - begun)
            return response

    def add(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count one request."""
        # Clients may send any word as a method.
        method = method if method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH") else "other"
        one = RequestTotal(method, endpoint[:_LONGEST_ENDPOINT], status, datetime.now(UTC), 1, seconds, seconds)
        with self._lock:
            self._put(one)
            if self._timer is None:
                self._timer = threading.Timer(_FLUSH_SECONDS, self._flush_later)
                self._timer.daemon = True
                self._timer.start()

    def read(self) -> list[RequestTotal]:
        """All that was counted, this worker's own to the last request."""
        self.flush()
        with Session(self._engine) as session:
            rows = session.scalars(select(RequestTotalRow).order_by(RequestTotalRow.endpoint, RequestTotalRow.status))
            return [
                RequestTotal(row.method, row.endpoint, row.status, row.since, row.count, row.seconds, row.longest)
                for row in rows
            ]

    def reset(self) -> None:
        """Begin anew; what other workers haven't written yet counts for what comes."""
        with self._lock:
            self._new = {}
        with self._writing.begin() as connection:
            connection.execute(delete(RequestTotalRow))

    def flush(self) -> None:
        """Add what was counted to the table."""
        with self._lock:
            new, self._new = self._new, {}
        if not new:
            return
        try:
            self._write(new.values())
        except Exception:
            with self._lock:
                for total in new.values():
                    self._put(total)
            raise

    def close(self) -> None:
        """Write what there is, and close the connections."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self._flush_or_tell()
        self._engine.dispose()

    def _flush_later(self) -> None:
        with self._lock:
            self._timer = None
        self._flush_or_tell()

    def _flush_or_tell(self) -> None:
        try:
            self.flush()
        except Exception as error:
            # Counts are no reason to fail; the next request tries again.
            LOG.warning("the counts of requests can't be written now: %s", " ".join(str(error).split())[:200])

    def _put(self, total: RequestTotal) -> None:
        key = (total.method, total.endpoint, total.status)
        have = self._new.get(key)
        if have is not None:
            total = replace(
                have,
                count=have.count + total.count,
                seconds=have.seconds + total.seconds,
                longest=max(have.longest, total.longest),
            )
        self._new[key] = total

    def _write(self, totals: Iterable[RequestTotal]) -> None:
        with Session(self._writing) as session, session.begin():
            now = clock(session.connection())
            for total in totals:
                row = session.get(RequestTotalRow, (total.method, total.endpoint, total.status))
                if row is None:
                    session.add(
                        RequestTotalRow(
                            method=total.method,
                            endpoint=total.endpoint,
                            status=total.status,
                            since=min(total.since, now),
                            count=total.count,
                            seconds=total.seconds,
                            longest=total.longest,
                        )
                    )
                    continue
                row.count += total.count
                row.seconds += total.seconds
                row.longest = max(row.longest, total.longest)
