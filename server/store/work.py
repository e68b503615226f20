"""The folders of this machine in which uploads arrive and jobs work; alike for every store.

::

    <workdir>/incoming/<owner>~<job id>/         uploads whose job isn't accepted yet
    <workdir>/attempts/<job id>-<n>/work         what the process writes
    <workdir>/attempts/<job id>-<n>/results      what is to be published
    <workdir>/removed/                           on its way out
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from server.jobs.owner import Owner
from server.jobs.request import Upload
from server.store.names import checked_id, checked_name, is_id

_FOREIGN_SECONDS = 3600.0
"""Uploads that arrive on a machine that can't be seen from here count as left behind after so long."""


class WorkFolders:
    """What every store does in the work folder.

    :param work: the work folder.
    :param url: address under which clients find the results.
    """

    def __init__(self, work: Path, url: str) -> None:
        self.work = work
        plain = url.rstrip("/")
        self.url: Callable[[str, str], str] = lambda job_id, name: f"{plain}/{job_id}/{quote(name)}"
        """Gives the address of a published file, as clients see it."""
        self._incoming = work / "incoming"
        self._attempts = work / "attempts"
        self._removed = work / "removed"

    def begin_attempt(self, job_id: str, attempt: int) -> Path:
        """Make the folder of a new try, and remove those of earlier ones.

        :raises OSError: it can't be made; nothing of it is left.
        """
        folder = self.attempt_folder(job_id, attempt)
        # A first one can be there only where a loss of power undid its claim.
        if attempt > 1 or folder.exists():
            self._remove_attempts(job_id)
        try:
            for name in ("work", "results"):
                (folder / name).mkdir(parents=True)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def attempt_folder(self, job_id: str, attempt: int) -> Path:
        """The folder of one try, whether it is there or not."""
        return self._attempts / f"{checked_id(job_id)}-{attempt}"

    def end_attempt(self, job_id: str, attempt: int) -> None:
        """Remove the folder of a try that has ended."""
        shutil.rmtree(self.attempt_folder(job_id, attempt), ignore_errors=True)

    def _receive(self, job_id: str, uploads: Sequence[Upload]) -> Path:
        """Put uploads into a folder that bears this process's name, safe from a loss of power."""
        names = [checked_name(upload.name) for upload in uploads]
        folder = self._incoming / f"{quote(str(Owner.this_process()), safe='')}~{checked_id(job_id)}"
        try:
            folder.mkdir(parents=True)
            for name, upload in zip(names, uploads, strict=True):
                target = folder / name
                if isinstance(upload.content, bytes):
                    target.write_bytes(upload.content)
                else:
                    shutil.move(upload.content, target)
                flush(target)
            flush(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def _orphaned_uploads(self) -> Iterator[tuple[Path, str]]:
        """Folders of uploads whose process is gone, each with the id that its job was to have."""
        for folder in children(self._incoming):
            owner, _, job_id = folder.name.rpartition("~")
            with contextlib.suppress(FileNotFoundError):
                if _is_gone(owner, folder):
                    yield folder, job_id

    def _attempt_folders(self) -> Iterator[tuple[Path, str, int]]:
        """Folders of attempts, each with its job's id and its number."""
        for folder in children(self._attempts):
            job_id, _, attempt = folder.name.rpartition("-")
            if is_id(job_id) and attempt.isdecimal():
                yield folder, job_id, int(attempt)

    def _remove_attempts(self, job_id: str) -> None:
        for old in self._attempts.glob(f"{checked_id(job_id)}-*"):
            shutil.rmtree(old, ignore_errors=True)

    def _throw_away(self, path: Path) -> None:
        """Take a folder out of sight at once; :meth:`_empty_removed` frees its space, which takes longer."""
        try:
            self._removed.mkdir(exist_ok=True)
            path.rename(self._removed / uuid.uuid4().hex)
        except FileNotFoundError:
            return
        except OSError:
            # Such as a disk too full for one more name.
            shutil.rmtree(path, ignore_errors=True)

    def _empty_removed(self) -> None:
        for folder in children(self._removed):
            shutil.rmtree(folder, ignore_errors=True)


def flush(path: Path) -> None:
    """Have a file's content, or a folder's names, survive a loss of power."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def children(folder: Path) -> list[Path]:
    """What lies in a folder; nothing, where it is not there."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _is_gone(owner: str, folder: Path) -> bool:
    try:
        lives = Owner.read(unquote(owner)).lives
    except ValueError:
        lives = None
    if lives is None:
        return time.time() - folder.stat().st_mtime > _FOREIGN_SECONDS
    return not lives
