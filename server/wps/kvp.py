"""Requests in key-value pairs (HTTP GET), OGC 05-007r7 clauses 8.2, 9.2 and 10.2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal
from urllib.parse import unquote_to_bytes

from gasflux_core.errors import InputError, MissingInput
from server.errors import UnknownOperation
from server.jobs.request import InputItem, JobRequest, OutputRequest
from server.wps.operations import (
    DescribeProcess,
    Execute,
    GetCapabilities,
    Operation,
    boolean,
    check_language,
    check_modes,
    check_service,
    check_version,
    optional_boolean,
)

_LISTS = ("datainputs", "responsedocument", "rawdataoutput")
_ATTRIBUTE = re.compile(r"@(?=[A-Za-z:]+=)")
_INPUT_ATTRIBUTES = frozenset(
    {"mimetype", "encoding", "schema", "uom", "datatype", "xlink:href", "href", "method", "body", "bodyreference"}
    | {"header"}
)
_OUTPUT_ATTRIBUTES = frozenset({"mimetype", "encoding", "schema", "uom", "asreference"})


def parse_query(values: Mapping[str, str]) -> Operation:
    """The operation that some pairs ask for.

    :param values: from :func:`read_pairs`.
    :raises InputError: or a kin of it, with the name of the parameter at fault.
    """
    check_service(values.get("service"))
    name = values.get("request")
    if not name:
        raise MissingInput("The parameter request is required, such as request=GetCapabilities.", "request")
    if name == "GetCapabilities":
        return GetCapabilities(check_language(values.get("language")), values.get("updatesequence", ""))
    if name not in ("DescribeProcess", "Execute"):
        text = f"The operation {name[:40]!r} is not offered; GetCapabilities, DescribeProcess and Execute are."
        raise UnknownOperation(text, name[:40])
    check_version(values.get("version"))
    language = check_language(values.get("language"))
    identifiers = tuple(item.strip() for item in values.get("identifier", "").split(",") if item.strip())
    if not identifiers:
        raise MissingInput("The parameter Identifier is required: the name of a process.", "Identifier")
    if name == "DescribeProcess":
        return DescribeProcess(identifiers, language)
    return _execute(values, identifiers, language)


def _execute(values: Mapping[str, str], identifiers: tuple[str, ...], language: str) -> Execute:
    if len(identifiers) > 1:
        raise InputError("Execute runs one process; several identifiers came.", "Identifier")
    raw = bool(values.get("rawdataoutput", "").strip())
    store = boolean(values.get("storeexecuteresponse"), "storeExecuteResponse")
    status = boolean(values.get("status"), "status")
    check_modes(raw=raw, store=store, status=status)
    if raw and values.get("responsedocument", "").strip():
        raise InputError("RawDataOutput and ResponseDocument exclude each other.", "RawDataOutput")
    parameter = "RawDataOutput" if raw else "ResponseDocument"
    inputs: dict[str, list[InputItem]] = {}
    for name, value, attributes in _entries(values.get("datainputs", ""), "DataInputs", _INPUT_ATTRIBUTES):
        inputs.setdefault(name, []).append(_input(name, value, attributes))
    outputs = [
        _output(name, value, attributes, parameter)
        for name, value, attributes in _entries(values.get(parameter.lower(), ""), parameter, _OUTPUT_ATTRIBUTES)
    ]
    if raw and len(outputs) != 1:
        raise InputError(f"Raw data is one output; {len(outputs)} were asked for.", "RawDataOutput")
    request = JobRequest(
        process=identifiers[0],
        inputs=inputs,
        outputs=outputs,
        mode="async" if status else "sync",
        response="raw" if raw else "document",
        lineage=boolean(values.get("lineage"), "lineage"),
        language=language,
    )
    return Execute(request, (), store)


def _input(name: str, value: str | None, attributes: Mapping[str, str]) -> InputItem:
    href = attributes.get("xlink:href") or attributes.get("href")
    item = InputItem(
        media_type=attributes.get("mimetype") or None,
        encoding=attributes.get("encoding") or None,
        schema=attributes.get("schema") or None,
        unit=attributes.get("uom") or None,
    )
    if href is None:
        if value is None:
            raise InputError(f"Input {name}: expected {name}=value or {name}=@xlink:href=address.", name)
        return replace(item, text=value)
    if value:
        raise InputError(f"Input {name} has both a value and a reference; it takes one of them.", name)
    return replace(
        item,
        href=href,
        method=method(attributes.get("method"), name),
        headers=_headers(attributes.get("header", ""), name),
        body=attributes.get("body"),
        body_href=attributes.get("bodyreference") or None,
    )


def _headers(lines: str, identifier: str) -> dict[str, str]:
    """Headers of HTTP out of lines of ``name: value``."""
    headers = {}
    for line in lines.splitlines():
        key, colon, value = line.partition(":")
        if not key.strip() or not colon:
            raise InputError(
                f"Input {identifier}: expected a header of the reference as name:value, got {line[:40]!r}.", identifier
            )
        headers[key.strip()] = value.strip()
    return headers


def method(value: str | None, identifier: str) -> Literal["GET", "POST"]:
    """The HTTP method of a reference."""
    text = (value or "GET").strip().upper()
    if text not in ("GET", "POST"):
        raise InputError(
            f"Input {identifier}: the method of a reference is GET or POST, got {text[:20]!r}.", identifier
        )
    return "POST" if text == "POST" else "GET"


def _output(name: str, value: str | None, attributes: Mapping[str, str], parameter: str) -> OutputRequest:
    if value:
        raise InputError(f"{parameter} names outputs; {name} came with a value.", parameter)
    return OutputRequest(
        identifier=name,
        by_reference=optional_boolean(attributes.get("asreference"), "asReference"),
        media_type=attributes.get("mimetype") or None,
        encoding=attributes.get("encoding") or None,
        schema=attributes.get("schema") or None,
        unit=attributes.get("uom") or None,
    )


# --- the syntax -----------------------------------------------------------------------------------


def read_pairs(query: str) -> dict[str, str]:
    """Keys in lower case → values; those of lists are left encoded, as their own syntax needs it.

    :param query: still percent-encoded and all ASCII.
    :raises InputError: with the name of the parameter at fault.
    """
    values: dict[str, str] = {}
    for part in query.split("&"):
        key, _, value = part.partition("=")
        name = _decoded(key, plus=True).strip().lower()
        if not name:
            continue
        plain = value if name in _LISTS else _decoded(value, plus=True).strip()
        if values.get(name, plain) != plain:
            raise InputError(f"The parameter {name} came twice, with different values.", name)
        values[name] = plain
    return values


def _entries(encoded: str, parameter: str, known: frozenset[str]) -> list[tuple[str, str | None, dict[str, str]]]:
    """Split ``a=1@uom=m;b=@xlink:href=http%3A%2F%2F…`` into (name, value, attributes in lower case).

    Of several headers of one reference each is a line of one attribute.

    The separators stand bare and everything else is encoded. Many HTTP libraries encode the whole once more, so
    that not one separator is bare: then it is decoded once before it is split.
    """
    bare = any(mark in encoded for mark in "=;@")
    text = encoded if bare else _decoded(encoded, plus=True)
    text = text.strip()
    if text.startswith(("[", "%5B", "%5b")) and text.endswith(("]", "%5D", "%5d")):
        text = text[1:] if text[0] == "[" else text[3:]
        text = text[:-1] if text[-1] == "]" else text[:-3]
    entries = []
    for part in text.split(";"):
        if not part.strip():
            continue
        head, *rest = _ATTRIBUTE.split(part)
        name, equals, value = head.partition("=")
        identifier = _decoded(name, plus=bare).strip()
        if not identifier:
            raise InputError(f"{parameter}: an entry has no name; expected name=value;name=value.", parameter)
        attributes: dict[str, str] = {}
        for item in rest:
            name, _, setting = item.partition("=")
            key = name.lower()
            if key not in known:
                raise InputError(f"{parameter}: {identifier} has an unknown attribute {name[:40]!r}.", identifier)
            if key in attributes and key != "header":
                raise InputError(f"{parameter}: {identifier} has the attribute {name} twice.", identifier)
            before = f"{attributes[key]}\n" if key in attributes else ""
            attributes[key] = before + _decoded(setting, plus=bare).strip()
        entries.append((identifier, _decoded(value, plus=bare) if equals else None, attributes))
    return entries


def _decoded(text: str, *, plus: bool) -> str:
    """Percent-decoded text, once."""
    if plus:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"The query is not percent-encoded UTF-8: {text[:60]!r}.") from None
