"""Reading requests of the OGC API: JSON, preferences, and execute requests of any shape."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasflux_core.errors import GasFluxError, InputError, InputFaults, MissingInput
from processes.declaration import FormatDeclaration, InputDeclaration, OutputDeclaration, ProcessDeclaration
from server.errors import UnreadableRequest
from server.jobs.request import InputItem, JobRequest, OutputRequest, Subscriber, Upload
from server.ogcapi.execute import parse_execute
from server.ogcapi.preferences import Preferences, read_preferences
from server.ogcapi.strict_json import read_json

CSV = FormatDeclaration("text/csv", ".csv")
GEOJSON = FormatDeclaration("application/geo+json", ".geojson")
BINARY = FormatDeclaration("application/zip", ".zip", "base64")
SYSTEMS = ("urn:ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:OGC:1.3:CRS84")
PROCESS = ProcessDeclaration(
    "try",
    "Try",
    "Takes all.",
    "1",
    (),
    (
        InputDeclaration("text", "Text", "", "literal", 0),
        InputDeclaration("number", "Number", "", "literal", 0, data_type="float"),
        InputDeclaration("count", "Count", "", "literal", 0, data_type="integer"),
        InputDeclaration("flag", "Flag", "", "literal", 0, data_type="boolean"),
        InputDeclaration("words", "Words", "", "literal", 0, 3),
        InputDeclaration("box", "Box", "", "bbox", 0, crs=SYSTEMS),
        InputDeclaration("file", "File", "", "complex", 0, formats=(CSV, GEOJSON, BINARY)),
        InputDeclaration("zip", "Zip", "", "complex", 0, formats=(BINARY,)),
    ),
    (
        OutputDeclaration("rate", "Rate", "", "literal", "float"),
        OutputDeclaration("plane", "Plane", "", "complex", formats=(CSV,)),
    ),
)


def parsed(content: Any, **more: Any) -> tuple[JobRequest, tuple[Upload, ...]]:
    return parse_execute(content, PROCESS, **{"mode": "sync", "language": "en-US", "minimal": None, **more})


def item(name: str, value: Any) -> InputItem:
    """How one value of one input is read."""
    request, _ = parsed({"inputs": {name: value}})
    (only,) = request.inputs[name]
    return only


def refused(content: Any) -> list[str | None]:
    """Whom the faults are about."""
    with pytest.raises(InputError) as caught:
        parsed(content)
    faults = caught.value.faults if isinstance(caught.value, InputFaults) else [caught.value]
    return [fault.parameter for fault in faults]


# --- JSON -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"a": ', "line 1, column"),
        (b"{'a': 1}", "well-formed"),
        (b'{"a": 1,}', "well-formed"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e999]", "range of a double"),
        (b"1" * 5000, "digits"),
        (b'{"a": {"b": 1, "c": 2, "b": 3}}', "'b' stands twice"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b"[" * 100_000, "too deep"),
        (b'{"a":' * 50_000, "too deep"),
    ],
)
def test_json_that_is_none_is_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(UnreadableRequest, match=words):
        read_json(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        value = read_json(body)
    except UnreadableRequest:
        return
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


WORDS = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_json_comes_back_as_it_went(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode("utf-8-sig")) == value


# --- preferences ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], Preferences()),
        (["respond-async"], Preferences(respond_async=True)),
        (["Respond-Async; foo=bar"], Preferences(respond_async=True)),
        (["wait=5", "respond-async, return=minimal"], Preferences(respond_async=True, wait=5, minimal=True)),
        (['return="representation"'], Preferences(minimal=False)),
        (["wait=5, wait=9"], Preferences(wait=5)),
        (["wait=soon", "wait=-1", "return=all", ";;=,"], Preferences()),
        (["handling=lenient, depth-noroot"], Preferences()),
        (["wait=" + "9" * 50], Preferences()),
    ],
)
def test_preferences(headers: list[str], expected: Preferences) -> None:
    assert read_preferences(headers) == expected


# --- inputs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("text", "a b", "a b"),
        ("text", {"value": "a b"}, "a b"),
        ("number", 2, "2"),
        ("number", 0.1, "0.1"),
        ("number", 1e-300, "1e-300"),
        ("count", 3, "3"),
        ("count", 3.0, "3"),
        ("count", 10**30, str(10**30)),
        ("flag", True, "true"),
        ("flag", False, "false"),
        ("words", "one", "one"),
        ("box", {"bbox": [1, 2, 3, 4]}, f"1.0,2.0,3.0,4.0,{SYSTEMS[1]}"),
        ("box", {"bbox": [1, 2, 0, 3, 4, 9], "crs": "EPSG:4326"}, f"1.0,2.0,0.0,3.0,4.0,9.0,{SYSTEMS[0]}"),
        ("box", {"value": {"bbox": [1, 2, 3, 4], "crs": SYSTEMS[0]}}, f"1.0,2.0,3.0,4.0,{SYSTEMS[0]}"),
    ],
)
def test_values_as_text(name: str, value: Any, text: str) -> None:
    assert item(name, value).text == text


def test_arrays_are_several_values_only_where_several_may_come() -> None:
    request, _ = parsed({"inputs": {"words": ["a", "b"]}})
    assert [one.text for one in request.inputs["words"]] == ["a", "b"]
    assert refused({"inputs": {"words": list("abcd")}}) == ["words"]
    assert refused({"inputs": {"text": ["a"]}}) == ["text"]


def test_complex_values() -> None:
    assert item("file", "a,b") == InputItem(text="a,b")
    assert item("zip", "AAAA") == InputItem(text="AAAA", encoding="base64")
    stated = {"value": "AAAA", "mediaType": "application/zip"}
    assert item("file", stated) == InputItem(text="AAAA", media_type="application/zip")
    nested = {"value": "a,b", "format": {"mediaType": "text/csv", "encoding": "utf-8", "schema": "http://x/s"}}
    assert item("file", nested) == InputItem(text="a,b", media_type="text/csv", encoding="utf-8", schema="http://x/s")
    link = {"href": "http://x/a.csv", "type": "text/csv", "rel": "data", "title": "A", "hreflang": "en"}
    assert item("file", link) == InputItem(href="http://x/a.csv", media_type="text/csv")


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("value", [{"type": "Feature", "name": "Grüße"}, {"a": [1, None]}, {}])
def test_json_objects_become_files(value: Any, wrapped: bool) -> None:
    request, (upload,) = parsed({"inputs": {"file": {"value": value} if wrapped else value}})
    assert request.inputs["file"] == [InputItem(upload=upload.name, media_type="application/geo+json")]
    assert isinstance(upload.content, bytes)
    assert json.loads(upload.content) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", 3),
        ("text", None),
        ("text", {"a": 1}),
        ("text", {"value": 3}),
        ("number", "2.5"),
        ("number", True),
        ("count", 2.5),
        ("flag", "true"),
        ("flag", 0),
        ("box", [1, 2, 3, 4]),
        ("box", {"bbox": "1,2,3,4"}),
        ("box", {"bbox": [1, 2, True, 4]}),
        ("box", {"bbox": [1, 2, 3, 4, 5]}),
        ("box", {"bbox": [10**400, 2, 3, 4]}),
        ("box", {"bbox": [1, 2, 3, 4], "crs": 4326}),
        ("box", {"bbox": [1, 2, 3, 4], "srs": "EPSG:4326"}),
        ("file", None),
        ("file", 3),
        ("file", [1, 2]),
        ("file", {"value": [1, 2]}),
        ("file", {"value": "a", "schema": 3}),
        ("file", {"value": {"a": 1}, "mediaType": "text/csv"}),
        ("file", {"value": "a", "mediatype": "text/csv"}),
        ("file", {"value": "a", "format": "text/csv"}),
        ("file", {"value": "a", "mediaType": 3}),
        ("file", {"href": 3}),
        ("file", {"href": "http://x/", "method": "POST"}),
        ("zip", {"a": 1}),
    ],
)
def test_values_of_the_wrong_kind_are_refused_by_name(name: str, value: Any) -> None:
    assert set(refused({"inputs": {name: value}})) == {name}


def test_unknown_inputs_are_left_to_the_validation_of_all_faces() -> None:
    request, _ = parsed({"inputs": {"nothing": {"any": "thing"}}})
    assert request.inputs == {"nothing": [InputItem(text="")]}


def test_a_crowd_of_members_costs_nothing() -> None:
    assert refused({"inputs": {str(number): 1 for number in range(10_000)}}) == ["inputs"]
    assert len(refused({str(number): 1 for number in range(10_000)})) <= 20


# --- outputs and the rest -------------------------------------------------------------------------


def test_outputs() -> None:
    form = {"mediaType": "text/csv", "encoding": "base64", "schema": {"any": "object"}}
    request, _ = parsed({"outputs": {"plane": {"format": form, "transmissionMode": "reference"}, "rate": {}}})
    assert request.outputs == [
        OutputRequest("plane", by_reference=True, media_type="text/csv", encoding="base64"),
        OutputRequest("rate", by_reference=False),
    ]
    assert (request.response, request.face) == ("raw", "ogcapi-1.0")


def test_minimal_names_files_by_their_address_and_not_literals() -> None:
    request, _ = parsed({"outputs": {"plane": {}, "rate": {}}}, minimal=True)
    assert [one.by_reference for one in request.outputs] == [True, False]
    request, _ = parsed({"outputs": {"plane": {"transmissionMode": "value"}}}, minimal=True)
    assert [one.by_reference for one in request.outputs] == [False]


def test_subscriber() -> None:
    request, _ = parsed({"subscriber": {"successUri": "http://x/s", "failedUri": "http://x/f"}})
    assert request.subscriber == Subscriber("http://x/s", None, "http://x/f")
    with pytest.raises(MissingInput) as caught:
        parsed({"subscriber": {"failedUri": "http://x/f"}})
    assert caught.value.parameter == "subscriber.successUri"
    assert refused({"subscriber": {"successUri": None}}) == ["subscriber.successUri"]


def test_every_fault_of_the_form_is_told_at_once() -> None:
    body = {"inputs": {"text": 3}, "outputs": {"rate": 1}, "response": "html", "mode": "async", "subscriber": []}
    assert sorted(map(str, refused(body))) == ["mode", "rate", "response", "subscriber", "text"]


NAMES = st.sampled_from([item.identifier for item in PROCESS.inputs])
MEMBERS = st.sampled_from(["value", "href", "bbox", "crs", "format", "mediaType", "encoding", "schema", "type"])
SHAPES = VALUES | st.dictionaries(MEMBERS, VALUES | st.dictionaries(MEMBERS, VALUES, max_size=3), max_size=4)
OUTPUTS = st.dictionaries(
    st.sampled_from(["rate", "plane", "nothing"]),
    VALUES | st.dictionaries(st.sampled_from(["format", "transmissionMode"]), SHAPES, max_size=2),
    max_size=3,
)


REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.dictionaries(NAMES, SHAPES, max_size=4) | VALUES,
        "outputs": OUTPUTS,
        "response": VALUES,
        "subscriber": SHAPES,
    },
)


@settings(max_examples=300)
@given(REQUESTS | VALUES)
def test_any_json_is_a_request_or_a_fault_of_the_client(content: Any) -> None:
    try:
        request, uploads = parsed(content)
    except GasFluxError as error:
        assert error.message
        return
    JobRequest.from_dict(json.loads(json.dumps(request.to_dict(), allow_nan=False)))
    assert len({upload.name for upload in uploads}) == len(uploads)
    assert not any(math.isnan(float(one.text)) for one in request.inputs.get("number", ()) if one.text)
