"""The one place that knows PyWPS's internals.

A process is a :class:`StageProcess`, a true ``pywps.Process``: it runs under a plain
``pywps.Service`` too. The service itself reads it by :func:`declaration` and runs it by
:func:`execute`, which goes round PyWPS's faulty request, queue and response code.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import ParseResult

from pywps import (
    BoundingBoxInput,
    BoundingBoxOutput,
    ComplexInput,
    ComplexOutput,
    LiteralInput,
    LiteralOutput,
    Process,
)
from pywps.app.exceptions import ProcessError
from pywps.app.WPSRequest import WPSRequest
from pywps.exceptions import InvalidParameterValue
from pywps.inout.basic import IOHandler
from pywps.inout.formats import Format
from pywps.inout.literaltypes import AllowedValue, AnyValue
from pywps.response.execute import ExecuteResponse
from pywps.validator.allowed_value import ALLOWEDVALUETYPE, RANGECLOSURETYPE

from gasflux_core.errors import GasFluxError, InputError, InputFaults, MissingInput
from processes.bounding_box import BoundingBox, read_bounding_box
from processes.declaration import (
    Circumstances,
    Context,
    DataType,
    FormatDeclaration,
    InputDeclaration,
    InputValue,
    OutputDeclaration,
    OutputValue,
    ProcessDeclaration,
    SubRequest,
    SubResult,
)
from processes.literals import LiteralValue, literal_text, read_literal

_CLOSURES = {
    (False, False): RANGECLOSURETYPE.CLOSED,
    (True, False): RANGECLOSURETYPE.OPENCLOSED,
    (False, True): RANGECLOSURETYPE.CLOSEDOPEN,
    (True, True): RANGECLOSURETYPE.OPEN,
}


class Literal(LiteralInput):  # type: ignore[misc]  # PyWPS has no type hints
    """A PyWPS literal input made from its declaration.

    PyWPS gives an input that wasn't sent its default, reads ``""`` as ``'None'``, takes ``NaN`` and ``1_000`` for
    numbers and names no input. This one keeps what was sent apart from the default, and reads by :func:`.read_literal`.
    """

    def __init__(self, declared: InputDeclaration) -> None:
        super().__init__(
            declared.identifier,
            declared.title,
            data_type=declared.data_type,
            abstract=declared.abstract,
            uoms=[declared.unit] if declared.unit else None,
            min_occurs=declared.min_occurs,
            max_occurs=declared.max_occurs,
            allowed_values=_allowed_values(declared),
        )
        self.declared = declared

    @property
    def validator(self) -> None:
        return None  # read_literal has checked it

    @LiteralInput.data.setter  # type: ignore[untyped-decorator]
    def data(self, value: object) -> None:
        try:
            self.take(InputValue(text=None if value is None else str(value)))
        except InputError as error:
            raise InvalidParameterValue(error.message, locator=self.identifier) from None

    def take(self, value: InputValue) -> None:
        """Take what a client sent.

        :raises InputError: naming this input.
        """
        IOHandler.data.fset(self, read_literal(self.declared, value.text, value.unit))

    @property
    def json(self) -> dict[str, Any]:
        described: dict[str, Any] = super().json
        if self.declared.default is not None:
            described.setdefault("data", self.declared.default)
        return described


class Inputs:
    """What the client sent for one execution, by identifier."""

    def __init__(self, items: Mapping[str, Sequence[Any]]) -> None:
        self._items = items

    def value(self, identifier: str) -> LiteralValue | None:
        """First value of a literal input, or None where none was sent (defaults are not put in)."""
        return next(iter(self.values(identifier)), None)

    def values(self, identifier: str) -> list[LiteralValue]:
        """All values of a literal input that were sent."""
        return [item.data for item in self._items.get(identifier, ()) if item.data is not None]

    def box(self, identifier: str) -> BoundingBox | None:
        """First value of a bounding box input, or None."""
        for item in self._items.get(identifier, ()):
            if item.data is not None:
                half = len(item.data) // 2
                return BoundingBox(tuple(item.data[:half]), tuple(item.data[half:]), item.crs)
        return None

    def text(self, identifier: str) -> str | None:
        """First value of a literal input as text, or None."""
        value = self.value(identifier)
        return None if value is None else str(value)

    def file(self, identifier: str) -> Path:
        """The file of a complex input.

        :raises MissingInput: where none was sent.
        """
        for item in self._items.get(identifier, ()):
            return Path(item.file)
        raise MissingInput(f"{identifier}: a value is required", identifier)

    def media_type(self, identifier: str) -> str | None:
        """Media type that the client states for a complex input, or None where it states none."""
        return next((getattr(item, "media_type", None) for item in self._items.get(identifier, ())), None)

    def file_name(self, identifier: str) -> str | None:
        """What its sender calls the file of a complex input, to be shown; None where that isn't known."""
        return next((getattr(item, "file_name", None) for item in self._items.get(identifier, ())), None)


class StageProcess(Process):  # type: ignore[misc]
    """Base of the service's processes: metadata as class attributes, and :meth:`run`."""

    identifier: ClassVar[str]
    title: ClassVar[str]
    abstract: ClassVar[str]
    keywords: ClassVar[tuple[str, ...]]
    version: ClassVar[str] = version("gasflux-wps")
    passes_on: ClassVar[frozenset[str]] = frozenset()
    """Inputs that the process only hands to the jobs it asks for: they are neither fetched nor given to :meth:`run`."""
    implies: ClassVar[Mapping[str, frozenset[str]]] = {}
    """Output → other outputs without which it is of no use; they are made and kept with it, asked for or not."""

    def __init__(self) -> None:
        cls = type(self)
        super().__init__(
            self._handle,
            cls.identifier,
            cls.title,
            abstract=cls.abstract,
            keywords=list(cls.keywords),
            version=cls.version,
            inputs=self.declare_inputs(),
            outputs=self.declare_outputs(),
            store_supported=True,
            status_supported=True,
        )

    def declare_inputs(self) -> list[Any]:
        """The PyWPS inputs, in the order in which clients show them."""
        raise NotImplementedError

    def declare_outputs(self) -> list[Any]:
        """The PyWPS outputs, in the order in which clients show them."""
        raise NotImplementedError

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        """Do the work; errors of ``gasflux_core.errors`` reach the client in their own words."""
        raise NotImplementedError

    def _handle(self, request: Any, response: Any) -> Any:
        if isinstance(response, _JobResponse):
            values = self.run(Inputs(request.inputs), response.context)
        else:
            try:
                values = self.run(Inputs(request.inputs), _PlainContext(self, request, response))
            except GasFluxError as error:
                raise _ToldError(error.message) from error
        for identifier, value in values.items():
            _set_output(response.outputs[identifier], value)
        return response


def declaration(process: Process) -> ProcessDeclaration:
    """What a process says of itself; any PyWPS process will do."""
    return ProcessDeclaration(
        identifier=process.identifier,
        title=process.title or process.identifier,
        abstract=process.abstract or "",
        version=str(process.version),
        keywords=tuple(process.keywords),
        inputs=tuple(_declared_input(item) for item in process.inputs),
        outputs=tuple(_declared_output(item) for item in process.outputs),
    )


def with_implied(process: Process, outputs: Collection[str]) -> frozenset[str]:
    """The outputs, and those that they imply."""
    implies: Mapping[str, frozenset[str]] = getattr(process, "implies", {})
    return frozenset(outputs).union(*(implies.get(identifier, ()) for identifier in outputs))


def execute(process: Process, values: Mapping[str, Sequence[InputValue]], context: Context) -> dict[str, OutputValue]:
    """Run a process's PyWPS handler once, in the context's work folder.

    :param values: identifier → values, files already fetched; without those that the process only passes on.
    :returns: the outputs made, by identifier; those asked for are all there.
    :raises gasflux_core.errors.GasFluxError: as the process raised it.
    """
    process = copy.deepcopy(process)
    process.set_workdir(str(context.workdir))
    request = WPSRequest()
    request.inputs = _filled_inputs(process, values, context)
    response = _JobResponse(request, process, context)
    process.handler(request, response)
    made = {
        identifier: value
        for identifier, output in response.outputs.items()
        if (value := _made_output(output)) is not None
    }
    if missing := (context.outputs or frozenset()) - made.keys():
        raise RuntimeError(f"process {process.identifier} did not make its output {', '.join(sorted(missing))}")
    return made


class _JobResponse(ExecuteResponse):  # type: ignore[misc]
    """A response whose status goes to the job's context, not to PyWPS's database and status files."""

    def __init__(self, request: WPSRequest, process: Process, context: Context) -> None:
        super().__init__(request, uuid=None, process=process)
        self.context = context

    def _update_status(self, status: Any, message: str, status_percentage: float, clean: bool = True) -> None:
        self.status, self.message, self.status_percentage = status, message, status_percentage
        self.context.progress(min(max(status_percentage / 100, 0.0), 1.0), message)


class _PlainContext:
    """The context of a process that runs under a plain ``pywps.Service``."""

    outputs: frozenset[str] | None = None
    map_services: Mapping[str, str] = {}
    circumstances = Circumstances()

    def __init__(self, process: Process, request: WPSRequest, response: ExecuteResponse) -> None:
        self.workdir = Path(process.workdir)
        self._request = request
        self._response = response

    def progress(self, fraction: float, text: str) -> None:
        self._response.update_status(text, round(100 * fraction))

    def fetch(self, url: str, parameter: str, media_types: Sequence[str] = ()) -> Path:
        raise InputError(f"{parameter}: this service fetches no addresses; send the content itself", parameter)

    def passed_on(self, identifier: str) -> int:
        return len(self._request.inputs.get(identifier, ()))

    def run_each(self, process: str, requests: Sequence[SubRequest]) -> list[SubResult]:
        raise GasFluxError(f"this service can't spread work over several jobs; run {process} for each by itself")


class _ToldError(ProcessError):  # type: ignore[misc]
    """An error whose words reach the client whole: PyWPS's own drops parentheses and cuts at 300 characters."""

    @property
    def message(self) -> str:
        # Control characters would make PyWPS's XML ill-formed.
        return "".join(c if c.isprintable() else " " for c in str(self.msg))


def _filled_inputs(
    process: Process, values: Mapping[str, Sequence[InputValue]], context: Context
) -> dict[str, list[Any]]:
    known = {item.identifier: item for item in process.inputs}
    passes_on: frozenset[str] = getattr(process, "passes_on", frozenset())
    filled: dict[str, list[Any]] = {}
    faults: list[InputError] = []
    for identifier in values.keys() - known.keys():
        names = ", ".join(known)
        faults.append(InputError(f"{identifier}: there is no input of this name (known: {names})", identifier))
    for identifier, item in known.items():
        sent = values.get(identifier, ())
        count = context.passed_on(identifier) if identifier in passes_on else len(sent)
        if count > item.max_occurs:
            text = f"{identifier}: at most {item.max_occurs} values are taken, {count} came"
            faults.append(InputError(text, identifier))
            continue
        try:
            taken = [_filled(item, value) for value in sent]
        except InputError as error:
            faults.append(error)
            continue
        # A literal sent empty counts as not sent.
        taken = [one for one in taken if one.prop == "file" or one.data is not None]
        if (count if identifier in passes_on else len(taken)) < item.min_occurs:
            faults.append(MissingInput(f"{identifier}: a value is required", identifier))
        filled[identifier] = taken
    if faults:
        raise faults[0] if len(faults) == 1 else InputFaults(faults)
    return filled


def _filled(item: Any, value: InputValue) -> Any:
    one = item.clone()
    if isinstance(one, ComplexInput):
        if value.file is None:
            raise MissingInput(f"{item.identifier}: a file is required", item.identifier)
        one.file = str(value.file)
        one.media_type = value.media_type
        one.file_name = value.file_name
    elif isinstance(one, Literal):
        one.take(value)
    elif isinstance(one, BoundingBoxInput):
        box = read_bounding_box(_declared_input(item), value.text or "")
        one.data, one.crs = [*box.lower, *box.upper], box.crs
    else:
        try:
            one.data = read_literal(_declared_input(item), value.text, value.unit)
        except InvalidParameterValue as error:
            raise InputError(f"{item.identifier}: {error.description}", item.identifier) from None
    return one


def _set_output(output: Any, value: OutputValue) -> None:
    if isinstance(output, BoundingBoxOutput):
        *corners, output.crs = (value.text or "").split(",")
        output.data = [float(corner) for corner in corners]
        return
    if value.file is None:
        output.data = value.text
        return
    if value.media_type and (made_as := output.get_format(value.media_type)):
        output.data_format = made_as
    output.file = str(value.file)


def _made_output(output: Any) -> OutputValue | None:
    if isinstance(output, BoundingBoxOutput):
        if output.data is None:
            return None
        half = len(output.data) // 2
        return OutputValue(text=BoundingBox(tuple(output.data[:half]), tuple(output.data[half:]), output.crs).text)
    if output.prop is None:
        return None
    if isinstance(output, ComplexOutput):
        return OutputValue(file=Path(output.file), media_type=output.data_format.mime_type)
    if output.data is None:
        return None
    # PyWPS takes addresses apart.
    text = output.data.geturl() if isinstance(output.data, ParseResult) else literal_text(output.data)
    return OutputValue(text=text, unit=output.uom.uom if output.uom else None)


def _allowed_values(declared: InputDeclaration) -> list[Any]:
    if declared.allowed:
        return [AllowedValue(ALLOWEDVALUETYPE.VALUE, value=value) for value in declared.allowed]
    if declared.minimum is None and declared.maximum is None:
        return [AnyValue()]
    return [
        AllowedValue(
            ALLOWEDVALUETYPE.RANGE,
            minval="-INF" if declared.minimum is None else declared.minimum,
            maxval="INF" if declared.maximum is None else declared.maximum,
            range_closure=_CLOSURES[declared.minimum_excluded, declared.maximum_excluded],
        )
    ]


def _declared_input(item: Any) -> InputDeclaration:
    if isinstance(item, Literal):
        return item.declared
    common: dict[str, Any] = {
        "identifier": item.identifier,
        "title": item.title or item.identifier,
        "abstract": item.abstract or "",
        "min_occurs": item.min_occurs,
        "max_occurs": item.max_occurs,
    }
    if isinstance(item, ComplexInput):
        return InputDeclaration(kind="complex", formats=_declared_formats(item), **common)
    if isinstance(item, BoundingBoxInput):
        return InputDeclaration(kind="bbox", crs=tuple(item.crss), **common)
    allowed = [value for value in item.allowed_values if isinstance(value, AllowedValue)]
    ranges = [value for value in allowed if value.allowed_type == ALLOWEDVALUETYPE.RANGE]
    default = item._default
    return InputDeclaration(
        kind="literal",
        data_type=_data_type(item),
        unit=item.uoms[0].uom if item.uoms else None,
        default=None if default is None else literal_text(default),
        allowed=() if ranges else tuple(str(value.value) for value in allowed),
        minimum=ranges[0].minval if len(ranges) == 1 else None,
        maximum=ranges[0].maxval if len(ranges) == 1 else None,
        **common,
    )


def _declared_output(item: Any) -> OutputDeclaration:
    title, abstract = item.title or item.identifier, item.abstract or ""
    if isinstance(item, LiteralOutput):
        unit = item.uoms[0].uom if item.uoms else None
        return OutputDeclaration(item.identifier, title, abstract, "literal", _data_type(item), unit)
    if isinstance(item, BoundingBoxOutput):
        return OutputDeclaration(item.identifier, title, abstract, "bbox", crs=tuple(item.crss))
    return OutputDeclaration(
        item.identifier,
        title,
        abstract,
        "complex",
        formats=_declared_formats(item),
        by_reference=bool(item.as_reference),
    )


def _declared_formats(item: Any) -> tuple[FormatDeclaration, ...]:
    def declared(one: Format) -> FormatDeclaration:
        return FormatDeclaration(one.mime_type, one.extension, one.encoding, one.schema)

    return tuple(declared(one) for one in item.supported_formats)


def _data_type(item: Any) -> DataType:
    known: dict[str, DataType] = {
        "integer": "integer",
        "float": "float",
        "boolean": "boolean",
        "anyURI": "anyURI",
    }
    return known.get(item.data_type, "string")
