"""The inputs that processes share, built from the stages' own declarations, and how they are read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo
from pywps import ComplexInput

from gasflux_core.configuration import Configuration, parse_mapping, read_configuration
from gasflux_core.errors import InputError, InputFaults, TooLarge
from gasflux_core.parameters import Parameters, unit_of
from gasflux_core.pipeline import Settings
from gasflux_core.plane import Plane
from processes import base, formats
from processes.declaration import Context, DataType, InputDeclaration
from processes.literals import literal_text

P = TypeVar("P", bound=Parameters)

MAX_GASES = 20
DEFAULT_GAS = "ch4"

_QGIS_TRAPS = ("date", "column")
"""A name or title with one of these becomes a date picker or a list of layer fields in QGIS's WPS plugin."""

_DATA_TYPES: dict[Any, DataType] = {bool: "boolean", int: "integer", float: "float", str: "string"}


@dataclass(frozen=True)
class Setting:
    """One parameter of one stage that a client gives as a literal input."""

    identifier: str
    section: str
    field: str
    title: str = ""
    """Where the field's own title says too little outside its stage."""

    @property
    def model(self) -> type[Parameters]:
        """The stage's parameters, where the field is declared."""
        annotation = Settings.model_fields[self.section].annotation
        assert isinstance(annotation, type) and issubclass(annotation, Parameters)
        return annotation


def stage_settings(section: str) -> tuple[Setting, ...]:
    """All parameters of a stage that a literal can hold, by their own names."""
    model = Setting("", section, "").model
    return tuple(Setting(name, section, name) for name in literal_fields(model))


def literal_fields(model: type[Parameters]) -> tuple[str, ...]:
    """Names of the fields that a literal can hold; mappings, lists and nested parameters are left out."""
    return tuple(name for name, info in model.model_fields.items() if _literal_type(info) and not _is_trap(name, info))


def setting_inputs(settings: Iterable[Setting]) -> list[base.Literal]:
    """The literal inputs of stage parameters.

    Each is optional: a value sent wins over the configuration, the configuration over the default shown.
    """
    return [
        literal_input(
            setting.model,
            setting.field,
            setting.identifier,
            title=setting.title,
            note=f"Left empty: {setting.section}.{setting.field} of the configuration, else the default.",
        )
        for setting in settings
    ]


def literal_input(
    model: type[Parameters], field: str, identifier: str, *, title: str = "", note: str = ""
) -> base.Literal:
    """The literal input of one field of some parameters."""
    info = model.model_fields[field]
    found = _literal_type(info)
    if found is None:
        raise TypeError(f"{model.__name__}.{field} is no literal: {info.annotation}")
    data_type, allowed = found
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    return base.Literal(
        InputDeclaration(
            identifier=identifier,
            title=title or info.title or identifier,
            abstract=" ".join(filter(None, [info.description or "", note])),
            kind="literal",
            min_occurs=1 if info.is_required() else 0,
            data_type=data_type,
            unit=unit_of(model, field),
            default=None if default in (None, "") else literal_text(default),
            allowed=allowed,
            **_bounds(info),
        )
    )


def flight_input() -> ComplexInput:
    """The flight table as the user has it."""
    return ComplexInput(
        "flight",
        "Flight table",
        abstract="The flight, one row a second or so: timestamp, latitude, longitude (WGS 84, degrees), height_ato (m "
        "above take-off), windspeed (m/s), winddir (degrees the wind comes from), temperature (degrees Celsius), "
        "pressure (hPa), the gases (ppm); height_agl (m above ground) and humidity (%) if there are. CSV, XLSX, XLS, "
        "GeoJSON, GeoPackage, GML, or one of these in a zip; the content decides, not the media type.",
        supported_formats=list(formats.FLIGHT_FORMATS),
    )


def table_input(stage: str) -> ComplexInput:
    """The table that an earlier stage wrote."""
    return ComplexInput(
        "table",
        f"Table of the stage {stage}",
        abstract=f"The output table of the process {stage}, with its header row, by value or by its address.",
        supported_formats=[formats.CSV],
    )


def json_input(identifier: str, title: str, abstract: str) -> ComplexInput:
    """A JSON product of an earlier stage."""
    return ComplexInput(identifier, title, abstract=abstract, supported_formats=[formats.JSON])


def plane_input() -> ComplexInput:
    """The plane that the flight plane stage fitted."""
    return json_input("plane", "Flight plane", "The output plane of the process flight_plane.")


def gases_input() -> base.Literal:
    """Which gases to work on."""
    return base.Literal(
        InputDeclaration(
            identifier="gases",
            title="Gases",
            abstract="Formula of each gas, such as ch4, co2, c2h6, n2o or sf6; the table holds each under this name, "
            "in ppm. Give the input again for each further gas, or several formulas with commas between them.",
            kind="literal",
            min_occurs=0,
            max_occurs=MAX_GASES,
            default=DEFAULT_GAS,
        )
    )


def gas_input() -> base.Literal:
    """Which one gas to work on."""
    return base.Literal(
        InputDeclaration(
            identifier="gas",
            title="Gas",
            abstract="Formula of the gas, such as ch4: one of those that the earlier stages worked on.",
            kind="literal",
            min_occurs=0,
            default=DEFAULT_GAS,
        )
    )


def configuration_input(section: str | None = None) -> base.Literal:
    """Configuration text; of a single stage, only its own section is used."""
    if section is None:
        use = "The parameters of all stages, and the gases."
    else:
        own = Setting("", section, "").model
        rest = [name for name in own.model_fields if name not in literal_fields(own)]
        use = f"The section {section} of it is used" + (f"; only here: {', '.join(rest)}." if rest else ".")
    return text_input(
        "configuration",
        "Configuration",
        f"YAML or JSON text, the service's own (sections named as the stages) or a GasFlux configuration. {use} "
        "Inputs that are given win over it.",
    )


def configuration_url_input() -> base.Literal:
    """Address of the configuration, for clients in which long text is awkward."""
    return text_input(
        "configuration_url",
        "Address of the configuration",
        "Address (http or https) of a text as in configuration; give one of the two.",
    )


def flight_url_input() -> base.Literal:
    """Address of the flight."""
    literal = InputDeclaration(
        identifier="flight_url",
        title="Address of the flight table",
        abstract="Address (http or https) of the flight, in any format that the process gas_flux reads as its input "
        "flight: a GetFeature request to a WFS, the items of an OGC API - Features collection (all pages are read), an "
        "output of another process, or an Execute request.",
        kind="literal",
    )
    return base.Literal(literal)


def text_input(identifier: str, title: str, abstract: str) -> base.Literal:
    """An optional literal of any text."""
    return base.Literal(InputDeclaration(identifier, title, abstract, "literal", min_occurs=0))


# --- reading -----------------------------------------------------------------------------------


def read_gases(inputs: base.Inputs, configuration: Configuration) -> tuple[str, ...]:
    """The gases as sent, else as configured, else the default; each once.

    :raises TooLarge: when there are more than ``MAX_GASES``.
    """
    return read_named_gases(inputs, configuration) or (DEFAULT_GAS,)


def read_named_gases(inputs: base.Inputs, configuration: Configuration) -> tuple[str, ...] | None:
    """The gases as sent, else as configured; None where they are named nowhere.

    :raises TooLarge: when there are more than ``MAX_GASES``.
    """
    sent = [part.strip().lower() for value in inputs.values("gases") for part in str(value).split(",")]
    gases = tuple(dict.fromkeys(filter(None, sent))) or tuple(configuration.gases or ())
    if len(gases) > MAX_GASES:
        raise TooLarge(f"gases: at most {MAX_GASES} are taken in one run, {len(gases)} came", "gases")
    return gases or None


def read_gas(inputs: base.Inputs) -> str:
    """The one gas, lower case."""
    return (inputs.text("gas") or DEFAULT_GAS).strip().lower()


def read_configuration_input(inputs: base.Inputs, context: Context | None = None) -> Configuration:
    """The configuration as text or from its address; empty where neither was sent."""
    text, url = inputs.text("configuration"), inputs.text("configuration_url")
    if text is not None and url is not None:
        raise InputError("configuration_url: give either this or configuration, not both", "configuration_url")
    if url is not None and context is not None:
        fetched = context.fetch(url, "configuration_url")
        return read_configuration(_decoded(fetched, "configuration_url"), parameter="configuration_url")
    if text is not None:
        return read_configuration(text, parameter="configuration")
    return Configuration(sections={}, gases=None, notes=())


def read_settings(inputs: base.Inputs, settings: Sequence[Setting], configuration: Configuration) -> Settings:
    """The parameters of all stages: inputs over configuration over defaults.

    :raises InputFaults: each fault naming the input that caused it.
    """
    return _checked(Settings, "", inputs, settings, configuration, _merged(inputs, settings, configuration))


def read_stage_parameters(inputs: base.Inputs, section: str, model: type[P], configuration: Configuration) -> P:
    """The parameters of one stage: inputs over configuration over defaults.

    :raises InputFaults: each fault naming the input that caused it.
    """
    settings = stage_settings(section)
    values = _merged(inputs, settings, configuration).get(section, {})
    return _checked(model, f"{section}.", inputs, settings, configuration, values)


def read_plane(inputs: base.Inputs) -> Plane:
    """The plane of a chain."""
    plane: Plane = rebuilt("plane", Plane.from_dict, read_json(inputs, "plane"))
    return plane


def read_mapping(inputs: base.Inputs, identifier: str) -> dict[str, Any]:
    """Names and values in a literal of YAML or JSON text; empty where none was sent."""
    text = inputs.text(identifier)
    return {} if text is None else {str(name): value for name, value in parse_mapping(text, identifier).items()}


def read_json(inputs: base.Inputs, identifier: str) -> dict[str, Any]:
    """The object in a JSON input.

    :raises InputError: when it is no JSON object.
    """
    try:
        value = json.loads(inputs.file(identifier).read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{identifier}: expected JSON as an earlier stage wrote it; {error}", identifier) from None
    if not isinstance(value, dict):
        raise InputError(f"{identifier}: expected a JSON object, got {type(value).__name__}", identifier)
    return value


def rebuilt(identifier: str, build: Any, values: dict[str, Any]) -> Any:
    """What ``build`` makes of a JSON product, or a fault that names the input it came by."""
    try:
        return build(values)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        told = f"{identifier}: is not what an earlier stage writes ({type(error).__name__}: {error})"
        raise InputError(told, identifier) from None


def _merged(
    inputs: base.Inputs, settings: Sequence[Setting], configuration: Configuration
) -> dict[str, dict[str, Any]]:
    sections = {name: dict(values) for name, values in configuration.sections.items()}
    for setting in settings:
        value = inputs.value(setting.identifier)
        if value is not None:
            sections.setdefault(setting.section, {})[setting.field] = value
    return sections


def _checked(
    model: type[P],
    within: str,
    inputs: base.Inputs,
    settings: Sequence[Setting],
    configuration: Configuration,
    values: dict[str, Any],
) -> P:
    try:
        return model.check(values, within=within)
    except InputFaults as error:
        sent = {f"{s.section}.{s.field}": s.identifier for s in settings if inputs.value(s.identifier) is not None}
        otherwise = "configuration" if inputs.value("configuration_url") is None else "configuration_url"
        faults = [InputError(fault.message, sent.get(fault.parameter or "", otherwise)) for fault in error.faults]
        raise InputFaults(faults) from None


def _decoded(path: Path, parameter: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{parameter}: expected text in UTF-8; {error}", parameter) from None


def _literal_type(info: FieldInfo) -> tuple[DataType, tuple[str, ...]] | None:
    annotation: Any = info.annotation
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        if len(members) != 1:
            return None
        annotation = members[0]
    if get_origin(annotation) is Literal:
        values = get_args(annotation)
        return ("string", values) if all(isinstance(value, str) for value in values) else None
    data_type = _DATA_TYPES.get(annotation) if isinstance(annotation, type) else None
    return (data_type, ()) if data_type else None


def _is_trap(name: str, info: FieldInfo) -> bool:
    return any(trap in text.lower() for trap in _QGIS_TRAPS for text in (name, info.title or ""))


def _bounds(info: FieldInfo) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    for constraint in info.metadata:
        if isinstance(constraint, annotated_types.Ge):
            bounds["minimum"] = constraint.ge
        elif isinstance(constraint, annotated_types.Gt):
            bounds |= {"minimum": constraint.gt, "minimum_excluded": True}
        elif isinstance(constraint, annotated_types.Le):
            bounds["maximum"] = constraint.le
        elif isinstance(constraint, annotated_types.Lt):
            bounds |= {"maximum": constraint.lt, "maximum_excluded": True}
    return bounds
