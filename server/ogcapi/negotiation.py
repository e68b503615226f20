"""In which form and language a client wants a page, and the query with which it asks for it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeAlias

from flask import request

from gasflux_core.errors import InputError
from server.languages import preferred_language
from server.ogcapi.problems import NotAcceptable, raise_together
from server.ogcapi.site import HTML, JSON, OPENAPI
from server.validate import unknown_name

Form: TypeAlias = Literal["json", "html"]

_FORMS: dict[str, Form] = {JSON: "json", HTML: "html"}


def wanted_form(*, definition: bool = False) -> Form:
    """JSON or HTML, as the query's ``f`` says, else the header ``Accept``.

    :param definition: the page is the definition of the API, whose JSON has a media type of its own too.
    :raises InputError: ``f`` is neither.
    :raises NotAcceptable: the client accepts neither.
    """
    asked = request.args.get("f")
    if asked is not None:
        # Links of other services of this kind have media types here.
        form = _FORMS.get(asked, asked)
        if form not in ("json", "html"):
            raise InputError(f"f: expected json or html, got {asked[:40]!r}.", "f")
        return "json" if form == "json" else "html"
    if not request.accept_mimetypes:
        return "json"
    offered = {**dict.fromkeys((OPENAPI, OPENAPI.partition(";")[0]) if definition else (), "json"), **_FORMS}
    best = request.accept_mimetypes.best_match(list(offered))
    if best is None:
        raise NotAcceptable(f"This page comes as {' or '.join(offered)}; the header Accept takes none of these.")
    return "json" if offered[best] == "json" else "html"


def wanted_language() -> str:
    """The language for texts, as the header ``Accept-Language`` says."""
    return preferred_language(request.headers.get("Accept-Language"))


def check_query(known: Collection[str] = ()) -> None:
    """Refuse parameters that nobody reads: their sender would believe that they work.

    :param known: names that the page has beside ``f``.
    :raises InputError: or InputFaults, naming each.
    """
    names = ("f", *known)
    raise_together(
        [
            InputError(unknown_name("This page", "query parameter", name, names), name[:80])
            for name in request.args
            if name not in names
        ]
    )


def whole_number(name: str, default: int, lowest: int, highest: int | None = None) -> int:
    """A whole number in the query.

    :param highest: a larger number counts as this one.
    :raises InputError: it is none, or too low, or there are several.
    """
    given = single(name)
    if given is None:
        return default
    # More digits than this no database can count.
    if not (given.isascii() and given.isdigit() and len(given) <= 15) or int(given) < lowest:
        raise InputError(f"{name}: expected a whole number, {lowest} or more, got {given[:40]!r}.", name)
    return int(given) if highest is None else min(int(given), highest)


def single(name: str) -> str | None:
    """The one value of a query parameter.

    :raises InputError: there are several.
    """
    values = request.args.getlist(name)
    if len(values) > 1:
        raise InputError(f"{name}: expected one value, got {len(values)}.", name)
    return values[0] if values else None


def several(name: str) -> list[str] | None:
    """The values of a query parameter, each under its own key or all with commas between; None where it is absent."""
    values = request.args.getlist(name)
    return [part for value in values for part in value.split(",")] if values else None
