"""The languages in which texts are offered, and the choice among them."""

from __future__ import annotations

import re

DEFAULT = "en-US"
LANGUAGES = (DEFAULT, "zh-CN")
"""As they stand in the documents of every face; each but the default has a catalogue in ``processes/translations``."""

_TAG = re.compile(r"[a-z]{1,8}(-[a-z0-9]{1,8})*", re.IGNORECASE)
_RANGE = re.compile(r"\s*([^\s;]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.IGNORECASE)
_MAX_RANGES = 50
"""Browsers send a handful; of a longer header the rest is not read."""


def match_language(text: str | None) -> str | None:
    """The offered language for one tag, or None where none will do (RFC 4647, 3.4: lookup).

    The primary subtag decides: a reader of British English can read ours, and one of traditional Chinese gets more
    from simplified Chinese than from English. Nothing, and ``*``, are the default.
    """
    tag = (text or "").strip().replace("_", "-")
    if tag in ("", "*"):
        return DEFAULT
    if not _TAG.fullmatch(tag):
        return None
    primary = tag.lower().split("-")[0]
    return next((offered for offered in LANGUAGES if offered.split("-")[0] == primary), None)


def preferred_language(header: str | None) -> str:
    """The offered language that a header Accept-Language likes best, else the default (RFC 9110, 12.5.4).

    Parts that can't be read are passed over, as are those with a weight of 0.
    """
    best, best_weight = DEFAULT, 0.0
    for part in (header or "").split(",", _MAX_RANGES)[:_MAX_RANGES]:
        found = _RANGE.fullmatch(part)
        language = match_language(found[1]) if found else None
        weight = float(found[2] or 1) if found else 0.0
        # Of equal weights the first.
        if language is not None and min(weight, 1.0) > best_weight:
            best, best_weight = language, min(weight, 1.0)
    return best
