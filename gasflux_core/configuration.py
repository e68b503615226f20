"""The configuration file: this service's own sections, or the YAML that GasFlux users already have.

The service's own form has one section a stage, with that stage's parameters as keys, and the gases::

    gases: [ch4, co2]
    flight:
      ranges: {ch4: [1.8, 50]}
    kriging:
      neighbours: 100

GasFlux's form is told by its keys (:mod:`gasflux_core.gasflux_configuration`) and mapped onto the
same sections; both may stand in one file, and the own sections win.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from gasflux_core.errors import InputError, InputFaults, TooLarge
from gasflux_core.flight import gas_names
from gasflux_core.gasflux_configuration import GASFLUX_KEYS, map_gasflux, unknown_key
from gasflux_core.pipeline import Settings

MAXIMUM_DEPTH = 40
"""Levels of nesting that are taken; a configuration needs four."""


@dataclass(frozen=True, eq=False, slots=True)
class Configuration:
    """A configuration read and checked."""

    sections: dict[str, dict[str, Any]]
    """Stage → parameter → value, as :class:`gasflux_core.pipeline.Settings` takes them; only what was given."""
    gases: tuple[str, ...] | None
    """Lower-case formulas, or None where the file names none."""
    notes: tuple[str, ...]
    """What was ignored or assumed."""


def read_configuration(text: str, *, parameter: str = "configuration", max_bytes: int = 1_000_000) -> Configuration:
    """Read a configuration from YAML or JSON text.

    :param parameter: name of the input that the text came by, for messages.
    :raises TooLarge: more than ``max_bytes`` of UTF-8.
    :raises InputError: broken YAML or JSON, with line and column.
    :raises InputFaults: every unknown key (with the nearest known one) and every value that a stage refuses.
    """
    size = len(text.encode("utf-8", "replace"))
    if size > max_bytes:
        raise TooLarge(f"{parameter}: {size} bytes; at most {max_bytes} are taken", parameter)
    given = parse_mapping(text, parameter)
    own = set(Settings.model_fields)
    known = {"gases", *own, *GASFLUX_KEYS}
    faults = [InputError(unknown_key(str(key), known), parameter) for key in given if key not in known]

    mapped = map_gasflux({key: value for key, value in given.items() if key in GASFLUX_KEYS}, parameter)
    faults += mapped.faults
    sections = mapped.sections
    for name in (key for key in given if key in own):
        values = given[name]
        if values is None:
            continue
        if not isinstance(values, Mapping):
            faults.append(InputError(f"{name}: expected parameters with their values, got {values!r:.60}", parameter))
            continue
        faults += _check_names(name, Settings.model_fields[name].annotation, values, parameter)
        sections[name] = _merge(sections.get(name, {}), values)
    gases, ranges, gas_faults = _gases(given.get("gases"), parameter)
    faults += gas_faults
    if ranges:
        flight = sections.setdefault("flight", {})
        flight["ranges"] = {**ranges, **_mapping(flight.get("ranges"))}
    faults += _check_values(sections, faults, parameter)
    if faults:
        raise InputFaults(faults, parameter)
    return Configuration(sections, gases, mapped.notes)


def _check_names(within: str, model: Any, values: Mapping[Any, Any], parameter: str) -> list[InputError]:
    """Faults for keys that a stage's parameters, or those nested in them, don't have."""
    fields = model.model_fields
    faults = []
    for key, value in values.items():
        if key not in fields:
            faults.append(InputError(unknown_key(str(key), set(fields), f"{within}."), parameter))
        elif isinstance(value, Mapping) and hasattr(fields[key].annotation, "model_fields"):
            faults += _check_names(f"{within}.{key}", fields[key].annotation, value, parameter)
    return faults


def _check_values(
    sections: Mapping[str, Mapping[str, Any]], so_far: Sequence[InputError], parameter: str
) -> list[InputError]:
    try:
        Settings.check(sections)
    except InputFaults as error:
        told = {fault.message.partition(":")[0] for fault in so_far}
        return [
            InputError(fault.message, parameter)
            for fault in error.faults
            if fault.message.partition(":")[0] not in told
        ]
    return []


def _gases(given: Any, parameter: str) -> tuple[tuple[str, ...] | None, dict[str, Any], list[InputError]]:
    """Formulas, and the ranges where they are given with them."""
    if given is None:
        return None, {}, []
    if isinstance(given, str):
        given = given.replace(",", " ").split()
    if not isinstance(given, Mapping | list):
        text = f"gases: expected formulas such as [ch4, co2], or formula: [lowest, highest]; got {given!r:.60}"
        return None, {}, [InputError(text, parameter)]
    try:
        gases = gas_names([_formula(gas) for gas in given])
    except InputError as error:
        return None, {}, [InputError(error.message, parameter)]
    ranges = {_formula(gas).lower(): bounds for gas, bounds in given.items()} if isinstance(given, Mapping) else {}
    return gases, {gas: bounds for gas, bounds in ranges.items() if bounds is not None}, []


def _formula(key: Any) -> str:
    # YAML reads the bare word NO (nitric oxide) as false
    return "no" if key is False else str(key)


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def parse_mapping(text: str, parameter: str) -> dict[Any, Any]:
    """Keys and values of YAML or JSON text, read strictly: no aliases, no key twice, no objects.

    :raises InputError: broken text, with line and column; text that is no mapping.
    """
    text = text.removeprefix("\ufeff")
    try:
        # JSON first, as YAML has no tabs between tokens
        data = _parse_json(text, parameter) if text.lstrip().startswith("{") else _NOT_JSON
        if data is _NOT_JSON:
            data = yaml.load(text, Loader=_Loader)  # a SafeLoader, stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = ", ".join(part for part in (error.context, error.problem) if part)
        raise InputError(f"{parameter}: the YAML is broken{where} ({what})", parameter) from None
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())[:150]
        raise InputError(f"{parameter}: the YAML can't be read ({reason})", parameter) from None
    except RecursionError:
        raise InputError(f"{parameter}: the YAML is nested too deeply", parameter) from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise InputError(f"{parameter}: expected sections with their keys, got {data!r:.60}", parameter)
    return data


_NOT_JSON = object()


def _parse_json(text: str, parameter: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise InputError(f"{parameter}: the key {twice[:60]!r} stands twice", parameter)
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError:
        return _NOT_JSON  # a YAML flow mapping begins the same


class _Loader(yaml.SafeLoader):
    """A safe loader that takes no aliases (a few lines of them can unfold to gigabytes) and no key twice."""

    # Times stay text, as in JSON: the stages read them.
    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML declares it without ClassVar
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(None, None, "aliases aren't taken, write it out", event.start_mark)
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            raise RecursionError
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is not None and key in seen:
                problem = f"the key {key[:60]!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)
