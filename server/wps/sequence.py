"""The number by which clients see whether capabilities have changed (OGC 06-121r3, 7.3.4 and 7.4.3)."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from server.errors import SequenceAhead


def update_sequence(folder: Path, name: str, content: bytes) -> str:
    """When some capabilities came to be as they are: a time in UTC, which never goes back.

    It is kept in a file, so that it is the same in all workers, and after a restart.

    :param folder: where the file lies.
    :param name: which capabilities.
    :param content: them, without the number.
    """
    digest = hashlib.sha256(content).hexdigest()
    with (folder / f"update-sequence-{name}").open("a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        before, _, sequence = file.read().strip().rpartition(" ")
        if before == digest:
            return sequence
        following = _following(sequence)
        # Two short words in one write: a file that broke off none the less counts as other content.
        file.truncate(0)
        file.write(f"{digest} {following}")
    return following


def _following(sequence: str) -> str:
    """The time now, or just after the last one where the clock was set back."""
    now = datetime.now(UTC)
    with contextlib.suppress(ValueError):  # the first one has none before it
        now = max(now, datetime.fromisoformat(sequence) + timedelta(microseconds=1))
    return now.isoformat(timespec="microseconds").replace("+00:00", "Z")


def has_current(came: str, current: str) -> bool:
    """Whether a client has the current capabilities.

    Numbers are compared letter by letter, as times of one form can be, and as can whatever else a client makes up.

    :param came: what it sent; empty where it sent none.
    :raises SequenceAhead: it is greater than the current one.
    """
    if came > current:
        text = f"The updateSequence {came[:60]!r} is later than the current one, {current}; leave it out."
        raise SequenceAhead(text, "updateSequence")
    return came == current
