"""Addresses of the pages below ``/ogcapi``, and the links between them (RFC 8288)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from server.links import Links
from server.settings import Settings

PATH = "/ogcapi"
"""Of the landing page, below the service's own address."""

JSON = "application/json"
HTML = "text/html"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"

_OGC = "http://www.opengis.net/def/rel/ogc/1.0/"
CONFORMANCE = f"{_OGC}conformance"
PROCESSES = f"{_OGC}processes"
JOB_LIST = f"{_OGC}job-list"
EXECUTE = f"{_OGC}execute"
RESULTS = f"{_OGC}results"
EXCEPTIONS = f"{_OGC}exceptions"

Link = dict[str, str]


def link(href: str, rel: str, media_type: str, title: str) -> Link:
    """A link as the standard's documents have it (schema link.yaml)."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def link_header(one: Mapping[str, str]) -> str:
    """The same as a field of the header ``Link``."""
    parts = [f"<{one['href']}>"]
    for name in ("rel", "type", "title"):
        if one.get(name):
            # Quoted strings of headers hold ASCII, and neither quotes nor backslashes of their own.
            text = one[name].encode("ascii", "replace").decode().replace("\\", "").replace('"', "'")
            parts.append(f'{name}="{text}"')
    return "; ".join(parts)


@dataclass(frozen=True)
class Site:
    """Where the pages are, as clients see them."""

    root: str
    """Without a slash at its end."""
    address: Callable[[str, str], str] | None = None
    """Gives the address of a path of one job as its client needs it; None: it is below the root."""

    @classmethod
    def of(cls, settings: Settings) -> Site:
        """The pages of the service with these settings."""
        return cls(f"{settings.root}{PATH}", Links(settings).address)

    @property
    def conformance(self) -> str:
        """What the service conforms to."""
        return f"{self.root}/conformance"

    @property
    def api(self) -> str:
        """The definition of the API."""
        return f"{self.root}/api"

    @property
    def processes(self) -> str:
        """The list of processes."""
        return f"{self.root}/processes"

    @property
    def jobs(self) -> str:
        """The list of jobs."""
        return f"{self.root}/jobs"

    def process(self, identifier: str) -> str:
        """The description of a process."""
        return f"{self.processes}/{quote(identifier, safe='')}"

    def execution(self, identifier: str) -> str:
        """Where requests for a process are sent."""
        return f"{self.process(identifier)}/execution"

    def job(self, job_id: str) -> str:
        """How a job is doing."""
        return self.address(f"{PATH}/jobs/{job_id}", job_id) if self.address else f"{self.jobs}/{job_id}"

    def results(self, job_id: str) -> str:
        """The results of a job."""
        return f"{self.job(job_id)}/results"

    def result(self, job_id: str, output: str) -> str:
        """One result of a job."""
        return f"{self.results(job_id)}/{quote(output, safe='')}"


def with_query(address: str, values: Mapping[str, Any]) -> str:
    """The address with a query of these values; lists are repeated keys."""
    return f"{address}?{urlencode(values, doseq=True)}" if values else address


def page_links(address: str, query: Mapping[str, Any], shown: str, titles: Mapping[str, str]) -> list[Link]:
    """Links to a page itself and to its other form.

    :param query: of the page, without ``f``.
    :param shown: ``json`` or ``html``.
    :param titles: of both forms.
    """
    return [
        link(
            with_query(address, {**query, "f": form}),
            "self" if form == shown else "alternate",
            JSON if form == "json" else HTML,
            titles[form],
        )
        for form in sorted(("json", "html"), key=lambda form: form != shown)
    ]
