"""Which addresses of the network the service may reach on behalf of a client, and a connection to just those."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import quote, urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

CONNECT_SECONDS = 10.0
"""Longest wait for one address to answer."""

_SAFE = "%/:=&?~#+!$,;'@()*[]"

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(Exception):
    """An address that clients may not make the service reach."""


class AllowedHosts:
    """The hosts and networks that references may lie on.

    An empty list allows every host with a public address. Otherwise only what is listed is allowed, and it may be
    private: a host's name (``data.example.org``), all names under a domain (``.example.org``), an
    address or a network (``10.1.0.0/16``).
    """

    def __init__(self, entries: Sequence[str]) -> None:
        self._names: set[str] = set()
        self._domains: list[str] = []
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for entry in entries:
            text = entry.strip().lower().rstrip(".")
            try:
                self._networks.append(ipaddress.ip_network(text.strip("[]"), strict=False))
            except ValueError:
                if text.startswith(("*.", ".")):
                    self._domains.append("." + text.lstrip("*."))
                else:
                    self._names.add(text)
        self._any = bool(entries)

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host to which a connection may be made.

        :raises AddressRefused: where there is none.
        :raises OSError: where the host has no address at all.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(item[4][0]) for item in found]
        allowed = [address for address in addresses if self._allows(host.lower().rstrip("."), address)]
        if not allowed:
            reason = "is not on the list of hosts allowed here" if self._any else "has no public address"
            raise AddressRefused(f"the host {host} {reason}")
        return allowed

    def may_allow(self, host: str) -> bool:
        """Whether a host may turn out to be allowed once its addresses are known."""
        return not self._any or bool(self._networks) or self._is_named(host.lower().rstrip("."))

    def _is_named(self, host: str) -> bool:
        return host in self._names or any(host.endswith(domain) for domain in self._domains)

    def _allows(self, host: str, address: str) -> bool:
        ip = ipaddress.ip_address(address.partition("%")[0])
        if not self._any:
            return is_public(ip)
        if self._is_named(host):
            return True
        return any(ip in network for network in self._networks if network.version == ip.version)


def is_public(address: IPAddress) -> bool:
    """Whether an address is one of the public internet, and so is every address it stands for."""
    if isinstance(address, ipaddress.IPv6Address):
        inner: list[IPAddress] = [item for item in (address.ipv4_mapped, address.sixtofour) if item is not None]
        if address.teredo is not None:
            inner += list(address.teredo)
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if inner:
            return all(is_public(item) for item in inner)
    return address.is_global and not address.is_multicast


def connect(
    hosts: AllowedHosts, scheme: str, host: str, port: int | None, deadline: float, tls: ssl.SSLContext
) -> http.client.HTTPConnection:
    """A connection to an address that was checked, under the host's own name; TLS has yet to shake hands.

    The name is resolved once and the connection made to the very address that was checked, so that
    a second answer of the name server can't lead elsewhere.

    :param deadline: on the monotonic clock.
    :raises AddressRefused: where the host may not be reached.
    :raises OSError: where it can't be.
    """
    number = port or (443 if scheme == "https" else 80)
    last: OSError = TimeoutError("timed out")
    for address in hosts.addresses(host, number):
        seconds = min(CONNECT_SECONDS, deadline - time.monotonic())
        if seconds <= 0:
            break
        try:
            plain = socket.create_connection((address, number), seconds)
        except OSError as error:
            last = error
            continue
        # The connection keeps the name, from which http.client makes the header Host.
        connection = http.client.HTTPConnection(host, port)
        connection.default_port = 443 if scheme == "https" else 80
        connection.sock = plain
        if scheme == "https":
            connection.sock = tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        return connection
    raise last


@contextmanager
def closed_at(sock: socket.socket, deadline: float) -> Iterator[None]:
    """Shut a connection at a deadline on the monotonic clock, however slowly its other end drips."""

    def shut() -> None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(deadline - time.monotonic(), 0.0), shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def target_of(url: str) -> str:
    """What a request to a URL asks its host for: path and query, in the characters that HTTP allows."""
    parts = urlsplit(url)
    return quote(parts.path or "/", safe=_SAFE) + ("?" + quote(parts.query, safe=_SAFE) if parts.query else "")


def why_broken(error: Exception) -> str:
    """Why no answer came from a host, in words for a client."""
    if isinstance(error, TimeoutError):
        return "the host did not answer in time"
    if isinstance(error, socket.gaierror):
        return "the host's name is not known"
    if isinstance(error, ssl.SSLError):
        return f"no secure connection ({error.reason or 'TLS failed'})"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer broke off"
    return (str(error) or type(error).__name__).rstrip(".")
