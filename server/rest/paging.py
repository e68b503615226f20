"""What lists are asked for: which page, of how many, of which tasks, in which order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request

from gasflux_core.errors import InputError
from server.jobs.listing import SortKey
from server.jobs.model import JobStatus
from server.rest.tasks import STATUSES

DEFAULT_PER_PAGE = 20
MOST_PER_PAGE = 100
LAST_PAGE = 1_000_000
LONGEST_SEARCH = 200

SORTS: Mapping[str, SortKey] = {
    "created_at": "created",
    "started_at": "started",
    "finished_at": "finished",
    "name": "name",
    "status": "status",
    "progress": "progress",
}
"""What a list can be sorted by → the column."""

ORDERS = ("asc", "desc")

PAGE_PARAMETERS = ("page", "per_page")
LIST_PARAMETERS = (*PAGE_PARAMETERS, "status", "sort", "order", "q")


@dataclass(frozen=True)
class Page:
    """One page of a list."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many entries come before it."""
        return (self.number - 1) * self.size

    def document(self, name: str, entries: Sequence[Any], total: int) -> dict[str, Any]:
        """The page with its entries; a page beyond the last has none."""
        return {
            name: list(entries),
            "page": self.number,
            "per_page": self.size,
            "total": total,
            "pages": -(-total // self.size),
        }


@dataclass(frozen=True)
class Selection:
    """Which tasks, and in which order."""

    statuses: tuple[JobStatus, ...] | None
    text: str | None
    sort: SortKey
    ascending: bool


def check_query(known: Sequence[str]) -> None:
    """Refuse parameters of the address that nobody reads, or that came twice.

    :raises InputError: naming them.
    """
    unknown = sorted(set(request.args) - set(known))
    if unknown:
        names = ", ".join(repr(name[:60]) for name in unknown[:10])
        raise InputError(f"There is no parameter {names} here. There are: {', '.join(known) or 'none'}.", unknown[0])
    for name, values in request.args.lists():
        if len(values) > 1:
            raise InputError(f"{name} came {len(values)} times; send it once.", name)


def read_page() -> Page:
    """The page that the request at hand wants.

    :raises InputError: naming the range.
    """
    return Page(_whole("page", 1, LAST_PAGE), _whole("per_page", DEFAULT_PER_PAGE, MOST_PER_PAGE))


def read_selection() -> Selection:
    """The tasks that the request at hand wants.

    :raises InputError: naming what was expected.
    """
    sort, order = _one_of("sort", "created_at", SORTS), _one_of("order", "desc", ORDERS)
    return Selection(_statuses(), _text(), SORTS[sort], order == "asc")


def _whole(name: str, default: int, most: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise InputError(f"{name}: expected a whole number from 1 to {most}, got {text[:60]!r}.", name)
    return int(text)


def _one_of(name: str, default: str, offered: Sequence[str] | Mapping[str, Any]) -> str:
    text = request.args.get(name, default)
    if text not in offered:
        raise InputError(f"{name}: expected one of {', '.join(offered)}; got {text[:60]!r}.", name)
    return text


def _statuses() -> tuple[JobStatus, ...] | None:
    text = request.args.get("status")
    if text is None:
        return None
    named = {name: status for status, name in STATUSES.items()}
    wanted = [part.strip() for part in text.split(",")]
    unknown = next((name for name in wanted if name not in named), None)
    if unknown is not None:
        raise InputError(
            f"status: expected one or more of {', '.join(named)}, by commas; got {unknown[:60]!r}.", "status"
        )
    return tuple(named[name] for name in wanted)


def _text() -> str | None:
    text = request.args.get("q", "").strip()
    if len(text) > LONGEST_SEARCH or "\0" in text:
        raise InputError(f"q: expected a part of a name of at most {LONGEST_SEARCH} characters.", "q")
    return text or None
