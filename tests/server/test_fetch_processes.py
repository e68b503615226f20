"""References to the answers of other processing services: WPS 1.0.0 and 2.0, OGC API – Processes; and of many parts."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from processes.declaration import FormatDeclaration
from server import fetch as fetch_module
from server.jobs.request import InputItem
from tests.server.answers import Make, folder, make, refusal

__all__ = ["folder", "make"]

CSV = b"a,b\n1,2\n"
FLIGHT = (FormatDeclaration("text/csv", ".csv"), FormatDeclaration("application/geo+json", ".geojson"))

Answer = tuple[str, bytes] | tuple[str, bytes, dict[str, str]]
"""Content type, content and further headers."""


class Other:
    """A server whose answers a test chooses, by path or by the KVP parameter ``request``."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        other = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                other.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
                parts = urlsplit(self.path)
                key = parse_qs(parts.query).get("request", [parts.path])[0]
                queue = other.answers[key]
                # the last answer stays
                kind, content, *more = queue.pop(0) if len(queue) > 1 else queue[0]
                self.send_response(200)
                self.send_header("Content-Type", kind)
                for name, value in more[0].items() if more else ():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content.replace(b"HERE", other.url.encode()))

            do_POST = do_GET  # noqa: N815 - name of the library

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def says(self, key: str, *answers: bytes | Answer) -> str:
        """Let a path give these, one after the other; its address."""
        self.answers[key] = [one if isinstance(one, tuple) else ("text/xml", one) for one in answers]
        return f"{self.url}{key}" if key.startswith("/") else f"{self.url}/wps?service=WPS&request={key}"

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def other() -> Iterator[Other]:
    server = Other()
    yield server
    server.end()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "_FIRST_PAUSE", 0.02)


@pytest.fixture
def fetch(make: Make, folder: Path) -> Callable[..., bytes]:
    def content(item: InputItem | str, parameter: str = "flight", formats: Any = FLIGHT) -> bytes:
        fetched = make().fetch(item, folder, parameter, formats)
        assert list(folder.iterdir()) == [fetched]
        return fetched.read_bytes()

    return content


# --- WPS 1.0.0 ------------------------------------------------------------------------------------


def response(status: str, outputs: str = "", location: str = "") -> bytes:
    where = f' statusLocation="{location}"' if location else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><wps:ExecuteResponse xmlns:wps="http://www.opengis.net/wps/1.0.0" '
        'xmlns:ows="http://www.opengis.net/ows/1.1" xmlns:xlink="http://www.w3.org/1999/xlink" service="WPS" '
        f'version="1.0.0" xml:lang="en-US"{where}><wps:Status creationTime="2026-01-01T00:00:00Z">{status}'
        f"</wps:Status><wps:ProcessOutputs>{outputs}</wps:ProcessOutputs></wps:ExecuteResponse>"
    ).encode()


def succeeded(*outputs: str) -> bytes:
    return response("<wps:ProcessSucceeded>done</wps:ProcessSucceeded>", "".join(outputs))


def output(name: str, content: str) -> str:
    return f"<wps:Output><ows:Identifier>{name}</ows:Identifier><ows:Title>t</ows:Title>{content}</wps:Output>"


def inline(content: str, kind: str = "text/csv", encoding: str = "") -> str:
    how = f' encoding="{encoding}"' if encoding else ""
    return f'<wps:Data><wps:ComplexData mimeType="{kind}"{how}>{content}</wps:ComplexData></wps:Data>'


LITERAL = output("rate", "<wps:Data><wps:LiteralData>1.5</wps:LiteralData></wps:Data>")
ENCODED = base64.b64encode(CSV).decode()


@pytest.mark.parametrize(
    "data",
    [
        inline("<![CDATA[a,b\n1,2\n]]>"),
        inline("a,b\n1,2\n", encoding="utf-8"),
        inline(f"\n  {ENCODED[:5]}\n{ENCODED[5:]} ", encoding="base64"),
        '<wps:Reference href="HERE/data" mimeType="text/csv"/>',
        '<wps:Reference xlink:href="data" mimeType="text/csv"/>',
        '<wps:Reference href="HERE/encoded" mimeType="text/csv" encoding="base64"/>',
    ],
)
def test_the_one_complex_output_of_a_response_is_the_input(other: Other, fetch: Any, data: str) -> None:
    other.says("/data", ("text/csv", CSV))
    other.says("/encoded", ("text/plain", ENCODED.encode()))
    assert fetch(other.says("/answer", succeeded(LITERAL, output("result", data)))) == CSV


def test_an_element_is_taken_out_as_a_document(other: Other, fetch: Any) -> None:
    gml = '<gml:X xmlns:gml="http://www.opengis.net/gml"><gml:pos>1 2</gml:pos></gml:X>'
    content = fetch(other.says("/answer", succeeded(output("layer", inline(f"\n {gml}\n", "text/xml")))))
    assert content.startswith(b"<?xml") and b"<gml:pos>1 2</gml:pos>" in content and b"ComplexData" not in content


def test_of_several_outputs_that_of_the_inputs_name_or_format_is_taken(other: Other, fetch: Any, folder: Path) -> None:
    page = output("report", inline("<![CDATA[<html>]]>", "text/html"))
    named = output("flight", inline("named", "text/csv; charset=utf-8"))
    first, second = output("first", inline("1", "text/csv")), output("second", inline("2", "application/geo+json"))
    url = other.says("/answer", succeeded(page, first, second, named))
    assert fetch(url) == b"named"
    next(folder.iterdir()).unlink()
    assert fetch(url, "table") == b"1"
    next(folder.iterdir()).unlink()
    # an address as a literal: nothing is known of formats, but what it is the address of
    assert fetch(url, "flight_url", ()) == b"named"


def test_where_no_output_can_be_told_to_be_meant_all_are_named(other: Other, make: Make, folder: Path) -> None:
    outputs = output("page", inline("x", "text/html")), output("picture", inline("x", "image/png"))
    message = refusal(make(), other.says("/answer", succeeded(*outputs)), folder)
    assert "page (text/html), picture (image/png); ask for one of them" in message
    assert "no output that is data" in refusal(make(), other.says("/answer", succeeded(LITERAL)), folder)


def test_a_failed_process_fails_the_job_with_its_words(other: Other, make: Make, folder: Path) -> None:
    failed = response(
        '<wps:ProcessFailed><ows:ExceptionReport version="1.1.0"><ows:Exception exceptionCode="NoApplicableCode">'
        "<ows:ExceptionText>no wind\nat all</ows:ExceptionText></ows:Exception></ows:ExceptionReport>"
        "</wps:ProcessFailed>"
    )
    assert "process that failed: NoApplicableCode no wind at all" in refusal(make(), other.says("/a", failed), folder)


ACCEPTED = response("<wps:ProcessAccepted>wait</wps:ProcessAccepted>", location="HERE/status")
STARTED = response('<wps:ProcessStarted percentCompleted="3">busy</wps:ProcessStarted>', location="status")


def test_a_process_at_work_is_waited_for(other: Other, fetch: Any) -> None:
    other.says("/status", ACCEPTED, STARTED, STARTED, succeeded(output("x", inline("a,b\n1,2\n"))))
    assert fetch(other.says("/execute", ACCEPTED)) == CSV
    assert [path for _, path, _ in other.asked] == ["/execute"] + ["/status"] * 4


def test_a_process_at_work_is_not_waited_for_without_end(other: Other, make: Make, folder: Path) -> None:
    other.says("/status", STARTED)
    message = refusal(make(seconds=0.3), other.says("/execute", ACCEPTED), folder)
    assert "still at work: it took longer than 0.3 s" in message
    assert len(other.asked) < 6


def test_the_time_that_a_host_wants_is_left_to_it(other: Other, make: Make, folder: Path) -> None:
    url = other.says("/execute", ("text/xml", ACCEPTED, {"Retry-After": "30"}))
    assert "still at work" in refusal(make(), url, folder)
    assert len(other.asked) == 1


def test_a_process_at_work_that_can_not_be_asked_again_is_refused(other: Other, make: Make, folder: Path) -> None:
    url = other.says("/execute", response("<wps:ProcessAccepted/>"))
    assert "names no statusLocation" in refusal(make(), url, folder)


# --- the rules hold for what an answer leads to ---------------------------------------------------


@pytest.mark.parametrize(
    ("href", "words"),
    [
        ("http://10.0.0.1/x", "not on the list of hosts"),
        ("file:///etc/passwd", "not fetched here"),
        ("s3://bucket/x", "not fetched here"),
        ("HERE/exception", "answered with an exception: A b"),
        ("HERE/answer", "more than 5 documents"),
        ("HERE/big", "has more than the 2000 bytes"),
    ],
)
def test_what_an_answer_leads_to_is_fetched_under_the_same_rules(
    other: Other, make: Make, folder: Path, href: str, words: str
) -> None:
    other.says(
        "/exception",
        b"<ServiceExceptionReport><ServiceException code='A'>b</ServiceException></ServiceExceptionReport>",
    )
    other.says("/big", ("text/csv", b"x" * 2001))
    url = other.says("/answer", succeeded(output("x", f'<wps:Reference href="{href}"/>')))
    message = refusal(make(limit=2000), url, folder)
    assert words in message and url in message


def test_headers_of_the_client_stay_with_their_host(other: Other, fetch: Any) -> None:
    stranger = Other()
    try:
        stranger.says("/data", ("text/csv", CSV))
        other.says("/near", succeeded(output("x", f'<wps:Reference href="{stranger.url}/data"/>')))
        url = other.says("/answer", succeeded(output("x", '<wps:Reference href="HERE/near"/>')))
        assert fetch(InputItem(href=url, headers={"Authorization": "Bearer x"})) == CSV
    finally:
        stranger.end()
    assert ["authorization" in headers for _, _, headers in other.asked] == [True, True]
    assert ["authorization" in headers for _, _, headers in stranger.asked] == [False]


def test_an_answer_may_lead_to_a_result_of_this_service(other: Other, fetch: Any, tmp_path: Path) -> None:
    job = "12345678-1234-4234-8234-123456789abc"
    results = tmp_path / "outputs" / job
    results.mkdir(parents=True)
    (results / "table.csv").write_bytes(CSV)
    own = f"http://service.example.org/outputs/{job}/table.csv"
    assert fetch(other.says("/answer", succeeded(output("x", f'<wps:Reference href="{own}"/>')))) == CSV


def test_a_post_is_followed_by_gets(other: Other, fetch: Any) -> None:
    other.says("/status", succeeded(output("x", inline("a,b\n1,2\n"))))
    assert fetch(InputItem(href=other.says("/execute", ACCEPTED), method="POST", body="<x/>")) == CSV
    assert [method for method, _, _ in other.asked] == ["POST", "GET"]


@pytest.mark.parametrize(
    "document",
    [
        succeeded(output("x", inline("a")))[:-60],
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + succeeded(output("x", inline("&e;")))[38:],
        succeeded(output("x", inline("???", encoding="base64"))),
        succeeded(output("x", "<wps:Reference/>")),
    ],
)
def test_a_broken_answer_is_refused(other: Other, make: Make, folder: Path, document: bytes) -> None:
    assert "root:" not in refusal(make(), other.says("/answer", document), folder)


# --- WPS 2.0 --------------------------------------------------------------------------------------


def result2(*outputs: str) -> bytes:
    return (
        '<wps:Result xmlns:wps="http://www.opengis.net/wps/2.0" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f"<wps:JobID>j 1</wps:JobID>{''.join(outputs)}</wps:Result>"
    ).encode()


def status2(state: str) -> bytes:
    return (
        f'<wps:StatusInfo xmlns:wps="http://www.opengis.net/wps/2.0"><wps:JobID>j 1</wps:JobID><wps:Status>{state}'
        "</wps:Status></wps:StatusInfo>"
    ).encode()


@pytest.mark.parametrize(
    "data",
    [
        '<wps:Data mimeType="text/csv"><![CDATA[a,b\n1,2\n]]></wps:Data>',
        f'<wps:Data mimeType="text/csv" encoding="base64">{ENCODED}</wps:Data>',
        '<wps:Reference xlink:href="HERE/data" mimeType="text/csv"/>',
    ],
)
def test_a_result_of_wps_2_is_the_input(other: Other, fetch: Any, data: str) -> None:
    other.says("/data", ("text/csv", CSV))
    literal = '<wps:Output id="n"><wps:Data><wps:LiteralValue>1</wps:LiteralValue></wps:Data></wps:Output>'
    document = result2(literal, f'<wps:Output id="x">{data}</wps:Output>')
    assert fetch(other.says("GetResult", document)) == CSV


def test_a_job_of_wps_2_is_waited_for_and_its_result_got(other: Other, fetch: Any) -> None:
    other.says("GetStatus", status2("Accepted"), status2("Running"), status2("Succeeded"))
    other.says(
        "GetResult", result2('<wps:Output id="x"><wps:Data mimeType="text/csv">a,b\n1,2\n</wps:Data></wps:Output>')
    )
    url = other.says("/wps", status2("Accepted"))
    assert fetch(InputItem(href=url, method="POST", body="<x/>")) == CSV
    asked = [path for _, path, _ in other.asked]
    assert asked[1] == "/wps?service=WPS&version=2.0.0&request=GetStatus&jobId=j%201"
    assert asked[-1] == "/wps?service=WPS&version=2.0.0&request=GetResult&jobId=j%201"
    assert len(asked) == 5


def test_a_failed_job_of_wps_2_says_why(other: Other, make: Make, folder: Path) -> None:
    other.says("GetResult", b"<ows:ExceptionReport xmlns:ows='http://www.opengis.net/ows/2.0'><ows:Exception "
               b"exceptionCode='Odd'/></ows:ExceptionReport>")  # fmt: skip
    assert "answered with an exception: Odd" in refusal(make(), other.says("GetStatus", status2("Failed")), folder)
    message = refusal(make(), other.says("GetStatus", status2("Dismissed")), folder)
    assert "job j 1, which was given up" in message


# --- OGC API – Processes --------------------------------------------------------------------------


def status3(state: str, **more: Any) -> Answer:
    return "application/json", json.dumps({"jobID": "j1", "type": "process", "status": state, **more}).encode()


def results3(**outputs: Any) -> Answer:
    return "application/json", json.dumps(outputs).encode()


@pytest.mark.parametrize(
    "value",
    [
        {"href": "HERE/data", "type": "text/csv"},
        {"href": "/data"},
        {"value": "a,b\n1,2\n", "mediaType": "text/csv"},
        {"value": ENCODED, "mediaType": "text/csv", "encoding": "base64"},
        {"value": ENCODED, "format": {"mediaType": "text/csv"}, "encoding": "base64"},
    ],
    ids=str,
)
def test_results_of_an_ogc_api_are_the_input(other: Other, fetch: Any, value: Any) -> None:
    other.says("/data", ("text/csv", CSV))
    assert fetch(other.says("/jobs/j1/results", results3(rate=1.5, table=value))) == CSV


def test_an_object_within_results_is_taken_out(other: Other, fetch: Any) -> None:
    collection = {"type": "FeatureCollection", "features": []}
    assert json.loads(fetch(other.says("/jobs/j1/results", results3(flight={"value": collection})))) == collection


def test_raw_results_are_data(other: Other, fetch: Any) -> None:
    collection = b'{"type": "FeatureCollection", "features": [], "crs": {"value": 1}}'
    assert fetch(other.says("/elsewhere", ("application/json", collection))) == collection
    assert b"Feature" in collection


def test_data_that_only_look_like_results_stay_data(other: Other, fetch: Any) -> None:
    product = b'{"kind": {"href": "http://example.org/"}, "jobID": 3}'
    assert fetch(other.says("/plane.json", ("application/json", product))) == product


@pytest.mark.parametrize("relation", ["http://www.opengis.net/def/rel/ogc/1.0/results", None])
def test_a_job_of_an_ogc_api_is_waited_for(other: Other, fetch: Any, relation: str | None) -> None:
    links = [{"rel": relation, "href": "HERE/jobs/j1/results?f=json"}] if relation else []
    other.says("/jobs/j1", status3("running"), status3("successful", links=links))
    other.says("/jobs/j1/results", results3(flight={"value": "a,b\n1,2\n"}))
    url = other.says("/execute", status3("accepted", links=[{"rel": "self", "href": "/jobs/j1"}]))
    assert fetch(url) == CSV


@pytest.mark.parametrize(("state", "words"), [("failed", "which failed: no wind"), ("dismissed", "which was given up")])
def test_a_job_of_an_ogc_api_that_ended_badly_says_so(
    other: Other, make: Make, folder: Path, state: str, words: str
) -> None:
    assert words in refusal(make(), other.says("/jobs/j1", status3(state, message="no wind.")), folder)


def test_an_exception_in_json_is_known(other: Other, make: Make, folder: Path) -> None:
    problem = {"type": "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-job", "title": "No job"}
    url = other.says("/jobs/j1/results", ("application/problem+json", json.dumps(problem).encode()))
    assert "answered with an exception: No job" in refusal(make(), url, folder)


# --- several parts --------------------------------------------------------------------------------

TIFF = b"II*\0\r\n--not-the-boundary\r\n\xff\x00"
PARTS = (
    b"preamble\r\n--b\r\nContent-Type: text/xml\r\n\r\n<Coverages/>\r\n--b\r\nContent-Type: image/tiff\r\n"
    b"Content-ID: <coverage/dem.tif>\r\n\r\n" + TIFF + b"\r\n--b--\r\nepilogue"
)
DEM = (FormatDeclaration("image/tiff", ".tif"),)


@pytest.mark.parametrize("content", [PARTS, PARTS.replace(b"\r\n--b", b"\n--b"), PARTS.removeprefix(b"preamble\r\n")])
@pytest.mark.parametrize("formats", [DEM, ()])
def test_of_several_parts_the_data_are_taken(other: Other, fetch: Any, content: bytes, formats: Any) -> None:
    url = other.says("/wcs", ('multipart/related; boundary="b"; type="text/xml"', content))
    assert fetch(url, "dem", formats) == TIFF


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("multipart/mixed", PARTS, "does not say what is between"),
        ("multipart/mixed; boundary=other", PARTS, "none can be read"),
        ("multipart/mixed; boundary=b", PARTS.replace(b"text/xml", b"image/png"), "holds several outputs"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\n\r\n--b--", "has no content"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\nx\r\n" * 200 + b"--b--", "more than 100 parts"),
    ],
)
def test_parts_without_the_data_are_refused(
    other: Other, make: Make, folder: Path, kind: str, content: bytes, words: str
) -> None:
    assert words in refusal(make(), other.says("/wcs", (kind, content)), folder)
