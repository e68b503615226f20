"""Bodies in JSON that change something: a task's name and notes, its cancelling; a new key."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request

from gasflux_core.errors import InputError
from server.access import Scope
from server.body import read_body
from server.ogcapi.strict_json import read_json
from server.rest.answers import BodyNotTaken
from server.rest.paging import check_query

LONGEST_NAME = 200
LONGEST_NOTES = 10_000
MOST_JOBS = 1_000_000

LARGEST_BODY = 256 * 1024
"""Bytes: the longest notes, with each letter escaped, twice."""

TASK_MEMBERS = ("name", "notes", "status", "action")
KEY_MEMBERS = ("name", "scopes", "rate", "quota")


@dataclass(frozen=True)
class TaskChange:
    """What a client changes of a task; None: as it is."""

    name: str | None
    notes: str | None
    cancel: bool


def read_task_change(largest: int) -> TaskChange:
    """What the request at hand changes of a task.

    :param largest: bytes that a body may have.
    :raises InputError: naming the member and what was expected.
    :raises BodyNotTaken: it is no JSON by its media type.
    :raises server.errors.UnreadableRequest: it is no JSON.
    """
    given = _read_object(largest, TASK_MEMBERS)
    if not given:
        raise InputError(f"The body is empty; give at least one of {', '.join(TASK_MEMBERS)}.")
    for member, word in (("status", "cancelled"), ("action", "cancel")):
        if given.get(member, word) != word:
            raise InputError(f'{member}: only "{word}" can be asked for, got {_shown(given[member])}.', member)
    return TaskChange(
        _text(given, "name", LONGEST_NAME, lines=False),
        _text(given, "notes", LONGEST_NOTES, lines=True),
        cancel="status" in given or "action" in given,
    )


def read_new_key(largest: int) -> dict[str, Any]:
    """What the key is to be that the request at hand asks for; only what was given.

    :param largest: bytes that a body may have.
    :raises InputError: naming the member and what was expected.
    :raises BodyNotTaken: it is no JSON by its media type.
    :raises server.errors.UnreadableRequest: it is no JSON.
    """
    given = _read_object(largest, KEY_MEMBERS)
    name = (_text(given, "name", LONGEST_NAME, lines=False) or "").strip()
    if not name:
        raise InputError("name: expected whose key it is, such as Production client.", "name")
    made: dict[str, Any] = {"name": name}
    if given.get("scopes") is not None:
        made["scopes"] = _scopes(given["scopes"])
    for member in ("rate", "quota"):
        value = given.get(member)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_JOBS:
            raise InputError(f"{member}: expected a whole number from 1 to {MOST_JOBS}, got {_shown(value)}.", member)
        made[member] = value
    return made


def _read_object(largest: int, members: Sequence[str]) -> dict[str, Any]:
    check_query(())
    # Else a body of a hundred megabytes of brackets would be read as JSON.
    largest = request.max_content_length = min(largest, LARGEST_BODY)
    if request.mimetype != "application/json":
        raise BodyNotTaken(
            f"The body came as {request.mimetype[:60] or 'nothing'}; send JSON, with Content-Type: application/json."
        )
    given = read_json(read_body(largest))
    if not isinstance(given, dict):
        raise InputError(f"The body must be a JSON object with {', '.join(members)}; got {_shown(given)}.")
    unknown = sorted(set(given) - set(members))
    if unknown:
        names = ", ".join(repr(name[:60]) for name in unknown[:10])
        raise InputError(f"The body has members that aren't known: {names}. It takes {', '.join(members)}.", unknown[0])
    return given


def _text(given: dict[str, Any], member: str, longest: int, *, lines: bool) -> str | None:
    if member not in given:
        return None
    value = given[member]
    if not isinstance(value, str) or len(value) > longest:
        came = f"{len(value)} characters" if isinstance(value, str) else _shown(value)
        raise InputError(f"{member}: expected a text of at most {longest} characters, got {came}.", member)
    allowed = "\n\r\t" if lines else ""
    if any(unicodedata.category(letter) == "Cc" and letter not in allowed for letter in value):
        raise InputError(f"{member}: expected a text without control characters.", member)
    return value


def _scopes(value: Any) -> tuple[Scope, ...]:
    names = value.split(",") if isinstance(value, str) else value
    known = {str(scope): scope for scope in Scope}
    if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
        raise InputError(f"scopes: expected a list of {', '.join(known)}; got {_shown(value)}.", "scopes")
    wanted = [one.strip() for one in names]
    unknown = next((one for one in wanted if one not in known), None)
    if unknown is not None:
        raise InputError(f"scopes: expected a list of {', '.join(known)}; got {unknown[:60]!r}.", "scopes")
    return tuple(known[name] for name in known if name in wanted)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
