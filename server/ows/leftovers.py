"""Where the maps of jobs are made, and their end; apart from the making, which needs large libraries."""

from __future__ import annotations

import shutil
from pathlib import Path

from server.settings import Settings


def maps_folder(settings: Settings) -> Path:
    """The folder of the maps' folders."""
    return settings.server.workdir / "maps"


def forget_map(folder: Path, job_id: str) -> None:
    """Remove what was made of a job's results, since the job itself goes.

    :param folder: from :func:`maps_folder`.
    """
    for path in folder.glob(f"{job_id}-*"):
        shutil.rmtree(path, ignore_errors=True)
