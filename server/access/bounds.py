"""How often something may happen: within a minute for each address, and for each key by the jobs that it sent."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.audit import SUBMITTED, AuditRow
from server.errors import TooManyRequests

_MINUTE = 60.0
_MOST_NAMES = 10_000


class PerMinute:
    """Counts what happens within a minute, for each name; in one web worker, for all its threads.

    :param most: how often it may happen.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Name → how often, and when its minute ends on the monotonic clock."""
        self._lock = threading.Lock()

    def count(self, name: str) -> bool:
        """Count one more; whether that is within the bound."""
        now = time.monotonic()
        with self._lock:
            count, until = self._counts.pop(name, (0, 0.0))
            if until <= now:
                count, until = 0, now + _MINUTE
            self._counts[name] = (count + 1, until)
            while len(self._counts) > _MOST_NAMES:
                self._counts.popitem(last=False)
            return count < self._most

    def seconds_left(self, name: str) -> int:
        """Seconds until a name that has reached the bound may try again; 0 where it has not."""
        with self._lock:
            count, until = self._counts.get(name, (0, 0.0))
        left = until - time.monotonic()
        return math.ceil(left) if count >= self._most and left > 0 else 0


def refuse_over_bounds(session: Session, now: datetime, key_id: str, rate: int | None, quota: int | None) -> None:
    """Let pass a key that may send one more job now.

    :param now: the database's time, as the jobs of other workers and machines are counted by it.
    :param rate: jobs within a minute; None: any number.
    :param quota: jobs within a day; None: any number.
    :raises TooManyRequests: it has sent as many as it may.
    """
    for most, span, words in ((rate, timedelta(minutes=1), "a minute"), (quota, timedelta(days=1), "a day")):
        if most is None:
            continue
        mine = (AuditRow.key_id == key_id, AuditRow.action == SUBMITTED, AuditRow.time > now - span)
        first = session.scalar(
            select(AuditRow.time).where(*mine).order_by(AuditRow.time.desc()).offset(most - 1).limit(1)
        )
        if first is not None:
            seconds = max(1, math.ceil((first + span - now).total_seconds()))
            raise TooManyRequests(
                f"This key may send {most} {'job' if most == 1 else 'jobs'} {words}, and has. Send the request again "
                f"in {_in_words(seconds)}.",
                seconds,
            )


def _in_words(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    return f"{math.ceil(seconds / 60)} minutes" if seconds < 7200 else f"{math.ceil(seconds / 3600)} hours"
