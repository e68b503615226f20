"""The landing page and the conformance declaration (OGC 18-062r2, clauses 7.2 and 7.4)."""

from __future__ import annotations

from typing import Any

from processes.translation import translate
from server.ogcapi.site import (
    CONFORMANCE,
    HTML,
    JOB_LIST,
    JSON,
    OPENAPI,
    PROCESSES,
    Link,
    Site,
    link,
    page_links,
)
from server.sections import MetadataSection

CLASSES = tuple(
    f"http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/{name}"
    for name in ("core", "ogc-process-description", "json", "html", "oas30", "job-list", "callback", "dismiss")
)
"""What holds of this service."""


def landing_page(metadata: MetadataSection, site: Site, language: str, shown: str) -> dict[str, Any]:
    """What the service is, and where its parts are (landingPage.yaml)."""
    titles = {"json": "This page as JSON", "html": "This page as HTML"}
    return {
        "title": translate(metadata.identification_title, language),
        "description": translate(metadata.identification_abstract, language),
        "links": [
            *page_links(site.root, {}, shown, titles),
            link(f"{site.api}?f=json", "service-desc", OPENAPI, "Definition of the API, OpenAPI 3.0"),
            link(f"{site.api}?f=html", "service-doc", HTML, "Definition of the API, for people"),
            link(site.conformance, CONFORMANCE, JSON, "What the service conforms to"),
            link(site.processes, PROCESSES, JSON, "The processes"),
            link(site.jobs, JOB_LIST, JSON, "The jobs"),
        ],
    }


def conformance(site: Site, shown: str) -> tuple[dict[str, Any], list[Link]]:
    """The conformance classes (confClasses.yaml), and the links of the page, for which the document has no place."""
    titles = {"json": "Conformance as JSON", "html": "Conformance as HTML"}
    return {"conformsTo": list(CLASSES)}, page_links(site.conformance, {}, shown, titles)
