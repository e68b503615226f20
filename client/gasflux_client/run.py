"""One run: how it is doing, and what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gasflux_client.connection import Connection
from gasflux_client.errors import RunFailed, TimedOut
from gasflux_client.rate import Rate

if TYPE_CHECKING:
    import pandas
    import rasterio

_PIECE = 1 << 20
_FIRST_PAUSE = 0.3
_LONGEST_PAUSE = 3.0


class Status(StrEnum):
    """Where a run is in its life."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the run."""
        return self in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True)
class ResultFile:
    """A file that a run made."""

    name: str
    size: int
    """Bytes."""
    address: str
    """Whole, or a path behind the service's host."""


class Run:
    """A run on the service; its properties are as they were when it was last asked for (:meth:`refresh`)."""

    def __init__(self, connection: Connection, run_id: str, told: Mapping[str, Any] | None = None) -> None:
        self.id = run_id
        self._connection = connection
        self._told: Mapping[str, Any] = {}
        self._figures: dict[str, Any] | None = None
        if told is None:
            self.refresh()
        else:
            self._told = told

    def __repr__(self) -> str:
        return f"<Run {self.id}: {self.status}>"

    @property
    def status(self) -> Status:
        """Where it is in its life."""
        return Status(self._told["status"])

    @property
    def progress(self) -> float:
        """0 to 1."""
        return min(1.0, max(0.0, float(self._told.get("progress") or 0.0) / 100))

    @property
    def message(self) -> str:
        """What is being done, in words."""
        return str(self._told.get("message") or "")

    @property
    def error(self) -> str | None:
        """Why it failed."""
        return self._told.get("error")

    @property
    def files(self) -> dict[str, ResultFile]:
        """Name → file; empty until it is completed."""
        entries = self._told.get("results") or []
        found = [ResultFile(entry["name"], int(entry["size"]), entry["download_url"]) for entry in entries]
        return {file.name: file for file in found}

    def refresh(self) -> Run:
        """Ask how it is doing."""
        self._told = self._connection.ask("GET", f"/task/{self.id}")
        return self

    def wait(self, timeout: float | None = None, progress: bool | Callable[[Run], None] = True) -> Run:
        """Watch it to its end.

        :param timeout: seconds; None: as long as it takes.
        :param progress: True: a progress bar; or what is called with the run each time it was asked for.
        :returns: the run itself.
        :raises gasflux_client.RunFailed: it failed, with its reason, or was cancelled.
        :raises gasflux_client.TimedOut: it has not ended by then.
        """
        end = None if timeout is None else time.monotonic() + timeout
        pause = _FIRST_PAUSE
        with _Watch(progress) as watch:
            while True:
                watch.show(self.refresh())
                if self.status.ended:
                    break
                if end is not None and time.monotonic() + pause > end:
                    raise TimedOut(f"run {self.id} has not ended after {timeout:g} s; it goes on: {self.message}")
                time.sleep(pause)
                pause = min(1.3 * pause, _LONGEST_PAUSE)
        self._check_completed()
        return self

    def cancel(self) -> Run:
        """Give it up."""
        self._connection.ask("PUT", f"/task/{self.id}", lambda: {"json": {"status": "cancelled"}})
        return self.refresh()

    def remove(self) -> None:
        """Give it up, and remove it with its results."""
        self._connection.ask("DELETE", f"/task/{self.id}")

    # --- what came of it --------------------------------------------------------------------------

    @property
    def rates(self) -> dict[str, Rate]:
        """Gas → its emission rate."""
        return {gas: Rate.of(gas, found) for gas, found in self.figures["gases"].items()}

    @property
    def figures(self) -> dict[str, Any]:
        """Everything that was found, as the product ``figures.json`` has it."""
        if self._figures is None:
            self._figures = json.loads(self.read("figures.json"))
        return self._figures

    def track(self) -> dict[str, Any]:
        """The flight as GeoJSON points with the flux density at each."""
        return dict(json.loads(self.read("track.geojson")))

    def footprint(self) -> dict[str, Any]:
        """The plane's line on the ground as GeoJSON, with the flux through each part."""
        return dict(json.loads(self.read("footprint.geojson")))

    def table(self) -> pandas.DataFrame:
        """The flight table with what every stage added (needs pandas)."""
        import io

        import pandas

        return pandas.read_csv(io.BytesIO(self.read("table.csv")))

    @contextmanager
    def flux_plane(self) -> Iterator[rasterio.DatasetReader]:
        """The flux plane, open within a ``with`` block (needs rasterio).

        For each gas two bands, flux density and its standard error, kg m-2 h-1.
        """
        from rasterio.io import MemoryFile

        # Both: the dataset reads from the memory file's bytes until it is closed.
        with MemoryFile(self.read("flux_plane.tif")) as memory, memory.open() as plane:
            yield plane

    def read(self, name: str) -> bytes:
        """The content of one file.

        :raises KeyError: there is no file of that name.
        """
        with self._connection.fetch(self._file(name).address) as response:
            return response.content

    def download(self, folder: str | Path, *names: str) -> list[Path]:
        """Write files into a folder, which is made where it is missing.

        :param names: which; none: all.
        :returns: their paths.
        :raises KeyError: there is no file of that name.
        """
        target = Path(folder)
        files = [self._file(name) for name in names] or self._completed_files()
        target.mkdir(parents=True, exist_ok=True)
        return [self._download(file, target) for file in files]

    def _download(self, file: ResultFile, folder: Path) -> Path:
        # The last part alone: no name that a service sends leads out of the folder.
        path = folder / Path(file.name).name
        part = path.with_name(f"{path.name}.part")
        with self._connection.fetch(file.address) as response, part.open("wb") as target:
            for piece in response.iter_content(_PIECE):
                target.write(piece)
        part.replace(path)
        return path

    def _file(self, name: str) -> ResultFile:
        files = {file.name: file for file in self._completed_files()}
        if name not in files:
            raise KeyError(f"run {self.id} has no file {name}; it has: {', '.join(files)}")
        return files[name]

    def _completed_files(self) -> list[ResultFile]:
        if not self.status.ended:
            self.refresh()
        self._check_completed()
        if not self.files:
            # A list of runs tells of each in short.
            self.refresh()
        return list(self.files.values())

    def _check_completed(self) -> None:
        match self.status:
            case Status.FAILED:
                raise RunFailed(self.error or f"run {self.id} failed")
            case Status.CANCELLED:
                raise RunFailed(f"run {self.id} was cancelled")
            case Status.PENDING | Status.PROCESSING:
                raise TimedOut(f"run {self.id} has not ended; wait() for it")


class _Watch:
    """Shows how a run is doing."""

    def __init__(self, progress: bool | Callable[[Run], None]) -> None:
        self._call = progress if callable(progress) else None
        self._bar: Any = None
        if progress is True:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=100, unit="%", bar_format="{l_bar}{bar}| {elapsed} {postfix}")

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, run: Run) -> None:
        """Show it as it is now."""
        if self._call is not None:
            self._call(run)
        if self._bar is not None:
            self._bar.set_postfix_str(run.message, refresh=False)
            self._bar.n = round(100 * run.progress)
            self._bar.refresh()
