"""The settings, section by section: each key declared once, with its default and what it does.

From these come the reading of ``pywps.cfg``, the environment names, the refusals and the
reference of the documentation. Sections ``metadata:main``, ``server`` and ``logging`` keep the
names that PyWPS gave them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr

_UNITS = {"": 1, "b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3}


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?b)?", value.strip().lower())
    if match is None:
        raise ValueError("a size such as 100mb, 500kb or 1gb is expected")
    return int(float(match[1]) * _UNITS[match[2] or ""])


def _words(separator: str) -> BeforeValidator:
    def split(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(separator) if part.strip())

    return BeforeValidator(split)


def _tiles(value: str) -> str:
    places = all(place in value for place in ("{z}", "{x}", "{y}"))
    # Of one host, as the pages' content policy names it.
    if value and not (places and re.fullmatch(r"https?://[\w.:\[\]-]+/[^\s\"'<>]*", value)):
        raise ValueError("an address such as https://tiles.example.org/{z}/{x}/{y}.png is expected")
    return value


Size = Annotated[int, BeforeValidator(_size), Field(gt=0)]
"""A number of bytes, written with or without kb, mb or gb (of 1024)."""

SizeOrNone = Annotated[int, BeforeValidator(_size)]
"""The same, or 0."""

Names = Annotated[tuple[str, ...], _words(","), PlainSerializer(",".join, when_used="json")]
"""Words separated by commas."""

Paths = Annotated[tuple[Path, ...], _words(os.pathsep)]
"""Paths separated by colons, as PyWPS has it."""


def _key(default: Any, text: str, **bounds: Any) -> Any:
    return Field(default, description=text, **bounds)


class Section(BaseModel):
    """Base of all sections: frozen, and no key that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


_NOT_STATED = "Not stated"


class MetadataSection(Section):
    """``[metadata:main]``: what the capabilities say of the service and of who runs it."""

    identification_title: str = _key("GasFlux WPS", "Title of the service.")
    identification_abstract: str = _key(
        "Turns the gas and wind measurements of a drone's flight into an emission rate with its uncertainty.",
        "What the service is for, in a sentence or two.",
    )
    identification_keywords: Names = _key("WPS,GasFlux,methane,emission rate,drone,kriging", "Keywords, by commas.")
    identification_keywords_type: str = _key("theme", "Kind of the keywords.")
    identification_fees: str = _key("NONE", "Fees for using the service.")
    identification_accessconstraints: str = _key("NONE", "Constraints on using the service.")
    provider_name: str = _key(_NOT_STATED, "Name of the organisation that runs the service.")
    provider_url: str = _key("", "Web page of that organisation.")
    contact_name: str = _key("", "Person to ask.")
    contact_position: str = _key("", "That person's position.")
    contact_address: str = _key("", "Street and number.")
    contact_city: str = _key("", "City.")
    contact_stateorprovince: str = _key("", "State or province.")
    contact_postalcode: str = _key("", "Postal code.")
    contact_country: str = _key("", "Country.")
    contact_phone: str = _key("", "Telephone number.")
    contact_fax: str = _key("", "Fax number.")
    contact_email: str = _key("", "E-mail address.")
    contact_url: str = _key("", "Web page for contact.")
    contact_hours: str = _key("", "Hours in which someone answers.")
    contact_instructions: str = _key("", "How to get in touch.")
    contact_role: str = _key("pointOfContact", "Role of the contact.")

    @property
    def provider(self) -> str:
        """Name of the organisation that runs the service; empty where it is not stated."""
        return "" if self.provider_name == _NOT_STATED else self.provider_name


class ServerSection(Section):
    """``[server]``: addresses, folders and limits, under PyWPS's names."""

    url: str = _key("", "Address of the WPS that clients see. Blank: made from host and port.")
    outputurl: str = _key("", "Address under which clients find result files. Blank: made from host and port.")
    outputpath: Path = _key(
        Path(), "Folder of the result files. Blank: outputs in the data folder. Must be on workdir's file system."
    )
    workdir: Path = _key(Path(), "Folder in which jobs work. Blank: work in the data folder.")
    maxrequestsize: Size = _key("100mb", "Largest body of a request.")
    maxsingleinputsize: Size = _key("100mb", "Largest single input, sent or referenced.")
    parallelprocesses: int = _key(
        0,
        "How many jobs run at the same time on one machine. 0: one a processor and those kept for synchronous "
        "requests, 8 at most.",
        ge=0,
        le=256,
    )
    maxprocesses: int = _key(100, "How many jobs may wait; the next one is refused as busy.", ge=1)
    allowedinputpaths: Paths = _key(
        "", "Folders from which file:// references may be read, separated by colons. Blank: none."
    )


class LoggingSection(Section):
    """``[logging]``: what the operator gets to read."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = _key("INFO", "Least grave message that is kept.")
    file: str = _key("", "File of the log. Blank: standard error.")
    format: str = _key(
        "%(asctime)s %(levelname)s %(name)s %(message)s",
        "Format of a line, as Python's logging has it. json: one JSON object a line.",
    )
    rotate_size: SizeOrNone = _key(
        0, "Size from which on the file of the log is put away and a new one begun. 0: never for its size.", ge=0
    )
    rotate_when: Literal["", "hour", "day", "week"] = _key(
        "",
        "How often the file of the log is put away and a new one begun, by UTC; a week begins on Monday. Blank: never.",
    )
    keep: int = _key(10, "How many files that were put away are kept; the oldest go.", ge=1, le=1000)


class GasfluxSection(Section):
    """``[gasflux]``: the web server and the data folder."""

    host: str = _key("127.0.0.1", "Address on which the service listens.", min_length=1)
    port: int = _key(5000, "Port on which the service listens.", ge=1, le=65535)
    data: Path = _key(Path("data"), "Folder for all that the service keeps; relative to the settings file.")
    workers: int = _key(2, "Web worker processes.", ge=1, le=64)
    threads: int = _key(
        64, "Threads of each web worker; a synchronous request holds one while its job runs.", ge=2, le=1024
    )
    diagnostics: bool = _key(False, "Offer the processes echo, echo_complex, slow, hog and boom, for tests.")


class JobsSection(Section):
    """``[jobs]``: the table of jobs, who runs them, and how much one may take."""

    engine: Literal["embedded", "celery"] = _key(
        "embedded",
        "Who runs jobs. embedded: this machine, no other server needed. celery: the machines on which gasflux-wps "
        "worker runs.",
    )
    broker: str = _key("", "URL of Celery's broker, such as redis://host/0 or amqp://user:password@host//.")
    database: str = _key(
        "",
        "SQLAlchemy URL of the job table, such as postgresql+psycopg://user:password@host/gasflux. Blank: SQLite in "
        "the data folder.",
    )
    sync_wait: float = _key(300.0, "Longest time in seconds that a synchronous request waits for its job.", gt=0)
    sync_overrun: Literal["continue", "dismiss"] = _key(
        "continue", "What becomes of a job when its synchronous request has waited so long."
    )
    sync_slots: int = _key(
        1,
        "How many of a machine's slots are kept for jobs of synchronous requests; one slot at least stays for others. "
        "With a single slot, synchronous requests go first.",
        ge=0,
    )
    key_share: float = _key(
        0.5, "Largest share of the queue (maxprocesses) that the jobs of one key may fill.", gt=0, le=1
    )
    share_identical: bool = _key(
        False, "Answer identical requests of one client by one job, while that job waits or runs."
    )
    time_limit: float = _key(3600.0, "Longest time in seconds that a job may run.", gt=0)
    memory_limit: Size = _key("4gb", "Most memory that a job may use, beyond what every job starts with.")
    output_limit: Size = _key("2gb", "Most disk space that a job's files may take.")


class StoreSection(Section):
    """``[store]``: where results are kept, and for how long."""

    url: str = _key("", "S3-compatible store for results and inputs: s3://bucket/prefix. Blank: outputpath.")
    endpoint: str = _key("", "Address of the S3 server. Blank: Amazon's.")
    keep_successful: float = _key(30.0, "Days for which the results of a successful job are kept.", gt=0)
    keep_failed: float = _key(7.0, "Days for which a failed job is known, and can be tried again.", gt=0)
    keep_dismissed: float = _key(1.0, "Days for which a cancelled job is known.", gt=0)
    largest_total: Size = _key("20gb", "Size of all results together; beyond it the oldest go first.")
    min_free: Size = _key("200mb", "With less free disk space than this, new jobs are refused as busy.")
    x_accel: str = _key(
        "", "Internal location of nginx, such as /stored/, that serves outputpath; nginx then sends the result files."
    )


class SecuritySection(Section):
    """``[security]``: what may be reached, and from where."""

    allowed_hosts: Names = _key(
        "",
        "Hosts from which references are fetched and to which callbacks are sent, and no others, by commas: names, "
        ".domains, addresses or networks such as 10.0.0.0/8; a host named here may be in a private network. Blank: "
        "every host with a public address.",
    )
    allowed_buckets: Names = _key(
        "",
        "S3 buckets or parts of them, such as s3://bucket/prefix, by commas, from which s3:// references are read with "
        "the service's own credentials, from the server of [store] endpoint. Blank: none.",
    )
    keys: Literal["open", "execute", "all"] = _key(
        "open",
        "What needs a key in the header X-API-Key. open: nothing; the service listens on a loopback address only. "
        "execute: to send, cancel and remove jobs. all: everything but /health and the sign-in page; jobs and results "
        "are shown to the key that sent them. Keys are made by gasflux-wps key create.",
    )
    insecure: bool = _key(
        False,
        "Listen on an address that others reach although keys is open; the same as gasflux-wps serve --insecure. For "
        "a container whose port is published on this machine alone.",
    )
    admin_bootstrap_key: SecretStr = _key(
        SecretStr(""),
        "Operator's own key, 16 characters or more, that clients send in the header X-Admin-Bootstrap-Key to make the "
        "first keys and read statistics. Blank: there is none.",
    )
    link_days: int = _key(7, "Days for which signed links to a job or to the service hold.", ge=1, le=3650)
    audit_days: float = _key(365.0, "Days for which the audit log is kept.", gt=0)
    fetch_timeout: float = _key(60.0, "Longest time in seconds for fetching one reference.", gt=0)
    cors_origin: str = _key(
        "*", "Access-Control-Allow-Origin of /wps, /ogcapi, /ows, /outputs and /health. none: no CORS headers."
    )


class OwsSection(Section):
    """``[ows]``: results as map services at /ows, made by MapServer."""

    mapserver: str = _key(
        "",
        "MapServer's CGI program. Blank: mapserv, where it is found. none: no WMS, WCS and WFS, only OGC API - "
        "Features, which needs no MapServer.",
    )
    time_limit: float = _key(30.0, "Longest time in seconds that one request may take MapServer.", gt=0)
    parallel: int = _key(4, "How many requests each web worker lets MapServer answer at the same time.", ge=1, le=64)
    memory_limit: Size = _key("1gb", "Most memory that one request may take MapServer.")
    largest_picture: int = _key(4096, "Most pixels of a picture or coverage along one side.", ge=256, le=20000)


class WebSection(Section):
    """``[web]``: the web page."""

    tiles: Annotated[str, AfterValidator(_tiles)] = _key(
        "",
        "Address of the map tiles behind a flight's track, such as https://tiles.example.org/{z}/{x}/{y}.png. Blank: "
        "none; the map then has a plain ground.",
    )
    tiles_attribution: str = _key("", "To whom the tiles belong, as shown on the map.")

    @property
    def tiles_origin(self) -> str:
        """Scheme, host and port of the tiles' address; empty: there are none."""
        return "/".join(self.tiles.split("/")[:3])


SECTIONS: dict[str, type[Section]] = {
    "metadata:main": MetadataSection,
    "server": ServerSection,
    "logging": LoggingSection,
    "gasflux": GasfluxSection,
    "jobs": JobsSection,
    "store": StoreSection,
    "security": SecuritySection,
    "ows": OwsSection,
    "web": WebSection,
}
"""Name in the file → its declaration."""

WITHOUT_EFFECT: dict[str, frozenset[str]] = {
    "server": frozenset(
        (
            "encoding",
            "language",
            "temp_path",
            "processes_path",
            "sethomedir",
            "cleantempdir",
            "storagetype",
            "storage_copy_function",
            "default_mimetype",
            "json_indent",
        )
    ),
    "logging": frozenset(("database", "prefix")),
}
"""Keys that PyWPS reads and this service doesn't: taken with a note, since operators have them in their files."""

SECTIONS_WITHOUT_EFFECT = frozenset(("processing", "grass", "s3"))
"""Sections of PyWPS's that are taken with a note."""
