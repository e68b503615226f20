"""The keys for administrators: who has one, make one, take one back; and the audit log."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from gasflux_core.errors import InputError
from server.access import Caller, Scope
from server.errors import NotAllowed
from server.keys import Key
from server.web.run_facts import moment
from server.web.site import Web
from server.web.words import words_in

DEEDS_ON_A_PAGE = 50
MOST_PAGES = 10_000

LONGEST_LINK = 365
"""Days for which a link of a key may hold."""


@dataclass
class NewKey:
    """The form for a key, as it came."""

    name: str = ""
    scopes: tuple[str, ...] = (Scope.SUBMIT, Scope.READ)
    rate: str = ""
    quota: str = ""
    faults: dict[str, str] = field(default_factory=dict)
    """Field → what is wrong with it."""


def add_keys(pages: Blueprint, web: Web) -> None:
    """Add the page of the keys and what can be done there."""

    def for_administrators(answer: Callable[[], Response]) -> Response:
        try:
            web.access.require(Scope.ADMIN)
        except NotAllowed as error:
            return web.render("keys_refused", 403, message=error.message)
        return answer()

    @pages.get("/keys")
    def keys() -> Response:
        return for_administrators(lambda: _page(web))

    @pages.post("/keys")
    def create_key() -> Response:
        def answer() -> Response:
            form = read_new_key(words_in(web.language()))
            if not form.faults:
                rate, quota = (int(text) if text else None for text in (form.rate, form.quota))
                try:
                    made = web.access.keys.create(form.name, form.scopes, rate, quota)
                except InputError as error:
                    form.faults[error.parameter or "name"] = error.message
                else:
                    # Not by another address: the key stands nowhere but in this one answer.
                    return _page(web, 201, made=made)
            return _page(web, 400, form=form)

        return for_administrators(answer)

    @pages.post("/keys/<key_id>/revoke")
    def revoke_key(key_id: str) -> Response:
        def answer() -> Response:
            said = words_in(web.language())
            if not any(key.key_id == key_id for key in web.access.keys.list()):
                return _page(web, 404, problem=said["keys_no_such"].format(key=key_id[:40]))
            web.access.keys.revoke(key_id)
            return _page(web, done=said["keys_revoked_done"].format(key=key_id))

        return for_administrators(answer)

    @pages.post("/keys/<key_id>/link")
    def link_key(key_id: str) -> Response:
        def answer() -> Response:
            said = words_in(web.language())
            known = next((key for key in web.access.keys.list() if key.key_id == key_id), None)
            if known is None or known.revoked:
                return _page(web, 404, problem=said["keys_no_such"].format(key=key_id[:40]))
            days = _number(request.form.get("days", ""), LONGEST_LINK)
            if days is None:
                return _page(web, 400, problem=said["keys_fault_days"].format(most=LONGEST_LINK))
            link = web.access.service_link(Caller(key_id, known.name, via="key"), days)
            web.access.audit("key.link", key_id)
            return _page(web, link=link, link_of=known.name)

        return for_administrators(answer)


def read_new_key(words: Mapping[str, str]) -> NewKey:
    """The form of the request at hand, checked."""
    form = NewKey(
        request.form.get("name", "").strip(),
        tuple(request.form.getlist("scopes")),
        request.form.get("rate", "").strip(),
        request.form.get("quota", "").strip(),
    )
    if not 0 < len(form.name) <= 200 or not form.name.isprintable():
        form.faults["name"] = words["keys_fault_name"]
    if not form.scopes or not set(form.scopes) <= set(Scope):
        form.faults["scopes"] = words["keys_fault_scopes"]
    for name, text in (("rate", form.rate), ("quota", form.quota)):
        if text and _number(text) is None:
            form.faults[name] = words["keys_fault_number"]
    return form


def _number(text: str, most: int = 1_000_000) -> int | None:
    """A whole number from 1 up; None: it is none."""
    number = int(text) if re.fullmatch(r"\d{1,7}", text.strip(), re.ASCII) else 0
    return number if 1 <= number <= most else None


def _page(web: Web, status: int = 200, **more: Any) -> Response:
    """The page, with what was just done."""
    wanted = _number(request.args.get("page", "1"), MOST_PAGES)
    if wanted is None:
        status, more["problem"] = 400, words_in(web.language())["keys_fault_page"].format(most=MOST_PAGES)
    page = wanted or 1
    deeds = web.access.read_audit(DEEDS_ON_A_PAGE + 1, (page - 1) * DEEDS_ON_A_PAGE)
    mode = web.settings.security.keys
    return web.render(
        "keys",
        status,
        **{"form": NewKey(), "made": "", "done": "", "problem": "", "link": "", "link_of": "", **more},
        mode=mode,
        own=web.caller().key_id,
        keys=[_key(key) for key in web.access.keys.list()],
        scopes=[str(scope) for scope in Scope],
        deeds=[{"when": f"{deed.time:%Y-%m-%d %H:%M:%S}", "deed": deed} for deed in deeds[:DEEDS_ON_A_PAGE]],
        page=page,
        more_deeds=len(deeds) > DEEDS_ON_A_PAGE and page < MOST_PAGES,
        longest_link=LONGEST_LINK,
    )


def _key(key: Key) -> dict[str, Any]:
    """A key as the list shows it."""
    used: datetime | None = key.last_used_at
    return {
        "id": key.key_id,
        "name": key.name,
        "scopes": [str(scope) for scope in Scope if scope in key.scopes],
        "rate": key.rate,
        "quota": key.quota,
        "made": moment(key.created_at),
        "used": moment(used) if used else "",
        "revoked": key.revoked,
    }
