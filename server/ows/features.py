"""OGC API – Features, Part 1: Core (OGC 17-069r4): the documents, without the web around them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from gasflux_core.errors import InputError
from gasflux_core.io.map_layers import Box, Interval, MapLayer, read_moment
from server.ogcapi.site import HTML, JSON, OPENAPI, link, page_links, with_query
from server.ows.layers import Words

GEOJSON = "application/geo+json"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"

CONFORMS_TO = tuple(
    f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" for name in ("core", "oas30", "html", "geojson")
)

DEFAULT_LIMIT = 1000
GREATEST_LIMIT = 10_000

Document = dict[str, Any]


@dataclass(frozen=True)
class Collection:
    """One collection of a job."""

    identifier: str
    words: Words
    layer: MapLayer
    file: str
    """Address of the whole result as a file."""
    file_type: str


@dataclass(frozen=True)
class Page:
    """Which features are asked for."""

    box: Box | None = None
    interval: Interval | None = None
    limit: int = DEFAULT_LIMIT
    offset: int = 0


@dataclass(frozen=True)
class FeatureSite:
    """The documents of one job.

    :param root: address of the landing page.
    """

    root: str
    title: str
    abstract: str

    def landing_page(self, form: str) -> Document:
        """The landing page (clause 7.2)."""
        return {
            "title": self.title,
            "description": self.abstract,
            "links": [
                *page_links(self.root, {}, form, _TITLES),
                link(f"{self.root}/api", "service-desc", OPENAPI, "Definition of the API"),
                link(f"{self.root}/api?f=html", "service-doc", HTML, "Documentation of the API"),
                link(f"{self.root}/conformance", "conformance", JSON, "What this API conforms to"),
                link(f"{self.root}/collections", "data", JSON, "The collections"),
            ],
        }

    def conformance(self) -> Document:
        """What the API conforms to (clause 7.4)."""
        return {"conformsTo": list(CONFORMS_TO)}

    def collections(self, found: Sequence[Collection], form: str) -> Document:
        """All collections (clause 7.13)."""
        return {
            "links": page_links(f"{self.root}/collections", {}, form, _TITLES),
            "collections": [self.collection(one, form, alone=False) for one in found],
        }

    def collection(self, one: Collection, form: str, *, alone: bool = True) -> Document:
        """One collection (clause 7.14)."""
        here = self._address(one.identifier)
        links = [
            link(f"{here}/items", "items", GEOJSON, "The features as GeoJSON"),
            link(f"{here}/items?f=html", "items", HTML, "The features as HTML"),
            link(one.file, "enclosure", one.file_type, "The whole result as a file"),
        ]
        pages = page_links(here, {}, form, _TITLES) if alone else [link(here, "self", JSON, one.words.title)]
        extent: Document = {}
        if one.layer.bounds is not None:
            extent["spatial"] = {"bbox": [list(one.layer.bounds)], "crs": CRS84}
        if one.layer.interval is not None:
            extent["temporal"] = {"interval": [[_utc(moment) for moment in one.layer.interval]], "trs": GREGORIAN}
        return {
            "id": one.identifier,
            "title": one.words.title,
            "description": one.words.abstract,
            **({"extent": extent} if extent else {}),
            "itemType": "feature",
            "crs": [CRS84],
            "links": [*pages, *links],
        }

    def items(self, one: Collection, page: Page, query: dict[str, str], form: str, now: datetime) -> Document:
        """One page of the features of a collection (clauses 7.15 and 7.16).

        :param query: as it came, without ``f``, ``limit`` and ``offset``.
        """
        places = one.layer.select(page.box, page.interval)
        shown = places[page.offset : page.offset + page.limit]
        here = f"{self._address(one.identifier)}/items"
        links = page_links(here, {**query, "limit": page.limit, "offset": page.offset}, form, _TITLES)
        media_type = GEOJSON if form == "json" else HTML
        links = [{**each, "type": GEOJSON} if each["type"] == JSON else each for each in links]
        if page.offset + len(shown) < len(places):
            after = {**query, "limit": page.limit, "offset": page.offset + len(shown), "f": form}
            links.append(link(with_query(here, after), "next", media_type, "Next page"))
        if page.offset > 0:
            before = {**query, "limit": page.limit, "offset": max(0, page.offset - page.limit), "f": form}
            links.append(link(with_query(here, before), "prev", media_type, "Previous page"))
        links.append(link(self._address(one.identifier), "collection", JSON, one.words.title))
        return {
            "type": "FeatureCollection",
            "links": links,
            "timeStamp": _utc(now.replace(microsecond=0)),
            "numberMatched": len(places),
            "numberReturned": len(shown),
            "features": [one.layer.feature(int(place)) for place in shown],
        }

    def item(self, one: Collection, place: int, identifier: str, form: str) -> Document:
        """One feature (clause 7.17)."""
        here = f"{self._address(one.identifier)}/items/{quote(identifier, safe='')}"
        links = [
            {**each, "type": GEOJSON} if each["type"] == JSON else each for each in page_links(here, {}, form, _TITLES)
        ]
        links.append(link(self._address(one.identifier), "collection", JSON, one.words.title))
        return {**one.layer.feature(place), "links": links}

    def _address(self, identifier: str) -> str:
        return f"{self.root}/collections/{quote(identifier, safe='')}"


_TITLES = {"json": "This page as JSON", "html": "This page as HTML"}


def read_box(text: str) -> Box:
    """The parameter bbox (clause 7.15.3): four numbers, or six with heights, which the features here don't have.

    :raises InputError: it is no box.
    """
    parts = text.split(",")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6) or not all(math.isfinite(number) for number in numbers):
        raise InputError(f"bbox: expected west,south,east,north in degrees, got {text[:80]!r}.", "bbox")
    west, south, east, north = numbers if len(numbers) == 4 else (*numbers[:2], *numbers[3:5])
    if south > north:
        raise InputError(f"bbox: its south, {south:g}, lies north of its north, {north:g}.", "bbox")
    return west, south, east, north


def read_interval(text: str) -> Interval:
    """The parameter datetime (clause 7.15.4): a time, or an interval of two, of which one may be open.

    :raises InputError: it is none.
    """
    parts = text.split("/")
    try:
        if len(parts) > 2:
            raise ValueError
        moments = [None if part in ("", "..") else read_moment(part) for part in parts]
        if len(parts) == 1:
            moments = moments * 2
        first, last = moments
        if first is None and last is None:
            raise ValueError
        if first is not None and last is not None and first > last:
            raise ValueError
    except (ValueError, OverflowError):
        raise InputError(
            "datetime: expected a time such as 2026-06-01T10:00:00Z, or an interval such as 2026-06-01T10:00:00Z/.., "
            f"got {text[:80]!r}.",
            "datetime",
        ) from None
    return first, last


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
