"""Members of JSON objects that clients send."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from gasflux_core.errors import InputError
from server.validate import unknown_name

_SHOWN = 60
_MOST_TOLD = 20


def unknown_members(
    where: str, members: Mapping[str, Any], known: Collection[str], locator: str | None = None
) -> list[InputError]:
    """A fault for each member that nobody reads: its sender would believe that it works.

    :param where: what has the members, in words.
    :param locator: what the faults are about; None: the member itself.
    """
    unknown = [name for name in members if name not in known][:_MOST_TOLD]
    return [InputError(unknown_name(where, "member", name, known), locator or name[:_SHOWN]) for name in unknown]


def text_of(members: Mapping[str, Any], name: str, where: str, locator: str, faults: list[InputError]) -> str | None:
    """A member that is a text; None where it is absent, or something else, which is a fault."""
    value = members.get(name)
    if value is None and name not in members:
        return None
    if isinstance(value, str):
        return value
    faults.append(InputError(f"{where}.{name}: expected a text, got {json_kind(value)}.", locator))
    return None


def schema_of(members: Mapping[str, Any], where: str, locator: str, faults: list[InputError]) -> str | None:
    """The address in a member ``schema``; None where it is absent, or the schema itself, which nobody needs."""
    if isinstance(members.get("schema", {}), dict):
        return None
    return text_of(members, "schema", where, locator, faults)


def json_kind(value: Any) -> str:
    """What a value of JSON is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "an array"
        case _:
            return "an object"


def shown(value: Any) -> str:
    """A value for a message, cut where it is long."""
    if isinstance(value, (dict, list)):
        return json_kind(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
