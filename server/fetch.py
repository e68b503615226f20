"""Fetches what an input refers to, so that nothing but the thing referred to becomes the input."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import ssl
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from gasflux_core.errors import NotAccessible, TooLarge
from processes.declaration import FormatDeclaration
from server.addresses import AllowedHosts
from server.fetching.choice import Wanted, choose
from server.fetching.exceptions import exception_text
from server.fetching.features import join_pages
from server.fetching.multipart import parts_of
from server.fetching.places import OutputStore, OwnResults, Places
from server.fetching.refusal import Refused
from server.fetching.sniff import check_content, head_of
from server.fetching.web import MAX_REDIRECTS, Answer, Request, Web, redirected, too_slow
from server.fetching.wps_answers import Later, Offer, read_answer
from server.jobs.request import InputItem

__all__ = ["MAX_REDIRECTS", "FetchSettings", "Fetcher", "OutputStore", "exception_text"]

MOST_STEPS = 5
"""So many documents may lie between a reference and the data: status, results, a reference within them."""

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0


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
    def allowed_buckets(self) -> tuple[str, ...]: ...
    @property
    def fetch_timeout(self) -> float: ...


class _Store(Protocol):
    @property
    def endpoint(self) -> str: ...


class FetchSettings(Protocol):
    """What the fetcher needs of the service's settings."""

    @property
    def server(self) -> _Server: ...
    @property
    def security(self) -> _Security: ...
    @property
    def store(self) -> _Store: ...


@dataclass(frozen=True)
class _Errand:
    """One reference, with all that it leads to."""

    folder: Path
    wanted: Wanted
    deadline: float
    """On the monotonic clock."""
    wants_html: bool = False


class Fetcher:
    """Fetches references of inputs, within the limits of the settings."""

    def __init__(self, settings: FetchSettings, store: OutputStore, own: OwnResults | None = None) -> None:
        server, security = settings.server, settings.security
        self._limit = server.maxsingleinputsize
        self._seconds = security.fetch_timeout
        self._places = Places(
            store,
            server.outputurl,
            server.allowedinputpaths,
            security.allowed_buckets,
            settings.store.endpoint,
            self._limit,
            own,
        )
        self._hosts = AllowedHosts(security.allowed_hosts)
        self._tls = ssl.create_default_context()

    def fetch(
        self, item: InputItem | str, folder: Path, parameter: str, formats: Sequence[FormatDeclaration] = ()
    ) -> Path:
        """Fetch a reference into a new file.

        Where it leads to a process's answer, that process's output is fetched, and of features in pages all pages.

        :param item: the reference, or a bare address.
        :param folder: where the file is put.
        :param parameter: identifier of the input, for messages.
        :param formats: in which the input is read, to choose among several outputs.
        :raises NotAccessible: naming the input, the address and the reason.
        :raises TooLarge: where the content passes the limit of a single input.
        """
        item = InputItem(href=item) if isinstance(item, str) else item
        url = (item.href or "").strip()
        errand = _Errand(
            folder,
            Wanted.by(parameter, formats),
            time.monotonic() + self._seconds,
            wants_html="html" in (item.media_type or "").lower(),
        )
        with self.told(url, parameter):
            return self._fetch(item, url, errand)

    @contextlib.contextmanager
    def told(self, url: str, parameter: str) -> Iterator[None]:
        """Tell of whatever refuses a reference within the block which input and which address it is about.

        :raises NotAccessible: or TooLarge.
        """
        try:
            yield
        except Refused as error:
            raise NotAccessible(f"Input {parameter}: the reference {_shown(url)} {error}.", parameter) from None
        except TooLarge:
            limit = f"{self._limit} bytes"
            text = f"Input {parameter}: the reference {_shown(url)} has more than the {limit} an input may have."
            raise TooLarge(text, parameter) from None

    def body(self, item: InputItem, folder: Path) -> bytes | None:
        """The body of a POST reference; fetched where it is a reference itself.

        :raises Refused: it can't be had.
        """
        if item.method != "POST":
            return None
        if item.body_href is None:
            return (item.body or "").encode()
        errand = _Errand(folder, Wanted(""), time.monotonic() + self._seconds)
        with self._file(folder) as (path, file):
            self._copy(InputItem(href=item.body_href), item.body_href.strip(), errand, file)
        try:
            check_content(path, item.body_href, wants_html=False)
            return path.read_bytes()
        finally:
            path.unlink()

    def _fetch(self, item: InputItem, url: str, errand: _Errand) -> Path:
        with self._file(errand.folder) as (path, file):
            answer = self._copy(item, url, errand, file)
            file.close()
            if (item.encoding or "").lower() == "base64":
                _decode_base64(path)
            where = answer.url if answer else url
            if answer is not None:
                self._take_part(path, answer, errand)
            check_content(path, where, wants_html=errand.wants_html)
            if answer is not None:
                answer = self._follow(path, answer, errand)
                self._join_pages(path, answer, errand)
        return path

    def _copy(self, item: InputItem, url: str, errand: _Errand, file: BinaryIO) -> Answer | None:
        """Write what is at an address.

        :returns: what came with it; None of what did not come from the network.
        """
        scheme = urlsplit(url).scheme.lower() if _is_splittable(url) else ""
        if scheme == "file":
            self._places.copy_file(url, file)
        elif scheme == "s3":
            self._places.copy_object(url, errand.deadline, file)
        elif self._places.copy_own(url, errand.folder, file):
            pass
        elif scheme in ("http", "https"):
            headers = dict(item.headers)
            if not any(name.lower() == "accept" for name in headers):
                headers["Accept"] = errand.wanted.accept
            request = Request(url, item.method, headers, self.body(item, errand.folder))
            return self._web(errand).download(request, errand.deadline, file)
        else:
            raise Refused("is no address that is fetched here (http, https)")
        return None

    def _web(self, errand: _Errand) -> Web:
        def take_own(url: str, file: BinaryIO) -> bool:
            return self._places.copy_own(url, errand.folder, file)

        return Web(self._hosts, self._tls, self._limit, self._seconds, take_own)

    @contextlib.contextmanager
    def _file(self, folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
        """A new file, which stays unless the block is refused."""
        handle, name = tempfile.mkstemp(prefix="reference-", dir=folder)
        path = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield path, file
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    # --- what an answer leads to ------------------------------------------------------------------

    def _take_part(self, path: Path, answer: Answer, errand: _Errand) -> None:
        """Of an answer in several parts keep the one with the data."""
        if not answer.media_type.startswith("multipart/"):
            return
        boundary = answer.headers.get_boundary()
        if not boundary:
            raise Refused("answered in several parts and does not say what is between them")
        parts = parts_of(path.read_bytes(), boundary)
        # A description comes along with a coverage, as XML.
        data = [part for part in parts if "xml" not in part.media_type]
        fitting = [part for part in parts if errand.wanted.fits(part.media_type)]
        path.write_bytes(choose(fitting or data or parts, errand.wanted).content)

    def _follow(self, path: Path, answer: Answer, errand: _Errand) -> Answer:
        """Put in place of another service's answer the data that it holds or leads to."""
        steps, pause = 0, _FIRST_PAUSE
        while (found := read_answer(path, answer.url)) is not None:
            encoding = ""
            if isinstance(found, Later):
                if found.pause:
                    self._pause(max(answer.retry_after or 0.0, pause), errand)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                url, steps = found.url, steps if found.pause else steps + 1
            else:
                offer: Offer = choose(found, errand.wanted)
                if offer.href is None:
                    path.write_bytes(offer.content)
                    check_content(path, answer.url, wants_html=errand.wants_html)
                    return answer
                url, encoding, steps = offer.href, offer.encoding, steps + 1
            if steps > MOST_STEPS:
                raise Refused(f"leads on through more than {MOST_STEPS} documents")
            answer = self._replace(path, redirected(answer.request, url), errand, encoding)
        return answer

    def _pause(self, seconds: float, errand: _Errand) -> None:
        """Leave a process at work the time it wants."""
        left = errand.deadline - time.monotonic()
        if seconds >= left:
            why = too_slow(self._seconds)
            raise Refused(f"is of a process that is still at work: {why}; send its results when it has ended")
        time.sleep(seconds)

    def _replace(self, path: Path, request: Request, errand: _Errand, encoding: str = "") -> Answer:
        """Put what is at a further address in place of a file."""
        with path.open("wb") as file:
            answer = self._web(errand).download(request, errand.deadline, file)
        if encoding == "base64":
            _decode_base64(path)
        self._take_part(path, answer, errand)
        try:
            check_content(path, answer.url, wants_html=errand.wants_html)
        except Refused as error:
            raise Refused(f"leads to {_shown(answer.url)}, which {error}") from None
        return answer

    def _join_pages(self, path: Path, answer: Answer, errand: _Errand) -> None:
        left = self._limit - path.stat().st_size
        request = replace(answer.request, method="GET", body=None)

        def fetch(url: str) -> tuple[Path, str]:
            nonlocal left
            with self._file(errand.folder) as (page, file):
                file.close()
                came = self._replace(page, redirected(request, url), errand)
                left -= page.stat().st_size
                if left < 0:
                    raise TooLarge("too large")
            return page, came.url

        link = answer.headers["Link"] or ""
        if re.search(r'rel="?next\b', link) and not head_of(path).lstrip().startswith((b"{", b"<", b"\xef\xbb\xbf")):
            raise Refused("comes in pages, which are joined of GeoJSON and GML only; ask for one of these")
        join_pages(path, answer.url, fetch)


def _decode_base64(path: Path) -> None:
    try:
        path.write_bytes(base64.b64decode(b"".join(path.read_bytes().split()), validate=True))
    except binascii.Error as error:
        raise Refused(f"is no valid base64: {error}") from None


def _is_splittable(url: str) -> bool:
    try:
        return bool(urlsplit(url).scheme) and (urlsplit(url).port or 0) >= 0
    except ValueError:
        return False


def _shown(url: str) -> str:
    return url if len(url) <= 200 else url[:197] + "..."
