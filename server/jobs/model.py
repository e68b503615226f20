"""The job table's row, and a job as the rest of the service sees it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Double, Index, String, Text, TypeDecorator, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from gasflux_core.errors import GasFluxError, InputError, MissingInput, NoSolution, NotAccessible, TooLarge
from processes.declaration import DataType, Kind
from server.jobs.request import JobRequest


class JobStatus(StrEnum):
    """Where a job is in its life."""

    ACCEPTED = "accepted"
    """Waits for a free slot; also after it was taken up again."""
    RUNNING = "running"
    """A child process works on it."""
    SUCCESSFUL = "successful"
    """Its results are in the store."""
    FAILED = "failed"
    """It ended without results; the error says why."""
    DISMISSED = "dismissed"
    """Its client gave it up."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self in (JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.DISMISSED)


class NoticeState(StrEnum):
    """What has become of the notice of a job's end to its subscriber."""

    NONE = "none"
    """Nobody asked for one, or the job has not ended."""
    DUE = "due"
    """It is to be delivered; after a try in vain, again."""
    DELIVERED = "delivered"
    """The subscriber has it."""
    GIVEN_UP = "given up"
    """It could not be delivered, however often it was tried."""


@dataclass(frozen=True)
class ResultItem:
    """One output of a job."""

    kind: Kind
    text: str | None = None
    """Of a literal or a bounding box."""
    file: str | None = None
    """Name of the file in the store, of a complex output."""
    media_type: str | None = None
    size: int | None = None
    """Bytes."""
    sha256: str | None = None
    """Hexadecimal."""
    unit: str | None = None
    data_type: DataType = "string"
    """Of a literal."""


ErrorKind = Literal["input", "missing", "too_large", "not_accessible", "no_solution", "limit", "server"]
"""``limit``: the job needed more time, memory or disk than a job may have."""


@dataclass(frozen=True)
class JobError:
    """Why a job failed, in words for its client."""

    kind: ErrorKind
    message: str
    locator: str | None = None
    """Name of the input or output at fault."""

    @classmethod
    def of(cls, error: GasFluxError) -> JobError:
        """From an error whose words are meant for users."""
        return cls(_kind(error), error.message, error.parameter)


def _kind(error: GasFluxError) -> ErrorKind:
    match error:
        case MissingInput():
            return "missing"
        case TooLarge():
            return "too_large"
        case NotAccessible():
            return "not_accessible"
        case InputError():
            return "input"
        case NoSolution():
            return "no_solution"
        case _:
            return "server"


@dataclass(frozen=True)
class Job:
    """A job as it was when it was read from the table. All times are UTC."""

    id: str
    status: JobStatus
    process: str
    version: str
    face: str
    mode: str
    client: str
    """Id of the key that sent it; empty where no key was sent."""
    parent: str | None
    """Job that spread into this one and others."""
    label: str
    """What distinguishes it among the sub-jobs of its parent."""
    created: datetime
    started: datetime | None
    finished: datetime | None
    owner: str | None
    """The process that runs it (:mod:`server.jobs.owner`); None while it runs only by its sub-jobs."""
    heartbeat: datetime | None
    """When its owner last said that it lives."""
    attempt: int
    """How many times a child was started on it; writes of an earlier attempt are refused."""
    losses: int
    """How many of these attempts ended with their owner, and not in any way of their own."""
    progress: float
    """0 to 1."""
    message: str
    """What is being done, in words."""
    request: JobRequest
    results: dict[str, ResultItem]
    """Output identifier → result; empty unless successful."""
    error: JobError | None
    """Set where failed."""
    name: str = ""
    """What its client calls it; empty: nothing."""
    notes: str = ""
    """What its client wrote about it."""
    notice: NoticeState = NoticeState.NONE
    notice_text: str = ""
    """Why the last notice, of its end or of its progress, could not be delivered; empty: it could."""

    @property
    def updated(self) -> datetime:
        """When it last was known to change or to live (UTC)."""
        return max(time for time in (self.created, self.started, self.heartbeat, self.finished) if time is not None)

    @property
    def size(self) -> int:
        """Bytes of its result files."""
        return sum(item.size or 0 for item in self.results.values())


class UtcTime(TypeDecorator[datetime]):
    """UTC in every database, also in those that keep no time zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base of the service's tables."""


_HAS_NOTICE = text("notice_due IS NOT NULL")


class JobRow(Base):
    """One job: the one place where its state is kept."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("jobs_status_created", "status", "created"),
        Index("jobs_status_finished", "status", "finished"),
        Index("jobs_share_started", "share", "started"),
        Index("jobs_parent_created", "parent", "created"),
        Index("jobs_client_created", "client", "created"),
        # Of the few jobs alone that have a notice to be delivered.
        Index("jobs_notice_due", "notice_due", sqlite_where=_HAS_NOTICE, postgresql_where=_HAS_NOTICE),
        Index("jobs_fingerprint", "fingerprint"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    status: Mapped[str] = mapped_column(String(12))
    process: Mapped[str] = mapped_column(String(100))
    version: Mapped[str] = mapped_column(String(40), default="")
    face: Mapped[str] = mapped_column(String(40))
    mode: Mapped[str] = mapped_column(String(5))
    client: Mapped[str] = mapped_column(String(100), default="")
    share: Mapped[str] = mapped_column(String(100), default="")
    """Jobs of one share take turns with those of others: the client's key, or the parent of sub-jobs."""
    parent: Mapped[str | None] = mapped_column(String(36))
    label: Mapped[str] = mapped_column(Text, default="")
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of all that decides its results; set where identical requests share one job."""
    sharers: Mapped[int] = mapped_column(default=1)
    """How many requests this one job answers."""
    created: Mapped[datetime] = mapped_column(UtcTime)
    started: Mapped[datetime | None] = mapped_column(UtcTime)
    finished: Mapped[datetime | None] = mapped_column(UtcTime)
    owner: Mapped[str | None] = mapped_column(String(200))
    heartbeat: Mapped[datetime | None] = mapped_column(UtcTime)
    attempt: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)
    progress: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str] = mapped_column(Text, default="")
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    results: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    name: Mapped[str] = mapped_column(String(200), default="")
    notes: Mapped[str] = mapped_column(Text, default="")
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes of its result files, for expiry by total size."""
    notice: Mapped[str] = mapped_column(String(12), default=NoticeState.NONE)
    notice_due: Mapped[datetime | None] = mapped_column(UtcTime)
    """When its subscriber is to be told next of how it is now; None: there is nothing to tell."""
    notice_host: Mapped[str | None] = mapped_column(String(300))
    """Host and port to which that notice goes."""
    notice_after: Mapped[datetime | None] = mapped_column(UtcTime)
    """When its progress may be told next; None: nobody wants to know."""
    notice_attempts: Mapped[int] = mapped_column(default=0)
    """How many times it was tried to deliver the notice that is due."""
    notice_text: Mapped[str] = mapped_column(Text, default="")

    def job(self) -> Job:
        """The row as a value of its own."""
        return Job(
            id=self.id,
            status=JobStatus(self.status),
            process=self.process,
            version=self.version,
            face=self.face,
            mode=self.mode,
            client=self.client,
            parent=self.parent,
            label=self.label,
            created=self.created,
            started=self.started,
            finished=self.finished,
            owner=self.owner,
            heartbeat=self.heartbeat,
            attempt=self.attempt,
            losses=self.losses,
            progress=self.progress,
            message=self.message,
            request=JobRequest.from_dict(self.request),
            results={name: ResultItem(**item) for name, item in (self.results or {}).items()},
            error=JobError(**self.error) if self.error else None,
            name=self.name,
            notes=self.notes,
            notice=NoticeState(self.notice),
            notice_text=self.notice_text,
        )


class TotalRow(Base):
    """How many jobs of one process came to one end within one time; outlives the jobs' own rows."""

    __tablename__ = "job_totals"

    process: Mapped[str] = mapped_column(String(100), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(20), primary_key=True)
    """successful, failed, dismissed; or what else is counted of jobs (:mod:`server.jobs.totals`)."""
    at_most: Mapped[float] = mapped_column(Double, primary_key=True)
    """Upper bound of the run time in seconds; the last bucket's is :data:`NO_BOUND`."""
    count: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Double)
    """Run times, together."""


NO_BOUND = 1e9
"""Stands for infinity in the table, which not every database can hold."""


def results_json(results: dict[str, ResultItem]) -> dict[str, Any]:
    """Results as the table keeps them."""
    return {name: asdict(item) for name, item in results.items()}


def storable(text: str) -> str:
    """The text without what databases refuse: PostgreSQL keeps no NUL, none keeps half a character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
