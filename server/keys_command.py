"""``gasflux-wps key``: make, list, link and revoke the keys of clients, and show what was done with them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from gasflux_core.errors import InputError

if TYPE_CHECKING:
    from server.keys import Keys
    from server.settings import Settings

_FROM = "command line"
"""Stands in the audit log for the address."""


def add_key_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    with_settings: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add ``key`` with what one can do to keys."""
    key = commands.add_parser("key", help="make, list, link and revoke the keys of clients")
    actions = key.add_subparsers(title="actions", required=True, metavar="ACTION")

    create = actions.add_parser("create", help="make a key; it is shown once")
    create.add_argument("--name", required=True, help="whose key it is")
    create.add_argument("--scope", nargs="+", action="extend", metavar="SCOPE",
                        help="what it may do: submit, read, admin (default: submit read)")  # fmt: skip
    create.add_argument("--rate", type=int, metavar="N", help="most jobs within a minute (default: any number)")
    create.add_argument("--quota", type=int, metavar="N", help="most jobs within a day (default: any number)")
    with_settings(create)
    create.set_defaults(command=_create)

    show = actions.add_parser("list", help="list the keys, without their secrets")
    with_settings(show)
    show.set_defaults(command=_list)

    link = actions.add_parser("link", help="print the service's address for a program that can't send a key")
    link.add_argument("--key-id", required=True, metavar="ID", help="of the key for which it speaks")
    link.add_argument("--days", type=int, metavar="N", help="for so many days (default: as the settings say)")
    with_settings(link)
    link.set_defaults(command=_link)

    audit = actions.add_parser("audit", help="list what was done and refused, the latest first")
    audit.add_argument("--key-id", metavar="ID", help="only what was done with this key")
    audit.add_argument("--action", metavar="ACTION", help="only this, such as job.submit, key.create or refused")
    audit.add_argument("--limit", type=int, default=50, metavar="N", help="so many rows at most (default: 50)")
    with_settings(audit)
    audit.set_defaults(command=_audit)

    revoke = actions.add_parser("revoke", help="make a key useless, with its links and sessions")
    revoke.add_argument("key_id", metavar="ID", help="as the list shows it")
    with_settings(revoke)
    revoke.set_defaults(command=_revoke)


def _create(options: argparse.Namespace) -> None:
    scopes = {"scopes": options.scope} if options.scope else {}
    key = _keys(_settings(options)).create(options.name, rate=options.rate, quota=options.quota, **scopes)
    sys.stdout.write(f"{key}\n")
    sys.stderr.write("Keep it: it can't be shown again. Clients send it in the header X-API-Key.\n")


def _list(options: argparse.Namespace) -> None:
    for key in _keys(_settings(options)).list():
        used = f"last used {key.last_used_at:%Y-%m-%d %H:%M} UTC" if key.last_used_at else "never used"
        state = "revoked" if key.revoked else "valid"
        may = ",".join(scope for scope in ("submit", "read", "admin") if scope in key.scopes)
        bounds = [f"{most} a {span}" for most, span in ((key.rate, "minute"), (key.quota, "day")) if most is not None]
        may = f"{may} ({', '.join(bounds)})" if bounds else may
        sys.stdout.write(f"{key.key_id}  {state:8} {may}  made {key.created_at:%Y-%m-%d} UTC, {used}  {key.name}\n")


def _link(options: argparse.Namespace) -> None:
    from server.links import Links

    settings = _settings(options)
    found = _keys(settings).find(options.key_id)
    if found is None or found.revoked:
        state = "was revoked" if found is not None else "is not there"
        raise InputError(f"key {options.key_id} {state}; list the keys with: gasflux-wps key list", "--key-id")
    if options.days is not None and not 1 <= options.days <= _MOST_DAYS:
        raise InputError(f"--days: expected 1 to {_MOST_DAYS}, got {options.days}", "--days")
    links = Links(settings)
    sys.stdout.write(f"{links.signed(links.of_key(found.key_id, options.days))}\n")
    sys.stderr.write(
        "Put /wps, /ogcapi or another of the service's paths behind it. Who has the link may do what the key may, but "
        "administration; it ends with the key.\n"
    )


_MOST_DAYS = 3650


def _audit(options: argparse.Namespace) -> None:
    from server.audit import AuditLog

    if options.limit < 1:
        raise InputError(f"--limit: expected 1 or more, got {options.limit}", "--limit")
    log = AuditLog(_keys(_settings(options)).engine)
    for deed in log.read(limit=options.limit, key_id=options.key_id, action=options.action):
        who = deed.key_id or "-"
        sys.stdout.write(
            f"{deed.time:%Y-%m-%d %H:%M:%S} UTC  {who:9}  {deed.action:10}  {deed.subject}  {deed.address}  "
            f"{deed.outcome}\n"
        )


def _revoke(options: argparse.Namespace) -> None:
    _keys(_settings(options)).revoke(options.key_id)
    sys.stdout.write(f"{options.key_id} is revoked.\n")


def _settings(options: argparse.Namespace) -> Settings:
    from server.settings import load_settings, prepare

    settings = load_settings(options.settings)
    prepare(settings)
    return settings


def _keys(settings: Settings) -> Keys:
    from server.audit import AuditLog
    from server.keys import Keys

    keys = Keys.open(settings.jobs.database)
    keys.on_change = lambda action, key_id: AuditLog(keys.engine).write(action, key_id, address=_FROM)
    return keys
