"""What the references of one job lead to: this service itself, or the world."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from processes.base import declaration
from processes.declaration import FormatDeclaration, ProcessDeclaration
from server.fetch import Fetcher
from server.fetching.choice import Wanted
from server.fetching.refusal import Refused
from server.jobs.database import open_engine
from server.jobs.model import Job, ResultItem
from server.jobs.nested import chosen_result, is_own_wps, marked, nested_request, own_job
from server.jobs.request import InputItem, JobRequest, SubJob
from server.jobs.table import JobTable, NoSuchJob
from server.keys import Keys, Scope
from server.links import Links
from server.settings import Settings
from server.store import Store


class OwnJobs:
    """Which jobs of this service the references of one job may read: those of its own client, as its faces would.

    :param client: id of the key that sent the job; empty: none.
    """

    def __init__(self, settings: Settings, client: str) -> None:
        self._settings = settings
        self._client = client
        self._links = Links(settings)

    @cached_property
    def jobs(self) -> JobTable:
        """All jobs."""
        return JobTable(open_engine(self._settings.jobs.database))

    def plain(self, url: str) -> str:
        """An address without the token that signed ones have."""
        return self._links.plain(url)[0]

    def may_read(self, job_id: str, url: str) -> bool:
        """Whether a job's results are open to who sent this address."""
        if self._settings.security.keys != "all":
            return True
        _, link = self._links.plain(url)
        if link is not None and not link.expired and (link.kind, link.subject) == ("job", job_id):
            return True
        try:
            client = self.jobs.get(job_id).client
        except NoSuchJob:
            return True  # there is nothing to read, and who reads says so
        return client == self._client or self._is_admin(self._client)

    def _is_admin(self, key_id: str) -> bool:
        found = Keys(open_engine(self._settings.jobs.database)).find(key_id) if key_id else None
        return found is not None and not found.revoked and Scope.ADMIN in found.scopes


@dataclass(frozen=True)
class Reference:
    """A reference of the running job."""

    item: InputItem
    parameter: str
    """Identifier of the input."""
    formats: Sequence[FormatDeclaration] = ()
    """In which it is read; empty where nothing is known of that."""


class References:
    """Resolves the references of one job.

    :param subjobs: into which it spread in earlier attempts.
    :param registry: identifier → process.
    :param folder: where fetched files are put.
    :param client: id of the key that sent the job; empty: none.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        registry: Mapping[str, Any],
        request: JobRequest,
        subjobs: Sequence[Job],
        folder: Path,
        client: str = "",
    ) -> None:
        self._settings = settings
        self._store = store
        self._registry = registry
        self._request = request
        self._subjobs = subjobs
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self._own = OwnJobs(settings, client)
        self._fetcher = Fetcher(settings, store, self._own)

    def missing(self, references: Iterable[Reference]) -> list[SubJob]:
        """The requests to this service that references hold, and that were not run yet.

        :raises gasflux_core.errors.InputError: one of them is refused.
        """
        wanted: list[SubJob] = []
        for one in references:
            asked = self._nested(one)
            if asked is None or self._subjob(asked) is not None or any(asked == other.request for other in wanted):
                continue
            version = str(self._registry[asked.process].version)
            wanted.append(SubJob(f"input {one.parameter}", asked, version))
        return wanted

    def fetch(self, one: Reference) -> Path:
        """The file that a reference leads to; what it needs of this service has been run.

        :raises gasflux_core.errors.InputError: naming the input, the reference and the reason.
        """
        url = one.item.href or ""
        asked = self._nested(one)
        wanted = Wanted.by(one.parameter, one.formats)
        with self._fetcher.told(url, one.parameter):
            if asked is not None:
                job = self._subjob(asked)
                if job is None:
                    raise RuntimeError(f"the sub-job for input {one.parameter} was not run")
                return self._result(job, None, wanted)
            if one.item.method == "GET" and (found := own_job(url, self._settings)) is not None:
                job_id, output = found
                try:
                    job = self._own.jobs.get(job_id)
                except NoSuchJob:
                    raise Refused("is of no job that is kept here (any more)") from None
                if not self._own.may_read(job_id, url):
                    raise Refused(
                        "is of a job that was sent with another key; send the address that its owner was given"
                    )
                return self._result(job, output, wanted)
        return self._fetcher.fetch(one.item, self._folder, one.parameter, one.formats)

    def _nested(self, one: Reference) -> JobRequest | None:
        body = (one.item.body or "").encode()
        with self._fetcher.told(one.item.href or "", one.parameter):
            wanted = Wanted.by(one.parameter, one.formats)
            asked = nested_request(one.item, body, wanted, self._settings, self._declarations)
            return None if asked is None else marked(asked, self._request, one.parameter, self._siblings)

    @cached_property
    def _declarations(self) -> dict[str, ProcessDeclaration]:
        return {name: declaration(process) for name, process in self._registry.items()}

    @cached_property
    def _siblings(self) -> int:
        """How many values of the request lead to this service's WPS: as many sub-jobs may there be."""
        values = [item.href or item.text or "" for items in self._request.inputs.values() for item in items]
        return sum(is_own_wps(value, self._settings) for value in values if value.lstrip()[:4].lower() == "http")

    def _subjob(self, asked: JobRequest) -> Job | None:
        return next((job for job in self._subjobs if job.request == asked), None)

    def _result(self, job: Job, output: str | None, wanted: Wanted) -> Path:
        name = chosen_result(job, output, wanted)
        item: ResultItem = job.results[name]
        return self._store.result_file(job.id, job.attempt, item.file or "", self._folder)
