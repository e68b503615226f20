"""What the service asks of a store, wherever that keeps its files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from server.jobs.expiry import Known
from server.jobs.request import Upload

AskKnown = Callable[[Collection[str] | None], AbstractContextManager[Known]]
"""Tells which of these jobs there are (None: which at all), and keeps that so within its block."""

MOST_ASKED = 2000
"""For more ids than these, all are asked for: a statement holds only so many."""


class Staged(Protocol):
    """What came with a request, put down safely, while its job isn't accepted yet."""

    def keep(self) -> None:
        """Make it the job's inputs; called within the transaction that adds the job's row."""

    def discard(self) -> None:
        """Throw it away, unless it was kept: then it is the janitor's, who sees whether the row came to be."""


@dataclass(frozen=True)
class StoredFile:
    """A published file, to be read."""

    size: int
    """Bytes."""
    modified: datetime
    open: Callable[[], BinaryIO]
    """Gives a stream that can seek."""
    path: Path | None = None
    """Where it lies on this machine; None where it lies elsewhere."""


class Store(Protocol):
    """Inputs, work folders and published results of all jobs."""

    work: Path
    """Folder of this machine in which jobs work."""
    remote: bool
    """Whether its files lie on a server. Reaching that takes time and threads, so only the methods that say
    nothing else may be called in a process that forks jobs."""
    libraries: tuple[str, ...]
    """What it loads at its first use; a process that forks jobs loads it once for all."""

    def stage_inputs(self, job_id: str, uploads: Sequence[Upload]) -> Staged:
        """Put down what came with a request (remote: asks the server).

        :raises OSError: it can't be written, such as on a full disk; nothing of it is left.
        :raises gasflux_core.errors.Busy: the server can't be reached.
        """

    def input_file(self, job_id: str, name: str, folder: Path) -> Path:
        """One of the job's inputs (remote: fetched into the folder).

        :raises NoSuchFile: there is none of that name.
        """

    def begin_attempt(self, job_id: str, attempt: int) -> Path:
        """Make the folder of a new try, with ``work`` and ``results`` in it, and remove those of earlier ones."""

    def attempt_folder(self, job_id: str, attempt: int) -> Path:
        """The folder of one try, whether it is there or not."""

    def send_results(self, job_id: str, attempt: int) -> None:
        """Bring the try's results to where neither a lost machine nor a lost process takes them (remote: asks the
        server); called by the job's child once they are complete."""

    def publish(self, job_id: str, attempt: int) -> None:
        """Make the results readable, all at once; called within the transaction that makes the job successful."""

    def end_attempt(self, job_id: str, attempt: int) -> None:
        """Remove the folder of a try that has ended."""

    def drop_inputs(self, job_id: str) -> None:
        """The job was successful and needs its inputs no more."""

    def result_file(self, job_id: str, attempt: int, name: str, folder: Path) -> Path:
        """A published file as one of this machine (remote: fetched into the folder).

        :param attempt: the one under which the job was successful.
        :raises NoSuchFile: there is none of that name, or the name would lead out of the job's folder.
        """

    def published_file(self, job_id: str, name: str, folder: Path) -> Path:
        """The same, for who doesn't know the attempt.

        :raises NoSuchFile: there is none of that name, or the name would lead out of the job's folder.
        """

    def open(self, job_id: str, attempt: int, name: str) -> StoredFile:
        """A published file for reading (remote: asks the server).

        :param attempt: the one under which the job was successful.
        :raises NoSuchFile: there is none of that name, or the name would lead out of the job's folder.
        """

    @property
    def url(self) -> Callable[[str, str], str]:
        """Gives the address of a published file, of a job's id and the file's name, as clients see it."""

    def remove(self, job_id: str) -> None:
        """Remove all of an ended job's files (remote: asks the server)."""

    def clear_leftovers(self, known: AskKnown, *, thorough: bool) -> list[str]:
        """Remove what belongs to no job, as a crash leaves it (remote: asks the server).

        :param known: asks the job table; held while folders are moved out of the way, not while they are removed.
        :param thorough: look through all results, not only at what is new or may well be left over.
        :returns: names of what was removed.
        """

    def free(self) -> int:
        """Bytes left for what jobs write."""


def asked(ids: Collection[str]) -> Collection[str] | None:
    """The ids as :data:`AskKnown` takes them."""
    return ids if len(ids) <= MOST_ASKED else None
