"""Bounding boxes in XML (OGC 06-121r3, 10.2): the same but for the namespace in both versions of WPS."""

from __future__ import annotations

from server.errors import UnfitValue
from server.wps.xml import Element, add, child


def read_box(element: Element, identifier: str) -> str:
    """A bounding box as :mod:`processes.bounding_box` has it.

    :param element: with LowerCorner, UpperCorner and the attributes ``crs`` and ``dimensions``.
    :param identifier: the input, for messages.
    :raises UnfitValue: the corners are missing, or don't go together.
    """
    corners = [child(element, name) for name in ("LowerCorner", "UpperCorner")]
    lower, upper = ([] if corner is None else "".join(corner.itertext()).split() for corner in corners)
    dimensions = (element.get("dimensions") or "").strip() or str(len(lower))
    crs = (element.get("crs") or "").strip()
    # A comma would shift what follows it in the text.
    broken = any("," in part for part in (*lower, *upper, crs))
    if not lower or len(lower) != len(upper) or dimensions != str(len(lower)) or broken:
        raise UnfitValue(
            f"Input {identifier}: expected LowerCorner and UpperCorner with as many numbers each as the box has "
            f"dimensions, by blanks, got {len(lower)} and {len(upper)}, dimensions {dimensions[:20]!r}.",
            identifier,
        )
    return ",".join([*lower, *upper, *([crs] if crs else [])])


def fill_box(element: Element, text: str, space: str) -> None:
    """Give an element the corners of a bounding box, its reference system and its number of dimensions.

    :param text: the box as :mod:`processes.bounding_box` has it.
    :param space: namespace of the corners.
    """
    *numbers, crs = text.split(",")
    half = len(numbers) // 2
    element.set("crs", crs)
    element.set("dimensions", str(half))
    add(element, f"{{{space}}}LowerCorner", " ".join(numbers[:half]))
    add(element, f"{{{space}}}UpperCorner", " ".join(numbers[half:]))
