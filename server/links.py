"""Addresses with a signed token in them, for clients that can't send headers.

``<root>/s/<token>/…`` is the same as ``<root>/…`` for whom the token speaks: for the reader of one job, or for a key
with all that it may do. A token holds no secret and can't be changed: the service signs it with its own secret.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from urllib.parse import quote, urlsplit

from flask import has_request_context, request
from itsdangerous import BadData, URLSafeSerializer

from server.settings import Settings
from server.signing import SIGNER, secret_of

TOKEN = "gasflux.token"
"""In the environment of a request: the token of its address, as it came."""

LINK = "gasflux.link"
"""In the environment of a request: its token, once that was found to be right."""

_SIGNED = re.compile(r"/s/([^/]*)(?=/|$)")
_DAY = 86_400


@dataclass(frozen=True)
class Link:
    """What a token says."""

    kind: Literal["job", "key"]
    subject: str
    """Id of the job, or of the key."""
    expires: int
    """Seconds since 1970."""

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.expires <= time.time()


def split_signed(path: str) -> tuple[str | None, str]:
    """Token and the rest of a path below the service's address; None where it has no token."""
    match = _SIGNED.match(path)
    return (match[1], path[match.end() :]) if match else (None, path)


class Links:
    """Makes and reads them, and gives each address as its client needs it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._everything = settings.security.keys == "all"
        root = re.escape(settings.root)
        # Not what has a token already, nor another host whose name only begins alike.
        self._root = re.compile(rf"{root}(?=[/?\"'<>&\s)\]]|$)(?!/s/)".encode())

    # --- addresses --------------------------------------------------------------------------------

    def address(self, path: str, job_id: str) -> str:
        """The whole address of something of one job, as its client is given it.

        :param path: below the service's address, such as ``/wps/status/<job>``.
        """
        token = current_token()
        if token is None and self._everything:
            token = self.of_job(job_id)
        # An address of the job's own results may have been made for its client already.
        _, plain = split_signed(path)
        return f"{self._settings.root}{plain}" if token is None else self.signed(token, plain)

    def file(self, job_id: str, name: str) -> str:
        """The same of a result file."""
        path = f"{job_id}/{quote(name)}"
        if self._everything or current_token() is not None:
            return self.address(f"/outputs/{path}", job_id)
        return f"{self._settings.server.outputurl}/{path}"

    def signed(self, token: str, path: str = "") -> str:
        """The address of a path under a token."""
        return f"{self._settings.root}/s/{token}{path}"

    def renamed(self, content: bytes, token: str) -> bytes:
        """A text in which the service's own addresses are those under a token."""
        replacement = self.signed(token).encode()
        return self._root.sub(lambda _: replacement, content)

    def redirected(self, location: str, token: str) -> str:
        """A redirection within the service as one under a token."""
        if location.startswith("/") and not location.startswith("//"):
            base = urlsplit(self._settings.root).path
            path = location.removeprefix(base) if location.startswith(f"{base}/") else location
            return self.signed(token, split_signed(path)[1])
        return self.renamed(location.encode(), token).decode()

    def plain(self, url: str) -> tuple[str, Link | None]:
        """An address without its token, and what that says; as it is where it is no signed one of this service."""
        root = self._settings.root
        if not url.startswith(f"{root}/s/"):
            return url, None
        token, rest = split_signed(url[len(root) :])
        return f"{root}{rest}", self.read(token or "")

    # --- tokens -----------------------------------------------------------------------------------

    def of_job(self, job_id: str) -> str:
        """A token for reading one job."""
        return self._dumped("job", job_id, self._settings.security.link_days)

    def of_key(self, key_id: str, days: int | None = None) -> str:
        """A token for what a key may do.

        :param days: for how long; None: as the settings say.
        """
        return self._dumped("key", key_id, days or self._settings.security.link_days)

    def read(self, token: str) -> Link | None:
        """What a token says, which may have expired; None where this service didn't sign it."""
        try:
            kind, subject, expires = self._serializer.loads(token)
        except (BadData, ValueError, TypeError):
            return None
        return Link(kind, subject, expires)

    def _dumped(self, kind: str, subject: str, days: int) -> str:
        # To the end of a day, so that an address stays the same for a while and what is at it can be kept.
        expires = (int(time.time()) // _DAY + days + 1) * _DAY
        token: str = self._serializer.dumps([kind, subject, expires])
        return token

    @cached_property
    def _serializer(self) -> URLSafeSerializer:
        secret = secret_of(self._settings.jobs.database)
        return URLSafeSerializer(secret, salt="gasflux link", signer_kwargs=SIGNER)


def current_token() -> str | None:
    """The token of the request at hand, found to be right; None without one."""
    return request.environ.get(LINK) if has_request_context() else None
