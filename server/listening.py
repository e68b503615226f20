"""On which addresses a service may listen that asks nobody for a key."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from server.settings import Settings
from server.settings_error import SettingsError


def is_loopback(host: str) -> bool:
    """Whether a host is this machine as it sees itself: nobody else reaches it there."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check_listening(settings: Settings, hosts: Iterable[str]) -> None:
    """Refuse to be open to all on an address that others reach.

    :param hosts: names or addresses of the machine; sockets in the file system are left out.
    :raises SettingsError: the settings ask nobody for a key, and a host is no loopback one.
    """
    if settings.security.keys != "open" or settings.security.insecure:
        return
    reachable = [host for host in hosts if not is_loopback(host)]
    if reachable:
        raise SettingsError(
            [
                f"[security] keys is open, and the service would listen on {reachable[0]}, where others reach it and "
                "could all use it. Set [security] keys = execute or all (GASFLUX_SECURITY_KEYS) and make a key with "
                "gasflux-wps key create; or listen on 127.0.0.1 behind a proxy ([gasflux] host); or, if nobody but "
                "you reaches that address, say so: gasflux-wps serve --insecure, or [security] insecure = true "
                "(GASFLUX_SECURITY_INSECURE)"
            ]
        )
