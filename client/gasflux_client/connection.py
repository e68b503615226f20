"""Requests to the service: the key, the envelope of its answers, and new tries where they make sense."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from gasflux_client.errors import Busy, Refused, Unreachable

_TRIES = 4
_LONGEST_PAUSE = 30.0


class Connection:
    """One service, as its client reaches it.

    :param url: address of the service, with or without the path of one of its faces.
    :param key: sent in the header ``X-API-Key``.
    :param timeout: longest wait in seconds for an answer to begin.
    :param session: for proxies, certificates and the like; None: one of its own.
    :raises ValueError: the address is none.
    """

    def __init__(self, url: str, key: str | None, timeout: float, session: requests.Session | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{url!r} is no address of a service; expected such as https://gasflux.example.org")
        path = parts.path.rstrip("/").removesuffix("/wps").removesuffix("/api/v1")
        self.root = f"{parts.scheme}://{parts.netloc}{path}"
        self._host = f"{parts.scheme}://{parts.netloc}"
        self._key = key
        self._timeout = timeout
        self._session = session or requests.Session()

    def ask(self, method: str, path: str, send: Callable[[], dict[str, Any]] = dict, **more: Any) -> Any:
        """The ``data`` of the answer to a request below ``/api/v1``.

        :param send: gives what to send, anew for each try: a stream can be read once only.
        :raises Refused: the service says no, and why.
        :raises Busy: it takes no more, even after some tries.
        :raises Unreachable: it does not answer.
        """
        response = self._request(method, f"{self.root}/api/v1{path}", send, **more)
        try:
            return response.json()["data"]
        except (ValueError, KeyError, TypeError):
            raise Unreachable(f"What answers at {self.root} is no GasFlux service: its answer has no data.") from None

    def fetch(self, address: str) -> requests.Response:
        """A file of the service, to be read piece by piece; close it.

        :param address: as the service gave it: whole, or a path behind its host.
        """
        whole = urljoin(f"{self._host}/", address)
        if urlsplit(whole).netloc != urlsplit(self._host).netloc:
            # The key is for this service alone.
            raise Unreachable(f"The service names a file at another host, {urlsplit(whole).netloc}; it is not fetched.")
        return self._request("GET", whole, dict, stream=True)

    def _request(self, method: str, url: str, send: Callable[[], dict[str, Any]], **more: Any) -> requests.Response:
        headers = {"X-API-Key": self._key} if self._key else {}
        for tried in range(1, _TRIES + 1):
            try:
                response = self._session.request(method, url, headers=headers, timeout=self._timeout, **send(), **more)
            except requests.RequestException as error:
                # Only what changes nothing is asked again: a flight might have been accepted.
                if tried == _TRIES or method != "GET":
                    raise Unreachable(f"{self.root} does not answer: {error}") from error
                time.sleep(0.5 * tried)
                continue
            if response.status_code not in (429, 503) or tried == _TRIES:
                break
            pause = _pause(response)
            response.close()
            time.sleep(pause)
        if not response.ok:
            raise _refusal(response)
        return response


def _pause(response: requests.Response) -> float:
    try:
        wanted = float(response.headers.get("Retry-After", "1"))
    except ValueError:
        wanted = 1.0
    return min(max(wanted, 0.1), _LONGEST_PAUSE)


def _refusal(response: requests.Response) -> Refused:
    with response:
        try:
            said = str(response.json()["message"])
        except (ValueError, KeyError, TypeError):
            said = f"{response.status_code} {response.reason}"
    kind = Busy if response.status_code in (429, 503) else Refused
    return kind(response.status_code, said)
