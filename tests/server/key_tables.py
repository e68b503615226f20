"""Keys and an audit log in memory, for tests of the page that shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from gasflux_core.errors import InputError
from server.access import Caller, Scope

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class FakeKey:
    key_id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None
    revoked: bool
    scopes: frozenset[Scope]
    rate: int | None
    quota: int | None


@dataclass(frozen=True)
class FakeDeed:
    time: datetime
    key_id: str
    action: str
    subject: str
    address: str
    outcome: str


class FakeKeys:
    def __init__(self) -> None:
        self.rows: list[FakeKey] = []

    def create(self, name: str, scopes: Iterable[str], rate: int | None, quota: int | None) -> str:
        if name == "refused":
            raise InputError("the name is taken", "name")
        key_id = f"{len(self.rows):08x}"
        held = frozenset(Scope(scope) for scope in scopes)
        self.rows.append(FakeKey(key_id, name, NOON, None, False, held, rate, quota))
        return f"gfw_{key_id}_secret"

    def list(self) -> list[FakeKey]:
        return self.rows

    def revoke(self, key_id: str) -> None:
        self.rows = [replace(row, revoked=row.revoked or row.key_id == key_id) for row in self.rows]


class FakeAdministration:
    """Stands for :class:`server.access.Access`, with everything of it that pages ask."""

    def __init__(self) -> None:
        self.keys = FakeKeys()
        self.deeds: list[FakeDeed] = []
        self.refusal: Exception | None = None
        """What is raised where an administrator is needed."""
        self.who = Caller()

    def caller(self) -> Caller:
        return self.who

    def require(self, scope: Scope) -> Caller:
        if self.refusal is not None:
            raise self.refusal
        return self.who

    def listed_client(self) -> str | None:
        return None

    def read_audit(self, limit: int = 100, offset: int = 0) -> list[FakeDeed]:
        self.require(Scope.ADMIN)
        return self.deeds[::-1][offset : offset + limit]

    def service_link(self, caller: Caller, days: int | None = None) -> str:
        return f"http://127.0.0.1:5000/signed/{caller.key_id}-{days}"

    def audit(self, action: str, subject: str, outcome: str = "done") -> None:
        time = NOON + timedelta(seconds=len(self.deeds))
        self.deeds.append(FakeDeed(time, self.who.key_id, action, subject, "127.0.0.1", outcome))
