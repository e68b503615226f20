"""Features that come in pages, joined into one collection.

GeoJSON of OGC API – Features (OGC 17-069r4, clause 7.15: links of the relation ``next``), also as WFS servers write
it, and feature collections of WFS 2.0 (OGC 09-025r2, clause 7.7.4.4: the attribute ``next``).
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lxml import etree

from server.fetching.refusal import Refused, joined
from server.fetching.sniff import head_of, read_document, root_element
from server.wps.xml import Element, children, local_name

MOST_PAGES = 1000

_WFS = "http://www.opengis.net/wfs/2.0"
_ASKED_FOR_A_PART = frozenset({"count", "maxfeatures", "limit", "startindex", "offset", "resulttype"})

FetchPage = Callable[[str], tuple[Path, str]]
"""Fetches one page: its file, and where it was found."""


class Page(ABC):
    """A page of features, with those that follow it once they are joined to it."""

    next: str | None = None
    """Address of the page after the last one that is joined."""
    matched: int | None = None
    """How many features there are in all, where the host says so."""
    count: int
    """How many features there are in the pages joined so far."""

    @abstractmethod
    def join(self, path: Path, url: str) -> bool:
        """Append a page.

        :returns: whether it brought anything.
        :raises Refused: it is no such page.
        """

    @abstractmethod
    def write(self, path: Path) -> None:
        """Write all pages as one collection."""


def join_pages(path: Path, url: str, fetch: FetchPage) -> None:
    """Where a file is the first of several pages of features, make it the whole of them.

    :param url: where it was.
    :param fetch: fetches a further page, within the limits of the whole.
    :raises Refused: the pages can't be joined, or are not all the features there are.
    """
    page = _first_page(path, url)
    if page is None:
        return
    seen = {url}
    while page.next is not None:
        if page.next in seen:
            raise Refused(f"comes in pages that lead back to one that was there before ({page.next[:200]})")
        if len(seen) >= MOST_PAGES:
            raise Refused(f"comes in more than {MOST_PAGES} pages; ask for larger ones, or for less")
        if page.matched is not None and page.count > page.matched:
            raise Refused(f"comes in pages with more features than the {page.matched} there are")
        seen.add(page.next)
        came, found_at = fetch(page.next)
        try:
            if not page.join(came, found_at):
                break
        finally:
            came.unlink()
    if page.matched is not None and page.count < page.matched and not _asks_for_a_part(url):
        raise Refused(
            f"gives {page.count} of {page.matched} features and does not say where the rest is; ask for all of them "
            "(count, maxFeatures or limit), or for GeoJSON or GML that comes in pages"
        )
    if len(seen) > 1:
        page.write(path)


def _first_page(path: Path, url: str) -> Page | None:
    head = head_of(path)
    root = root_element(head)
    if root is not None:
        named = etree.QName(root)
        if (named.namespace, named.localname) != (_WFS, "FeatureCollection"):
            return None
        # Not parsed as a whole unless there is something to join.
        if root.get("next") or _number(root.get("numberMatched")) is not None:
            return _GmlPage(path, url)
        return None
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and _may_be_a_page(path):
        page = _read_json(path)
        if isinstance(page, dict) and isinstance(page.get("features"), list):
            return _JsonPage(page, url)
    return None


def _may_be_a_page(path: Path) -> bool:
    # Most features come at once, and parsing takes some seconds for every hundred megabytes.
    content = path.read_bytes()
    return re.search(rb'"numberMatched"|"next"', content) is not None


def _asks_for_a_part(url: str) -> bool:
    return any(name.lower() in _ASKED_FOR_A_PART for name, _ in parse_qsl(urlsplit(url).query))


def _number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value) else None


# --- GeoJSON --------------------------------------------------------------------------------------


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


class _JsonPage(Page):
    def __init__(self, page: dict[str, Any], url: str) -> None:
        self._whole = page
        self._last: list[Any] = page["features"]
        self._features = list(self._last)
        self._take(page, url)

    def join(self, path: Path, url: str) -> bool:
        page = _read_json(path)
        features = page.get("features") if isinstance(page, dict) else None
        if not isinstance(features, list):
            raise Refused(f"leads on to a page ({url[:200]}) that is no GeoJSON FeatureCollection")
        if features and features == self._last:
            raise Refused(f"comes in pages that are all the same ({url[:200]}); ask for all at once")
        self._last = features
        self._features.extend(features)
        self._take(page, url)
        return bool(features)

    def write(self, path: Path) -> None:
        left_out = ("features", "links", "numberReturned", "timeStamp")
        whole = {name: value for name, value in self._whole.items() if name not in left_out}
        path.write_text(json.dumps({**whole, "features": self._features}, ensure_ascii=False), encoding="utf-8")

    def _take(self, page: dict[str, Any], url: str) -> None:
        self.count = len(self._features)
        matched = _number(page.get("numberMatched"))
        self.matched = self.matched if matched is None else matched
        links = page.get("links")
        found = [
            link
            for link in (links if isinstance(links, list) else [])
            if isinstance(link, dict) and link.get("rel") == "next" and isinstance(link.get("href"), str)
        ]
        as_json = [link for link in found if "json" in str(link.get("type") or "json")]
        self.next = next((joined(url, link["href"]) for link in as_json or found), None)


# --- GML ------------------------------------------------------------------------------------------


class _GmlPage(Page):
    def __init__(self, path: Path, url: str) -> None:
        self._whole = read_document(path)
        self.count = 0
        self._take(self._whole, url)

    def join(self, path: Path, url: str) -> bool:
        page = read_document(path)
        if local_name(page) != "FeatureCollection":
            raise Refused(f"leads on to a page ({url[:200]}) that is no feature collection")
        came = self.count
        self._take(page, url)
        members = children(page, "member")
        self._whole.extend(members)
        return self.count > came

    def write(self, path: Path) -> None:
        for name in ("next", "previous"):
            self._whole.attrib.pop(name, None)
        self._whole.set("numberReturned", str(self.count))
        etree.ElementTree(self._whole).write(str(path), encoding="UTF-8", xml_declaration=True)

    def _take(self, page: Element, url: str) -> None:
        self.count += sum(1 for member in children(page, "member") for item in member if local_name(item))
        matched = _number(page.get("numberMatched"))
        self.matched = self.matched if matched is None else matched
        following = (page.get("next") or "").strip()
        self.next = joined(url, following) if following else None
