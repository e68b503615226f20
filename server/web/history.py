"""The runs: all that the caller may see, found by what one remembers of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from math import ceil
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from processes.inputs import DEFAULT_GAS
from server.jobs.listing import Filters, SortKey
from server.jobs.model import JobStatus
from server.web.run_facts import RUN_PROCESSES, run_row
from server.web.site import Web
from server.web.words import words_in

ON_A_PAGE = 25

LONGEST_SEARCH = 200
"""Characters of a search text; no name is longer."""

KNOWN_GASES = ("ch4", "co2", "n2o", "c2h6", "co", "nh3", "h2s", "sf6")
"""Offered where a gas is asked for; any other formula can be typed."""

ORDERS: dict[str, tuple[SortKey, bool]] = {
    "newest": ("created", False),
    "oldest": ("created", True),
    "longest": ("seconds", False),
    "largest": ("rate", False),
    "name": ("name", True),
}
"""Order as the page calls it → by what it sorts, and whether the least comes first."""

_GAS = re.compile(r"[A-Za-z0-9()]{1,24}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass
class RunQuery:
    """What the address of the page asks for; a value that can't be used is told and left out."""

    filters: Filters
    order: str = "newest"
    page: int = 1
    given: dict[str, str] = field(default_factory=dict)
    """What stands in the fields of the form, as it came."""
    faults: dict[str, str] = field(default_factory=dict)
    """Field → what is wrong with it."""

    def address(self, page: int) -> str:
        """The query of another page of the same list."""
        kept = {name: value for name, value in self.given.items() if value and name != "page"}
        return "?" + urlencode({**kept, "page": str(page)})


def add_history(pages: Blueprint, web: Web) -> None:
    """Add the list of runs."""

    @pages.get("/runs")
    def runs() -> Response:
        words = words_in(web.language())
        query = read_run_query(words)
        jobs = web.execution.jobs
        query.filters["client"] = web.access.listed_client()
        total = sum(jobs.count(**query.filters).values())
        last = max(1, ceil(total / ON_A_PAGE))
        page = min(query.page, last)
        sort, ascending = ORDERS[query.order]
        begin = (page - 1) * ON_A_PAGE
        found = jobs.find(**query.filters, sort=sort, ascending=ascending, limit=ON_A_PAGE, offset=begin)
        now = datetime.now(UTC)
        return web.render(
            "runs",
            400 if query.faults else 200,
            rows=[run_row(job, words, now) for job in found],
            query=query,
            total=total,
            page=page,
            last=last,
            filtered=any(query.given[name] for name in ("q", "status", "gas", "from", "to")),
            statuses=[str(status) for status in JobStatus],
            orders=ORDERS,
            known_gases=KNOWN_GASES,
        )


def read_run_query(words: Mapping[str, str]) -> RunQuery:
    """The filters of the request at hand."""
    given = {name: request.args.get(name, "").strip() for name in ("q", "status", "gas", "from", "to", "order", "page")}
    query = RunQuery({"processes": RUN_PROCESSES}, given=given)
    filters, faults = query.filters, query.faults

    text = given["q"]
    if len(text) > LONGEST_SEARCH or _CONTROL.search(text):
        faults["q"] = words["history_fault_q"].format(most=LONGEST_SEARCH)
    elif text:
        filters["text"] = text

    if given["status"] in list(JobStatus):
        filters["statuses"] = [JobStatus(given["status"])]
    elif given["status"]:
        faults["status"] = words["history_fault_status"]

    if _GAS.fullmatch(given["gas"]):
        filters["gas"], filters["default_gas"] = given["gas"].lower(), DEFAULT_GAS
    elif given["gas"]:
        faults["gas"] = words["history_fault_gas"]

    first, last = _day(given["from"], "from", faults, words), _day(given["to"], "to", faults, words)
    if first and last and first > last:
        faults["to"] = words["history_fault_dates"]
    else:
        filters["created_from"] = datetime.combine(first, time.min, UTC) if first else None
        filters["created_to"] = datetime.combine(last, time.max, UTC) if last else None

    if given["order"] in ORDERS:
        query.order = given["order"]
    elif given["order"]:
        faults["order"] = words["history_fault_order"]
    query.page = _page(given["page"], faults, words)
    return query


def _day(text: str, name: str, faults: dict[str, str], words: Mapping[str, str]) -> date | None:
    if not text:
        return None
    # The standard's other ways to write a day, such as 2026-W01-1, are not what the field sends.
    if _DATE.fullmatch(text):
        with suppress(ValueError):
            return date.fromisoformat(text)
    faults[name] = words["history_fault_day"]
    return None


def _page(text: str, faults: dict[str, str], words: Mapping[str, str]) -> int:
    if not text:
        return 1
    # More digits than these are no page, and Python refuses to read thousands of them.
    if re.fullmatch(r"0*[1-9]\d{0,17}", text, re.ASCII):
        return int(text)
    faults["page"] = words["history_fault_page"]
    return 1
