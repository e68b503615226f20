"""The operations of WPS 2.0.2 as a client asked for them, and all requests but Execute, read from either format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gasflux_core.errors import InputError, MissingInput
from server.errors import UnknownOperation
from server.formats import canonical
from server.jobs.request import JobRequest, Upload
from server.languages import LANGUAGES, match_language
from server.wps.operations import check_service
from server.wps.xml import LANG, Element, child, children, local_name
from server.wps2.capabilities import SECTIONS
from server.wps2.names import VERSION

Mode = Literal["sync", "async", "auto"]

_CAPABILITIES_TYPES = ("text/xml", "application/xml")
"""In which capabilities are given; the first where a client likes none of them."""


@dataclass(frozen=True)
class GetCapabilities:
    """What the service is and offers."""

    sections: tuple[str, ...] = SECTIONS
    language: str | None = None
    """None: the client names none."""
    media_type: str = _CAPABILITIES_TYPES[0]
    update_sequence: str = ""
    """Of the capabilities that the client has already; empty: it has none."""


@dataclass(frozen=True)
class DescribeProcess:
    """What processes take and give."""

    identifiers: tuple[str, ...]
    """``ALL``, in any case, means every process."""
    language: str | None = None
    """None: the client names none."""


@dataclass(frozen=True)
class Execute:
    """Run one process."""

    request: JobRequest
    uploads: tuple[Upload, ...]
    mode: Mode


@dataclass(frozen=True)
class GetStatus:
    """How a job is doing."""

    job_id: str


@dataclass(frozen=True)
class GetResult:
    """What a job made."""

    job_id: str
    output: str = ""
    """The one output wanted, by itself; empty: what was asked for when the job was sent."""


@dataclass(frozen=True)
class Dismiss:
    """Give a job up, and forget it."""

    job_id: str


Operation: TypeAlias = GetCapabilities | DescribeProcess | Execute | GetStatus | GetResult | Dismiss

OFFERED = ("GetCapabilities", "DescribeProcess", "Execute", "GetStatus", "GetResult", "Dismiss")


def parse_query(values: Mapping[str, str]) -> Operation:
    """The operation that some key-value pairs ask for (OGC 14-065r2, 10.2 and 12.2.2).

    :param values: keys in lower case → values.
    :raises InputError: or a kin of it, with the name of the parameter at fault.
    """
    check_service(values.get("service"))
    name = values.get("request")
    if not name:
        raise MissingInput("The parameter request is required, such as request=GetCapabilities.", "request")
    operation = name.lower()
    if operation == "execute":
        text = "Execute has no key-value form in WPS 2.0: send it as XML by HTTP POST."
        raise UnknownOperation(text, "Execute")
    if operation == "getcapabilities":
        return _get_capabilities(
            _listed(values.get("sections")),
            _listed(values.get("acceptformats")),
            _listed(values.get("acceptlanguages")),
            values.get("updatesequence", ""),
        )
    if operation not in {known.lower() for known in OFFERED}:
        raise _unknown_operation(name)
    check_version(values.get("version"))
    if operation == "describeprocess":
        return _describe_process(_listed(values.get("identifier")), _listed(values.get("lang")))
    job_id = _job_id(values.get("jobid"))
    if operation == "getresult":
        return GetResult(job_id, values.get("output", ""))
    return GetStatus(job_id) if operation == "getstatus" else Dismiss(job_id)


def parse_document(root: Element) -> Operation:
    """The operation that a document asks for, unless it is an Execute (OGC 14-065r2, 10.1 and 12.2.1).

    :param root: its root element.
    :raises InputError: or a kin of it, with the name of the parameter at fault.
    """
    name = local_name(root)
    if name not in OFFERED:
        raise _unknown_operation(name)
    check_service(root.get("service"))
    if name == "GetCapabilities":
        return _get_capabilities(
            _texts(root, "Sections", "Section"),
            _texts(root, "AcceptFormats", "OutputFormat"),
            _texts(root, "AcceptLanguages", "Language"),
            (root.get("updateSequence") or "").strip(),
        )
    check_version(root.get("version"))
    if name == "DescribeProcess":
        return _describe_process(_all_texts(root, "Identifier"), _listed(root.get(LANG)))
    job_id = _job_id(next(iter(_all_texts(root, "JobID")), None))
    if name == "GetResult":
        return GetResult(job_id)
    return GetStatus(job_id) if name == "GetStatus" else Dismiss(job_id)


def check_version(version: str | None) -> None:
    """Refuse any version but 2.0.0, of the operations that name theirs (OGC 14-065r2, 9.3)."""
    if not version:
        raise MissingInput(f"The parameter version is required: version={VERSION}.", "version")
    if version != VERSION:
        raise InputError(f"Version {version[:40]!r} is not offered here; version {VERSION} is.", "version")


def _get_capabilities(
    sections: Iterable[str], formats: Iterable[str], languages: Iterable[str], update_sequence: str
) -> GetCapabilities:
    wanted = tuple(sections) or SECTIONS
    unknown = [name for name in wanted if name not in (*SECTIONS, "All")]
    if unknown:
        text = f"The section {unknown[0][:40]!r} is not known; there are {', '.join(SECTIONS)} and All."
        raise InputError(text, "Sections")
    accepted = [canonical(item)[0] for item in formats]
    return GetCapabilities(
        SECTIONS if "All" in wanted else tuple(name for name in SECTIONS if name in wanted),
        _language(languages, "AcceptLanguages"),
        next((item for item in accepted if item in _CAPABILITIES_TYPES), _CAPABILITIES_TYPES[0]),
        update_sequence,
    )


def _describe_process(identifiers: tuple[str, ...], languages: tuple[str, ...]) -> DescribeProcess:
    if not identifiers:
        raise MissingInput("The parameter Identifier is required: the name of a process, or ALL.", "Identifier")
    return DescribeProcess(identifiers, _language(languages, "lang"))


def _language(tags: Iterable[str], parameter: str) -> str | None:
    """The first offered language among some tags; None where there are no tags (OGC 06-121r9, 7.3.6)."""
    tags = tuple(tags)
    if not tags:
        return None
    found = next((language for tag in tags if (language := match_language(tag)) is not None), None)
    if found is None:
        came = ", ".join(tags)[:40]
        raise InputError(f"The language {came!r} is not offered; {' and '.join(LANGUAGES)} are.", parameter)
    return found


def _job_id(text: str | None) -> str:
    if not text or not text.strip():
        raise MissingInput("The parameter JobID is required: as it was in the answer to Execute.", "JobID")
    return text.strip()


def _unknown_operation(name: str) -> UnknownOperation:
    text = f"The operation {name[:40]!r} is not offered; {', '.join(OFFERED)} are."
    return UnknownOperation(text, name[:40])


def _listed(text: str | None) -> tuple[str, ...]:
    """The items of a list; some clients separate them by blanks, as the examples of OGC 06-121r9 do."""
    return tuple(item for item in re.split(r"[,\s]+", text or "") if item)


def _texts(root: Element, holder: str, name: str) -> tuple[str, ...]:
    found = child(root, holder)
    return () if found is None else _all_texts(found, name)


def _all_texts(element: Element, name: str) -> tuple[str, ...]:
    texts = ("".join(item.itertext()).strip() for item in children(element, name))
    return tuple(text for text in texts if text)
