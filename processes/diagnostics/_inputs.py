"""Inputs that the diagnostic processes share."""

from __future__ import annotations

from processes.base import Inputs, Literal
from processes.declaration import DataType, InputDeclaration
from processes.literals import literal_text


def number_input(
    identifier: str, title: str, abstract: str, default: float, minimum: float, maximum: float, unit: str | None = None
) -> Literal:
    """An optional number; a whole one where its default is."""
    data_type: DataType = "integer" if isinstance(default, int) else "float"
    declared = InputDeclaration(
        identifier,
        title,
        abstract,
        "literal",
        min_occurs=0,
        data_type=data_type,
        unit=unit,
        default=literal_text(default),
        minimum=minimum,
        maximum=maximum,
    )
    return Literal(declared)


def choice_input(identifier: str, title: str, abstract: str, allowed: tuple[str, ...]) -> Literal:
    """An optional choice; the first is the default."""
    return Literal(
        InputDeclaration(identifier, title, abstract, "literal", min_occurs=0, default=allowed[0], allowed=allowed)
    )


def number(inputs: Inputs, identifier: str, default: float) -> float:
    """What was sent, or the default."""
    value = inputs.value(identifier)
    return default if value is None else float(value)
