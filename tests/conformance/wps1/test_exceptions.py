"""Exceptions (OGC 05-007r7, the tables of exception codes in clauses 8, 9 and 10; OGC 06-121r3, clause 8)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lxml import etree

from tests.acceptance.running import Service, running_service
from tests.conformance.wps1.asking import DESCRIBE, ECHO, EXECUTE, LANG, ask, complex_input, get, post
from tests.server.wps_processes import EXCEPTIONS, assert_valid
from tests.server.wps_requests import document, execute_xml, literal, output

BOOM = f"{EXECUTE}&identifier=boom"


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service in which little fits."""
    settings = {
        "GASFLUX_DIAGNOSTICS": "true",
        "GASFLUX_SERVER_MAXREQUESTSIZE": "200kb",
        "GASFLUX_SERVER_MAXSINGLEINPUTSIZE": "50kb",
        "GASFLUX_SERVER_PARALLELPROCESSES": "1",
        "GASFLUX_SERVER_MAXPROCESSES": "1",
    }
    with running_service(tmp_path_factory.mktemp("narrow"), settings) as running:
        yield running


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose disk has less room than is asked of it."""
    settings = {"GASFLUX_DIAGNOSTICS": "true", "GASFLUX_STORE_MIN_FREE": "100000000gb"}
    with running_service(tmp_path_factory.mktemp("full"), settings) as running:
        yield running


# --- the report -----------------------------------------------------------------------------------


@pytest.mark.requirement("wps-1.0.0/8.3/exception-report")
@pytest.mark.parametrize("query", ["", f"{DESCRIBE}&identifier=none", f"{ECHO}&DataInputs=string=a;quantity=x", BOOM])
def test_a_report_is_valid_and_says_version_and_language(service: Service, query: str) -> None:
    answer = get(service, query)
    assert answer.faults
    root = assert_valid(answer.content, EXCEPTIONS)
    assert (root.get("version"), root.get(LANG)) == ("1.0.0", "en-US")
    assert all("".join(item.itertext()).strip() for item in root)


@pytest.mark.requirement("wps-1.0.0/8.3/exception-report")
def test_several_faults_are_told_at_once(service: Service) -> None:
    answer = get(service, f"{ECHO}&DataInputs=quantity=x;integer=1.5;other=1&ResponseDocument=none")
    assert answer.status == 400
    assert sorted(answer.faults, key=str) == [
        ("InvalidParameterValue", "integer"),
        ("InvalidParameterValue", "none"),
        ("InvalidParameterValue", "other"),
        ("InvalidParameterValue", "quantity"),
        ("MissingParameterValue", "string"),
    ]


@pytest.mark.requirement("wps-1.0.0/8.3/exception-text")
def test_no_character_of_a_request_breaks_the_report(service: Service) -> None:
    for text in ("%00", "%0b", "%3Ca%3E%26", "%ef%bf%bf", "%f0%9f%98%80"):
        answer = get(service, f"{ECHO}&DataInputs=string=a;integer=x{text}")
        assert answer.faults == [("InvalidParameterValue", "integer")]
        answer = get(service, f"service=WPS&version=1.0.0&request=Get{text}")
        assert [code for code, _ in answer.faults] == ["OperationNotSupported"]


# --- codes ----------------------------------------------------------------------------------------


@pytest.mark.requirement("wps-1.0.0/10.3/missing-parameter-value")
def test_a_mandatory_input_that_does_not_come_is_told(service: Service) -> None:
    for answer in (
        get(service, f"{ECHO}&DataInputs=integer=1"),
        get(service, ECHO),
        get(service, f"{ECHO}&DataInputs=string="),
        post(service, execute_xml(literal("integer", "1"), identifier="echo")),
        post(service, execute_xml(literal("string", ""), identifier="echo")),
    ):
        assert (answer.status, answer.faults) == (400, [("MissingParameterValue", "string")])


@pytest.mark.requirement("wps-1.0.0/10.3/invalid-parameter-value")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("integer", "1.5"),
        ("integer", "one"),
        ("integer", "1_000"),
        ("quantity", "abc"),
        ("quantity", "NaN"),
        ("quantity", "INF"),
        ("quantity", "0"),
        ("quantity", "1000.1"),
        ("quantity", "-1"),
        ("boolean", "yes"),
        ("enumeration", "yellow"),
        ("enumeration", "Red"),
        ("other", "1"),
        ("String", "b"),
    ],
)
def test_a_value_that_an_input_can_not_be_is_told(service: Service, name: str, value: str) -> None:
    for answer in (
        get(service, f"{ECHO}&DataInputs=string=a;{name}={value}"),
        post(service, execute_xml(literal("string", "a") + literal(name, value), identifier="echo")),
    ):
        assert (answer.status, answer.faults) == (400, [("InvalidParameterValue", name)])


@pytest.mark.requirement("wps-1.0.0/10.3/too-many-values")
def test_more_values_than_may_be_are_told(service: Service) -> None:
    for name, count in (("string", 2), ("repeated", 6)):
        many = "".join(literal(name, "a") for _ in range(count))
        first = "" if name == "string" else literal("string", "a")
        answer = post(service, execute_xml(first + many, identifier="echo"))
        assert answer.faults == [("InvalidParameterValue", name)]


@pytest.mark.requirement("wps-1.0.0/10.3/wrong-kind")
def test_an_input_of_another_kind_is_told(service: Service) -> None:
    for inputs, process, name in (
        (complex_input("string", "a"), "echo", "string"),
        (literal("string", "a") + complex_input("bounding_box", "<a/>"), "echo", "bounding_box"),
        (literal("string", "a") + literal("bounding_box", "anywhere"), "echo", "bounding_box"),
        ("<wps:Input><ows:Identifier>text</ows:Identifier><wps:Data/></wps:Input>", "echo_complex", "text"),
    ):
        answer = post(service, execute_xml(inputs, identifier=process))
        assert answer.faults == [("InvalidParameterValue", name)]
    nothing = "<wps:Input><ows:Identifier>text</ows:Identifier></wps:Input>"
    answer = post(service, execute_xml(nothing, identifier="echo_complex"))
    assert answer.faults == [("MissingParameterValue", "text")]


@pytest.mark.requirement("wps-1.0.0/10.3/data-inputs-syntax")
@pytest.mark.parametrize(
    ("pairs", "locator"),
    [
        ("string", "string"),
        ("=a", "DataInputs"),
        ("string=a@colour=red", "string"),
        ("string=a@uom=m@uom=m", "string"),
        ("text=a@xlink:href=http%3A%2F%2Fexample.org", "text"),
    ],
)
def test_pairs_that_can_not_be_read_are_told(service: Service, pairs: str, locator: str) -> None:
    answer = get(service, f"{ECHO}&DataInputs={pairs}")
    assert answer.faults == [("InvalidParameterValue", locator)]


@pytest.mark.requirement("wps-1.0.0/10.3/no-applicable-code")
def test_a_fault_of_the_service_shows_nothing_of_its_inside(service: Service) -> None:
    for how in ("raise", "exit", "kill"):
        answer = get(service, f"{BOOM}&DataInputs=how={how}")
        assert (answer.status, answer.faults) == (500, [("NoApplicableCode", None)])
        for secret in (b"swordfish", b"Traceback", b"RuntimeError", str(service.data).encode(), b".py"):
            assert secret not in answer.content


@pytest.mark.requirement("wps-1.0.0/10.3/raw-failed")
def test_raw_data_of_a_job_that_failed_is_an_error(service: Service) -> None:
    answer = get(service, f"{BOOM}&RawDataOutput=nothing")
    assert (answer.status, answer.faults) == (500, [("NoApplicableCode", None)])
    answer = get(service, f"{EXECUTE}&identifier=echo_complex&RawDataOutput=text")
    assert (answer.status, answer.faults) == (400, [("MissingParameterValue", "text")])


@pytest.mark.requirement("wps-1.0.0/10.3/file-size-exceeded")
def test_what_is_too_large_is_told(narrow: Service) -> None:
    body = post(narrow, b" " * 300_000)
    assert (body.status, body.faults) == (413, [("FileSizeExceeded", None)])
    chunked = ask(narrow.wps, "POST", (b" " * 50_000 for _ in range(6)))
    assert (chunked.status, chunked.faults) == (413, [("FileSizeExceeded", None)])
    one = post(narrow, execute_xml(complex_input("text", "x" * 60_000), identifier="echo_complex"))
    assert (one.status, one.faults) == (413, [("FileSizeExceeded", "text")])


@pytest.mark.requirement("wps-1.0.0/10.3/server-busy")
def test_a_full_queue_is_told(narrow: Service) -> None:
    stored = f"{EXECUTE}&identifier=slow&DataInputs=seconds=60&storeExecuteResponse=true&status=true"
    accepted = []
    while (answer := get(narrow, stored)).status == 200:
        accepted.append(answer.response.get("statusLocation"))
    assert accepted
    assert (answer.status, answer.faults) == (503, [("ServerBusy", None)])
    assert int(answer.headers["retry-after"]) > 0
    for location in accepted:
        assert ask(location, "DELETE").status == 200


@pytest.mark.requirement("wps-1.0.0/10.3/not-enough-storage")
def test_a_full_disk_is_told(full: Service) -> None:
    form = document(output("text", 'asReference="true"'), storeExecuteResponse="true")
    answer = post(full, execute_xml(complex_input("text", "a"), form, "echo_complex"))
    assert (answer.status, answer.faults) == (503, [("NotEnoughStorage", None)])
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.requirement("wps-1.0.0/10.3/malformed-document")
@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        ("<wps:DataInputs><wps:Input/></wps:DataInputs>", ("MissingParameterValue", "DataInputs")),
        (
            "<wps:DataInputs><wps:Input><ows:Identifier/></wps:Input></wps:DataInputs>",
            ("MissingParameterValue", "DataInputs"),
        ),
        (
            "<wps:ResponseForm><wps:ResponseDocument><wps:Output/></wps:ResponseDocument></wps:ResponseForm>",
            ("MissingParameterValue", "Output"),
        ),
        (
            "<wps:ResponseForm><wps:RawDataOutput/></wps:ResponseForm>",
            ("MissingParameterValue", "RawDataOutput"),
        ),
    ],
)
def test_a_document_with_parts_missing_is_told(service: Service, inside: str, fault: tuple[str, str]) -> None:
    content = execute_xml("", identifier="echo").replace(b"<wps:DataInputs></wps:DataInputs>", inside.encode())
    answer = post(service, content)
    assert (answer.status, answer.faults) == (400, [fault])
    assert etree.fromstring(answer.content) is not None
