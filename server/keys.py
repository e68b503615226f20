"""Keys by which clients show that they may execute processes.

A key is ``gfw_<id>_<secret>``. The table keeps the id in clear, to find the row, and a salted scrypt
hash of the secret; the key itself is shown once, when it is made.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import String
from werkzeug.security import check_password_hash, generate_password_hash

from gasflux_core.errors import GasFluxError, InputError
from server.jobs.database import open_engine, writing
from server.jobs.model import Base, UtcTime

_PREFIX = "gfw"

_REMEMBER_SECONDS = 30.0
"""How long a key that was right is known without hashing again, and so outlives its revocation at most."""


class NoKey(GasFluxError):
    """A request without the key that it needs, or with one that is wrong or revoked."""


class KeyRow(Base):
    """One key."""

    __tablename__ = "api_keys"

    key_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(300))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked: Mapped[bool] = mapped_column(default=False)
    scopes: Mapped[str] = mapped_column(String(60), default="submit,read")
    """What it may do, by commas (:class:`server.access.Scope`)."""
    rate: Mapped[int | None]
    """How many jobs it may send within a minute; None: any number."""
    quota: Mapped[int | None]
    """How many jobs it may send within a day; None: any number."""


@dataclass(frozen=True)
class Key:
    """What is known of a key, without its secret. Times are UTC."""

    key_id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None
    revoked: bool


class Keys:
    """The table of keys."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = writing(engine)
        self._known: dict[str, float] = {}

    @classmethod
    def open(cls, database: str) -> Keys:
        """The keys in the database of that URL."""
        return cls(open_engine(database))

    def create(self, name: str) -> str:
        """Make a key.

        :param name: whose it is, for lists.
        :returns: the key; it can't be had again.
        :raises InputError: the name is empty or too long.
        """
        name = name.strip()
        if not 0 < len(name) <= 200:
            raise InputError("the name of a key has 1 to 200 characters; say whose it is", "name")
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        row = KeyRow(
            key_id=key_id,
            key_hash=generate_password_hash(secret, "scrypt"),
            name=name,
            created_at=datetime.now(UTC),
            revoked=False,
        )
        with Session(self._writing) as session, session.begin():
            session.add(row)
        return f"{_PREFIX}_{key_id}_{secret}"

    def list(self) -> list[Key]:
        """All keys, the oldest first."""
        with Session(self._engine) as session:
            rows = session.scalars(select(KeyRow).order_by(KeyRow.created_at))
            return [Key(row.key_id, row.name, row.created_at, row.last_used_at, row.revoked) for row in rows]

    def revoke(self, key_id: str) -> None:
        """Make a key useless; running services know within half a minute.

        :raises InputError: there is no such key.
        """
        with self._writing.begin() as connection:
            done = connection.execute(update(KeyRow).where(KeyRow.key_id == key_id).values(revoked=True))
        if done.rowcount == 0:
            raise InputError(f"there is no key {key_id}; list them with: gasflux-wps key list", "key")

    def check(self, key: str | None) -> str:
        """Let pass who has a right key.

        :returns: the key's id.
        :raises NoKey: there is none, or it is wrong or revoked; which of these is not told.
        """
        if not key:
            raise NoKey("This service asks for a key: send it in the header X-API-Key.")
        digest = hashlib.sha256(key.encode()).hexdigest()
        now = time.monotonic()
        prefix, _, rest = key.partition("_")
        key_id, _, secret = rest.partition("_")
        if self._known.get(digest, float("-inf")) > now:
            return key_id
        if not self._right(prefix, key_id, secret):
            raise NoKey("The key in the header X-API-Key is not known here, or was revoked.")
        self._known = {known: until for known, until in self._known.items() if until > now}
        self._known[digest] = now + _REMEMBER_SECONDS
        return key_id

    def _right(self, prefix: str, key_id: str, secret: str) -> bool:
        with Session(self._writing) as session, session.begin():
            row = session.get(KeyRow, key_id) if prefix == _PREFIX else None
            if row is None or row.revoked or not check_password_hash(row.key_hash, secret):
                return False
            row.last_used_at = datetime.now(UTC)
            return True
