"""Two runs side by side: chosen from a list, or by their ids in the address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from gasflux_core.errors import InputError
from gasflux_core.report.quantities import gas_name
from server.errors import NotOwnJob
from server.jobs.listing import Filters
from server.jobs.model import Job, JobStatus
from server.jobs.queue import NoSuchJob
from server.store import NoSuchFile
from server.store.names import is_id
from server.web.comparison import Comparison, Run
from server.web.history import read_run_query
from server.web.run_facts import FLIGHT_PROCESSES, flight_input, run_row
from server.web.site import Web
from server.web.words import words_in

MOST_OFFERED = 100
"""Runs in the lists to choose from; the search finds the others."""


class _CannotCompare(InputError):
    """A run that can't be compared."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class _Asked:
    """The ids in the address."""

    a: str
    b: str


def add_compare(pages: Blueprint, web: Web) -> None:
    """Add the comparison of two runs."""

    @pages.get("/compare")
    def compare() -> AnyResponse:
        words = words_in(web.language())
        ticked = request.args.getlist("run")
        if len(ticked) == 2 and all(map(is_id, ticked)):
            return redirect(f"{web.base}/compare?a={ticked[0]}&b={ticked[1]}", 303)
        # More or fewer may be ticked where no script holds them to two.
        a, b = ticked if len(ticked) == 2 else ("".join(ticked[:1]), "")
        asked = _Asked(request.args.get("a", a).strip(), request.args.get("b", b).strip())
        if not (asked.a and asked.b):
            return _choose(web, asked, words["compare_need_two"] if ticked else "", 400 if ticked else 200)
        try:
            if asked.a == asked.b:
                raise _CannotCompare(words["compare_same_run"], 400)
            runs = [_run(web, job_id, words) for job_id in (asked.a, asked.b)]
        except _CannotCompare as error:
            return _choose(web, asked, error.message, error.status)
        return _shown(web, runs[0], runs[1], words)


def _run(web: Web, job_id: str, words: Mapping[str, str]) -> Run:
    """A run with its figures.

    :raises _CannotCompare: there is none of that id, or none that can be compared.
    """
    try:
        # Not every database takes every text.
        if not is_id(job_id):
            raise NoSuchJob(job_id)
        job = web.execution.job(job_id)
    except NoSuchJob:
        raise _CannotCompare(words["compare_no_such"].format(run=job_id[:40]), 404) from None
    except NotOwnJob:
        raise _CannotCompare(words["compare_not_own"].format(run=job_id), 403) from None
    title = job.name or job_id
    if job.process not in FLIGHT_PROCESSES:
        raise _CannotCompare(words["compare_other_process"].format(run=title), 400)
    if job.status is not JobStatus.SUCCESSFUL:
        status = words[f"history_status_{job.status}"]
        raise _CannotCompare(words["compare_not_done"].format(run=title, status=status), 400)
    item = job.results.get("figures")
    if item is None or item.file is None:
        raise _CannotCompare(words["compare_no_figures"].format(run=title), 400)
    try:
        with web.execution.jobs.store.open(job.id, job.attempt, item.file).open() as file:
            return Run(job, json.load(file))
    except NoSuchFile:
        raise _CannotCompare(words["compare_no_such"].format(run=job_id), 404) from None


def _shown(web: Web, a: Run, b: Run, words: Mapping[str, str]) -> Response:
    compared = Comparison(a, b, web.execution.declared(b.job), words, web.language())
    now = datetime.now(UTC)
    return web.render(
        "compare",
        a=_head(a.job, words, now),
        b=_head(b.job, words, now),
        same_flight=compared.same_flight,
        rates=compared.rates(),
        settings_rows=compared.settings(),
        configured=not compared.knows_settings
        and any({"configuration", "configuration_url"} & run.job.request.inputs.keys() for run in (a, b)),
        versions=compared.versions(),
        flags=compared.flags(),
        facts=compared.facts(),
        planes=_planes(web, compared, a, b, words),
    )


def _head(job: Job, words: Mapping[str, str], now: datetime) -> dict[str, Any]:
    came = flight_input(job)
    return {**run_row(job, words, now), "sha256": came.sha256 if came else None}


def _planes(web: Web, compared: Comparison, a: Run, b: Run, words: Mapping[str, str]) -> dict[str, Any]:
    """What the script needs to draw both planes."""
    missing = [letter for letter, run in (("A", a), ("B", b)) if "view" not in run.job.results]
    common = [gas for gas in a.figures["gases"] if gas in b.figures["gases"]]
    alike = compared.planes()
    return {
        "missing": missing,
        "reasons": alike.reasons,
        "shift": alike.shift,
        "gases": [{"gas": gas, "name": gas_name(gas)} for gas in common],
        "a": f"{web.base}/runs/{a.job.id}/view",
        "b": f"{web.base}/runs/{b.job.id}/view",
        "words": {name.removeprefix("compare_js_"): text for name, text in words.items() if "compare_js_" in name},
    }


def _choose(web: Web, asked: _Asked, fault: str, status: int) -> Response:
    """The page on which two runs are chosen."""
    words = words_in(web.language())
    query = read_run_query(words)
    filters: Filters = {
        "processes": FLIGHT_PROCESSES,
        "statuses": [JobStatus.SUCCESSFUL],
        "client": web.access.listed_client(),
        "text": query.filters.get("text"),
    }
    found = web.execution.jobs.find(**filters, limit=MOST_OFFERED + 1)
    now = datetime.now(UTC)
    offered = [run_row(job, words, now) for job in found[:MOST_OFFERED]]
    known = {row["id"] for row in offered}
    offered += [
        run_row(job, words, now) for job in _chosen_before(web, asked) if job.id not in known
    ]  # so that a search doesn't lose what was chosen already
    return web.render(
        "compare_choose",
        status,
        asked=asked,
        fault=fault,
        offered=offered,
        more=len(found) > MOST_OFFERED,
        text=query.given["q"],
        text_fault=query.faults.get("q", ""),
    )


def _chosen_before(web: Web, asked: _Asked) -> list[Job]:
    found = []
    for job_id in filter(is_id, (asked.a, asked.b)):
        try:
            job = web.execution.job(job_id)
        except (NoSuchJob, NotOwnJob):
            continue
        if job.status is JobStatus.SUCCESSFUL and job.process in FLIGHT_PROCESSES:
            found.append(job)
    return found
