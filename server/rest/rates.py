"""The rates that a job found, out of its file of figures."""

from __future__ import annotations

import json
import logging
import math
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

from gasflux_core.errors import Busy
from server.jobs.model import Job, JobStatus
from server.store import NoSuchFile, Store

LOG = logging.getLogger(__name__)

_MOST_BYTES = 5_000_000
"""A file of figures has some thousand."""

_MOST_KEPT = 1000


@dataclass(frozen=True)
class Rate:
    """What was found of one gas."""

    gas: str | None
    """None: the first gas of the flight, where no file says which that is."""
    emission_rate: float | None
    uncertainty: float | None
    """Standard uncertainty."""
    interval95: tuple[float, float] | None
    flags: tuple[str, ...]
    unit: str = "kg/h"


class Rates:
    """Reads the rates of successful jobs, and keeps those it has read: results never change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[str, tuple[Rate, ...]] = OrderedDict()
        self._lock = Lock()

    def of(self, job: Job) -> tuple[Rate, ...]:
        """The rates of every gas; none of a job that has no rates."""
        if job.status is not JobStatus.SUCCESSFUL:
            return ()
        with self._lock:
            if job.id in self._kept:
                self._kept.move_to_end(job.id)
                return self._kept[job.id]
        found = self._from_file(job)
        if found is None:
            return _from_row(job)
        with self._lock:
            self._kept[job.id] = found
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return found

    def _from_file(self, job: Job) -> tuple[Rate, ...] | None:
        item = job.results.get("figures")
        if item is None or item.file is None:
            return None
        try:
            with self._store.open(job.id, job.attempt, item.file).open() as stream:
                figures = json.loads(stream.read(_MOST_BYTES))
            return tuple(_rate(gas, values) for gas, values in figures["gases"].items())
        except (NoSuchFile, Busy):
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            LOG.exception("task:%s: its figures can't be read", job.id)
            return None


def _rate(gas: str, values: dict[str, Any]) -> Rate:
    interval = values.get("interval95")
    return Rate(
        gas,
        _finite(values["emission_rate"]),
        _finite(values["standard_uncertainty"]),
        (float(interval[0]), float(interval[1])) if interval and None not in interval else None,
        tuple(str(flag) for flag in values.get("flags", ())),
    )


def _from_row(job: Job) -> tuple[Rate, ...]:
    """The first gas, of which the outputs themselves tell."""
    rate, uncertainty = (job.results.get(name) for name in ("emission_rate", "uncertainty"))
    if rate is None:
        return ()
    return (Rate(None, _number(rate.text), _number(uncertainty.text if uncertainty else None), None, ()),)


def _number(text: str | None) -> float | None:
    try:
        return _finite(float(text or ""))
    except ValueError:
        return None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
