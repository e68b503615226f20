"""The store on an S3-compatible server, for services of several machines.

::

    <prefix>/inputs/<job id>/<name>             what came with the request
    <prefix>/results/<job id>/<attempt>/<name>  what an attempt made; its job's results if that one was successful
    <workdir>/sent/<job id>-<attempt>           says that this machine has sent such files

Jobs work in this machine's own folders. Credentials are found where all programs for S3 find them, such as in
``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gasflux_core.errors import Busy
from server.jobs.request import Upload
from server.store.interface import AskKnown, Staged, StoredFile, asked
from server.store.names import NoSuchFile, checked_id, checked_name, free_bytes, is_id, is_name
from server.store.work import WorkFolders, children

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

LOG = logging.getLogger(__name__)

_PIECE = 8 * 1024**2
"""So much is sent or fetched at a time, bytes; S3 takes parts of 5 MB and more."""

_OPTIONS: dict[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 60,
    "retries": {"max_attempts": 2},
    # Newer checksums are refused by many servers that aren't Amazon's.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}

_ARRIVING = timedelta(hours=1)
"""Inputs without a row may be those of a request that just arrives at another machine, for so long."""


class ObjectStore(WorkFolders):
    """Inputs and results as objects of an S3 bucket; work folders on this machine.

    :param place: ``s3://bucket`` or ``s3://bucket/prefix``.
    :param endpoint: address of the server; empty for Amazon's.
    :param work: folder of the work folders.
    :param url: address under which this service gives out the results.
    """

    remote = True
    libraries: tuple[str, ...] = ("s3fs",)

    def __init__(self, place: str, endpoint: str, work: Path, url: str) -> None:
        super().__init__(work, url)
        self._root = place.removeprefix("s3://").rstrip("/")
        self._endpoint = endpoint
        self._sent = work / "sent"
        self._opening = threading.Lock()
        self._opened: tuple[int, AbstractFileSystem] | None = None

    @property
    def _files(self) -> AbstractFileSystem:
        """The file system, opened at its first use in each process, since its threads don't survive a fork."""
        with self._opening:
            if self._opened is None or self._opened[0] != os.getpid():
                # Loads Amazon's whole client: only where such a store is used.
                import fsspec

                files = fsspec.filesystem(
                    "s3",
                    endpoint_url=self._endpoint or None,
                    config_kwargs=_OPTIONS,
                    # Other machines write there too.
                    use_listings_cache=False,
                    skip_instance_cache=True,
                )
                self._opened = (os.getpid(), files)
            return self._opened[1]

    # --- inputs -----------------------------------------------------------------------------------

    def stage_inputs(self, job_id: str, uploads: Sequence[Upload]) -> Staged:
        """Send what came with a request to the server, under a note of this process's name."""
        for upload in uploads:
            checked_name(upload.name)
        staged = _StagedObjects(self, job_id, self._receive(job_id, ()) if uploads else None)
        try:
            with _asking(missing=False):
                for upload in uploads:
                    self._send(upload.content, f"{self._inputs(job_id)}/{upload.name}")
                    if isinstance(upload.content, Path):
                        upload.content.unlink()
        except BaseException:
            staged.discard()
            raise
        return staged

    def input_file(self, job_id: str, name: str, folder: Path) -> Path:
        """One of the job's inputs, fetched into the folder."""
        return self._fetch(f"{self._inputs(job_id)}/{checked_name(name)}", folder, NoSuchFile.of(job_id, name))

    def drop_inputs(self, job_id: str) -> None:
        """Left to :meth:`clear_leftovers`: who ends jobs must not have to wait for the server."""

    def remove_inputs(self, job_id: str) -> None:
        """Remove the job's inputs now."""
        self._remove(self._inputs(job_id))

    # --- results ----------------------------------------------------------------------------------

    def send_results(self, job_id: str, attempt: int) -> None:
        """Send the try's results to the server."""
        # Before the first of them, so that they are found when this process dies half-way.
        self._sent.mkdir(exist_ok=True)
        self._sent_note(job_id, attempt).touch()
        with _asking(missing=False):
            for path in children(self.attempt_folder(job_id, attempt) / "results"):
                self._send(path, f"{self._results(job_id, attempt)}/{checked_name(path.name)}")

    def publish(self, job_id: str, attempt: int) -> None:
        """Nothing: the row names the attempt, and readers go by it."""

    def result_file(self, job_id: str, attempt: int, name: str, folder: Path) -> Path:
        """A published file, fetched into the folder."""
        return self._fetch(self._result(job_id, attempt, name), folder, NoSuchFile.of(job_id, name))

    def published_file(self, job_id: str, name: str, folder: Path) -> Path:
        """The same; of several attempts the last, which for a job that has ended is the one that counts."""
        if not (is_id(job_id) and is_name(name)):
            raise NoSuchFile.of(job_id, name)
        with _asking():
            found = self._files.glob(f"{self._root}/results/{job_id}/*/{name}")
        attempts = [int(key.split("/")[-2]) for key in found if key.split("/")[-2].isdecimal()]
        if not attempts:
            raise NoSuchFile.of(job_id, name)
        return self.result_file(job_id, max(attempts), name, folder)

    def open(self, job_id: str, attempt: int, name: str) -> StoredFile:
        """A published file for reading."""
        key = self._result(job_id, attempt, name)
        try:
            with _asking():
                about = self._files.info(key)
        except FileNotFoundError:
            raise NoSuchFile.of(job_id, name) from None
        read = partial(self._files.open, key, "rb", block_size=_PIECE, cache_type="readahead", size=about["size"])
        return StoredFile(about["size"], about["LastModified"], read)

    def remove(self, job_id: str) -> None:
        """Remove all of an ended job's files."""
        self._remove(f"{self._root}/results/{checked_id(job_id)}")
        self.remove_inputs(job_id)
        self._remove_attempts(job_id)

    # --- what is left over ------------------------------------------------------------------------

    def clear_leftovers(self, known: AskKnown, *, thorough: bool) -> list[str]:
        """Remove what belongs to no job, as a crash leaves it.

        What is there is listed first and the table read after it: whatever a job was given by then has its row.
        Nothing that was found to belong to no job comes to belong to one, so the table need not be held longer.
        """
        attempts = list(self._attempt_folders())
        with known(asked({job_id for _, job_id, _ in attempts})) as table:
            pass
        ended = [folder for folder, job_id, attempt in attempts if (job_id, attempt) not in table.running]
        for folder in ended:
            self._throw_away(folder)
        self._empty_removed()
        return [folder.name for folder in ended] + self._clear_inputs(known) + self._clear_results(known, thorough)

    def free(self) -> int:
        """Bytes left on this machine for what jobs write."""
        return free_bytes(self.work)

    def _clear_inputs(self, known: AskKnown) -> list[str]:
        orphaned = {job_id: folder for folder, job_id in self._orphaned_uploads()}
        with _asking():
            found = self._ids_with_inputs()
        with known(asked(found)) as table:
            pass
        successful = {job_id for job_id, _ in table.successful}
        used = [job_id for job_id in found if job_id in successful]
        rowless = [job_id for job_id in found if job_id not in table.jobs]
        gone = [job_id for job_id in rowless if job_id in orphaned or self._has_lain(self._inputs(job_id))]
        for job_id in (*gone, *used):
            self.remove_inputs(job_id)
        for folder in orphaned.values():
            self._throw_away(folder)
        return gone

    def _clear_results(self, known: AskKnown, thorough: bool) -> list[str]:
        with _asking():
            found = set(self._notes()) | (self._all_results() if thorough else set())
        with known(asked({job_id for job_id, _ in found})) as table:
            pass
        gone = found - table.running - table.successful
        for job_id, attempt in gone:
            self._remove(self._results(job_id, attempt))
        for job_id, attempt in found - table.running:
            self._sent_note(job_id, attempt).unlink(missing_ok=True)
        return [f"{job_id}-{attempt}" for job_id, attempt in sorted(gone)]

    def _has_lain(self, key: str) -> bool:
        """Whether all below the key is older than a request takes."""
        with _asking():
            found = self._files.find(key, detail=True).values()
        return all(datetime.now(UTC) - about["LastModified"] > _ARRIVING for about in found)

    def _ids_with_inputs(self) -> list[str]:
        try:
            found = self._files.ls(f"{self._root}/inputs", detail=False)
        except FileNotFoundError:
            return []
        return [name for name in (path.rstrip("/").rpartition("/")[2] for path in found) if is_id(name)]

    def _all_results(self) -> set[tuple[str, int]]:
        below = f"{self._root}/results/"
        parts = (path.removeprefix(below).split("/") for path in self._files.find(below))
        return {(one[0], int(one[1])) for one in parts if len(one) == 3 and is_id(one[0]) and one[1].isdecimal()}

    def _sent_note(self, job_id: str, attempt: int) -> Path:
        return self._sent / f"{checked_id(job_id)}-{attempt}"

    def _notes(self) -> Iterator[tuple[str, int]]:
        for note in children(self._sent):
            job_id, _, attempt = note.name.rpartition("-")
            if is_id(job_id) and attempt.isdecimal():
                yield job_id, int(attempt)

    # --- objects ----------------------------------------------------------------------------------

    def _inputs(self, job_id: str) -> str:
        return f"{self._root}/inputs/{checked_id(job_id)}"

    def _results(self, job_id: str, attempt: int) -> str:
        return f"{self._root}/results/{checked_id(job_id)}/{attempt}"

    def _result(self, job_id: str, attempt: int, name: str) -> str:
        if not (is_id(job_id) and is_name(name)):
            raise NoSuchFile.of(job_id, name)
        return f"{self._results(job_id, attempt)}/{name}"

    def _send(self, content: bytes | Path, key: str) -> None:
        if isinstance(content, bytes):
            self._files.pipe_file(key, content, chunksize=_PIECE)
        else:
            self._files.put_file(str(content), key, chunksize=_PIECE)

    def _fetch(self, key: str, folder: Path, missing: NoSuchFile) -> Path:
        target = folder / key.rpartition("/")[2]
        try:
            with _asking():
                self._files.get_file(key, str(target), chunksize=_PIECE)
        except BaseException as error:
            target.unlink(missing_ok=True)
            if isinstance(error, FileNotFoundError):
                raise missing from None
            raise
        return target

    def _remove(self, key: str) -> None:
        with _asking():
            if found := self._files.find(key):
                self._files.rm(found)


class _StagedObjects:
    """Uploads on the server, with a note on this machine until their job is accepted."""

    def __init__(self, store: ObjectStore, job_id: str, note: Path | None) -> None:
        self._store = store
        self._job_id = job_id
        self._note = note

    def keep(self) -> None:
        if self._note is not None:
            shutil.rmtree(self._note, ignore_errors=True)
            self._note = None

    def discard(self) -> None:
        if self._note is None:
            return
        # Out of reach, they are found later: as inputs that have no row.
        with contextlib.suppress(Busy, OSError):
            self._store.remove_inputs(self._job_id)
        self.keep()


@contextlib.contextmanager
def _asking(*, missing: bool = True) -> Iterator[None]:
    """Have errors of the server end as :class:`Busy`.

    :param missing: whether FileNotFoundError is an answer; who writes gets it where there is no such bucket.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        # A local disk that is full says so in its own words.
        its_own = isinstance(error.__cause__, ClientError) or isinstance(error, (ConnectionError, TimeoutError))
        if isinstance(error, OSError) and (not its_own or (missing and isinstance(error, FileNotFoundError))):
            raise
        LOG.warning("the store's server can't be used: %s", error)
        raise Busy("The store of results can't be reached now. Try again in a minute.", retry_after=60) from error
