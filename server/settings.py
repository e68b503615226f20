"""Reading the settings: defaults, then old INI files, then ``pywps.cfg``, then the environment.

``load_settings`` refuses values that can't work; ``prepare`` refuses a machine on which they
can't (folders, file systems, database). Both say which key is at fault, what came and what to do.
"""

from __future__ import annotations

import configparser
import difflib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import ValidationError

from server.old_settings import OLD_ENVIRONMENT, OldValue, read_old_environment, read_old_files
from server.sections import (
    SECTIONS,
    SECTIONS_WITHOUT_EFFECT,
    WITHOUT_EFFECT,
    GasfluxSection,
    JobsSection,
    LoggingSection,
    MetadataSection,
    OwsSection,
    Section,
    SecuritySection,
    ServerSection,
    StoreSection,
    WebSection,
)
from server.settings_error import SettingsError

_SHORT_NAMES = {("logging", "level"): "GASFLUX_LOG_LEVEL"}
"""Environment names that operators know, beside the regular ones; they win over those."""

SHORTEST_BOOTSTRAP_KEY = 16
"""Characters that the operator's own key has at least."""

_MOST_JOBS = 8
"""Default of parallelprocesses stops here: more jobs than this want a machine sized on purpose."""


class Description(NamedTuple):
    """One setting, as the reference and the command line show it."""

    section: str
    key: str
    default: str
    environment: str
    """The environment variable that overrides it."""
    text: str
    value: str
    """In force; passwords are not shown."""
    source: str
    """Where the value comes from."""


@dataclass(frozen=True)
class Settings:
    """All settings in force, blanks filled in; one attribute a section."""

    metadata: MetadataSection
    server: ServerSection
    logging: LoggingSection
    gasflux: GasfluxSection
    jobs: JobsSection
    store: StoreSection
    security: SecuritySection
    ows: OwsSection
    web: WebSection
    notes: tuple[str, ...] = ()
    """What the operator should know: keys without effect, environment names nobody reads."""
    file: Path | None = None
    """The file that was read; None where there is none."""
    sources: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(section, key) → where its value comes from; those left out have their default."""

    @property
    def root(self) -> str:
        """Address of the service as clients see it, below which each of its faces has its own path."""
        return self.server.url.rstrip("/").removesuffix("/wps")

    def describe(self) -> list[Description]:
        """Every setting there is, in the order of the file."""
        rows = []
        for section, model in SECTIONS.items():
            values = getattr(self, section.removesuffix(":main"))
            for key, declared in model.model_fields.items():
                name = _SHORT_NAMES.get((section, key)) or environment_name(section, key)
                default = "" if declared.default == Path() else str(declared.default)
                source = self.sources.get((section, key), "default")
                value = _shown(getattr(values, key))
                rows.append(Description(section, key, default, name, declared.description or "", value, source))
        return rows


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", str(value))


def environment_name(section: str, key: str) -> str:
    """The variable that overrides a key: GASFLUX_<SECTION>_<KEY>; for [gasflux] itself GASFLUX_<KEY>."""
    if section == "gasflux":
        return f"GASFLUX_{key}".upper()
    return f"GASFLUX_{section.removesuffix(':main')}_{key}".upper()


def load_settings(
    path: Path | str | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    over: Mapping[tuple[str, str], str] | None = None,
) -> Settings:
    """Read the settings.

    :param path: the file; None: the one ``PYWPS_CFG`` names, else ``pywps.cfg`` in the current folder,
        else the defaults alone.
    :param environ: None: the process's own environment.
    :param over: (section, key) → value that wins over file and environment, from the command line.
    :raises SettingsError: naming every fault.
    """
    environ = os.environ if environ is None else environ
    named = path or environ.get("PYWPS_CFG")
    file: Path | None = Path(named or "pywps.cfg").absolute()
    if file is not None and not file.is_file():
        if named:
            raise SettingsError([f"there is no settings file {file}"])
        file = None
    faults: list[str] = []
    notes: list[str] = []
    texts = _file_texts(file, environ, faults, notes) if file else {}
    sources = dict.fromkeys(texts, str(file))
    old = read_old_files(file.parent if file else Path.cwd(), faults, notes)
    _put(_over_defaults(old, texts, notes), texts, sources)
    _put(read_old_environment(environ), texts, sources)
    for name, (place, text) in _environment_texts(environ, notes).items():
        texts[place] = text
        sources[place] = f"environment {name}"
    texts.update(over or {})
    sources.update(dict.fromkeys(over or {}, "command line"))
    # A blank means the default, as it does in PyWPS.
    texts = {place: text.strip() for place, text in texts.items() if text.strip()}
    sections = {name: _section(name, model, texts, sources, faults) for name, model in SECTIONS.items()}
    if faults:
        raise SettingsError(faults)
    settings = _filled(sections, file, tuple(notes), {place: sources[place] for place in texts})
    faults = _value_faults(settings)
    if faults:
        raise SettingsError(faults)
    return settings


def prepare(settings: Settings) -> None:
    """Make the folders and the job table, and check that jobs can work with them.

    :raises SettingsError: a folder can't be made or written to; work and outputs are on different
        file systems, so that results could not be published by one rename; the database can't be opened.
    """
    # Database and migrations cost a third of a second, which reading the settings should not.
    from server.jobs.database import migrate

    faults: list[str] = []
    folders = {
        "[gasflux] data": settings.gasflux.data,
        "[server] workdir": settings.server.workdir,
        "[server] outputpath": settings.server.outputpath,
    }
    for name, folder in folders.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            faults.append(
                f"{name}: {folder} can't be written to ({error.strerror}); name another folder, or change its owner"
            )
    if not faults and settings.server.workdir.stat().st_dev != settings.server.outputpath.stat().st_dev:
        faults.append(
            f"[server] workdir and outputpath: {settings.server.workdir} and {settings.server.outputpath} are on "
            "different file systems; put both on the same one, since results are published by one rename"
        )
    if faults:
        raise SettingsError(faults)
    migrate(settings.jobs.database)


def _file_texts(
    file: Path, environ: Mapping[str, str], faults: list[str], notes: list[str]
) -> dict[tuple[str, str], str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(file.read_text(encoding="utf-8"), str(file))
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        raise SettingsError([f"{file} can't be read: {' '.join(str(error).split())}"]) from None
    texts: dict[tuple[str, str], str] = {}
    for section in parser.sections():
        if section in SECTIONS_WITHOUT_EFFECT:
            notes.append(f"[{section}] has no effect on this service")
            continue
        if section not in SECTIONS:
            faults.append(f"[{section}]: there is no section of this name{_nearest(section, SECTIONS)}")
            continue
        for key, text in parser.items(section):
            if key in SECTIONS[section].model_fields:
                texts[section, key] = _expanded(f"[{section}] {key}", text, environ, faults)
            elif key in WITHOUT_EFFECT.get(section, ()):
                notes.append(f"[{section}] {key} has no effect on this service")
            else:
                known = SECTIONS[section].model_fields
                faults.append(f"[{section}] {key}: there is no setting of this name{_nearest(key, known)}")
    return texts


def _expanded(name: str, text: str, environ: Mapping[str, str], faults: list[str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in environ:
            faults.append(f"{name}: the environment has no variable {match[1]}, which {match[0]} asks for")
        return environ.get(match[1], "")

    return re.sub(r"\$\{(\w+)\}", value, text)


def _environment_texts(environ: Mapping[str, str], notes: list[str]) -> dict[str, tuple[tuple[str, str], str]]:
    """Environment name → (section, key) and text; where two names mean one key, the short one comes last."""
    names = {
        environment_name(section, key): (section, key) for section in SECTIONS for key in SECTIONS[section].model_fields
    }
    names.update({name: place for place, name in _SHORT_NAMES.items()})
    # No refusal here: an orchestrator puts variables of its own under the service's name.
    notes.extend(
        f"environment variable {name}: no setting has this name{_nearest(name, names)}"
        for name in sorted(environ)
        if name.startswith("GASFLUX_") and name not in names and name not in OLD_ENVIRONMENT
    )
    return {name: (place, environ[name]) for name, place in names.items() if environ.get(name, "").strip()}


def _over_defaults(
    old: Mapping[tuple[str, str], OldValue], texts: Mapping[tuple[str, str], str], notes: list[str]
) -> dict[tuple[str, str], OldValue]:
    """What counts of the old files: a pywps.cfg that only repeats a default has not decided anything."""
    counts = {}
    for (section, key), value in old.items():
        text = texts.get((section, key), "").strip()
        if text and not _is_default(section, key, text):
            notes.append(f"{value.source}: what it says of [{section}] {key} has no effect, since pywps.cfg sets that")
        else:
            counts[section, key] = value
    return counts


def _is_default(section: str, key: str, text: str) -> bool:
    model = SECTIONS[section]
    try:
        return bool(getattr(model.model_validate({key: text}), key) == getattr(model(), key))
    except ValidationError:
        return False


def _put(
    old: Mapping[tuple[str, str], OldValue], texts: dict[tuple[str, str], str], sources: dict[tuple[str, str], str]
) -> None:
    texts.update({place: value.text for place, value in old.items()})
    sources.update({place: value.source for place, value in old.items()})


def _section(
    name: str,
    model: type[Section],
    texts: Mapping[tuple[str, str], str],
    sources: Mapping[tuple[str, str], str],
    faults: list[str],
) -> Section | None:
    given = {key: text for (section, key), text in texts.items() if section == name}
    if name == "logging" and "level" in given:
        given["level"] = given["level"].upper()
    try:
        return model.model_validate(given)
    except ValidationError as error:
        for detail in error.errors():
            key = str(detail["loc"][0])
            expected = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            whence = f" ({sources[name, key]})" if sources.get((name, key), "").endswith(".ini") else ""
            faults.append(f"[{name}] {key}: got {detail['input']!r}; {_expectation(expected)}{whence}")
        return None


def _expectation(text: str) -> str:
    return text if text.endswith("expected") else f"expected {text}"


def _nearest(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def _filled(
    sections: Mapping[str, Any], file: Path | None, notes: tuple[str, ...], sources: Mapping[tuple[str, str], str]
) -> Settings:
    """The settings with every blank filled in and every path absolute."""
    base = file.parent if file else Path.cwd()
    gasflux: GasfluxSection = sections["gasflux"]
    server: ServerSection = sections["server"]
    jobs: JobsSection = sections["jobs"]
    logging: LoggingSection = sections["logging"]
    data = _absolute(base, gasflux.data)
    host = "127.0.0.1" if gasflux.host in ("0.0.0.0", "::") else gasflux.host
    root = f"http://[{host}]:{gasflux.port}" if ":" in host else f"http://{host}:{gasflux.port}"
    server = server.model_copy(
        update={
            "url": (server.url or f"{root}/wps").rstrip("/"),
            "outputurl": (server.outputurl or f"{root}/outputs").rstrip("/"),
            "outputpath": data / "outputs" if server.outputpath == Path() else _absolute(base, server.outputpath),
            "workdir": data / "work" if server.workdir == Path() else _absolute(base, server.workdir),
            "parallelprocesses": server.parallelprocesses or min(_processors() + jobs.sync_slots, _MOST_JOBS),
            "allowedinputpaths": tuple(_absolute(base, path) for path in server.allowedinputpaths),
        }
    )
    return Settings(
        metadata=sections["metadata:main"],
        server=server,
        logging=logging.model_copy(update={"file": str(_absolute(base, Path(logging.file))) if logging.file else ""}),
        gasflux=gasflux.model_copy(update={"data": data}),
        jobs=jobs.model_copy(update={"database": jobs.database or f"sqlite:///{data / 'jobs.sqlite'}"}),
        store=sections["store"],
        security=sections["security"],
        ows=sections["ows"],
        web=sections["web"],
        notes=notes,
        file=file,
        sources=sources,
    )


def _absolute(base: Path, path: Path) -> Path:
    return Path(os.path.normpath(base / path.expanduser()))


def _processors() -> int:
    # Not cpu_count: a container or taskset may leave this process fewer.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _value_faults(settings: Settings) -> list[str]:
    """Values that are each well formed and can't work."""
    faults = []
    for key, url in (("url", settings.server.url), ("outputurl", settings.server.outputurl)):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            faults.append(
                f"[server] {key}: got {url!r}; expected an address that starts with http:// or https://, "
                "since clients fetch from it"
            )
    work, outputs = settings.server.workdir, settings.server.outputpath
    if work == outputs or work.is_relative_to(outputs) or outputs.is_relative_to(work):
        faults.append(
            f"[server] workdir and outputpath: {work} and {outputs}: neither may be the other or lie in it; "
            "the work folders are removed, the outputs are given out"
        )
    bootstrap = settings.security.admin_bootstrap_key.get_secret_value()
    if bootstrap and len(bootstrap) < SHORTEST_BOOTSTRAP_KEY:
        # Without what came: messages of this kind get into logs.
        faults.append(
            f"[security] admin_bootstrap_key: got {len(bootstrap)} characters; expected {SHORTEST_BOOTSTRAP_KEY} or "
            "more, such as from: openssl rand -base64 32"
        )
    if settings.jobs.engine == "celery":
        faults += _celery_faults(settings.jobs)
    if settings.store.url and not re.fullmatch(r"s3://[^/]+(/.*)?", settings.store.url):
        faults.append(f"[store] url: got {settings.store.url!r}; expected s3://bucket or s3://bucket/prefix")
    return faults


def _celery_faults(jobs: JobsSection) -> list[str]:
    faults = []
    if not jobs.broker:
        faults.append(
            "[jobs] broker: Celery needs one; give its URL, such as redis://host/0 or amqp://user:password@host//"
        )
    if jobs.database.startswith("sqlite"):
        faults.append(
            "[jobs] database: several machines can't share SQLite; give the URL of a PostgreSQL database, such as "
            "postgresql+psycopg://user:password@host/gasflux"
        )
    return faults
