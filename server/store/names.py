"""Which ids and names may become a path, and how much a disk still holds."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gasflux_core.errors import InputError

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


class NoSuchFile(InputError):
    """The store has no such file."""

    @classmethod
    def of(cls, job_id: str, name: str) -> NoSuchFile:
        """That a job has no file of this name."""
        return cls(f"there is no file {name} of job {job_id}")


def is_id(text: str) -> bool:
    """Whether it can be a job's id."""
    return _ID.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether it can be a file's name in any folder."""
    return _NAME.fullmatch(text) is not None


def checked_id(job_id: str) -> str:
    """The id itself.

    :raises ValueError: it is none; ids that come from outside are looked up in the job table first.
    """
    if not is_id(job_id):
        raise ValueError(f"{job_id!r} is no job id")
    return job_id


def checked_name(name: str) -> str:
    """The name itself, if it can be a file's name in any folder.

    :raises ValueError: it can't; names come from this service's own code.
    """
    if not is_name(name):
        raise ValueError(f"{name!r} can't be the name of a file")
    return name


def free_bytes(folder: Path) -> int:
    """Space left on the folder's file system, for this process."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
