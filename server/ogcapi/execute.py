"""Execute requests in JSON (execute.yaml of OGC 18-062r2, clause 7.11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from gasflux_core.errors import InputError, MissingInput
from processes.declaration import InputDeclaration, ProcessDeclaration
from server.errors import UnreadableRequest
from server.jobs.request import InputItem, JobRequest, OutputRequest, Subscriber, Upload
from server.ogcapi.input_values import InputReader
from server.ogcapi.members import json_kind, schema_of, shown, text_of, unknown_members
from server.ogcapi.problems import raise_together

FACE = "ogcapi-1.0"

_MEMBERS = ("inputs", "outputs", "response", "subscriber")
_OUTPUT_MEMBERS = ("format", "transmissionMode")
_FORMAT_MEMBERS = ("mediaType", "encoding", "schema")
_MOST_MEMBERS = 200
"""More than any process declares; each that isn't known costs a search for its neighbours."""
_SUBSCRIBER_MEMBERS = ("successUri", "inProgressUri", "failedUri")


def parse_execute(
    content: Any, declared: ProcessDeclaration, *, mode: Literal["sync", "async"], language: str, minimal: bool | None
) -> tuple[JobRequest, tuple[Upload, ...]]:
    """The request that a body holds, and the complex values in it.

    Only what JSON itself decides is checked here: members and their types. All else is validated with the whole
    request, as every face's is.

    :param content: the body's value.
    :param minimal: files that are named without a way to come should come as addresses.
    :raises UnreadableRequest: it is no object.
    :raises InputError: or InputFaults with several of them, each naming the member or input.
    """
    if not isinstance(content, dict):
        raise UnreadableRequest(f"The body must be a JSON object, not {json_kind(content)}.")
    faults = unknown_members("The request", content, _MEMBERS)
    reader = InputReader(faults)
    inputs = _inputs(content, declared, reader, faults)
    outputs = _outputs(content, declared, bool(minimal), faults)
    response = content.get("response", "raw")
    if response not in ("raw", "document"):
        faults.append(InputError(f"response: expected raw or document, got {shown(response)}.", "response"))
    subscriber = _subscriber(content, faults)
    raise_together(faults)
    request = JobRequest(
        declared.identifier,
        inputs,
        outputs,
        mode=mode,
        response="document" if response == "document" else "raw",
        language=language,
        face=FACE,
        subscriber=subscriber,
    )
    return request, tuple(reader.uploads)


def _inputs(
    content: Mapping[str, Any], declared: ProcessDeclaration, reader: InputReader, faults: list[InputError]
) -> dict[str, list[InputItem]]:
    inputs: dict[str, list[InputItem]] = {}
    for name, value in _object_of(content, "inputs", faults).items():
        item = declared.input(name)
        if item is None:
            # Named with its neighbours when the request is validated.
            inputs[name] = [InputItem(text="")]
        else:
            inputs[name] = [reader.item(item, one) for one in _values(item, value, faults)]
    return inputs


def _values(declared: InputDeclaration, value: Any, faults: list[InputError]) -> list[Any]:
    """The values of one input: an array holds several only where several may come."""
    if not isinstance(value, list) or declared.max_occurs == 1:
        return [value]
    if len(value) <= declared.max_occurs:
        return value
    name, most = declared.identifier, declared.max_occurs
    faults.append(InputError(f"Input {name} takes at most {most} values, {len(value)} came.", name))
    return []


def _outputs(
    content: Mapping[str, Any], declared: ProcessDeclaration, minimal: bool, faults: list[InputError]
) -> list[OutputRequest]:
    outputs: list[OutputRequest] = []
    for name, wanted in _object_of(content, "outputs", faults).items():
        where = f"outputs.{name}"
        if not isinstance(wanted, dict):
            faults.append(InputError(f"{where}: expected an object, got {json_kind(wanted)}.", name))
            continue
        faults += unknown_members(where, wanted, _OUTPUT_MEMBERS, name)
        form = wanted.get("format", {})
        if not isinstance(form, dict):
            faults.append(InputError(f"{where}.format: expected an object, got {json_kind(form)}.", name))
            continue
        faults += unknown_members(f"{where}.format", form, _FORMAT_MEMBERS, name)
        output = declared.output(name)
        # A literal is no longer than its address.
        by_address = minimal and output is not None and output.kind == "complex"
        mode = wanted.get("transmissionMode", "reference" if by_address else "value")
        if mode not in ("value", "reference"):
            text = f"{where}.transmissionMode: expected value or reference, got {shown(mode)}."
            faults.append(InputError(text, name))
        outputs.append(
            OutputRequest(
                name,
                by_reference=mode == "reference",
                media_type=text_of(form, "mediaType", f"{where}.format", name, faults),
                encoding=text_of(form, "encoding", f"{where}.format", name, faults),
                schema=schema_of(form, f"{where}.format", name, faults),
            )
        )
    return outputs


def _subscriber(content: Mapping[str, Any], faults: list[InputError]) -> Subscriber | None:
    if "subscriber" not in content:
        return None
    told = _object_of(content, "subscriber", faults)
    faults += unknown_members("subscriber", told, _SUBSCRIBER_MEMBERS)
    success, progress, failed = (
        text_of(told, name, "subscriber", f"subscriber.{name}", faults) for name in _SUBSCRIBER_MEMBERS
    )
    if success is None:
        if isinstance(content["subscriber"], dict) and "successUri" not in told:
            text = "subscriber: successUri is required, the address to which results are sent."
            faults.append(MissingInput(text, "subscriber.successUri"))
        return None
    return Subscriber(success, progress, failed)


def _object_of(content: Mapping[str, Any], name: str, faults: list[InputError]) -> dict[str, Any]:
    value = content.get(name, {})
    if not isinstance(value, dict):
        faults.append(InputError(f"{name}: expected an object, got {json_kind(value)}.", name))
        return {}
    if len(value) > _MOST_MEMBERS:
        faults.append(InputError(f"{name}: expected {_MOST_MEMBERS} members at most, got {len(value)}.", name))
        return {}
    return value
