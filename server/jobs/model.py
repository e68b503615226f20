"""The job table's row, and a job as the rest of the service sees it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import JSON, DateTime, Dialect, Index, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from gasflux_core.errors import GasFluxError, InputError, MissingInput, NoSolution, TooLarge
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


@dataclass(frozen=True)
class ResultItem:
    """One output of a job."""

    kind: Literal["literal", "complex"]
    text: str | None = None
    """Of a literal."""
    file: str | None = None
    """Name of the file in the store, of a complex output."""
    media_type: str | None = None
    size: int | None = None
    """Bytes."""
    sha256: str | None = None
    """Hexadecimal."""
    unit: str | None = None


ErrorKind = Literal["input", "missing", "too_large", "no_solution", "server"]


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
    created: datetime
    started: datetime | None
    finished: datetime | None
    owner: str | None
    """The supervisor that runs it."""
    heartbeat: datetime | None
    """When that supervisor last said that it lives."""
    attempt: int
    """How many times a child was started on it; writes of an earlier attempt are refused."""
    progress: float
    """0 to 1."""
    message: str
    """What is being done, in words."""
    request: JobRequest
    results: dict[str, ResultItem]
    """Output identifier → result; empty unless successful."""
    error: JobError | None
    """Set where failed."""


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


class JobRow(Base):
    """One job: the one place where its state is kept."""

    __tablename__ = "jobs"
    __table_args__ = (Index("jobs_status_created", "status", "created"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    status: Mapped[str] = mapped_column(String(12))
    process: Mapped[str] = mapped_column(String(100))
    version: Mapped[str] = mapped_column(String(40), default="")
    face: Mapped[str] = mapped_column(String(40))
    mode: Mapped[str] = mapped_column(String(5))
    created: Mapped[datetime] = mapped_column(UtcTime)
    started: Mapped[datetime | None] = mapped_column(UtcTime)
    finished: Mapped[datetime | None] = mapped_column(UtcTime)
    owner: Mapped[str | None] = mapped_column(String(200))
    heartbeat: Mapped[datetime | None] = mapped_column(UtcTime)
    attempt: Mapped[int] = mapped_column(default=0)
    progress: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str] = mapped_column(Text, default="")
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    results: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    def job(self) -> Job:
        """The row as a value of its own."""
        return Job(
            id=self.id,
            status=JobStatus(self.status),
            process=self.process,
            version=self.version,
            face=self.face,
            mode=self.mode,
            created=self.created,
            started=self.started,
            finished=self.finished,
            owner=self.owner,
            heartbeat=self.heartbeat,
            attempt=self.attempt,
            progress=self.progress,
            message=self.message,
            request=JobRequest.from_dict(self.request),
            results={name: ResultItem(**item) for name, item in (self.results or {}).items()},
            error=JobError(**self.error) if self.error else None,
        )


def results_json(results: dict[str, ResultItem]) -> dict[str, Any]:
    """Results as the table keeps them."""
    return {name: asdict(item) for name, item in results.items()}
