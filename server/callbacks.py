"""Callbacks: notices of how jobs are doing, sent to the addresses that their clients gave.

What is due stands in the job table (:mod:`server.jobs.notices`). Each address is checked as those of references are:
when the job is submitted as far as that can be, and at each try again on the address connected to.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from gasflux_core.errors import InputError, InputFaults
from server.addresses import AddressRefused, AllowedHosts, closed_at, connect, target_of, why_broken
from server.jobs.model import Job
from server.jobs.notices import Claimed, Notices
from server.jobs.request import Subscriber
from server.settings import Settings
from server.store import Store, open_store

LOG = logging.getLogger(__name__)

Render = Callable[[Job, Settings, Store], tuple[bytes, str]]
"""Gives the body of a notice of a job as it is, and its media type."""

TRY_SECONDS = 10.0
"""Longest time for one try at one notice; shorter than the first pause between tries."""

_MOST_AT_ONCE = 32
_LOOK_SECONDS = 0.2
_LINGER_SECONDS = 3.0
"""Who delivers goes on looking for so long after the last notice: jobs come one after the other."""

_LONGEST_ADDRESS = 2000
DELIVER = "server.callbacks:deliver"
"""Names :func:`deliver` to the processes that see that notices are delivered."""

_NAMES = {"success_uri": "successUri", "in_progress_uri": "inProgressUri", "failed_uri": "failedUri"}


# --- when a job is submitted ----------------------------------------------------------------------


def check_subscriber(subscriber: Subscriber, settings: Settings) -> None:
    """Refuse addresses of which it is known at once that nothing will be sent there; asks no name server.

    :raises InputError: naming the address and the reason; its parameter is ``subscriber.successUri`` or the like.
    """
    hosts = AllowedHosts(settings.security.allowed_hosts)
    faults = []
    for field, name in _NAMES.items():
        address = getattr(subscriber, field)
        if address is not None and (why := _refusal(address, hosts)):
            text = f"The subscriber's {name} {_shown(address)} {why}."
            faults.append(InputError(text, f"subscriber.{name}"))
    if faults:
        raise faults[0] if len(faults) == 1 else InputFaults(faults)


def _refusal(address: str, hosts: AllowedHosts) -> str | None:
    if len(address) > _LONGEST_ADDRESS:
        return f"is longer than {_LONGEST_ADDRESS} characters"
    try:
        scheme, host, port = _place(address)
        # The name server is not asked: what is public now may be private then.
        if _is_fixed(host):
            hosts.addresses(host, port or (443 if scheme == "https" else 80))
        elif not hosts.may_allow(host):
            return "is refused: the host is not on the list of hosts allowed here"
    except AddressRefused as error:
        return f"is refused: {error}"
    except ValueError as error:
        return str(error)
    except OSError:
        return "names a host that has no address"
    return None


def _place(address: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address.

    :raises ValueError: nothing is sent there; the words say why.
    """
    if any(character <= " " or character == "\x7f" for character in address):
        raise ValueError("holds blanks or control characters")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        raise ValueError("is no valid address") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("is no address to which notices are sent (http, https)")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user's name or password; put a secret of your own into its path or query")
    return parts.scheme, host, port


def _is_fixed(host: str) -> bool:
    """Whether a host's address is known without asking: it is an address, in whichever notation, or this machine."""
    if host.rstrip(".").lower() == "localhost" or host.rstrip(".").lower().endswith(".localhost"):
        return True
    with contextlib.suppress(OSError, UnicodeError):
        socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
        return True
    return False


def _shown(address: str) -> str:
    return repr(address if len(address) <= 200 else address[:197] + "...")


# --- sending --------------------------------------------------------------------------------------


class NotDelivered(Exception):
    """Why a subscriber could not be told."""


def post(address: str, body: bytes, media_type: str, hosts: AllowedHosts, tls: ssl.SSLContext) -> None:
    """Send a notice. Any answer that tells of success will do; what else it says is not read, nor followed.

    :raises NotDelivered: in words.
    """
    deadline = time.monotonic() + TRY_SECONDS
    headers = {"User-Agent": "GasFlux-WPS", "Content-Type": media_type, "Accept": "*/*", "Connection": "close"}
    try:
        scheme, host, port = _place(address)
        connection = connect(hosts, scheme, host, port, deadline, tls)
        with contextlib.closing(connection), closed_at(connection.sock, deadline):
            connection.sock.settimeout(TRY_SECONDS)
            if isinstance(connection.sock, ssl.SSLSocket):
                connection.sock.do_handshake()
            connection.request("POST", target_of(address), body=body, headers=headers)
            status = connection.getresponse().status
            # What is cut off at the deadline looks like the end of the headers.
            if time.monotonic() >= deadline:
                raise TimeoutError
    except AddressRefused as error:
        raise NotDelivered(f"it is refused: {error}") from None
    except (http.client.HTTPException, ValueError, OSError) as error:
        slow = time.monotonic() >= deadline
        raise NotDelivered(f"it took longer than {TRY_SECONDS:g} s" if slow else why_broken(error)) from None
    if 300 <= status < 400:
        raise NotDelivered(f"it leads on elsewhere (status {status}), which is not followed")
    if not 200 <= status < 300:
        raise NotDelivered(f"it answered with the status {status}")


class Deliverer:
    """Delivers notices, each in a thread of its own, until there is nothing to deliver for a while."""

    def __init__(self, settings: Settings, notices: Notices, store: Store, render: Render) -> None:
        self._settings = settings
        self._notices = notices
        self._store = store
        self._render = render
        self._hosts = AllowedHosts(settings.security.allowed_hosts)
        self._tls = ssl.create_default_context()
        self._flying: list[Claimed] = []
        """Notices on their way."""
        self._landed: queue.SimpleQueue[tuple[Claimed, str | None]] = queue.SimpleQueue()

    def run(self) -> None:
        """Deliver what is due, and what becomes due meanwhile."""
        parent = os.getppid()
        end = time.monotonic() + _LINGER_SECONDS
        # Without the process that wants it delivered another one will do it: what is on its way is sent again.
        while os.getppid() == parent and (self._flying or time.monotonic() < end):
            for notice in self._notices.claim(_MOST_AT_ONCE - len(self._flying), self._flying):
                self._flying.append(notice)
                threading.Thread(target=self._deliver, args=(notice,), name="notice", daemon=True).start()
            with contextlib.suppress(queue.Empty):
                self._settle(*self._landed.get(timeout=_LOOK_SECONDS))
            if self._flying:
                end = time.monotonic() + _LINGER_SECONDS

    def _deliver(self, notice: Claimed) -> None:
        why: str | None = None
        try:
            post(notice.address, *self._render(notice.job, self._settings, self._store), self._hosts, self._tls)
        except NotDelivered as error:
            why = f"The notice could not be delivered to {_shown(notice.address)}: {error}."
        except Exception:
            LOG.exception("task:%s: its notice could not be made", notice.job.id)
            why = "The notice could not be made; the operator finds the reason in the log."
        self._landed.put((notice, why))

    def _settle(self, notice: Claimed, why: str | None) -> None:
        job = notice.job
        self._flying.remove(notice)
        if why is None:
            self._notices.delivered(notice)
            LOG.info("task:%s: its subscriber knows that it is %s", job.id, job.status)
        else:
            LOG.warning("task:%s (%s, try %d): %s", job.id, job.status, notice.attempt, why)
            self._notices.not_delivered(notice, why)


def deliver(settings: Settings) -> None:
    """Deliver the notices that are due; in a process or a thread that has nothing else to do."""
    # The face whose clients subscribe.
    from server.ogcapi.notices import notice

    notices = Notices.open(settings)
    try:
        Deliverer(settings, notices, open_store(settings), notice).run()
    finally:
        notices.close()
