"""What the pages tell of a run: its name, its flight, its gases, its rate, when it was and how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from gasflux_core.report.quantities import gas_name, to_place_of
from processes.inputs import DEFAULT_GAS
from server.jobs.model import Job, JobStatus
from server.jobs.request import InputItem

FLIGHT_PROCESSES = ("gas_flux", "gas_flux_from_url")
"""The processes that turn one flight into rates."""

RUN_PROCESSES = (*FLIGHT_PROCESSES, "campaign")
"""The processes whose jobs are runs to people; those of single stages are steps of somebody's program."""

_CONFIGURATION = ("configuration", "configuration_url")
_SHOWN_OF_ID = 8


def run_title(job: Job) -> str:
    """What a run is called where it is shown: by its sender, else as its flight, else by its id."""
    return job.name or flight_name(job) or job.id[:_SHOWN_OF_ID]


def flight_name(job: Job) -> str:
    """Name of the file, or last part of the address, that the flight came from; empty where nobody said."""
    for item in job.request.inputs.get("flight", []):
        return item.file_name or _last_part(item.href)
    for item in job.request.inputs.get("flight_url", []):
        return _last_part(item.text)
    return ""


def flight_input(job: Job) -> InputItem | None:
    """The input by which the one flight of a run came."""
    return next((item for name in ("flight", "flight_url") for item in job.request.inputs.get(name, [])), None)


def asked_gases(job: Job) -> tuple[str, ...]:
    """Formulas of the gases that a run asks for, in lower case; empty where only its configuration could tell."""
    sent = [
        part.strip().lower() for item in job.request.inputs.get("gases", []) for part in (item.text or "").split(",")
    ]
    gases = tuple(dict.fromkeys(filter(None, sent)))
    if gases or any(name in job.request.inputs for name in _CONFIGURATION):
        return gases
    return (DEFAULT_GAS,)


def run_row(job: Job, words: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """A run as lists show it."""
    gases = asked_gases(job)
    rate, uncertainty = _quantity(job, "emission_rate"), _quantity(job, "uncertainty")
    return {
        "id": job.id,
        "title": run_title(job),
        "flight": flight_name(job),
        "status": str(job.status),
        "status_text": words[f"history_status_{job.status}"],
        "progress": round(100 * job.progress) if job.status is JobStatus.RUNNING else None,
        "error": job.error.message if job.error else "",
        "gas": gas_name(gases[0]) if gases else "",
        "more_gases": ", ".join(gas_name(gas) for gas in gases[1:]),
        "rate": None if rate is None or uncertainty is None else to_place_of(rate, uncertainty),
        "uncertainty": None if uncertainty is None else to_place_of(uncertainty, uncertainty),
        "created": moment(job.created),
        "created_iso": job.created.isoformat(),
        "took": took(job, now),
        "face": words.get(f"history_face_{job.face.split('-')[0]}", job.face),
        "campaign": job.process == "campaign",
        "comparable": job.status is JobStatus.SUCCESSFUL and job.process in FLIGHT_PROCESSES,
    }


def moment(time: datetime) -> str:
    """A time as the pages show it, to the minute."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def took(job: Job, now: datetime) -> str:
    """How long a run has run, up to its end or until now; empty where it has not started."""
    if job.started is None:
        return ""
    return span(((job.finished or now) - job.started).total_seconds())


def span(seconds: float) -> str:
    """A time span to two units."""
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02d} h"


def size_text(size: float) -> str:
    """A number of bytes, in units of 1024 as the settings have them."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} TB"


def _quantity(job: Job, output: str) -> float | None:
    item = job.results.get(output)
    return None if item is None or item.text is None else float(item.text)


def _last_part(address: str | None) -> str:
    if not address:
        return ""
    parts = urlsplit(address)
    return unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.netloc
