"""``gasflux-wps jobs``: list, show, cancel and retry jobs, whether or not the service runs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gasflux_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.jobs.model import Job
    from server.jobs.queue import Jobs
    from server.jobs.request import InputItem

STATES = ("accepted", "running", "successful", "failed", "dismissed")
"""As in :class:`server.jobs.model.JobStatus`, which takes a second to load."""

_LONGEST_VALUE = 200
"""Characters of an inline value that are shown."""

_COLUMNS = ("id", "state", "process", "client", "created (UTC)", "run time", "attempt", "progress", "message")


def add_jobs_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    with_settings: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add ``jobs`` with what one can do to jobs."""
    jobs = commands.add_parser("jobs", help="list, show, cancel and retry jobs, whether or not the service runs")
    actions = jobs.add_subparsers(title="actions", required=True, metavar="ACTION")

    table = actions.add_parser("list", help="list jobs, the newest first")
    table.add_argument("--status", choices=STATES, help="only those in this state: " + ", ".join(STATES))
    table.add_argument("--process", help="only those of this process")
    table.add_argument("--client", metavar="KEY_ID", help="only those sent with this key")
    table.add_argument("--parent", metavar="ID", help="only the sub-jobs of this job")
    table.add_argument("--limit", type=_count, default=100, metavar="N", help="at most so many (default: 100)")
    table.add_argument("--json", action="store_true", help="one JSON object a line")
    with_settings(table)
    table.set_defaults(command=_list)

    show = actions.add_parser("show", help="show all that is known of a job")
    show.add_argument("job_id", metavar="ID", help="as the list shows it")
    show.add_argument("--json", action="store_true", help="as one JSON object, its request whole")
    with_settings(show)
    show.set_defaults(command=_show)

    cancel = actions.add_parser("cancel", help="cancel jobs that wait or run, with their sub-jobs")
    cancel.add_argument("job_ids", nargs="+", metavar="ID", help="as the list shows it")
    with_settings(cancel)
    cancel.set_defaults(command=_cancel)

    retry = actions.add_parser("retry", help="run failed or cancelled jobs again, under the same ids")
    retry.add_argument("job_ids", nargs="+", metavar="ID", help="as the list shows it")
    with_settings(retry)
    retry.set_defaults(command=_retry)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}; expected a whole number from 1")
    return int(text)


# ---- actions


def _list(options: argparse.Namespace) -> None:
    from server.jobs.model import JobStatus

    with _jobs(options) as jobs:
        found = jobs.find(
            statuses=[JobStatus(options.status)] if options.status else None,
            processes=[options.process] if options.process else None,
            client=options.client,
            parent=options.parent,
            subjobs=True,
            limit=options.limit,
        )
    if options.json:
        for job in found:
            _print(json.dumps(_summary(job)))
        return
    rows = [_COLUMNS, *map(_row, found)]
    widths = [max(len(row[number]) for row in rows) for number in range(len(_COLUMNS))]
    for row in rows:
        _print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _show(options: argparse.Namespace) -> None:
    with _jobs(options) as jobs:
        job = jobs.get(options.job_id)
        subjobs = jobs.children(job.id)
    if options.json:
        whole = {**_summary(job), "request": job.request.to_dict()}
        whole["results"] = {name: asdict(item) for name, item in job.results.items()}
        whole["subjobs"] = [_summary(one) for one in subjobs]
        _print(json.dumps(whole))
        return
    for line in (*_facts(job), *_request(job), *_results(job), *_subjobs(subjobs)):
        _print(line)


def _cancel(options: argparse.Namespace) -> int:
    def cancel(jobs: Jobs, job_id: str) -> str:
        before = jobs.get(job_id)
        if before.status.ended:
            return f"{job_id} has ended already: {before.status}."
        job = jobs.dismiss(job_id)
        if job.status.ended:
            return f"{job_id} is cancelled." if job.status == "dismissed" else f"{job_id} has just ended: {job.status}."
        return f"{job_id} goes on, since it answers other requests too; cancel it again to end it for another one."

    return _each(options, cancel)


def _retry(options: argparse.Namespace) -> int:
    def retry(jobs: Jobs, job_id: str) -> str:
        jobs.retry(job_id)
        return f"{job_id} waits to be run again."

    return _each(options, retry)


def _each(options: argparse.Namespace, action: Callable[[Jobs, str], str]) -> int:
    """Do something to each job named; one that can't be done doesn't keep the others from it.

    :returns: exit status.
    """
    from server.command_line import BAD_INPUT

    status = 0
    with _jobs(options) as jobs:
        for job_id in options.job_ids:
            try:
                _print(action(jobs, job_id))
            except InputError as error:
                sys.stderr.write(f"gasflux-wps: {error.message}\n")
                status = BAD_INPUT
    return status


@contextmanager
def _jobs(options: argparse.Namespace) -> Iterator[Jobs]:
    from server.jobs.queue import Jobs
    from server.settings import load_settings, prepare
    from server.store import open_store

    settings = load_settings(options.settings)
    prepare(settings)
    jobs = Jobs.open(settings, open_store(settings))
    try:
        yield jobs
    finally:
        jobs.close()


# ---- in words


def _row(job: Job) -> Sequence[str]:
    seconds = _seconds(job)
    cells = (
        job.id,
        _state(job),
        job.process,
        job.client or "-",
        f"{job.created:%Y-%m-%d %H:%M:%S}",
        "-" if seconds is None else _duration(seconds),
        str(job.attempt),
        f"{100 * job.progress:.0f} %",
        job.error.message if job.error else job.message,
    )
    return [_plain(cell) for cell in cells]


def _facts(job: Job) -> Iterable[str]:
    seconds = _seconds(job)
    facts = {
        "id": job.id,
        "state": _state(job),
        "process": f"{job.process} {job.version}",
        "mode": f"{job.mode}, {job.face}",
        "client": job.client or "no key was sent",
        "sub-job of": job.parent,
        "label": job.label,
        "created": _moment(job.created),
        "started": _moment(job.started),
        "finished": _moment(job.finished),
        "run time": None if seconds is None else _duration(seconds),
        "attempt": f"{job.attempt}, of which {job.losses} were lost" if job.losses else str(job.attempt),
        "run by": job.owner,
        "progress": f"{100 * job.progress:.0f} %",
        "message": job.message,
        "error": f"{job.error.message} ({job.error.kind})" if job.error else None,
        "at fault": job.error.locator if job.error else None,
        "notice": " ".join(part for part in (_notice(job), job.notice_text) if part),
    }
    return [f"{name + ':':12}{_plain(value)}" for name, value in facts.items() if value]


def _notice(job: Job) -> str:
    """How far its subscriber knows of its end."""
    return "" if job.notice == "none" else f"{job.notice}."


def _request(job: Job) -> Iterable[str]:
    yield "inputs:" if job.request.inputs else "inputs:     none"
    for name, items in job.request.inputs.items():
        for item in items:
            yield f"  {_plain(name)}: {_plain(_value(item))}"
    yield f"outputs:    {', '.join(item.identifier for item in job.request.outputs) or 'all'}"


def _value(item: InputItem) -> str:
    if item.href is not None:
        return f"{item.method} {item.href}"
    if item.upload is not None:
        whose = f" to job {item.upload_of}" if item.upload_of else ""
        return f"sent{whose} as file {item.upload} ({item.media_type or 'no media type'})"
    text = item.text or ""
    unit = f" {item.unit}" if item.unit else ""
    if len(text) > _LONGEST_VALUE:
        return f"{text[:_LONGEST_VALUE]}… ({len(text)} characters){unit}"
    return f"{text}{unit}"


def _results(job: Job) -> Iterable[str]:
    if job.results:
        yield "results:"
    for name, item in job.results.items():
        if item.file is not None:
            yield f"  {name}: {item.file}, {item.media_type}, {item.size} bytes"
        else:
            yield f"  {name}: {_plain(item.text or '')}{f' {item.unit}' if item.unit else ''}"


def _subjobs(subjobs: Sequence[Job]) -> Iterable[str]:
    if subjobs:
        yield "sub-jobs:"
    for job in subjobs:
        yield f"  {job.id}  {_state(job):10}  {_plain(job.label)}"


def _summary(job: Job) -> dict[str, Any]:
    """A job as plain JSON values, without its request and results."""
    return {
        "id": job.id,
        "state": _state(job),
        "process": job.process,
        "version": job.version,
        "mode": job.mode,
        "face": job.face,
        "client": job.client,
        "parent": job.parent,
        "label": job.label,
        "created": _iso(job.created),
        "started": _iso(job.started),
        "finished": _iso(job.finished),
        "seconds": _seconds(job),
        "attempt": job.attempt,
        "losses": job.losses,
        "owner": job.owner,
        "progress": job.progress,
        "message": job.message,
        "error": asdict(job.error) if job.error else None,
        "size": job.size,
        "notice": job.notice,
        "notice_text": job.notice_text,
    }


def _state(job: Job) -> str:
    return "spread" if job.status == "running" and job.owner is None else str(job.status)


def _seconds(job: Job) -> float | None:
    """How long the job has run, or ran, at its last try."""
    if job.started is None or job.status == "accepted":
        return None
    end = job.finished or datetime.now(UTC)
    return round(max((end - job.started).total_seconds(), 0.0), 3)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def _moment(time: datetime | None) -> str | None:
    return None if time is None else f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _plain(text: str) -> str:
    """In one line, and nothing in it that a terminal would obey: much of it is what clients sent."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
