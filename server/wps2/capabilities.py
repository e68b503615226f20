"""The answer to GetCapabilities (OGC 14-065r2, 9.7; OGC 06-121r9, clause 7)."""

from __future__ import annotations

from collections.abc import Iterable

from processes.declaration import ProcessDeclaration
from server.languages import LANGUAGES
from server.sections import MetadataSection
from server.wps.service_metadata import add_identification, add_provider
from server.wps.versions import OFFERED
from server.wps.xml import HREF, LANG, Element, add, to_bytes
from server.wps2.descriptions import add_described, add_page, set_offering
from server.wps2.names import OWS, VERSION, document_root, ows, wps

SECTIONS = ("ServiceIdentification", "ServiceProvider", "OperationsMetadata", "Languages", "Contents")

_OPERATIONS = {
    "GetCapabilities": ("Get", "Post"),
    "DescribeProcess": ("Get", "Post"),
    # There is no key-value form of it in this version.
    "Execute": ("Post",),
    "GetStatus": ("Get", "Post"),
    "GetResult": ("Get", "Post"),
    "Dismiss": ("Get", "Post"),
}


def capabilities(
    metadata: MetadataSection,
    url: str,
    service_root: str,
    declarations: Iterable[ProcessDeclaration],
    language: str,
    sections: Iterable[str] = SECTIONS,
    sequence: str = "",
) -> bytes:
    """What the service is and offers.

    :param url: address of the WPS, as clients see it; ``service_root`` is that below which each face has its path.
    :param declarations: already in the language.
    :param sections: those wanted; the contents are there in any case, since the schema demands them.
    :param sequence: says which state of the capabilities this is.
    """
    wanted = frozenset(sections)
    root = _root(sequence)
    if "ServiceIdentification" in wanted:
        add_identification(root, metadata, language, OFFERED, OWS)
        for name in ("Title", "Abstract"):
            root.find(f".//{ows(name)}").set(LANG, language)
    if "ServiceProvider" in wanted:
        add_provider(root, metadata, OWS)
    if "OperationsMetadata" in wanted:
        _operations(root, url)
    if "Languages" in wanted:
        languages = add(root, ows("Languages"))
        for name in LANGUAGES:
            add(languages, ows("Language"), name)
    contents = add(root, wps("Contents"))
    for declared in declarations:
        summary = add(contents, wps("ProcessSummary"))
        set_offering(summary, declared)
        add_described(summary, declared, language=language)
        add_page(summary, declared, service_root)
    return to_bytes(root)


def unchanged_capabilities(sequence: str) -> bytes:
    """The answer to a client that has the current capabilities: the root alone (OGC 06-121r9, 7.4.3).

    The schema of WPS 2.0 asks for more; its authors had left out the parameter that leads here.
    """
    return to_bytes(_root(sequence))


def _root(sequence: str) -> Element:
    root = document_root("Capabilities")
    root.set("service", "WPS")
    root.set("version", VERSION)
    if sequence:
        root.set("updateSequence", sequence)
    return root


def _operations(root: Element, url: str) -> None:
    metadata = add(root, ows("OperationsMetadata"))
    for name, methods in _OPERATIONS.items():
        http = add(add(add(metadata, ows("Operation"), name=name), ows("DCP")), ows("HTTP"))
        for method in methods:
            add(http, ows(method)).set(HREF, f"{url}?" if method == "Get" else url)
