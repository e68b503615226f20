"""The service's own secret, one for all its workers and machines, with which links and sessions are signed."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import String

from server.jobs.model import Base


class SecretRow(Base):
    """A secret that the service made for itself."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(200))
