"""``gasflux-wps key``: make, list and revoke the keys of clients."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.keys import Keys


def add_key_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    with_settings: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add ``key`` with what one can do to keys."""
    key = commands.add_parser("key", help="make, list and revoke the keys of clients")
    actions = key.add_subparsers(title="actions", required=True, metavar="ACTION")

    create = actions.add_parser("create", help="make a key; it is shown once")
    create.add_argument("--name", required=True, help="whose key it is")
    with_settings(create)
    create.set_defaults(command=_create)

    show = actions.add_parser("list", help="list the keys, without their secrets")
    with_settings(show)
    show.set_defaults(command=_list)

    revoke = actions.add_parser("revoke", help="make a key useless")
    revoke.add_argument("key_id", metavar="ID", help="as the list shows it")
    with_settings(revoke)
    revoke.set_defaults(command=_revoke)


def _create(options: argparse.Namespace) -> None:
    key = _keys(options).create(options.name)
    sys.stdout.write(f"{key}\n")
    sys.stderr.write("Keep it: it can't be shown again. Clients send it in the header X-API-Key.\n")


def _list(options: argparse.Namespace) -> None:
    for key in _keys(options).list():
        used = f"last used {key.last_used_at:%Y-%m-%d %H:%M} UTC" if key.last_used_at else "never used"
        state = "revoked" if key.revoked else "valid"
        sys.stdout.write(f"{key.key_id}  {state:8} made {key.created_at:%Y-%m-%d} UTC, {used}  {key.name}\n")


def _revoke(options: argparse.Namespace) -> None:
    _keys(options).revoke(options.key_id)
    sys.stdout.write(f"{options.key_id} is revoked.\n")


def _keys(options: argparse.Namespace) -> Keys:
    from server.keys import Keys
    from server.settings import load_settings, prepare

    settings = load_settings(options.settings)
    prepare(settings)
    return Keys.open(settings.jobs.database)
