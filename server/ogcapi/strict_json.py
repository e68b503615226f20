"""Reading JSON that strangers send (RFC 8259), without what Python's reader lets pass."""

from __future__ import annotations

import json
import math
from typing import Any

from server.errors import UnreadableRequest

_SHOWN = 60


def read_json(body: bytes) -> Any:
    """The value of a JSON text.

    :raises UnreadableRequest: it is none: not UTF-8, malformed, with ``NaN`` or ``Infinity``, a number beyond a
        double's range, a name twice in one object, half a surrogate pair, or nested too deep.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableRequest(f"The body is no UTF-8: byte {error.start} is wrong.") from None
    if not text.strip():
        raise UnreadableRequest("The body is empty; it must be a JSON object.")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
        if "\\u" in text:
            # Escapes can spell half a surrogate pair, which is no character.
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UnreadableRequest(f"The body is no well-formed JSON: {error.msg} ({place}).") from None
    except UnicodeEncodeError:
        raise UnreadableRequest("The body has half a surrogate pair (\\ud800 to \\udfff) in a text.") from None
    except RecursionError:
        raise UnreadableRequest("The body is nested too deep.") from None
    except ValueError as error:
        # A whole number of more digits than Python reads; ours are told below.
        text = str(error) if isinstance(error, _Refused) else "a number has too many digits"
        raise UnreadableRequest(f"The body is no JSON that can be read: {text}.") from None
    return value


class _Refused(ValueError):
    """What is well-formed for Python's reader and not for us."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Refused(f"the name {twice[:_SHOWN]!r} stands twice in one object")
    return made


def _constant(name: str) -> Any:
    raise _Refused(f"{name} is no number of JSON")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Refused(f"the number {text[:_SHOWN]} is beyond the range of a double")
    return number
