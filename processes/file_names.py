"""What people call a file, made fit to be shown: it comes from outside, and is never used as a path."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

LONGEST = 200


def shown_file_name(name: str | None) -> str | None:
    """The last part of a name without characters that can't be seen, in 200 characters at most; None for no name.

    A long name loses its middle, so that its ending stays. It is text: whoever writes it into a document escapes it.
    """
    last = re.split(r"[/\\]", name or "")[-1]
    # Also marks that turn the direction of writing, by which an ending can be made to look like another.
    seen = " ".join("".join(c for c in last if c.isprintable()).split())
    if len(seen) > LONGEST:
        ending = 20
        seen = f"{seen[: LONGEST - ending - 1]}…{seen[-ending:]}"
    return seen or None


def file_name_of_address(address: str) -> str | None:
    """The last part of an address's path, as a file's name to be shown; None where it has none."""
    try:
        path = urlsplit(address).path
    except ValueError:
        return None
    return shown_file_name(unquote(path.rstrip("/").rpartition("/")[2]))
