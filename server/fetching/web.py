"""One thing fetched from the network: redirects, limits, and nothing but the content of a good answer."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.message import Message
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from gasflux_core.errors import TooLarge
from server.addresses import AddressRefused, AllowedHosts, closed_at, connect, target_of, why_broken
from server.fetching.exceptions import exception_text, request_advice
from server.fetching.refusal import Refused

MAX_REDIRECTS = 5
ERROR_BYTES = 65536
"""So much of an answer is looked at to see what it is."""

_SILENCE_SECONDS = 20.0
_CHUNK = 65536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "expect", "te", "trailer"}
    | {"upgrade"}
)


@dataclass(frozen=True)
class Request:
    """What is asked of a host."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Answer:
    """What came with a content."""

    request: Request
    """The last one, after all redirects."""
    headers: Message = field(default_factory=Message)

    @property
    def url(self) -> str:
        """Where the content lies."""
        return self.request.url

    @property
    def media_type(self) -> str:
        """In lower case without parameters; empty where none was said."""
        return self.headers.get_content_type() if self.headers["Content-Type"] else ""

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the host wants to be asked again."""
        text = (self.headers["Retry-After"] or "").strip()
        return float(text) if text.isascii() and text.isdigit() else None


class Web:
    """Asks hosts, those that may be asked.

    :param limit: bytes that one content may have.
    :param seconds: longest time that a fetch may take as a whole, for messages.
    :param take_own: writes a result of this service itself, where an address is that of one; says whether it is.
    """

    def __init__(
        self,
        hosts: AllowedHosts,
        tls: ssl.SSLContext,
        limit: int,
        seconds: float,
        take_own: Callable[[str, BinaryIO], bool],
    ) -> None:
        self._hosts = hosts
        self._tls = tls
        self._limit = limit
        self._seconds = seconds
        self._take_own = take_own

    def download(self, request: Request, deadline: float, file: BinaryIO) -> Answer:
        """Write the content of an answer.

        :param deadline: on the monotonic clock.
        :raises Refused: there is no good answer.
        :raises TooLarge: the content passes the limit.
        """
        _check_headers(request.headers)
        for _ in range(MAX_REDIRECTS + 1):
            if self._take_own(request.url, file):
                return Answer(request)
            try:
                came = self._exchange(request, deadline, file)
            except AddressRefused as error:
                raise Refused(f"is refused: {error}") from None
            except (http.client.HTTPException, ValueError, OSError, zlib.error) as error:
                raise Refused(f"can't be fetched: {self._reason(error, deadline)}") from None
            if isinstance(came, Answer):
                return came
            request = came
        raise Refused(f"leads on more than {MAX_REDIRECTS} times")

    def _exchange(self, request: Request, deadline: float, file: BinaryIO) -> Request | Answer:
        """One request and its answer: the content goes to ``file``, or the next request comes back."""
        parts = urlsplit(request.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refused("leads to an address that is not fetched here (http, https)")
        if parts.username is not None or parts.password is not None:
            raise Refused("holds a user's name or password; send them as a Header of the reference")
        host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
        connection = connect(self._hosts, parts.scheme, host, parts.port, deadline, self._tls)
        with contextlib.closing(connection), closed_at(connection.sock, deadline):
            connection.sock.settimeout(min(_SILENCE_SECONDS, self._seconds))
            if isinstance(connection.sock, ssl.SSLSocket):
                connection.sock.do_handshake()
            connection.request(
                request.method, target_of(request.url), body=request.body, headers=_sent_headers(request)
            )
            response = connection.getresponse()
            location = response.headers.get("Location")
            if response.status in _REDIRECTS and location:
                return redirected(request, urljoin(request.url, location), response.status)
            if not 200 <= response.status < 300:
                raise Refused(_status_text(response, request.url))
            for chunk in _content(response):
                if file.tell() + len(chunk) > self._limit:
                    raise TooLarge("too large")
                file.write(chunk)
            if time.monotonic() > deadline:
                raise TimeoutError
        return Answer(request, response.headers)

    def _reason(self, error: Exception, deadline: float) -> str:
        if time.monotonic() >= deadline:
            return too_slow(self._seconds)
        return why_broken(error)


def too_slow(seconds: float) -> str:
    """What is said of a fetch that took longer than it may."""
    return f"it took longer than {seconds:g} s"


def redirected(request: Request, url: str, status: int = 303) -> Request:
    """The request to which one leads on.

    :param status: as HTTP has it; 303 asks for the content at the new address, whatever was asked before.
    """
    before, after = urlsplit(request.url), urlsplit(url)
    if (before.scheme, before.netloc) != (after.scheme, after.netloc):
        # Headers of the client's may hold secrets, which are for the first host alone.
        request = replace(request, headers={})
    if status in (307, 308):
        return replace(request, url=url)
    return replace(request, url=url, method="GET", body=None)


def _check_headers(headers: Mapping[str, str]) -> None:
    for name in headers:
        if name.lower() in _OWN_HEADERS or name.lower().startswith("proxy-"):
            raise Refused(f"may not set the header {name[:40]!r}")


def _sent_headers(request: Request) -> dict[str, str]:
    headers = {"User-Agent": "GasFlux-WPS", "Accept": "*/*", "Accept-Encoding": "gzip", "Connection": "close"}
    given = {name.lower() for name in request.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in given}
    if request.body is not None and "content-type" not in given:
        is_xml = request.body.lstrip().startswith(b"<")
        headers["Content-Type"] = "text/xml" if is_xml else "application/x-www-form-urlencoded"
    return {**headers, **request.headers}


def _content(response: http.client.HTTPResponse) -> Iterator[bytes]:
    encoding = (response.headers.get("Content-Encoding") or "identity").lower().strip()
    if encoding == "identity":
        while chunk := response.read(_CHUNK):
            yield chunk
    elif encoding in ("gzip", "x-gzip", "deflate"):
        yield from _inflated(response)
    else:
        raise Refused(f"came in the encoding {encoding[:40]!r}, which was not asked for")
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)


def _inflated(response: http.client.HTTPResponse) -> Iterator[bytes]:
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    while data := response.read(_CHUNK):
        while data:
            if inflater.eof:
                inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
            # At most one chunk at a time: a few bytes may hold a gigabyte.
            chunk = inflater.decompress(data, _CHUNK)
            data = inflater.unconsumed_tail or inflater.unused_data
            if chunk:
                yield chunk
            elif not inflater.eof:
                break
    while chunk := inflater.decompress(inflater.unconsumed_tail, _CHUNK):
        yield chunk
    if not inflater.eof:
        raise http.client.IncompleteRead(b"")


def _status_text(response: http.client.HTTPResponse, url: str) -> str:
    text = f"answered with the status {response.status} {response.reason}".rstrip()
    try:
        said = exception_text(response.read(ERROR_BYTES))
    except (OSError, http.client.HTTPException):
        said = None
    return f"{text}: {said}{request_advice(url)}" if said else text
