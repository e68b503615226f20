"""Which version of WPS a request means (OGC 06-121r3, 7.3.2; OGC 05-007r7, 8.2; OGC 14-065r2, 9.7.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from server.errors import VersionNotOffered
from server.wps.xml import Element, child, children, local_name, namespace

Version = Literal["1.0.0", "2.0.0"]

OFFERED: tuple[Version, ...] = ("2.0.0", "1.0.0")
"""The highest first."""

WPS_2_0 = "http://www.opengis.net/wps/2.0"

_ONLY_2_0 = frozenset({"getstatus", "getresult", "dismiss"})


def version_of_query(values: Mapping[str, str]) -> Version:
    """The version that a request in key-value pairs means.

    Whether it is said rightly is for the version's own face to check.

    :param values: keys in lower case → values.
    :raises VersionNotOffered: the client accepts others only.
    """
    operation = values.get("request", "").lower()
    said = values.get("version", "").strip()
    if operation == "getcapabilities":
        accepted = [item.strip() for item in values.get("acceptversions", "").split(",") if item.strip()]
        return _negotiated(accepted, said, OFFERED[0])
    return "2.0.0" if operation in _ONLY_2_0 or said.startswith("2") else "1.0.0"


def version_of_document(root: Element) -> Version:
    """The version that a request in XML means.

    :param root: its root element.
    :raises VersionNotOffered: the client accepts others only.
    """
    by_namespace: Version = "2.0.0" if namespace(root) == WPS_2_0 else "1.0.0"
    if local_name(root) != "GetCapabilities":
        return by_namespace
    holder = child(root, "AcceptVersions")
    found = [] if holder is None else children(holder, "Version")
    return _negotiated(["".join(item.itertext()).strip() for item in found], "", by_namespace)


def _negotiated(accepted: Sequence[str], said: str, otherwise: Version) -> Version:
    """The first version that the client accepts and this service has.

    :param said: what older clients call ``version`` in place of a list.
    """
    for version in accepted or [said]:
        for offered in OFFERED:
            # Of 2.0 the corrigendum 2.0.2 is what is offered; its documents say 2.0.0 as its schema has it.
            if version == offered or (offered == "2.0.0" and version in ("2.0", "2.0.1", "2.0.2")):
                return offered
    if accepted:
        came = ", ".join(accepted)[:80]
        raise VersionNotOffered(
            f"None of the versions {came} is offered; {' and '.join(reversed(OFFERED))} are.", "AcceptVersions"
        )
    return otherwise
