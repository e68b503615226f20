"""Which values a literal may have: the same but for the namespace in both versions of WPS (OGC 06-121r9, 10.6)."""

from __future__ import annotations

from processes.declaration import InputDeclaration
from server.wps.xml import Element, add


def add_allowed_values(parent: Element, declared: InputDeclaration, space: str) -> None:
    """Append AllowedValues, or AnyValue.

    :param space: namespace of OWS.
    """
    if declared.allowed:
        allowed = add(parent, f"{{{space}}}AllowedValues")
        for value in declared.allowed:
            add(allowed, f"{{{space}}}Value", value)
    elif declared.minimum is not None or declared.maximum is not None:
        _range(add(parent, f"{{{space}}}AllowedValues"), declared, space)
    else:
        add(parent, f"{{{space}}}AnyValue")


def _range(allowed: Element, declared: InputDeclaration, space: str) -> None:
    element = add(allowed, f"{{{space}}}Range")
    low = "open" if declared.minimum_excluded else "closed"
    high = "open" if declared.maximum_excluded else "closed"
    element.set(f"{{{space}}}rangeClosure", low if low == high else f"{low}-{high}")
    number = int if declared.data_type == "integer" else float
    if declared.minimum is not None:
        add(element, f"{{{space}}}MinimumValue", str(number(declared.minimum)))
    if declared.maximum is not None:
        add(element, f"{{{space}}}MaximumValue", str(number(declared.maximum)))
