"""Answers that are the same each time, found by the query and the client's language alone, before it is read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

MOST_BYTES = 16 * 1024 * 1024
LONGEST_QUERY = 2000


class Ready(NamedTuple):
    """An answer as it is sent."""

    content: bytes
    headers: Mapping[str, str]


class ReadyAnswers:
    """Those given last, so many bytes of them; for all threads of a web worker.

    :param most_bytes: beyond these, what was not asked for longest goes.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._answers: OrderedDict[tuple[bytes, str], Ready] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, query: bytes, language: str) -> Ready | None:
        """The answer to a query, if it was given before.

        :param language: that the client prefers.
        """
        with self._lock:
            found = self._answers.get((query, language))
            if found is not None:
                self._answers.move_to_end((query, language))
            return found

    def keep(self, query: bytes, language: str, answer: Ready) -> None:
        """Remember an answer for as long as there is room."""
        size = len(answer.content) + len(query)
        if len(query) > LONGEST_QUERY or size > self._most_bytes:
            return
        with self._lock:
            if (query, language) in self._answers:
                return
            self._answers[query, language] = answer
            self._bytes += size
            while self._bytes > self._most_bytes:
                (gone, _), dropped = self._answers.popitem(last=False)
                self._bytes -= len(dropped.content) + len(gone)
