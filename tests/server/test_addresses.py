"""Which hosts the service may be made to reach, and that it reaches no other."""

from __future__ import annotations

import ipaddress
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from server.addresses import AddressRefused, AllowedHosts, is_public
from tests.server.answers import Make, address, folder, make, refusal, server

__all__ = ["address", "folder", "make", "server"]

# --- the service's own network --------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_out_of_reach(make: Make, server: Any, folder: Path, host: str) -> None:
    message = refusal(make(()), f"http://{host}:{server.server_port}/data", folder)
    assert "public address" in message or "can't be fetched" in message
    assert server.RequestHandlerClass.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2a00:1450:4001::1", True),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::808:808", True),
        ("2002:7f00:1::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Give answers of a name server, one after the other; the last one stays."""
    asked: list[str] = []
    queue, lookup = list(answers), socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *more: Any, **keywords: Any) -> list[Any]:
        if host[0].isdigit():  # an address, as it is looked up again when it is connected to
            return lookup(host, port, *more, **keywords)
        asked.append(host)
        found = queue.pop(0) if len(queue) > 1 else queue[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (item, port)) for item in found]

    monkeypatch.setattr("server.addresses.socket.getaddrinfo", getaddrinfo)
    return asked


def test_a_public_name_with_a_private_address_is_refused(
    make: Make, server: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, ["127.0.0.1"])
    assert "no public address" in refusal(make(()), f"http://data.example.org:{server.server_port}/data", folder)
    assert server.RequestHandlerClass.asked == []


def test_the_name_is_looked_up_once_and_the_checked_address_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolving(monkeypatch, ["8.8.8.8", "10.0.0.1"], ["127.0.0.1"])
    assert AllowedHosts(()).addresses("rebind.example.org", 80) == ["8.8.8.8"]
    assert asked == ["rebind.example.org"]


def test_a_connection_goes_to_the_checked_address_under_the_hosts_name(
    make: Make, server: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[Any] = []
    create = socket.create_connection

    def watched(address: Any, *more: Any, **keywords: Any) -> socket.socket:
        connected.append(address)
        return create(address, *more, **keywords)

    asked = resolving(monkeypatch, ["127.0.0.1"], ["10.9.9.9"])
    monkeypatch.setattr("server.addresses.socket.create_connection", watched)
    fetcher = make(("data.example.org",))
    fetcher.fetch(f"http://data.example.org:{server.server_port}/data", folder, "flight")
    assert connected == [("127.0.0.1", server.server_port)]
    assert asked == ["data.example.org"]
    assert server.RequestHandlerClass.asked[-1][2]["host"] == f"data.example.org:{server.server_port}"


def test_a_redirect_into_the_own_network_is_refused(
    make: Make, server: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetcher = make(("data.example.org",))
    resolving(monkeypatch, ["127.0.0.1"])
    port = server.server_port
    message = refusal(fetcher, f"http://data.example.org:{port}/to/http://inner.example.org:{port}/data", folder)
    assert "not on the list of hosts" in message
    assert [path for _, path, _, _ in server.RequestHandlerClass.asked] == [f"/to/http://inner.example.org:{port}/data"]


@pytest.mark.parametrize(
    ("entries", "host", "address", "allowed"),
    [
        (("data.example.org",), "DATA.example.org", "10.0.0.1", True),
        (("data.example.org",), "x.data.example.org", "8.8.8.8", False),
        ((".example.org",), "x.example.org", "10.0.0.1", True),
        (("*.example.org",), "badexample.org", "8.8.8.8", False),
        (("10.0.0.0/8",), "any.example.org", "10.2.3.4", True),
        (("10.0.0.0/8",), "any.example.org", "11.2.3.4", False),
        (("fd00::/8",), "any.example.org", "10.2.3.4", False),
    ],
)
def test_hosts_and_networks_may_be_allowed(
    monkeypatch: pytest.MonkeyPatch, entries: tuple[str, ...], host: str, address: str, allowed: bool
) -> None:
    resolving(monkeypatch, [address])
    hosts = AllowedHosts(entries)
    if allowed:
        assert hosts.addresses(host, 80) == [address]
    else:
        with pytest.raises(AddressRefused):
            hosts.addresses(host, 80)


# --- TLS ------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_a_certificate_is_checked_under_the_hosts_name(
    make: Make, server: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=data.example.org"
    names = ["-addext", "subjectAltName=DNS:data.example.org", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    resolving(monkeypatch, ["127.0.0.1"])
    url = f"https://data.example.org:{server.server_port}/data"
    assert "no secure connection" in refusal(make(("data.example.org",)), url, folder)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr("server.fetch.ssl.create_default_context", lambda: trusting)
    fetcher = make(("data.example.org", "other.example.org"))
    assert "no secure connection" in refusal(fetcher, url.replace("data.ex", "other.ex"), folder)
    assert fetcher.fetch(url, folder, "flight").read_bytes() == b"a,b\n1,2\n"
