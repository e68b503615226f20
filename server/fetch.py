"""Fetches what an input refers to, so that nothing but the thing referred to becomes the input."""

from __future__ import annotations

import base64
import binascii
import contextlib
import http.client
import os
import shutil
import socket
import ssl
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import quote, unquote, urljoin, urlsplit

from lxml import etree

from gasflux_core.errors import GasFluxError, InputError, TooLarge
from server.addresses import AddressRefused, AllowedHosts, connect
from server.jobs.request import InputItem

MAX_REDIRECTS = 5
_SILENCE_SECONDS = 20.0
_CHUNK = 65536
_ERROR_BYTES = 65536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "expect", "te", "trailer"}
    | {"upgrade"}
)
_EXCEPTION_ROOTS = frozenset({"ExceptionReport", "ServiceExceptionReport", "ServiceException", "Exception"})
_SAFE = "%/:=&?~#+!$,;'@()*[]"


class _Server(Protocol):
    @property
    def outputurl(self) -> str: ...
    @property
    def maxsingleinputsize(self) -> int: ...
    @property
    def allowedinputpaths(self) -> tuple[Path, ...]: ...


class _Security(Protocol):
    @property
    def allowed_hosts(self) -> tuple[str, ...]: ...
    @property
    def fetch_timeout(self) -> float: ...


class FetchSettings(Protocol):
    """What the fetcher needs of the service's settings."""

    @property
    def server(self) -> _Server: ...
    @property
    def security(self) -> _Security: ...


class OutputStore(Protocol):
    """What the fetcher needs of the store of results."""

    def published_file(self, job_id: str, name: str, folder: Path) -> Path:
        """The file of a result, or a copy of it in the folder."""


@dataclass
class _Request:
    url: str
    method: str
    headers: dict[str, str]
    body: bytes | None


class _Refused(Exception):
    """Why a reference gives no input; the text goes to the client."""


class Fetcher:
    """Fetches references of inputs, within the limits of the settings."""

    def __init__(self, settings: FetchSettings, store: OutputStore) -> None:
        self._store = store
        self._own = settings.server.outputurl.rstrip("/") + "/"
        self._limit = settings.server.maxsingleinputsize
        self._folders = [Path(folder).resolve() for folder in settings.server.allowedinputpaths]
        self._seconds = settings.security.fetch_timeout
        self._hosts = AllowedHosts(settings.security.allowed_hosts)
        self._tls = ssl.create_default_context()

    def fetch(self, item: InputItem | str, folder: Path, parameter: str) -> Path:
        """Fetch a reference into a new file.

        :param item: the reference, or a bare address.
        :param folder: where the file is put.
        :param parameter: identifier of the input, for messages.
        :raises InputError: naming the input, the address and the reason.
        :raises TooLarge: where the content passes the limit of a single input.
        """
        item = InputItem(href=item) if isinstance(item, str) else item
        url = (item.href or "").strip()
        try:
            return self._fetch(item, url, folder)
        except _Refused as error:
            raise InputError(f"Input {parameter}: the reference {_shown(url)} {error}.", parameter) from None
        except TooLarge:
            limit = f"{self._limit} bytes"
            text = f"Input {parameter}: the reference {_shown(url)} has more than the {limit} an input may have."
            raise TooLarge(text, parameter) from None

    def _fetch(self, item: InputItem, url: str, folder: Path) -> Path:
        handle, name = tempfile.mkstemp(prefix="reference-", dir=folder)
        target = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                self._copy(item, url, folder, file)
            if (item.encoding or "").lower() == "base64":
                _decode_base64(target)
            _check_content(target, wants_html="html" in (item.media_type or "").lower())
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target

    def _copy(self, item: InputItem, url: str, folder: Path, file: BinaryIO) -> None:
        scheme = urlsplit(url).scheme.lower() if _is_splittable(url) else ""
        if scheme == "file":
            self._copy_file(self._local(url), file)
        elif url.startswith(self._own):
            self._copy_file(self._own_result(url, folder), file)
        elif scheme in ("http", "https"):
            self._download(item, url, folder, file)
        else:
            raise _Refused("is no address that is fetched here (http, https)")

    # --- files of this machine --------------------------------------------------------------------

    def _local(self, url: str) -> Path:
        parts = urlsplit(url)
        try:
            path = Path(unquote(parts.path)).resolve(strict=True)
        except (OSError, ValueError):
            path = None
        inside = path is not None and any(path.is_relative_to(folder) for folder in self._folders)
        # One sentence for both, or a client could find out which files there are.
        if path is None or not inside or not path.is_file() or parts.netloc not in ("", "localhost"):
            raise _Refused("is no file in a folder that is open for references")
        return path

    def _own_result(self, url: str, folder: Path) -> Path:
        parts = [unquote(part) for part in urlsplit(url[len(self._own) :]).path.split("/")]
        if len(parts) == 2:
            with contextlib.suppress(GasFluxError, LookupError, OSError, ValueError):
                path = self._store.published_file(parts[0], parts[1], folder)
                if path.is_file():
                    return path
        raise _Refused("is no result that is kept here (any more)")

    def _copy_file(self, path: Path, file: BinaryIO) -> None:
        if path.stat().st_size > self._limit:
            raise TooLarge("too large")
        with path.open("rb") as source:
            shutil.copyfileobj(source, file)

    # --- the network ------------------------------------------------------------------------------

    def _download(self, item: InputItem, url: str, folder: Path, file: BinaryIO) -> None:
        request = _Request(url, item.method, _checked_headers(item.headers), self._body(item, folder))
        deadline = time.monotonic() + self._seconds
        for _ in range(MAX_REDIRECTS + 1):
            if request.url.startswith(self._own):
                self._copy_file(self._own_result(request.url, folder), file)
                return
            try:
                redirect = self._exchange(request, deadline, file)
            except AddressRefused as error:
                raise _Refused(f"is refused: {error}") from None
            except (http.client.HTTPException, ValueError, OSError, zlib.error) as error:
                raise _Refused(f"can't be fetched: {self._reason(error, deadline)}") from None
            if redirect is None:
                return
            request = redirect
        raise _Refused(f"leads on more than {MAX_REDIRECTS} times")

    def _body(self, item: InputItem, folder: Path) -> bytes | None:
        if item.method != "POST":
            return None
        if item.body_href is None:
            return (item.body or "").encode()
        body = self._fetch(InputItem(href=item.body_href), item.body_href.strip(), folder)
        try:
            return body.read_bytes()
        finally:
            body.unlink()

    def _exchange(self, request: _Request, deadline: float, file: BinaryIO) -> _Request | None:
        """One request and its answer: the content goes to ``file``, or the next request comes back."""
        parts = urlsplit(request.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _Refused("leads to an address that is not fetched here (http, https)")
        if parts.username is not None or parts.password is not None:
            raise _Refused("holds a user's name or password; send them as a Header of the reference")
        host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
        connection = connect(self._hosts, parts.scheme, host, parts.port, deadline, self._tls)
        with contextlib.closing(connection), _closed_at(connection.sock, deadline):
            connection.sock.settimeout(min(_SILENCE_SECONDS, self._seconds))
            if isinstance(connection.sock, ssl.SSLSocket):
                connection.sock.do_handshake()
            target = quote(parts.path or "/", safe=_SAFE) + (
                "?" + quote(parts.query, safe=_SAFE) if parts.query else ""
            )
            connection.request(request.method, target, body=request.body, headers=_sent_headers(request))
            response = connection.getresponse()
            location = response.headers.get("Location")
            if response.status in _REDIRECTS and location:
                return _redirected(request, urljoin(request.url, location), response.status)
            if not 200 <= response.status < 300:
                raise _Refused(_status_text(response))
            for chunk in _content(response):
                if file.tell() + len(chunk) > self._limit:
                    raise TooLarge("too large")
                file.write(chunk)
            if time.monotonic() > deadline:
                raise TimeoutError
        return None

    def _reason(self, error: Exception, deadline: float) -> str:
        if time.monotonic() >= deadline:
            return f"it took longer than {self._seconds:g} s"
        if isinstance(error, TimeoutError):
            return "the host did not answer in time"
        if isinstance(error, socket.gaierror):
            return "the host's name is not known"
        if isinstance(error, ssl.SSLError):
            return f"no secure connection ({error.reason or 'TLS failed'})"
        if isinstance(error, http.client.IncompleteRead):
            return "the answer broke off"
        return (str(error) or type(error).__name__).rstrip(".")


@contextlib.contextmanager
def _closed_at(sock: socket.socket, deadline: float) -> Iterator[None]:
    """Shut a connection at a deadline, however slowly its other end drips."""

    def shut() -> None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(deadline - time.monotonic(), 0.0), shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    for name in headers:
        if name.lower() in _OWN_HEADERS or name.lower().startswith("proxy-"):
            raise _Refused(f"may not set the header {name[:40]!r}")
    return dict(headers)


def _sent_headers(request: _Request) -> dict[str, str]:
    headers = {"User-Agent": "GasFlux-WPS", "Accept": "*/*", "Accept-Encoding": "gzip", "Connection": "close"}
    given = {name.lower() for name in request.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in given}
    if request.body is not None and "content-type" not in given:
        is_xml = request.body.lstrip().startswith(b"<")
        headers["Content-Type"] = "text/xml" if is_xml else "application/x-www-form-urlencoded"
    return {**headers, **request.headers}


def _redirected(request: _Request, url: str, status: int) -> _Request:
    before, after = urlsplit(request.url), urlsplit(url)
    if (before.scheme, before.netloc) != (after.scheme, after.netloc):
        # Headers of the client's may hold secrets, which are for the first host alone.
        request = replace(request, headers={})
    if status in (307, 308):
        return replace(request, url=url)
    return replace(request, url=url, method="GET", body=None)


def _content(response: http.client.HTTPResponse) -> Iterator[bytes]:
    encoding = (response.headers.get("Content-Encoding") or "identity").lower().strip()
    if encoding == "identity":
        while chunk := response.read(_CHUNK):
            yield chunk
    elif encoding in ("gzip", "x-gzip", "deflate"):
        yield from _inflated(response)
    else:
        raise _Refused(f"came in the encoding {encoding[:40]!r}, which was not asked for")
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


# --- what came ------------------------------------------------------------------------------------


def _status_text(response: http.client.HTTPResponse) -> str:
    text = f"answered with the status {response.status} {response.reason}".rstrip()
    try:
        said = exception_text(response.read(_ERROR_BYTES))
    except (OSError, http.client.HTTPException):
        said = None
    return f"{text}: {said}" if said else text


def _check_content(path: Path, *, wants_html: bool) -> None:
    size = path.stat().st_size
    if size == 0:
        raise _Refused("has no content")
    with path.open("rb") as file:
        head = file.read(_ERROR_BYTES)
    said = exception_text(head)
    if said is not None:
        raise _Refused(f"answered with an exception: {said}")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if not wants_html and start.startswith((b"<!doctype html", b"<html")):
        raise _Refused("answered with a web page, not with data")


def exception_text(content: bytes) -> str | None:
    """What an exception document of an OGC service says, or None where the content is no such document."""
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return None
    # Broken ends are mended, since only the beginning may be at hand; entities and the network are left alone.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    if root is None or not isinstance(root.tag, str) or etree.QName(root).localname not in _EXCEPTION_ROOTS:
        return None
    parts = [element.get("exceptionCode") or element.get("code") or "" for element in root.iter(tag=etree.Element)]
    words = " ".join(" ".join([*filter(None, parts), *root.itertext()]).split())
    return (words[:500] or "without a text").rstrip(".")


def _decode_base64(path: Path) -> None:
    try:
        path.write_bytes(base64.b64decode(b"".join(path.read_bytes().split()), validate=True))
    except binascii.Error as error:
        raise _Refused(f"is no valid base64: {error}") from None


def _is_splittable(url: str) -> bool:
    try:
        return bool(urlsplit(url).scheme) and (urlsplit(url).port or 0) >= 0
    except ValueError:
        return False


def _shown(url: str) -> str:
    return url if len(url) <= 200 else url[:197] + "..."
