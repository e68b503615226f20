"""The store in folders of this machine.

::

    <workdir>/inputs/<job id>/    what came with the request, kept as long as the job can be tried again
    <outputpath>/<job id>/        published results: an attempt's ``results``, moved by one rename

So a reader of the store sees all of a job's files or none.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from server.jobs.expiry import Known
from server.jobs.request import Upload
from server.store.interface import AskKnown, Staged, StoredFile, asked
from server.store.names import NoSuchFile, checked_id, checked_name, free_bytes, is_id, is_name
from server.store.work import WorkFolders, children, flush

_NOTHING = Known(frozenset(), frozenset(), frozenset())


class FolderStore(WorkFolders):
    """Inputs, work folders and published results in folders.

    :param outputs: folder of the published results.
    :param work: folder of the work folders, on the same file system.
    :param url: address under which clients find ``outputs``.
    """

    remote = False
    libraries: tuple[str, ...] = ()

    def __init__(self, outputs: Path, work: Path, url: str) -> None:
        super().__init__(work, url)
        self.outputs = outputs
        self._inputs = work / "inputs"
        self._settled: frozenset[str] = frozenset()
        """Jobs whose results were found in order, and need not be asked for again each time."""

    def inputs_folder(self, job_id: str) -> Path:
        """The folder of what came with the request, whether it is there or not."""
        return self._inputs / checked_id(job_id)

    def stage_inputs(self, job_id: str, uploads: Sequence[Upload]) -> Staged:
        """Put down what came with a request."""
        folder = self._receive(job_id, uploads) if uploads else None
        return _StagedFolder(folder, self.inputs_folder(job_id))

    def input_file(self, job_id: str, name: str, folder: Path) -> Path:
        """One of the job's inputs."""
        path = self.inputs_folder(job_id) / checked_name(name)
        if not path.is_file():
            raise NoSuchFile.of(job_id, name)
        return path

    def send_results(self, job_id: str, attempt: int) -> None:
        """Have the results survive a loss of power.

        Before the rename, and by the child: the file system may keep a rename and lose what was written before
        it, and the job table isn't locked meanwhile.
        """
        folder = self.attempt_folder(job_id, attempt) / "results"
        for path in [*children(folder), folder]:
            flush(path)

    def publish(self, job_id: str, attempt: int) -> None:
        """Move the try's results into the store by one rename."""
        results = self.attempt_folder(job_id, attempt) / "results"
        target = self.outputs / job_id
        if not results.exists() and target.exists():
            return  # published already, and the row could not be written after it
        try:
            results.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            # Left by a try that published and was lost before its row was written: nobody was told of it.
            self._throw_away(target)
            results.rename(target)
        flush(self.outputs)

    def drop_inputs(self, job_id: str) -> None:
        """The job was successful and needs its inputs no more."""
        shutil.rmtree(self.inputs_folder(job_id), ignore_errors=True)

    def path(self, job_id: str, name: str) -> Path:
        """Where a published file lies.

        :raises NoSuchFile: there is none of that name, or the name would lead out of the job's folder.
        """
        if not (is_id(job_id) and is_name(name)):
            raise NoSuchFile.of(job_id, name)
        folder = self.outputs / job_id
        path = folder / name
        if not path.is_file() or path.resolve().parent != folder.resolve():
            raise NoSuchFile.of(job_id, name)
        return path

    def result_file(self, job_id: str, attempt: int, name: str, folder: Path) -> Path:
        """A published file, where it lies."""
        return self.path(job_id, name)

    def published_file(self, job_id: str, name: str, folder: Path) -> Path:
        """The same."""
        return self.path(job_id, name)

    def open(self, job_id: str, attempt: int, name: str) -> StoredFile:
        """A published file for reading."""
        path = self.path(job_id, name)
        status = path.stat()
        modified = datetime.fromtimestamp(int(status.st_mtime), UTC)
        return StoredFile(status.st_size, modified, partial(_opened, path), path)

    def remove(self, job_id: str) -> None:
        """Remove all of an ended job's files."""
        for path in (self.outputs / checked_id(job_id), self.inputs_folder(job_id)):
            self._throw_away(path)
        self._remove_attempts(job_id)
        self._empty_removed()

    def clear_leftovers(self, known: AskKnown, *, thorough: bool) -> list[str]:
        """Remove what belongs to no job, as a crash leaves it.

        What is there is listed first and the table read after it: whatever a job was given by then has its row.
        """
        self.adopt()
        gone = _of_jobs(self.work)
        gone += [folder for folder, _ in self._orphaned_uploads()]
        settled = frozenset() if thorough else self._settled
        outputs = [folder for folder in _of_jobs(self.outputs) if folder.name not in settled]
        inputs, attempts = _of_jobs(self._inputs), list(self._attempt_folders())
        ids = {folder.name for folder in (*inputs, *outputs)} | {job_id for _, job_id, _ in attempts}
        with known(asked(ids)) if ids else nullcontext(_NOTHING) as table:
            # Of a running job they are published already, while its row could not be written yet.
            readable = {job_id for job_id, _ in table.successful | table.running}
            gone += [folder for folder in inputs if folder.name not in table.jobs]
            gone += [folder for folder in outputs if folder.name not in readable]
            gone += [folder for folder, job_id, attempt in attempts if (job_id, attempt) not in table.running]
            # Within the block, or a job could publish at this very place.
            for folder in gone:
                self._throw_away(folder)
        self._settled = settled | {job_id for job_id, _ in table.successful}
        self._empty_removed()
        return [folder.name for folder in gone]

    def free(self) -> int:
        """Bytes left for what jobs write."""
        return free_bytes(self.outputs)

    def adopt(self) -> None:
        """Take over the inputs of jobs that an earlier version accepted, from ``<workdir>/<job id>/inputs``."""
        for old in _of_jobs(self.work):
            if (old / "inputs").is_dir():
                self._inputs.mkdir(exist_ok=True)
                # Another process of the service may be faster.
                with contextlib.suppress(FileNotFoundError):
                    (old / "inputs").rename(self.inputs_folder(old.name))


def _of_jobs(folder: Path) -> list[Path]:
    """Folders named after jobs; what else an operator put beside them is none of the store's."""
    return [path for path in children(folder) if is_id(path.name)]


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


class _StagedFolder:
    """Uploads in a folder of their own, which becomes the job's by one rename."""

    def __init__(self, folder: Path | None, target: Path) -> None:
        self._folder = folder
        self._target = target

    def keep(self) -> None:
        if self._folder is not None:
            self._target.parent.mkdir(exist_ok=True)
            self._folder.rename(self._target)
            flush(self._target.parent)

    def discard(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
