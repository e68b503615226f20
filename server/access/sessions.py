"""The sessions of browsers: a signed cookie that names a key and goes with it."""

from __future__ import annotations

from functools import cached_property

from itsdangerous import BadData, URLSafeTimedSerializer

from server.settings import Settings
from server.signing import SIGNER, secret_of

COOKIE = "gasflux_session"
SECONDS = 12 * 3600
"""After so long one signs in again."""


class Sessions:
    """Makes and reads the cookie."""

    def __init__(self, settings: Settings) -> None:
        self._database = settings.jobs.database

    def make(self, key_id: str) -> str:
        """The cookie of a session that begins now."""
        cookie: str = self._serializer.dumps(key_id)
        return cookie

    def read(self, cookie: str) -> str | None:
        """Id of the key; None where the session has ended, or never was."""
        try:
            key_id: str = self._serializer.loads(cookie, max_age=SECONDS)
        except BadData:
            return None
        return key_id

    @cached_property
    def _serializer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(secret_of(self._database), salt="gasflux session", signer_kwargs=SIGNER)
