"""Settings of the GasFlux Web API: its INI files and environment names, as settings of this service.

Each key that its operators have in their files stands in :data:`OLD_SETTINGS`: with the settings that it
means here, or with the reason why it has none.
"""

from __future__ import annotations

import configparser
import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Place = tuple[str, str]
"""Section and key of this service."""

FILES = ("config.ini", "gasflux.ini")
"""Looked for beside pywps.cfg; the later one wins."""

_DAY_SECONDS = 86400


@dataclass(frozen=True)
class OldSetting:
    """One key of the old files."""

    section: str
    key: str
    means: tuple[tuple[Place, Callable[[str], str]], ...]
    """What it sets here, each with how its value is written here; none: nothing."""
    text: str
    """What it becomes, or why it has no effect."""


@dataclass(frozen=True)
class OldValue:
    """What an old file or variable says of a setting."""

    text: str
    source: str


def _same(text: str) -> str:
    return text


def _below(path: str) -> Callable[[str], str]:
    return lambda text: f"{text.rstrip('/')}{path}"


def _days(text: str) -> str:
    """Seconds as days; what is no number is left for the settings to refuse."""
    try:
        return f"{float(text) / _DAY_SECONDS:.10g}"
    except ValueError:
        return text


def _threads(text: str) -> str:
    return "2" if text.strip() == "1" else text


_SIZES = ((("server", "maxrequestsize"), _same), (("server", "maxsingleinputsize"), _same))

OLD_SETTINGS: tuple[OldSetting, ...] = (
    OldSetting("server", "host", ((("gasflux", "host"), _same),), "The same."),
    OldSetting("server", "port", ((("gasflux", "port"), _same),), "The same."),
    OldSetting("server", "debug", (), "A service that others reach must not show its inside; use [logging] level."),
    OldSetting(
        "server",
        "base_url",
        ((("server", "url"), _below("/wps")), (("server", "outputurl"), _below("/outputs"))),
        "With /wps and /outputs behind it.",
    ),
    OldSetting("paths", "uploads", (), "Uploads lie in [gasflux] data until their job is done."),
    OldSetting("paths", "outputs", ((("server", "outputpath"), _same),), "The same; on the file system of workdir."),
    OldSetting("limits", "max_content_length", _SIZES, "Of the whole request, and so of its file."),
    OldSetting("logging", "level", ((("logging", "level"), _same),), "The same."),
    OldSetting("logging", "file", ((("logging", "file"), _same),), "The same."),
    OldSetting(
        "performance", "threads", ((("gasflux", "threads"), _threads),), "Of each web worker; two at the least."
    ),
    OldSetting("performance", "connection_limit", (), "The web server in front limits connections."),
    OldSetting("performance", "channel_timeout", (), "The web server in front ends connections that are silent."),
    OldSetting("cleanup", "task_cleanup_interval", (), "What has expired is looked for all the time."),
    OldSetting(
        "cleanup", "max_task_age", (), "Each status has an age of its own: [store] keep_successful, keep_failed."
    ),
    OldSetting("cleanup", "successful_task_cleanup_age", ((("store", "keep_successful"), _days),), "Seconds, in days."),
    OldSetting("cleanup", "failed_task_cleanup_age", ((("store", "keep_failed"), _days),), "Seconds, in days."),
    OldSetting("security", "admin_bootstrap_key", ((("security", "admin_bootstrap_key"), _same),), "The same."),
    OldSetting(
        "database",
        "path",
        ((("jobs", "database"), lambda text: f"sqlite:///{text}"),),
        "As the URL of an SQLite file. A file with the old service's own tables has no effect: a new one is made.",
    ),
)
"""Every key of the old files."""

OLD_ENVIRONMENT: Mapping[str, tuple[Place, ...]] = {
    # Once misspelt and since then in operators' files; the right name wins.
    "GASFLMAX_CONTENT_LENGTH": (("server", "maxrequestsize"), ("server", "maxsingleinputsize")),
    "GASFLUX_MAX_CONTENT_LENGTH": (("server", "maxrequestsize"), ("server", "maxsingleinputsize")),
}
"""Old name of a variable → the settings it means; names that are the same here are not among them."""

_BY_NAME = {(one.section, one.key): one for one in OLD_SETTINGS}
_SECTIONS = {one.section for one in OLD_SETTINGS}


def read_old_files(folder: Path, faults: list[str], notes: list[str]) -> dict[Place, OldValue]:
    """What the old files in a folder say, as settings of this service.

    :param faults: gets what can't be read.
    :param notes: gets what became of each key.
    """
    found: dict[Place, OldValue] = {}
    for name in FILES:
        path = folder / name
        if path.is_file():
            found.update(_read(path, faults, notes))
    return found


def read_old_environment(environ: Mapping[str, str]) -> dict[Place, OldValue]:
    """What variables of old names say."""
    return {
        place: OldValue(environ[name], f"environment {name}")
        for name, places in OLD_ENVIRONMENT.items()
        for place in places
        if environ.get(name, "").strip()
    }


def _read(path: Path, faults: list[str], notes: list[str]) -> dict[Place, OldValue]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        # A config.ini may be of any program.
        told = faults if path.name == "gasflux.ini" else notes
        told.append(f"{path} can't be read: {' '.join(str(error).split())}")
        return {}
    if not _SECTIONS & set(parser.sections()):
        return {}
    found: dict[Place, OldValue] = {}
    for section in parser.sections():
        for key, text in parser.items(section):
            known = _BY_NAME.get((section, key))
            if not text.strip():
                continue
            if known is None:
                notes.append(f"{path}: [{section}] {key} is not known, and has no effect on this service")
            elif not known.means or _is_of_the_old_service(known, path, text):
                notes.append(f"{path}: [{section}] {key} has no effect on this service. {known.text}")
            else:
                places = ", ".join(f"[{into}] {name}" for (into, name), _ in known.means)
                notes.append(f"{path}: [{section}] {key} is read as {places}; better write it into pywps.cfg")
                value = str(_absolute(path, text)) if section in ("paths", "database") else text.strip()
                found |= {place: OldValue(write(value), str(path)) for place, write in known.means}
    return found


def _absolute(path: Path, text: str) -> Path:
    return path.parent.absolute() / Path(text.strip()).expanduser()


def _is_of_the_old_service(known: OldSetting, path: Path, text: str) -> bool:
    """Whether a database has the old service's tables, which this one's could not stand beside."""
    if known.section != "database":
        return False
    file = _absolute(path, text)
    if not file.is_file():
        return False
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as old,
    ):
        tables = {name for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return bool(tables) and "alembic_version" not in tables
    return False
