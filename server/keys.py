"""Keys by which clients show who they are.

A key is ``gfw_<id>_<secret>``. The table keeps the id in clear, to find the row, and a salted scrypt
hash of the secret; the key itself is shown once, when it is made.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import String
from werkzeug.security import check_password_hash, generate_password_hash

from gasflux_core.errors import GasFluxError, InputError
from server.jobs.database import open_engine, writing
from server.jobs.model import Base, UtcTime

LOG = logging.getLogger(__name__)

_FORM = re.compile(r"gfw_([0-9a-f]{8})_([A-Za-z0-9_-]{20,100})")

_STATE_SECONDS = 2.0
"""How old what is known of a key may be: so soon running services know of its revocation."""

_USE_SECONDS = 60.0
"""The last use of a key is noted no more often than that."""

_MOST_KNOWN = 1000
"""So many right keys are known without hashing them again, which takes some hundredths of a second."""

_MOST_JOBS = 1_000_000


class NoKey(GasFluxError):
    """A request without the key that it needs, or with one that is wrong or revoked."""


class Scope(StrEnum):
    """What a key may do."""

    SUBMIT = "submit"
    """Send jobs, and change and remove its own."""
    READ = "read"
    """See its own jobs and their results."""
    ADMIN = "admin"
    """See and change everybody's jobs, keys, statistics and settings; has the other two in it."""


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
    """What it may do, by commas (:class:`Scope`)."""
    rate: Mapped[int | None]
    """How many jobs it may send within a minute; None: any number."""
    quota: Mapped[int | None]
    """How many jobs it may send within a day; None: any number."""

    def key(self) -> Key:
        """The row as a value of its own, without the hash."""
        known = frozenset(scope for scope in Scope if scope.value in self.scopes.split(","))
        return Key(
            self.key_id, self.name, self.created_at, self.last_used_at, self.revoked, known, self.rate, self.quota
        )


@dataclass(frozen=True)
class Key:
    """What is known of a key, without its secret. Times are UTC."""

    key_id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None
    revoked: bool
    scopes: frozenset[Scope]
    rate: int | None
    """Jobs within a minute; None: any number."""
    quota: int | None
    """Jobs within a day; None: any number."""


class Keys:
    """The table of keys."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        """Of the database in which they are."""
        self._writing = writing(engine)
        # A last use that a loss of power undoes is noted at the next one.
        self._noting = writing(engine, lasting=False)
        self._right: OrderedDict[str, None] = OrderedDict()
        """SHA-256 of keys whose hash was found right."""
        self._read: dict[str, tuple[Key, float]] = {}
        """Key's id → what was read, and until when that will do on the monotonic clock."""
        self.on_change: Callable[[str, str], None] = lambda action, key_id: None
        """Called with ``key.create`` or ``key.revoke`` and the key's id, once it is done."""

    @classmethod
    def open(cls, database: str) -> Keys:
        """The keys in the database of that URL."""
        return cls(open_engine(database))

    def create(
        self,
        name: str,
        scopes: Iterable[str] = (Scope.SUBMIT, Scope.READ),
        rate: int | None = None,
        quota: int | None = None,
    ) -> str:
        """Make a key.

        :param name: whose it is, for lists.
        :param scopes: what it may do.
        :param rate: how many jobs it may send within a minute; None: any number.
        :param quota: the same within a day.
        :returns: the key; it can't be had again.
        :raises InputError: the name is empty, too long or no text; a scope or a number is none.
        """
        row = KeyRow(
            key_id=secrets.token_hex(4),
            name=_checked_name(name),
            created_at=datetime.now(UTC),
            revoked=False,
            scopes=",".join(_checked_scopes(scopes)),
            rate=_checked_number(rate, "rate", "a minute"),
            quota=_checked_number(quota, "quota", "a day"),
        )
        secret = secrets.token_urlsafe(32)
        row.key_hash = generate_password_hash(secret, "scrypt")
        key = f"gfw_{row.key_id}_{secret}"
        key_id = row.key_id
        with Session(self._writing) as session, session.begin():
            session.add(row)
        self.on_change("key.create", key_id)
        return key

    def list(self) -> list[Key]:
        """All keys, the oldest first."""
        with Session(self.engine) as session:
            return [row.key() for row in session.scalars(select(KeyRow).order_by(KeyRow.created_at, KeyRow.key_id))]

    def revoke(self, key_id: str) -> None:
        """Make a key useless, with its links and sessions; running services know within some seconds.

        :raises InputError: there is no such key.
        """
        done = 0
        if key_id.isascii() and key_id.isalnum():
            with self._writing.begin() as connection:
                asked = update(KeyRow).where(KeyRow.key_id == key_id).values(revoked=True)
                done = connection.execute(asked).rowcount
        if done == 0:
            raise InputError(f"there is no key {key_id[:40]}; list them with: gasflux-wps key list", "key")
        self._read.pop(key_id, None)
        self.on_change("key.revoke", key_id)

    def check(self, key: str | None) -> Key:
        """Let pass who has a right key, and note that it is used.

        :raises NoKey: there is none, or it is wrong or revoked; which of these is not told.
        """
        if not key:
            raise NoKey("This service asks for a key: send it in the header X-API-Key.")
        match = _FORM.fullmatch(key)
        if match is None:
            raise _unknown()
        digest = _digest(key)
        if digest not in self._right:
            self._check_secret(*match.groups())
            self._right[digest] = None
            while len(self._right) > _MOST_KNOWN:
                self._right.popitem(last=False)
        return self.known(match[1])

    def remembers(self, key: str) -> bool:
        """Whether a key was right before, so that nobody guesses who sends it."""
        return _digest(key) in self._right

    def known(self, key_id: str) -> Key:
        """The key of an id that can be trusted, such as that of a signed link; its use is noted.

        :raises NoKey: there is none, or it was revoked.
        """
        found = self.find(key_id)
        if found is None or found.revoked:
            raise _unknown()
        return self._noted(found)

    def find(self, key_id: str) -> Key | None:
        """What is known of a key; some seconds old at most."""
        read, until = self._read.get(key_id, (None, 0.0))
        if read is not None and until > time.monotonic():
            return read
        with Session(self.engine) as session:
            row = session.get(KeyRow, key_id)
            found = row.key() if row is not None else None
        if found is not None:
            self._remember(found)
        return found

    def _check_secret(self, key_id: str, secret: str) -> None:
        with Session(self.engine) as session:
            row = session.get(KeyRow, key_id)
            if row is None or row.revoked or not check_password_hash(row.key_hash, secret):
                raise _unknown()

    def _remember(self, key: Key) -> None:
        now = time.monotonic()
        if len(self._read) > _MOST_KNOWN:
            self._read = {key_id: read for key_id, read in self._read.items() if read[1] > now}
        self._read[key.key_id] = (key, now + _STATE_SECONDS)

    def _noted(self, key: Key) -> Key:
        now = datetime.now(UTC)
        if key.last_used_at is not None and (now - key.last_used_at).total_seconds() < _USE_SECONDS:
            return key
        used = replace(key, last_used_at=now)
        # First, so that other threads don't write the same.
        self._remember(used)
        try:
            with self._noting.begin() as connection:
                connection.execute(update(KeyRow).where(KeyRow.key_id == key.key_id).values(last_used_at=now))
        except SQLAlchemyError as error:
            # The request is for something else, which may well go without a write.
            LOG.warning("the use of key %s can't be noted: %s", key.key_id, error)
        return used


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _unknown() -> NoKey:
    return NoKey("The key in the header X-API-Key is not known here, or was revoked.")


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= 200:
        raise InputError("the name of a key has 1 to 200 characters; say whose it is", "name")
    if not name.isprintable():
        raise InputError("the name of a key holds a character that can't be shown; write it with letters", "name")
    return name


def _checked_scopes(scopes: Iterable[str]) -> list[str]:
    wanted = [str(name) for name in scopes]
    unknown = [name for name in wanted if name not in list(Scope)]
    if unknown or not wanted:
        came = repr(unknown[0][:40]) if unknown else "nothing"
        raise InputError(f"scopes: expected some of {', '.join(Scope)}, got {came}", "scopes")
    return [scope.value for scope in Scope if scope in wanted or Scope.ADMIN in wanted]


def _checked_number(value: int | None, name: str, span: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_JOBS:
        expected = f"a whole number of jobs {span} from 1 to {_MOST_JOBS}, or nothing for any number"
        raise InputError(f"{name}: expected {expected}, got {str(value)[:40]!r}", name)
    return value
