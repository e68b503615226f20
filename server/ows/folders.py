"""What is made of a job's results for its map services, kept as long as it is used.

::

    <workdir>/maps/<job id>-<attempt>-<stamp>/    the results (links, or copies of a remote store's), mapfile, copies

Nothing is lost with such a folder: it is made again where it is missing. It goes with its job, when it was not used
for a day, or when there are too many.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from gasflux_core.io.plane_map import read_map_raster, write_north_up
from processes.declaration import ProcessDeclaration
from server.jobs.model import Job
from server.ows.addresses import map_address
from server.ows.layers import OnMap, Words, candidates, read_layers
from server.ows.leftovers import maps_folder
from server.ows.mapfile import CONFIGURATION, MapText, write_mapfile
from server.settings import Settings
from server.store import Store, checked_name

MOST_FOLDERS = 200
IDLE_SECONDS = 86_400.0
_MOST_IN_MEMORY = 8
_NORTH_UP = "north_up_"


@dataclass(frozen=True)
class JobMap:
    """A job's map, ready to be served."""

    folder: Path
    on_map: OnMap


class MapFolders:
    """The folders of this machine; one object for a web worker.

    :param declared: tells the declaration of a job's process.
    """

    def __init__(self, settings: Settings, store: Store, declared: Callable[[Job], ProcessDeclaration]) -> None:
        self._settings = settings
        self._store = store
        self._declared = declared
        self._folder = maps_folder(settings)
        self._lock = threading.Lock()
        self._known: OrderedDict[str, JobMap] = OrderedDict()

    def open(self, job: Job) -> JobMap:
        """The map of a successful job, made where it is missing.

        :raises server.store.NoSuchFile: the job's results are gone.
        """
        folder = self._folder / f"{job.id}-{job.attempt}-{self._stamp(job)}"
        if not (folder / CONFIGURATION).is_file():
            self._make(job, folder)
            self._tidy()
        with contextlib.suppress(OSError):
            os.utime(folder)
        with self._lock:
            known = self._known.pop(folder.name, None)
            if known is not None:
                self._known[folder.name] = known
                return known
        found = JobMap(folder, self._read(job, folder))
        with self._lock:
            self._known[folder.name] = found
            while len(self._known) > _MOST_IN_MEMORY:
                self._known.popitem(last=False)
        return found

    def _stamp(self, job: Job) -> str:
        """Changes with all that goes into a map beside the results."""
        parts = (version("gasflux-wps"), map_address(self._settings, job.id), str(self._settings.ows.largest_picture))
        said = self._settings.metadata.model_dump_json()
        return hashlib.sha256("\n".join((*parts, said)).encode()).hexdigest()[:12]

    def _make(self, job: Job, folder: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix="new-", dir=self._folder))
        try:
            for name in candidates(job).values():
                file = self._store.result_file(job.id, job.attempt, name, new)
                if file.parent != new:
                    (new / checked_name(name)).symlink_to(file.resolve())
                if name.endswith(".tif"):
                    _add_north_up(new / name)
            write_mapfile(new, self._read(job, new), self._text(job))
            # Another worker may have been faster; its folder is as good.
            with contextlib.suppress(FileExistsError, OSError):
                new.rename(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _read(self, job: Job, folder: Path) -> OnMap:
        declared = self._declared(job)
        words = {item.identifier: Words(item.title, item.abstract) for item in declared.outputs}
        files = {name: folder / file for name, file in candidates(job).items()}
        copies = {name: folder / f"{_NORTH_UP}{file.name}" for name, file in files.items()}
        return read_layers(files, {name: copy for name, copy in copies.items() if copy.is_file()}, words)

    def _text(self, job: Job) -> MapText:
        declared = self._declared(job)
        return MapText(
            title=f"{self._settings.metadata.identification_title}: {declared.title}, job {job.id}",
            abstract=f"Results of the process {job.process}. The upright flight plane is folded flat to the ground: "
            "what passes it at some height is shown so far downwind of the plane's line.",
            address=map_address(self._settings, job.id),
            service=self._settings.metadata,
            largest_picture=self._settings.ows.largest_picture,
        )

    def _tidy(self) -> None:
        used: list[tuple[float, Path]] = []
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                used.append((path.stat().st_mtime, path))
        used.sort(reverse=True)
        for number, (moment, path) in enumerate(used):
            if number >= MOST_FOLDERS or time.time() - moment > IDLE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def _add_north_up(path: Path) -> None:
    raster = read_map_raster(path)
    if raster is not None and not raster.north_up:
        write_north_up(path, path.with_name(f"{_NORTH_UP}{path.name}"))
