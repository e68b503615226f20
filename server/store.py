"""Where jobs work and where their result files lie.

A job's work folder holds ``inputs`` (what came with the request, kept until the job ends) and
``attempt-<n>``, the folder of one try::

    <workdir>/<job id>/inputs/
    <workdir>/<job id>/attempt-1/work/      what the process writes
    <workdir>/<job id>/attempt-1/results/   becomes <outputpath>/<job id>/ by one rename

So a reader of the store sees all of a job's files or none.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from gasflux_core.errors import InputError
from server.jobs.request import Upload

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


class NoSuchFile(InputError):
    """The store has no such file."""


class Store:
    """The work folders and the published results of all jobs.

    :param outputs: folder of the published results.
    :param work: folder of the work folders, on the same file system.
    :param url: address under which clients find ``outputs``.
    """

    def __init__(self, outputs: Path, work: Path, url: str) -> None:
        self.outputs = outputs
        self.work = work
        self._url = url.rstrip("/")

    def work_folder(self, job_id: str) -> Path:
        """The job's work folder, whether it is there or not."""
        return self.work / _checked_id(job_id)

    def inputs_folder(self, job_id: str) -> Path:
        """The folder of what came with the request."""
        return self.work_folder(job_id) / "inputs"

    def attempt_folder(self, job_id: str, attempt: int) -> Path:
        """The folder of one try."""
        return self.work_folder(job_id) / f"attempt-{attempt}"

    def keep_uploads(self, job_id: str, uploads: Sequence[Upload]) -> None:
        """Put what came with a request into the job's ``inputs`` folder."""
        folder = self.inputs_folder(job_id)
        folder.mkdir(parents=True)
        for upload in uploads:
            target = folder / checked_name(upload.name)
            if isinstance(upload.content, bytes):
                target.write_bytes(upload.content)
            else:
                shutil.move(upload.content, target)

    def begin_attempt(self, job_id: str, attempt: int) -> Path:
        """Make the folder of a new try, and remove those of earlier ones."""
        for old in self.work_folder(job_id).glob("attempt-*"):
            shutil.rmtree(old, ignore_errors=True)
        folder = self.attempt_folder(job_id, attempt)
        for name in ("work", "results"):
            (folder / name).mkdir(parents=True)
        return folder

    def publish(self, job_id: str, attempt: int) -> Path:
        """Move the try's results into the store by one rename.

        :returns: the folder in the store.
        """
        results = self.attempt_folder(job_id, attempt) / "results"
        target = self.outputs / _checked_id(job_id)
        if not results.exists() and target.exists():
            return target  # published already, and the row could not be written after it
        try:
            results.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            # Left by a try that published and was lost before its row was written: nobody was told of it.
            shutil.rmtree(target)
            results.rename(target)
        return target

    def clean(self, job_id: str) -> None:
        """Remove the job's work folder."""
        shutil.rmtree(self.work_folder(job_id), ignore_errors=True)

    def path(self, job_id: str, name: str) -> Path:
        """A published file.

        :raises NoSuchFile: there is none of that name, or the name would lead out of the job's folder.
        """
        missing = NoSuchFile(f"there is no file {name} of job {job_id}")
        if not (_ID.fullmatch(job_id) and _NAME.fullmatch(name)):
            raise missing
        folder = self.outputs / job_id
        path = folder / name
        if not path.is_file() or path.resolve().parent != folder.resolve():
            raise missing
        return path

    def url(self, job_id: str, name: str) -> str:
        """Address of a published file."""
        return f"{self._url}/{job_id}/{quote(name)}"


def checked_name(name: str) -> str:
    """The name itself, if it can be a file's name in any folder.

    :raises ValueError: it can't; names come from this service's own code.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} can't be the name of a file")
    return name


def _checked_id(job_id: str) -> str:
    if not _ID.fullmatch(job_id):
        raise ValueError(f"{job_id!r} is no job id")
    return job_id


def free_bytes(folder: Path) -> int:
    """Space left on the folder's file system, for this process."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
