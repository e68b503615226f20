"""Values as their declarations say, where the wire format leaves open what they are."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import replace

from processes.declaration import InputDeclaration, ProcessDeclaration
from processes.literals import is_absent
from server.errors import UnfitValue
from server.formats import match_format
from server.jobs.request import InputItem, JobRequest, Upload


def settle(
    request: JobRequest, came: Sequence[Upload], declaration: ProcessDeclaration
) -> tuple[JobRequest, tuple[Upload, ...]]:
    """Turn text that came for a complex input into a file, and decode base64 that wasn't named so.

    A key-value request can't tell a literal from complex data, nor can JSON; only the declaration can.

    :param came: the complex values that came as such.
    :returns: the request, and all its complex values.
    :raises UnfitValue: naming the input whose base64 is broken.
    """
    uploads = {upload.name: upload for upload in came}
    inputs: dict[str, list[InputItem]] = {}
    for identifier, items in request.inputs.items():
        declared = declaration.input(identifier)
        if declared is None or declared.kind != "complex":
            inputs[identifier] = items
            continue
        inputs[identifier] = [_settled(item, declared, uploads) for item in items]
    return replace(request, inputs=inputs), tuple(uploads.values())


def described(request: JobRequest, uploads: Sequence[Upload]) -> JobRequest:
    """The request with size and SHA-256 of each of its uploads, which are known after these are gone."""
    found = {upload.name: _size_and_hash(upload) for upload in uploads}
    inputs = {
        identifier: [
            replace(item, size=found[item.upload][0], sha256=found[item.upload][1]) if item.upload in found else item
            for item in items
        ]
        for identifier, items in request.inputs.items()
    }
    return replace(request, inputs=inputs)


def _size_and_hash(upload: Upload) -> tuple[int, str]:
    if isinstance(upload.content, bytes):
        return len(upload.content), hashlib.sha256(upload.content).hexdigest()
    with upload.content.open("rb") as file:
        return upload.content.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


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


def with_content(item: InputItem, content: bytes, uploads: list[Upload]) -> InputItem:
    """A value with its content, which joins the uploads; blank content means that none was given."""
    if not content.strip():
        return replace(item, text="")
    upload = Upload(f"input-{len(uploads) + 1}", content)
    uploads.append(upload)
    return replace(item, upload=upload.name)


def decode(text: str, encoding: str | None, identifier: str) -> bytes:
    """Content of a complex value that came as text.

    :raises UnfitValue: naming the input whose base64 is broken.
    """
    if (encoding or "").lower() != "base64":
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnfitValue(f"Input {identifier} is no valid base64: {error}.", identifier) from None
