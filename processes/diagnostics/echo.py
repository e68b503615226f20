"""Every kind of literal, and a bounding box, there and back."""

from __future__ import annotations

from typing import Any

from pywps import BoundingBoxInput, BoundingBoxOutput, LiteralOutput

from processes import formats
from processes.base import Inputs, Literal, StageProcess
from processes.bounding_box import CRS84, WGS84, BoundingBox
from processes.declaration import Context, InputDeclaration, OutputValue
from processes.literals import LiteralValue, literal_text, read_literal
from processes.outputs import complex_output, json_value

DECLARED = (
    InputDeclaration("string", "String", "Any text; it must be given.", "literal"),
    InputDeclaration(
        "enumeration",
        "Enumeration",
        "One of three words.",
        "literal",
        min_occurs=0,
        default="green",
        allowed=("red", "green", "blue"),
    ),
    InputDeclaration(
        "quantity",
        "Quantity",
        "A number with a unit, above 0 and at most 1000.",
        "literal",
        min_occurs=0,
        data_type="float",
        unit="m",
        default="1.0",
        minimum=0.0,
        maximum=1000.0,
        minimum_excluded=True,
    ),
    InputDeclaration("repeated", "Repeated", "Up to five texts.", "literal", min_occurs=0, max_occurs=5),
    InputDeclaration("preset", "Preset", "A text with a default.", "literal", min_occurs=0, default="by default"),
    InputDeclaration(
        "boolean", "Boolean", "True or false.", "literal", min_occurs=0, data_type="boolean", default="false"
    ),
    InputDeclaration(
        "integer", "Integer", "A whole number.", "literal", min_occurs=0, data_type="integer", default="0"
    ),
)
"""One literal input of every kind."""

_SYSTEMS = (WGS84, CRS84)
_WORLD = BoundingBox((-90.0, -180.0), (90.0, 180.0), WGS84)


class Echo(StageProcess):
    identifier = "echo"
    title = "Echo literals"
    abstract = (
        "Gives back the literals that came, one of every kind, each by itself and all in one JSON object, and a "
        "bounding box."
    )
    keywords = ("diagnostics", "echo", "literal", "bounding box")

    def declare_inputs(self) -> list[Any]:
        box = BoundingBoxInput(
            "bounding_box",
            "Bounding box",
            list(_SYSTEMS),
            abstract="A box on the map.",
            dimensions=2,
            min_occurs=0,
        )
        return [*(Literal(item) for item in DECLARED), box]

    def declare_outputs(self) -> list[Any]:
        literals = [
            LiteralOutput(
                item.identifier,
                item.title,
                data_type=item.data_type,
                abstract=f"The input {item.identifier}" + (", joined by commas." if item.max_occurs > 1 else "."),
                uoms=[item.unit] if item.unit else None,
            )
            for item in DECLARED
        ]
        all_of_them = complex_output(
            "all", "All", "All inputs by their names, each as a list.", formats.JSON, by_reference=False
        )
        box = BoundingBoxOutput(
            "bounding_box",
            "Bounding box",
            list(_SYSTEMS),
            abstract="The input bounding_box; the whole world where none came.",
        )
        return [*literals, all_of_them, box]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        context.progress(0.5, "Echoing")
        values = {item.identifier: _values(item, inputs) for item in DECLARED}
        echoed = {
            item.identifier: OutputValue(text=", ".join(map(literal_text, values[item.identifier])), unit=item.unit)
            for item in DECLARED
        }
        box = inputs.box("bounding_box") or _WORLD
        return {**echoed, "all": json_value(context, "all", values), "bounding_box": OutputValue(text=box.text)}


def _values(declared: InputDeclaration, inputs: Inputs) -> list[LiteralValue]:
    default = read_literal(declared, declared.default)
    return inputs.values(declared.identifier) or ([] if default is None else [default])
