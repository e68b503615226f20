"""Values of inputs as JSON has them (inlineOrRefData.yaml of OGC 18-062r2, clause 7.11.2.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gasflux_core.errors import InputError
from processes.bounding_box import BoundingBox, declared_crs
from processes.declaration import InputDeclaration
from processes.literals import LiteralValue, literal_text
from server.jobs.request import InputItem, Upload
from server.ogcapi.members import json_kind, schema_of, shown, text_of, unknown_members
from server.ogcapi.schemas import default_crs, is_json, json_format

_QUALIFIERS = ("mediaType", "encoding", "schema", "format")
_LINK_MEMBERS = ("href", "rel", "type", "hreflang", "title")

_EXPECTED = {
    "string": "a text",
    "anyURI": "a text",
    "boolean": "true or false",
    "integer": "a whole number",
    "float": "a number",
}


class InputReader:
    """Reads the values of one request.

    :param faults: gets what is wrong with them.
    """

    def __init__(self, faults: list[InputError]) -> None:
        self._faults = faults
        self.uploads: list[Upload] = []
        """Complex values of JSON, as the files that they are to the process."""

    def item(self, declared: InputDeclaration, value: Any) -> InputItem:
        """One value of one input; an empty one where it is at fault."""
        try:
            return self._item(declared, value)
        except InputError as error:
            self._faults.append(error)
            return InputItem(text="")

    def _item(self, declared: InputDeclaration, value: Any) -> InputItem:
        if isinstance(value, dict) and "href" in value:
            return self._reference(declared, value)
        qualifiers: Mapping[str, Any] = {}
        if isinstance(value, dict) and "value" in value:
            value, qualifiers = self._qualified(declared, value)
        match declared.kind:
            case "literal":
                return InputItem(text=_literal_text(declared, value))
            case "bbox":
                return InputItem(text=self._box_text(declared, value))
            case "complex":
                return self._complex(declared, value, qualifiers)

    def _reference(self, declared: InputDeclaration, value: Mapping[str, Any]) -> InputItem:
        """A value by its address (link.yaml)."""
        name = declared.identifier
        self._faults += unknown_members(f"Input {name} by reference", value, _LINK_MEMBERS, name)
        texts = {member: text_of(value, member, f"inputs.{name}", name, self._faults) for member in _LINK_MEMBERS}
        return InputItem(href=texts["href"] or "", media_type=texts["type"])

    def _qualified(self, declared: InputDeclaration, value: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
        """A value with what is said of it (qualifiedInputValue.yaml).

        The standard's schema has the qualifiers beside the value, its text has them in a member ``format``.
        """
        name = declared.identifier
        self._faults += unknown_members(f"The qualified value of input {name}", value, ("value", *_QUALIFIERS), name)
        form = value.get("format", {})
        if not isinstance(form, dict):
            raise InputError(f"inputs.{name}.format: expected an object, got {json_kind(form)}.", name)
        self._faults += unknown_members(f"The format of input {name}", form, _QUALIFIERS[:3], name)
        return value["value"], {**form, **{member: value[member] for member in _QUALIFIERS[:3] if member in value}}

    def _box_text(self, declared: InputDeclaration, value: Any) -> str:
        """A bounding box (bbox.yaml) as the service has it inside."""
        name = declared.identifier
        if not isinstance(value, dict) or "bbox" not in value:
            text = f"Input {name} is a bounding box: expected an object with the member bbox, got {json_kind(value)}."
            raise InputError(text, name)
        self._faults += unknown_members(f"The bounding box of input {name}", value, ("bbox", "crs"), name)
        numbers = value["bbox"]
        if not (isinstance(numbers, list) and len(numbers) in (4, 6) and all(_is_number(one) for one in numbers)):
            raise InputError(f"inputs.{name}.bbox: expected an array of four or six numbers.", name)
        crs = text_of(value, "crs", f"inputs.{name}", name, self._faults)
        half = len(numbers) // 2
        try:
            corners = [float(one) for one in numbers]
        except OverflowError:
            raise InputError(f"inputs.{name}.bbox: a number is beyond the range of a double.", name) from None
        system = declared_crs(declared, crs or default_crs(declared.crs))
        return BoundingBox(tuple(corners[:half]), tuple(corners[half:]), system).text

    def _complex(self, declared: InputDeclaration, value: Any, qualifiers: Mapping[str, Any]) -> InputItem:
        name = declared.identifier
        where = f"inputs.{name}"
        media_type = text_of(qualifiers, "mediaType", where, name, self._faults)
        encoding = text_of(qualifiers, "encoding", where, name, self._faults)
        schema = schema_of(qualifiers, where, name, self._faults)
        if isinstance(value, str):
            if encoding is None and media_type is None and all(one.encoding == "base64" for one in declared.formats):
                encoding = "base64"
            return InputItem(text=value, media_type=media_type, encoding=encoding, schema=schema)
        form = json_format(declared.formats)
        stated = media_type or (form.media_type if form else None)
        if not isinstance(value, dict) or not is_json(stated):
            kinds = stated or ", ".join(one.media_type for one in declared.formats)
            expected = "an object, a text or a reference" if is_json(stated) else "a text or a reference"
            text = f"Input {name}: expected {expected} ({kinds}), got {json_kind(value)}."
            raise InputError(text, name)
        upload = Upload(f"input-{len(self.uploads) + 1}", _json_bytes(value, name))
        self.uploads.append(upload)
        return InputItem(upload=upload.name, media_type=stated, schema=schema)


def _json_bytes(value: Any, name: str) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise InputError(f"Input {name}: its value is nested too deep.", name) from None


def _literal_text(declared: InputDeclaration, value: Any) -> str:
    """A literal as text.

    :raises InputError: its type is not the declared one; whether the value itself will do is validated later.
    """
    plain = _plain_literal(declared, value)
    if plain is None:
        name, expected = declared.identifier, _EXPECTED[declared.data_type]
        raise InputError(f"Input {name}: expected {expected}, got {shown(value)}.", name)
    return literal_text(plain)


def _plain_literal(declared: InputDeclaration, value: Any) -> LiteralValue | None:
    match declared.data_type:
        case "string" | "anyURI":
            return value if isinstance(value, str) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "float":
            return value if _is_number(value) else None
        case "integer":
            # 3.0 is a whole number to JSON Schema.
            whole = _is_number(value) and (isinstance(value, int) or value.is_integer())
            return int(value) if whole else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
