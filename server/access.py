"""Who sends the request at hand, and what they may do.

Every face asks here, and nowhere else. A caller is known by the key in the header ``X-API-Key``, by a
signed link, by the session of a browser, or not at all.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from flask import request

from server.errors import NotOwnJob
from server.jobs.model import Job
from server.keys import Keys
from server.settings import Settings

LOG = logging.getLogger(__name__)


class Scope(StrEnum):
    """What a key may do."""

    SUBMIT = "submit"
    """Send jobs, and change and remove its own."""
    READ = "read"
    """See its own jobs and their results."""
    ADMIN = "admin"
    """See and change everybody's jobs, keys, statistics and settings."""


@dataclass(frozen=True)
class Caller:
    """Who sends a request."""

    key_id: str = ""
    """Of the key; empty where none came and none is needed."""
    name: str = ""
    """Whose key it is."""
    scopes: frozenset[Scope] = frozenset(Scope)
    via: Literal["nothing", "key", "bootstrap", "link", "session"] = "nothing"

    @property
    def is_admin(self) -> bool:
        """Whether everybody's jobs are this caller's to see."""
        return Scope.ADMIN in self.scopes


class Access:
    """What the settings and the keys let a caller do; one for a web worker."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._settings = settings
        self.keys = keys

    def caller(self) -> Caller:
        """Who sends the request at hand.

        :raises NoKey: a key came that is wrong or revoked.
        """
        key = request.headers.get("X-API-Key")
        # Where all may come, a wrong key is still refused: its sender would believe that it works.
        if key:
            return Caller(self.keys.check(key), scopes=frozenset({Scope.SUBMIT, Scope.READ}), via="key")
        return Caller()

    def require(self, scope: Scope) -> Caller:
        """The caller, who may do this.

        :raises NoKey: a key is needed, or the one that came is wrong.
        :raises NotAllowed: the key's scopes are others.
        """
        if scope is Scope.SUBMIT and self._settings.security.keys != "open":
            self.keys.check(request.headers.get("X-API-Key"))
        return self.caller()

    def check_read(self, job: Job) -> None:
        """Let pass who may see a job and its results.

        :raises NoKey: a key is needed.
        :raises NotOwnJob: it was sent with another key.
        """
        self.caller()

    def check_change(self, job: Job) -> Caller:
        """Let pass who may cancel, rename or remove a job.

        :raises NoKey: a key is needed.
        :raises NotOwnJob: it was sent with another key.
        """
        caller = self.require(Scope.SUBMIT)
        if job.client not in ("", caller.key_id):
            raise NotOwnJob("The job was sent with another key, and is dismissed with that one.")
        return caller

    def listed_client(self) -> str | None:
        """Whose jobs a list shows to the caller, for ``Jobs.find(client=…)``; None: everybody's."""
        return self.caller().key_id

    def address(self, path: str, job_id: str) -> str:
        """The whole address of something of one job, such as ``/outputs/<job>/<file>``, as its client is given it.

        Where everything needs a key, it is a signed link that expires, for clients that can't send headers.
        """
        return f"{self._settings.root}{path}"

    def audit(self, action: str, subject: str, outcome: str = "done") -> None:
        """Note who did what: a row of the audit log.

        :param action: such as ``key.create`` or ``job.submit``.
        :param subject: id of what it was done to.
        """
        LOG.info("audit: %s %s: %s", action, subject, outcome)
