"""What a process says of itself, free of any wire format and of PyWPS.

Every face (WPS, command line, documentation, later OGC API and the web form) reads these; only
``processes.base`` turns a PyWPS process into them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

DataType = Literal["string", "integer", "float", "boolean", "anyURI"]

Kind = Literal["literal", "complex", "bbox"]


@dataclass(frozen=True)
class FormatDeclaration:
    """One format in which a complex input is read or a complex output written."""

    media_type: str
    extension: str
    """With its dot, such as ``.csv``."""
    encoding: str = ""
    """``base64`` where the value is binary, else empty."""
    schema: str = ""


@dataclass(frozen=True)
class InputDeclaration:
    """One input of a process."""

    identifier: str
    title: str
    abstract: str
    kind: Kind
    min_occurs: int = 1
    max_occurs: int = 1
    data_type: DataType = "string"
    unit: str | None = None
    default: str | None = None
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    minimum_excluded: bool = False
    maximum_excluded: bool = False
    formats: tuple[FormatDeclaration, ...] = ()
    """Of a complex input; the first is the default."""
    crs: tuple[str, ...] = ()
    """URNs of the reference systems in which a bounding box may come; the first is the default."""


@dataclass(frozen=True)
class OutputDeclaration:
    """One output of a process."""

    identifier: str
    title: str
    abstract: str
    kind: Kind
    data_type: DataType = "string"
    unit: str | None = None
    formats: tuple[FormatDeclaration, ...] = ()
    by_reference: bool = False
    """Whether it comes by reference where the client doesn't say."""
    crs: tuple[str, ...] = ()
    """URNs of the reference systems in which a bounding box is given; the first is the default."""


@dataclass(frozen=True)
class ProcessDeclaration:
    """A process as every face shows it."""

    identifier: str
    title: str
    abstract: str
    version: str
    keywords: tuple[str, ...]
    inputs: tuple[InputDeclaration, ...]
    outputs: tuple[OutputDeclaration, ...]

    def input(self, identifier: str) -> InputDeclaration | None:
        """The input of that identifier, or None."""
        return next((item for item in self.inputs if item.identifier == identifier), None)

    def output(self, identifier: str) -> OutputDeclaration | None:
        """The output of that identifier, or None."""
        return next((item for item in self.outputs if item.identifier == identifier), None)


@dataclass(frozen=True)
class InputValue:
    """One value of an input, ready to be read: text of a literal or a bounding box, or a file of a complex input."""

    text: str | None = None
    file: Path | None = None
    media_type: str | None = None
    unit: str | None = None
    file_name: str | None = None
    """What its sender calls the file, as :func:`processes.file_names.shown_file_name` leaves it; None: not known."""


@dataclass(frozen=True)
class OutputValue:
    """One output that a process made: text of a literal or a bounding box, or a file in the work folder."""

    text: str | None = None
    file: Path | None = None
    media_type: str | None = None
    unit: str | None = None


@dataclass(frozen=True)
class PassedOn:
    """A value of a passed-on input of the running process, as an input of a sub-job."""

    identifier: str
    index: int
    """Which of that input's values, from 0."""


@dataclass(frozen=True)
class SubRequest:
    """One execution of another process on behalf of the running one."""

    label: str
    """What distinguishes it from its siblings, in words."""
    inputs: Mapping[str, Sequence[str | PassedOn]]
    """Input identifier → values: literals' texts, or values that were sent to the running process."""
    outputs: tuple[str, ...] = ()
    """Outputs to make; empty: all."""


@dataclass(frozen=True)
class SubResult:
    """How one sub-job ended."""

    label: str
    job_id: str
    outputs: Mapping[str, OutputValue]
    """By identifier; empty unless it was successful."""
    error: str | None = None
    """Why there are no outputs."""
    cancelled: bool = False
    """Whether somebody gave it up, and it did not fail."""


@dataclass(frozen=True)
class Circumstances:
    """How a job came about, as far as its products tell of it."""

    language: str = "en-US"
    """In which its client wants to read."""
    accepted: datetime | None = None
    provider: str = ""
    """Who runs the service; empty: nobody said so."""


class Context(Protocol):
    """What a running process may ask of the machinery around it."""

    workdir: Path
    """Empty folder of the job's own; files written here and named in an output are kept."""
    outputs: frozenset[str] | None
    """Identifiers of the outputs the client asked for, so that no others are made; None: all."""
    map_services: Mapping[str, str]
    """Kind (``wms``, ``wcs``, ``wfs``, ``features``) → address at which the job's results will be on the map; those
    that nobody serves here are left out."""

    circumstances: Circumstances

    def progress(self, fraction: float, text: str) -> None:
        """Tell how far the work is: 0 to 1, and in words what is being done."""

    def fetch(self, url: str, parameter: str, media_types: Sequence[str] = ()) -> Path:
        """Fetch a URL given in a literal input into the work folder.

        :param media_types: in which the content is read, to choose where the address leads to several.
        :raises gasflux_core.errors.InputError: naming ``parameter``, the URL and the reason.
        """

    def passed_on(self, identifier: str) -> int:
        """How many values were sent for an input that the process only passes on."""

    def run_each(self, process: str, requests: Sequence[SubRequest]) -> list[SubResult]:
        """Run another process once for each request, spread over all workers of the service.

        The running process gives up its slot meanwhile, and is begun anew once all have ended; so what
        comes before this call must be quick, and give the same requests each time.

        :returns: in the order of the requests; also those that failed or were cancelled.
        """
