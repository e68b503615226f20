"""The operations on keys, for administrators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response

from server.access import Scope
from server.execution import Execution
from server.keys import Key
from server.rest.answers import NoSuchKey, answer
from server.rest.changes import read_new_key
from server.rest.paging import check_query
from server.rest.tasks import moment


class KeysFace:
    """Lists, makes and revokes keys."""

    def __init__(self, execution: Execution) -> None:
        self._access = execution.access
        self._keys = execution.access.keys
        self._largest = execution.settings.server.maxrequestsize

    def views(self) -> dict[str, Callable[..., Response]]:
        """Name of each operation → what answers it."""
        return {"keys": self.list, "create_key": self.create, "key": self.show, "revoke_key": self.revoke}

    def list(self) -> Response:
        """All keys."""
        self._access.require(Scope.ADMIN)
        check_query(())
        return answer({"keys": [_document(key) for key in self._keys.list()]})

    def create(self) -> Response:
        """Make a key."""
        self._access.require(Scope.ADMIN)
        wanted = read_new_key(self._largest)
        key = self._keys.create(wanted.pop("name"), **wanted)
        made = self._found(key.split("_")[1])
        told = {**_document(made), "key": key}
        return answer(told, "Keep the key: it can't be shown again.", 201)

    def show(self, key_id: str) -> Response:
        """One key."""
        self._access.require(Scope.ADMIN)
        check_query(())
        return answer(_document(self._found(key_id)))

    def revoke(self, key_id: str) -> Response:
        """Make a key useless."""
        self._access.require(Scope.ADMIN)
        found = self._found(key_id)
        self._keys.revoke(found.key_id)
        return answer(_document(self._found(found.key_id)), "The key is revoked.")

    def _found(self, key_id: str) -> Key:
        for key in self._keys.list():
            if key.key_id == key_id:
                return key
        # Who sends a whole key by mistake must not find it in the answer and in logs of it.
        shown = key_id if len(key_id) <= 16 else f"{key_id[:12]}…"
        raise NoSuchKey(f"There is no key {shown!r}; GET /api_keys lists their ids.", "key_id")


def _document(key: Key) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "created_at": moment(key.created_at),
        "last_used_at": moment(key.last_used_at),
        "revoked": key.revoked,
        "scopes": [str(scope) for scope in Scope if scope in key.scopes],
        "rate": key.rate,
        "quota": key.quota,
    }
