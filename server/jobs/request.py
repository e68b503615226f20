"""What a client asks for, in the service's own words, whichever face it came by."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class InputItem:
    """One value of one input as the client sent it; exactly one of text, href and upload is set."""

    text: str | None = None
    """Of a literal, or of a bounding box as :mod:`processes.bounding_box` has it."""
    href: str | None = None
    """Of a reference, fetched by the job itself."""
    upload: str | None = None
    """Name of the file among the job's inputs that holds a complex value sent inline."""
    upload_of: str | None = None
    """Job among whose inputs the upload is; None: this job's own. Sub-jobs read their parent's."""
    media_type: str | None = None
    encoding: str | None = None
    schema: str | None = None
    unit: str | None = None
    file_name: str | None = None
    """What its sender calls the file: shown to people, never used as a path."""
    size: int | None = None
    """Bytes of the upload."""
    sha256: str | None = None
    """Of the upload, hexadecimal."""
    method: Literal["GET", "POST"] = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    """Body of a POST reference."""
    body_href: str | None = None
    """Address whose content is the body of a POST reference."""


@dataclass(frozen=True)
class OutputRequest:
    """One output as the client wants it."""

    identifier: str
    by_reference: bool | None = None
    """None: as the process declares it."""
    media_type: str | None = None
    encoding: str | None = None
    schema: str | None = None
    unit: str | None = None
    title: str | None = None
    """What the client wants it called in the response; None: as the process declares it."""
    abstract: str | None = None


@dataclass(frozen=True)
class Subscriber:
    """Addresses that want to be told how a job is doing (OGC 18-062r2, conformance class callback)."""

    success_uri: str
    in_progress_uri: str | None = None
    failed_uri: str | None = None


@dataclass(frozen=True)
class JobRequest:
    """One execution of one process."""

    process: str
    inputs: dict[str, list[InputItem]]
    outputs: list[OutputRequest] = field(default_factory=list)
    """Empty: all outputs."""
    mode: Literal["sync", "async"] = "sync"
    response: Literal["document", "raw"] = "document"
    lineage: bool = False
    language: str = "en-US"
    face: str = "wps-1.0.0"
    """``wps-1.0.0``, ``wps-2.0.0``, ``ogcapi-1.0``, ``rest`` or ``web``."""
    subscriber: Subscriber | None = None
    may_nest: int = 100
    """How many requests to this service may be within its references, all levels together."""
    for_input: str | None = None
    """Input of the parent whose reference this request was within; None: it was not within any."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> JobRequest:
        """The inverse of :meth:`to_dict`."""
        inputs = {name: [InputItem(**item) for item in items] for name, items in values["inputs"].items()}
        outputs = [OutputRequest(**item) for item in values["outputs"]]
        told = values.get("subscriber")
        subscriber = Subscriber(**told) if told else None
        return cls(**{**values, "inputs": inputs, "outputs": outputs, "subscriber": subscriber})


@dataclass(frozen=True)
class SubJob:
    """One of the jobs into which a running job spreads."""

    label: str
    request: JobRequest
    version: str
    """Of its process."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SubJob:
        """The inverse of :meth:`to_dict`."""
        return cls(values["label"], JobRequest.from_dict(values["request"]), values["version"])


@dataclass(frozen=True)
class Upload:
    """A complex value that came with a request, on its way to the job's inputs."""

    name: str
    content: bytes | Path
