"""Processes as documents: the list of them, and the description of each (OGC 18-062r2, clauses 7.9, 7.10 and 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from processes.declaration import InputDeclaration, OutputDeclaration, ProcessDeclaration
from server.formats import match_format
from server.ogcapi.schemas import crs_uri, default_crs, input_schema, literal_json, output_schema
from server.ogcapi.site import EXECUTE, HTML, JOB_LIST, JSON, Site, link, page_links, with_query

JOB_CONTROL = ("sync-execute", "async-execute", "dismiss")
TRANSMISSION = ("value", "reference")

Document = dict[str, Any]


def process_list(
    declarations: Sequence[ProcessDeclaration], site: Site, *, limit: int, offset: int, shown: str
) -> Document:
    """One page of the list of processes.

    :param shown: form of the page, ``json`` or ``html``.
    """
    part = declarations[offset : offset + limit]
    query = {"limit": limit, "offset": offset}
    titles = {"json": "The processes as JSON", "html": "The processes as HTML"}
    links = page_links(site.processes, query, shown, titles)
    media_type = JSON if shown == "json" else HTML
    if offset + limit < len(declarations):
        href = with_query(site.processes, {**query, "offset": offset + limit, "f": shown})
        links.append(link(href, "next", media_type, "Next page"))
    if offset > 0:
        href = with_query(site.processes, {**query, "offset": max(offset - limit, 0), "f": shown})
        links.append(link(href, "prev", media_type, "Previous page"))
    links.append(link(site.root, "up", JSON, "Landing page"))
    return {"processes": [process_summary(item, site) for item in part], "links": links}


def process_summary(declared: ProcessDeclaration, site: Site) -> Document:
    """A process as the list shows it (processSummary.yaml)."""
    here = site.process(declared.identifier)
    links = [
        link(here, "self", JSON, "Description of the process"),
        link(with_query(here, {"f": "html"}), "alternate", HTML, "Description of the process as HTML"),
    ]
    return {**_head(declared), "links": links}


def process_description(declared: ProcessDeclaration, site: Site, shown: str) -> Document:
    """The whole description of a process (process.yaml).

    :param shown: form of the page, ``json`` or ``html``.
    """
    titles = {"json": "Description of the process as JSON", "html": "Description of the process as HTML"}
    links = [
        *page_links(site.process(declared.identifier), {}, shown, titles),
        link(site.execution(declared.identifier), EXECUTE, JSON, "Where requests are sent by POST"),
        link(with_query(site.jobs, {"processID": declared.identifier}), JOB_LIST, JSON, "Jobs of the process"),
        link(site.processes, "up", JSON, "All processes"),
    ]
    return {
        **_head(declared),
        "inputs": {item.identifier: _input(item) for item in declared.inputs},
        "outputs": {item.identifier: _output(item) for item in declared.outputs},
        "links": links,
    }


def example_request(declared: ProcessDeclaration) -> Document:
    """An execute request for a process with what it needs, and one value of what it can do without."""
    needed = [item for item in declared.inputs if item.min_occurs > 0 and item.default is None]
    shown = needed or [item for item in declared.inputs if item.kind == "literal"][:1]
    return {"inputs": {item.identifier: _example_value(item) for item in shown}, "response": "document"}


def _head(declared: ProcessDeclaration) -> Document:
    return {
        "id": declared.identifier,
        "title": declared.title,
        "description": declared.abstract,
        "version": declared.version,
        "keywords": list(declared.keywords),
        "jobControlOptions": list(JOB_CONTROL),
        "outputTransmission": list(TRANSMISSION),
    }


def _input(declared: InputDeclaration) -> Document:
    # What has a default may be left out, whatever else is said of it.
    least = 0 if declared.default is not None else declared.min_occurs
    return {
        **_described(declared),
        "minOccurs": least,
        "maxOccurs": declared.max_occurs,
        "schema": input_schema(declared),
    }


def _output(declared: OutputDeclaration) -> Document:
    return {**_described(declared), "schema": output_schema(declared)}


def _described(declared: InputDeclaration | OutputDeclaration) -> Document:
    described: Document = {"title": declared.title, "description": declared.abstract}
    if declared.unit:
        described["additionalParameters"] = {
            "title": "Unit",
            "role": "http://www.opengis.net/def/uom",
            "parameters": [{"name": "uom", "value": [declared.unit]}],
        }
    return described


def _example_value(declared: InputDeclaration) -> Any:
    if declared.kind == "complex":
        chosen = match_format(declared.formats, None)
        kind = chosen or declared.formats[0]
        return {"href": f"https://example.org/{declared.identifier}{kind.extension}", "type": kind.media_type}
    if declared.kind == "bbox":
        return {"bbox": [7.5, 50.9, 7.6, 51.0], "crs": crs_uri(default_crs(declared.crs))}
    return literal_json(_example_text(declared), declared.data_type)


def _example_text(declared: InputDeclaration) -> str:
    if declared.default is not None:
        return declared.default
    if declared.allowed:
        return declared.allowed[0]
    if declared.data_type in ("integer", "float"):
        low, high = declared.minimum, declared.maximum
        if low is not None and high is not None:
            number = (low + high) / 2
        elif high is not None:
            number = high - 1
        else:
            number = (low or 0.0) + 1
        return str(int(number)) if declared.data_type == "integer" else str(number)
    if declared.data_type == "boolean":
        return "true"
    return "https://example.org/flight.csv" if declared.data_type == "anyURI" else "text"
