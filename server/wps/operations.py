"""The three operations of WPS 1.0.0 as a client asked for them, read from either wire format."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from typing import TypeAlias

from gasflux_core.errors import InputError, MissingInput
from processes.declaration import InputDeclaration, ProcessDeclaration
from processes.literals import is_absent
from server.errors import VersionNotOffered
from server.formats import match_format
from server.jobs.request import InputItem, JobRequest, Upload

VERSION = "1.0.0"
LANGUAGE = "en-US"


@dataclass(frozen=True)
class GetCapabilities:
    """What the service is and offers."""


@dataclass(frozen=True)
class DescribeProcess:
    """What processes take and give."""

    identifiers: tuple[str, ...]
    """``ALL``, in any case, means every process."""


@dataclass(frozen=True)
class Execute:
    """Run one process."""

    request: JobRequest
    uploads: tuple[Upload, ...]
    store: bool
    """Whether the response document is to stay at a status location."""


Operation: TypeAlias = GetCapabilities | DescribeProcess | Execute


# --- checks that are the same for both wire formats -----------------------------------------------


def check_service(service: str | None) -> None:
    """Refuse any service but WPS."""
    if not service:
        raise MissingInput("The parameter service is required: service=WPS.", "service")
    if service != "WPS":
        raise InputError(f"This is a WPS; it is no service {service[:40]!r}.", "service")


def check_version(version: str | None) -> None:
    """Refuse any version but 1.0.0, of the operations that name theirs."""
    if not version:
        raise MissingInput(f"The parameter version is required: version={VERSION}.", "version")
    if version != VERSION:
        raise InputError(f"Version {version[:40]!r} is not offered; version {VERSION} is.", "version")


def negotiate(accepted: list[str]) -> None:
    """Refuse a client that accepts other versions only (the first that fits would be taken)."""
    if accepted and VERSION not in accepted:
        came = ", ".join(accepted)[:80]
        raise VersionNotOffered(f"None of the versions {came} is offered; version {VERSION} is.", "AcceptVersions")


def check_language(language: str | None) -> str:
    """The language of the response; any English will do."""
    if language and language != "*" and language.lower().split("-")[0] != "en":
        raise InputError(f"The language {language[:40]!r} is not offered; {LANGUAGE} is.", "language")
    return LANGUAGE


def check_modes(*, raw: bool, store: bool, status: bool) -> None:
    """Refuse ways of answering that exclude each other."""
    if status and not store:
        raise InputError("status=true needs storeExecuteResponse=true: the status is read from the store.", "status")
    if raw and store:
        text = "Raw data is sent in the answer itself and is not stored; ask for a response document to store it."
        raise InputError(text, "storeExecuteResponse")


def boolean(value: str | None, name: str) -> bool:
    """An XML Schema boolean; absent means false."""
    text = (value or "").strip().lower()
    if text in ("", "false", "0"):
        return False
    if text in ("true", "1"):
        return True
    raise InputError(f"{name}: expected true or false, got {text[:40]!r}.", name)


def optional_boolean(value: str | None, name: str) -> bool | None:
    """An XML Schema boolean, or None where it is absent."""
    return None if value is None or not value.strip() else boolean(value, name)


# --- values as declared ---------------------------------------------------------------------------


def settle(operation: Execute, declaration: ProcessDeclaration) -> Execute:
    """Turn text that came for a complex input into a file, and decode base64 that wasn't named so.

    A key-value request can't tell a literal from complex data; only the declaration can.
    """
    uploads = {upload.name: upload for upload in operation.uploads}
    inputs: dict[str, list[InputItem]] = {}
    for identifier, items in operation.request.inputs.items():
        declared = declaration.input(identifier)
        if declared is None or declared.kind == "literal":
            inputs[identifier] = items
            continue
        inputs[identifier] = [_settled(item, declared, uploads) for item in items]
    request = replace(operation.request, inputs=inputs)
    return replace(operation, request=request, uploads=tuple(uploads.values()))


def _settled(item: InputItem, declared: InputDeclaration, uploads: dict[str, Upload]) -> InputItem:
    name = declared.identifier
    if item.text is not None and not is_absent(item.text):
        upload = Upload(f"input-{len(uploads) + 1}", decode(item.text, item.encoding, name))
        uploads[upload.name] = upload
        item = replace(item, text=None, upload=upload.name)
    if item.upload is not None and not item.encoding and item.media_type:
        chosen = match_format(declared.formats, item.media_type)
        content = uploads[item.upload].content
        if chosen is not None and chosen.encoding == "base64" and isinstance(content, bytes):
            text = content.decode("ascii", errors="replace")
            uploads[item.upload] = Upload(item.upload, decode(text, "base64", name))
    return item


def decode(text: str, encoding: str | None, identifier: str) -> bytes:
    """Content of a complex value that came as text.

    :raises InputError: naming the input whose base64 is broken.
    """
    if (encoding or "").lower() != "base64":
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"Input {identifier} is no valid base64: {error}.", identifier) from None
