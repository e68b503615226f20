"""What the settings and the keys let a caller do."""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from flask import request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from gasflux_core.errors import GasFluxError
from server.access.bounds import PerMinute, refuse_over_bounds
from server.access.caller import BOOTSTRAP, Caller, caller_of, client_address, is_local, network_of
from server.access.sessions import COOKIE, Sessions
from server.audit import SUBMITTED, AuditLog, Deed, note
from server.errors import NotAllowed, NotOwnJob, TooManyRequests
from server.jobs.model import Job
from server.keys import Key, Keys, NoKey, Scope
from server.links import LINK, TOKEN, Links
from server.listening import is_loopback
from server.origin import READING
from server.settings import Settings

LOG = logging.getLogger(__name__)

WithinSubmission = Callable[[Session, datetime, str], None]
"""Called within the transaction that accepts a job, with the database's time and the job's id."""

_CALLER = "gasflux.caller"
"""In the environment of a request: who sends it, once that is known."""

_MOST_GUESSES = 10
"""So many wrong keys may come from one address within a minute, to each web worker."""

_MOST_REFUSALS = 10
"""So many refused attempts of one address are noted within a minute, by each web worker."""

_OF_JOB = re.compile(
    r"/(?:outputs|ows|wps/status|ogcapi/jobs|(?:api/v1/)?(?:task|download))/([^/]+)(?:/.*)?|/runs/([^/]+)/view"
)
"""Paths that a link for one job leads to."""


class Access:
    """What the settings and the keys let a caller do; one for a web worker."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._settings = settings
        self._mode = settings.security.keys
        self.keys = keys
        keys.on_change = self.audit
        self.links = Links(settings)
        """Addresses as clients are given them."""
        self.sessions = Sessions(settings)
        """Of browsers."""
        self._log = AuditLog(keys.engine)
        self._guesses = PerMinute(_MOST_GUESSES)
        self._refusals = PerMinute(_MOST_REFUSALS)
        # Where clients are told another address than a loopback one, a proxy stands in front and all may come.
        hosts = (settings.gasflux.host, urlsplit(settings.root).hostname or "")
        self._only_local = not settings.security.insecure and all(is_loopback(host) for host in hosts)

    # --- who ------------------------------------------------------------------------------------

    def caller(self) -> Caller:
        """Who sends the request at hand.

        :raises NoKey: a key or a link came that is wrong, expired or revoked.
        :raises NotAllowed: a link came that this service did not make.
        :raises TooManyRequests: too many wrong ones came from that address.
        """
        known: Caller | GasFluxError | None = request.environ.get(_CALLER)
        if known is None:
            try:
                known = self._identified()
            except GasFluxError as error:
                # Who asks twice is told the same, and counted once.
                known = error
            request.environ[_CALLER] = known
        if isinstance(known, GasFluxError):
            raise known
        return known

    def _identified(self) -> Caller:
        # Where all may come, a wrong key is still refused: its sender would believe that it works.
        link = self._of_link() if TOKEN in request.environ else None
        if bootstrap := request.headers.get("X-Admin-Bootstrap-Key"):
            return self._of_bootstrap(bootstrap)
        if key := request.headers.get("X-API-Key"):
            return caller_of(self._checked(key), "key")
        return link or self._of_session() or self._nobody()

    def _checked(self, key: str) -> Key:
        self._refuse_guessing(known=self.keys.remembers(key))
        try:
            return self.keys.check(key)
        except NoKey as error:
            raise self._wrong(error) from None

    def _of_bootstrap(self, came: str) -> Caller:
        self._refuse_guessing()
        right = self._settings.security.admin_bootstrap_key.get_secret_value()
        if not right or not hmac.compare_digest(came.encode("utf-8", "replace"), right.encode()):
            raise self._wrong(NoKey("The key in the header X-Admin-Bootstrap-Key is wrong, or this service has none."))
        return Caller(BOOTSTRAP, BOOTSTRAP, frozenset({Scope.ADMIN}), "bootstrap")

    def _of_link(self) -> Caller:
        token = request.environ[TOKEN]
        link = self.links.read(token)
        if link is None:
            raise self._refused(
                NotAllowed("This link is none that this service made, or it was changed. Ask for a new one.")
            )
        if link.expired:
            raise self._refused(
                NoKey("This link has expired. Ask for a new one, or send a key in the header X-API-Key.")
            )
        if link.kind == "key":
            caller = self._of_key_link(link.subject)
        else:
            caller = Caller(scopes=frozenset({Scope.READ}), via="link", job_id=link.subject)
        request.environ[LINK] = token
        return caller

    def _of_key_link(self, key_id: str) -> Caller:
        try:
            return caller_of(self.keys.known(key_id), "link")
        except NoKey:
            text = "The key that this link was made of was revoked. Ask the operator for another one."
            raise self._refused(NoKey(text)) from None

    def _of_session(self) -> Caller | None:
        """Only for the pages that browsers show: another page's script must get nowhere by a cookie."""
        cookie = request.cookies.get(COOKIE) if self._mode != "open" and request.blueprint == "web" else None
        key_id = self.sessions.read(cookie) if cookie else None
        if key_id is None:
            return None
        try:
            return caller_of(self.keys.known(key_id), "session")
        except NoKey:
            return None  # revoked: as if there were none

    def _nobody(self) -> Caller:
        scopes = {"open": {Scope.SUBMIT, Scope.READ}, "execute": {Scope.READ}, "all": set[Scope]()}[self._mode]
        if self._mode == "open" and self._only_local and is_local():
            scopes = scopes | {Scope.ADMIN}
        return Caller(scopes=frozenset(scopes))

    def sign_in(self, key: str) -> str:
        """The cookie of a session for who enters a key.

        :raises NoKey: the key is wrong or revoked.
        :raises TooManyRequests: too many wrong ones came from that address.
        """
        caller = caller_of(self._checked(key.strip()), "session")
        request.environ[_CALLER] = caller
        self.audit("signin", caller.key_id)
        return self.sessions.make(caller.key_id)

    # --- what -----------------------------------------------------------------------------------

    def admit(self) -> None:
        """Let pass a request that may have an answer at all; whose business a job is, is seen later.

        :raises NoKey: a key is needed.
        :raises NotAllowed: the key, or the link, is for something else.
        """
        caller = self.caller()
        if caller.job_id and not _leads_to(caller.job_id):
            raise self._refused(_only_one_job())
        if caller.via == "link" and request.path == "/metrics":
            # A proxy in front closes them by their address, which this one isn't.
            raise self._refused(NotAllowed("The figures for monitoring are read without a link."))
        if self._mode != "all":
            return
        if caller.via == "nothing":
            raise self._refused(_no_key())
        # Who may only send jobs does that by POST, and follows the links that come back.
        if request.method in ("GET", "HEAD") and not caller.scopes & {Scope.READ, Scope.ADMIN}:
            raise self._refused(_not_allowed(Scope.READ))

    def require(self, scope: Scope) -> Caller:
        """The caller, who may do this.

        :raises NoKey: a key is needed, or the one that came is wrong.
        :raises NotAllowed: the key's scopes are others.
        """
        caller = self.caller()
        if scope in caller.scopes:
            return caller
        if caller.via == "nothing":
            raise self._refused(_no_key(scope))
        if caller.job_id:
            raise self._refused(_only_one_job())
        raise self._refused(_not_allowed(scope))

    def check_read(self, job: Job) -> None:
        """Let pass who may see a job and its results.

        :raises NoKey: a key is needed.
        :raises NotOwnJob: it was sent with another key.
        """
        caller = self.require(Scope.READ)
        if caller.job_id:
            if caller.job_id != job.id:
                raise self._refused(NotOwnJob("This link is for another job."))
        elif self._mode == "all" and not self._is_own(job, caller):
            raise self._refused(NotOwnJob("The job was sent with another key, and is shown to that one alone."))

    def check_named(self, job: Job) -> None:
        """Let pass who may do anything at all with a job; what that is, is seen later.

        :raises NoKey: a key is needed.
        :raises NotOwnJob: it was sent with another key.
        """
        # Who may only send jobs may cancel and remove its own.
        changes = request.method not in READING and Scope.SUBMIT in self.caller().scopes
        (self.check_change if changes else self.check_read)(job)

    def check_change(self, job: Job) -> Caller:
        """Let pass who may cancel, rename or remove a job.

        :raises NoKey: a key is needed.
        :raises NotOwnJob: it was sent with another key.
        """
        caller = self.require(Scope.SUBMIT)
        everybodys = job.client == "" and self._mode != "all"
        if not everybodys and not self._is_own(job, caller):
            raise self._refused(NotOwnJob("The job was sent with another key, and is dismissed with that one."))
        return caller

    def _is_own(self, job: Job, caller: Caller) -> bool:
        return (caller.is_admin and caller.via != "nothing") or (job.client == caller.key_id != "")

    def listed_client(self) -> str | None:
        """Whose jobs a list shows to the caller, for ``Jobs.find(client=…)``; None: everybody's."""
        caller = self.caller()
        if caller.via == "nothing" and self._mode != "open":
            raise self._refused(_no_key())
        caller = self.require(Scope.READ)
        if caller.job_id:
            raise self._refused(_only_one_job())
        return None if caller.is_admin and caller.via != "nothing" else caller.key_id

    def submission(self, caller: Caller) -> WithinSubmission:
        """What is to be done where a job of this caller's is accepted: count it, and note it.

        What is given raises TooManyRequests where the key has sent as many as it may.
        """
        address = client_address()

        def count(session: Session, now: datetime, job_id: str) -> None:
            refuse_over_bounds(session, now, caller.key_id, caller.rate, caller.quota)
            note(session.connection(), now, SUBMITTED, job_id, key_id=caller.key_id, address=address)

        return count

    # --- addresses ------------------------------------------------------------------------------

    def address(self, path: str, job_id: str) -> str:
        """The whole address of something of one job, such as ``/outputs/<job>/<file>``, as its client is given it.

        Where everything needs a key, it is a signed link that expires, for clients that can't send headers.
        """
        return self.links.address(path, job_id)

    def service_link(self, caller: Caller, days: int | None = None) -> str:
        """The address of the service for a client that can't send the caller's key; its faces are below it.

        :param days: for how long; None: as the settings say.
        """
        if not caller.key_id or caller.via == "bootstrap":
            return self._settings.root
        return self.links.signed(self.links.of_key(caller.key_id, days))

    # --- log ------------------------------------------------------------------------------------

    def audit(self, action: str, subject: str, outcome: str = "done") -> None:
        """Note who did what: a row of the audit log.

        :param action: such as ``key.create`` or ``job.submit``.
        :param subject: id of what it was done to.
        """
        known = request.environ.get(_CALLER)
        key_id = known.key_id if isinstance(known, Caller) else ""
        LOG.info("audit: %s %s by %s: %s", action, subject, key_id or "nobody known", outcome)
        try:
            self._log.write(action, subject, key_id=key_id, address=client_address(), outcome=outcome)
        except SQLAlchemyError as error:
            # What was done is done; the line above is in the log.
            LOG.error("the audit log can't be written: %s", error)

    def read_audit(
        self, limit: int = 100, offset: int = 0, *, key_id: str | None = None, action: str | None = None
    ) -> list[Deed]:
        """The audit log, the latest first; for administrators.

        :param key_id: only what was done with this key.
        :param action: only these deeds.
        :raises NoKey: or NotAllowed: the caller is none.
        """
        self.require(Scope.ADMIN)
        return self._log.read(limit=limit, offset=offset, key_id=key_id, action=action)

    def _refuse_guessing(self, *, known: bool = False) -> None:
        left = self._guesses.seconds_left(network_of(client_address()))
        if left and not known:
            raise TooManyRequests(
                f"Too many wrong keys came from this address. Send the right one again in {left} s.", left
            )

    def _wrong(self, error: NoKey) -> GasFluxError:
        self._guesses.count(network_of(client_address()))
        return self._refused(error)

    def _refused(self, error: GasFluxError) -> GasFluxError:
        """The error with which a request is refused, which is noted; not without end, since a row is a write."""
        if self._refusals.count(network_of(client_address())):
            self.audit("refused", f"{request.method} {request.path}", error.message)
        return error


def _leads_to(job_id: str) -> bool:
    """Whether the request at hand reads that job."""
    match = _OF_JOB.fullmatch(request.path)
    if match is not None:
        # Queries of WFS may be too long for an address.
        methods = ("GET", "HEAD", "POST") if request.path.startswith("/ows/") else ("GET", "HEAD")
        return job_id in match.groups() and request.method in methods
    if request.path.rstrip("/") == "/wps" and request.method in ("GET", "HEAD"):
        return job_id in [value for name, value in request.args.items() if name.lower() == "jobid"]
    return False


def _no_key(scope: Scope | None = None) -> NoKey:
    if scope is Scope.ADMIN:
        return NoKey("This needs a key of an administrator: send one with the scope admin in the header X-API-Key.")
    return NoKey("This service asks for a key: send it in the header X-API-Key.")


def _only_one_job() -> NotAllowed:
    return NotAllowed("This link is for reading one job, and nothing else. Send a key for all else.")


def _not_allowed(scope: Scope) -> NotAllowed:
    return NotAllowed(f"The key has not the scope {scope}. Ask the operator for one that has.")
