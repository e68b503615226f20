"""The service's own secret, one for all its workers and machines, with which links and sessions are signed."""

from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import String

from server.jobs.database import open_engine, writing
from server.jobs.model import Base

_NAME = "signing"

SIGNER: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
"""How itsdangerous signs here."""


class SecretRow(Base):
    """A secret that the service made for itself."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(200))


def read_secret(engine: Engine) -> str:
    """The secret in a database, made where there is none."""
    with Session(engine) as session:
        row = session.get(SecretRow, _NAME)
        if row is not None:
            return row.value
    # Those who write come one after the other, so that only the first one makes it.
    with Session(writing(engine)) as session, session.begin():
        row = session.get(SecretRow, _NAME)
        if row is None:
            row = SecretRow(name=_NAME, value=secrets.token_urlsafe(48))
            session.add(row)
        return row.value


@lru_cache(maxsize=8)
def secret_of(database: str) -> str:
    """The secret in the database of that URL; read once, since it never changes."""
    engine = open_engine(database)
    try:
        return read_secret(engine)
    finally:
        engine.dispose()
