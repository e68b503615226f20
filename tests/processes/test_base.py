"""The bridge to PyWPS: declarations and execution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pywps import LiteralInput, LiteralOutput, Process

from gasflux_core.errors import InputError, InputFaults, MissingInput, NoSolution
from processes import formats
from processes.base import Inputs, Literal, StageProcess, declaration, execute
from processes.declaration import Context, FormatDeclaration, InputDeclaration, InputValue, OutputValue
from processes.inputs import json_input
from processes.outputs import complex_output, quantity_output
from tests.processes.conftest import RecordingContext

LENGTH = InputDeclaration(
    "length",
    "Length",
    "Of something.",
    "literal",
    min_occurs=0,
    max_occurs=2,
    data_type="float",
    unit="m",
    default="0.5",
    minimum=0.0,
    minimum_excluded=True,
)


class Doubling(StageProcess):
    """Doubles a length, and copies a file."""

    identifier = "doubling"
    title = "Double"
    abstract = "Doubles a length & copies a file."
    keywords = ("test", "length")

    def declare_inputs(self) -> list[Any]:
        return [Literal(LENGTH), json_input("document", "Document", "Any JSON.")]

    def declare_outputs(self) -> list[Any]:
        return [
            quantity_output("double", "Double", "Twice the length.", "m"),
            complex_output("copy", "Copy", "Copy of the document.", formats.JSON, by_reference=False),
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        context.progress(0.5, "Doubling")
        length = inputs.value("length")
        if length == 13:
            raise NoSolution("no answer (none at all): " + "x" * 400)
        text = inputs.file("document").read_text()
        path = context.workdir / "copy.json"
        path.write_text(text)
        sent = "unsent" if length is None else repr(2 * float(length))
        return {
            "double": OutputValue(text="1.0" if sent == "unsent" else sent, unit="m"),
            "copy": OutputValue(file=path, media_type="application/json"),
        }


@pytest.fixture
def document(tmp_path: Path) -> InputValue:
    path = tmp_path / "document.json"
    path.write_text('{"a": 1}')
    return InputValue(file=path)


def test_declaration_says_what_was_declared() -> None:
    said = declaration(Doubling())
    assert said.identifier == "doubling" and said.keywords == ("test", "length") and said.version
    assert said.input("length") == LENGTH
    document = said.input("document")
    assert document is not None and document.kind == "complex"
    assert document.formats == (FormatDeclaration("application/json", ".json"),)
    double = said.output("double")
    assert double is not None and (double.unit, double.data_type) == ("m", "float")
    copy = said.output("copy")
    assert copy is not None and not copy.by_reference


def test_execute_runs_the_handler(context: RecordingContext, document: InputValue) -> None:
    made = execute(Doubling(), {"length": [InputValue(text="0.1")], "document": [document]}, context)
    assert made["double"] == OutputValue(text="0.2", unit="m")
    assert made["copy"].file is not None and made["copy"].file.read_text() == '{"a": 1}'
    assert made["copy"].media_type == "application/json"
    assert context.told == [(0.5, "Doubling")]


@pytest.mark.parametrize("sent", [[], [InputValue(text="")], [InputValue(text="None")]])
def test_a_default_is_not_put_in_for_what_was_not_sent(
    context: RecordingContext, document: InputValue, sent: list[InputValue]
) -> None:
    made = execute(Doubling(), {"length": sent, "document": [document]}, context)
    assert made["double"].text == "1.0"


def test_one_execution_leaves_nothing_for_the_next(context: RecordingContext, document: InputValue) -> None:
    process = Doubling()
    execute(process, {"length": [InputValue(text="7")], "document": [document]}, context)
    assert execute(process, {"document": [document]}, context)["double"].text == "1.0"


def test_all_faults_of_the_inputs_are_told(context: RecordingContext) -> None:
    values = {"length": [InputValue(text="0")], "width": [InputValue(text="1")]}
    with pytest.raises(InputFaults) as caught:
        execute(Doubling(), values, context)
    by_parameter = {fault.parameter: fault for fault in caught.value.faults}
    assert set(by_parameter) == {"width", "length", "document"}
    assert isinstance(by_parameter["document"], MissingInput)
    assert "above 0" in by_parameter["length"].message


def test_too_many_values_are_refused(context: RecordingContext, document: InputValue) -> None:
    values = {"length": [InputValue(text="1")] * 3, "document": [document]}
    with pytest.raises(InputError, match="at most 2 values are taken, 3 came"):
        execute(Doubling(), values, context)


def test_errors_pass_through_untouched(context: RecordingContext, document: InputValue) -> None:
    with pytest.raises(NoSolution) as caught:
        execute(Doubling(), {"length": [InputValue(text="13")], "document": [document]}, context)
    assert caught.value.message.startswith("no answer (none at all): ") and len(caught.value.message) > 400


def test_an_output_asked_for_and_not_made_is_a_fault_of_the_program(
    context: RecordingContext, document: InputValue
) -> None:
    context.outputs = frozenset({"triple"})
    with pytest.raises(RuntimeError, match="did not make its output triple"):
        execute(Doubling(), {"document": [document]}, context)


def test_any_pywps_process_can_be_declared_and_executed(context: RecordingContext) -> None:
    def greet(request: Any, response: Any) -> Any:
        response.update_status("Greeting", 40)
        response.outputs["greeting"].data = "Hello " + request.inputs["name"][0].data
        return response

    process = Process(
        greet,
        "greet",
        "Greet",
        inputs=[LiteralInput("name", "Name", data_type="string", allowed_values=["Ann", "Bob"])],
        outputs=[LiteralOutput("greeting", "Greeting", data_type="string")],
    )
    name = declaration(process).input("name")
    assert name is not None and name.allowed == ("Ann", "Bob") and name.abstract == ""
    made = execute(process, {"name": [InputValue(text="Ann")]}, context)
    assert made["greeting"].text == "Hello Ann" and context.told[-1] == (0.4, "Greeting")
    with pytest.raises(InputError, match="one of Ann, Bob") as caught:
        execute(process, {"name": [InputValue(text="Eve")]}, context)
    assert caught.value.parameter == "name"
