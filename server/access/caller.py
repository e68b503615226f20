"""Who sends a request, and from where."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from flask import request

from server.keys import Key, Scope
from server.listening import is_loopback

BOOTSTRAP = "bootstrap"
"""Stands in the audit log for the operator's own key, which has no id."""


@dataclass(frozen=True)
class Caller:
    """Who sends a request."""

    key_id: str = ""
    """Of the key; empty where none came and none is needed."""
    name: str = ""
    """Whose key it is."""
    scopes: frozenset[Scope] = frozenset(Scope)
    via: Literal["nothing", "key", "bootstrap", "link", "session"] = "nothing"
    job_id: str = ""
    """The one job that a link is for; empty: it is for no single one."""
    rate: int | None = None
    """Jobs that it may send within a minute; None: any number."""
    quota: int | None = None
    """The same within a day."""

    @property
    def is_admin(self) -> bool:
        """Whether everybody's jobs are this caller's to see."""
        return Scope.ADMIN in self.scopes


def caller_of(key: Key, via: Literal["key", "link", "session"]) -> Caller:
    """Who sends a request with a key, or with what was made of it."""
    scopes = key.scopes
    if via == "link":
        # An address gets into logs and histories, from which nobody should become an administrator.
        scopes -= {Scope.ADMIN}
    return Caller(key.key_id, key.name, scopes, via, rate=key.rate, quota=key.quota)


def client_address() -> str:
    """The address from which the request at hand comes.

    A proxy on this machine or in its private network tells whose request it hands on, at the end of
    ``X-Forwarded-For``; nobody else is believed.
    """
    peer = _plain(request.remote_addr or "")
    told = _plain(request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip())
    return told if told and _is_address(told) and _may_be_proxy(peer) else peer


def network_of(address: str) -> str:
    """What counts as one client: an address, or the network of 64 bits of one of IPv6."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else address


def is_local() -> bool:
    """Whether the request at hand comes from this machine itself, and through no proxy."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    # The name too: a page elsewhere can have its own name lead to this machine.
    return is_loopback(request.remote_addr or "") and is_loopback(_host_name(request.host))


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _may_be_proxy(peer: str) -> bool:
    # A socket of this machine has no address.
    return not peer or (_is_address(peer) and ipaddress.ip_address(peer).is_private)


def _plain(address: str) -> str:
    """An address of IPv4 as itself also where a socket for both kinds gives it as one of IPv6.

    Else all clients of IPv4 would be one network, and one of them could shut out the others.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else address


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
