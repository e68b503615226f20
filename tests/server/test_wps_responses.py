"""What stands in a response and what only leads from it: XML, large files, languages, texts of the client's own."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from lxml import etree

from server.app import service_of
from server.jobs.model import JobStatus
from server.jobs.request import InputItem, JobRequest, OutputRequest
from server.wps.complex_data import add_complex
from server.wps.raw import raw_file
from server.wps.render import Place
from tests.server.fakes import until
from tests.server.test_wps_jobs import asked, finish, idle_app
from tests.server.test_wps_render import JOB_ID, make_job, outputs, place, rendered, successful
from tests.server.wps_processes import PIXELS, RESPONSE, assert_valid, faults, texts
from tests.server.wps_requests import document, execute_xml, inline, output

__all__ = ["place"]

INLINE = [OutputRequest("copy"), OutputRequest("raster", by_reference=False)]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with idle_app(tmp_path) as app:
        yield app


def complex_data(content: bytes, media_type: str) -> etree._Element:
    parent = etree.Element("parent")
    add_complex(parent, content, {"mimeType": media_type})
    return etree.fromstring(etree.tostring(parent))[0]


# --- XML ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "media_type", ["text/xml", "application/gml+xml", "text/xml; subtype=gml/3.1.1", "image/svg+xml"]
)
def test_xml_stands_as_elements_in_the_response(media_type: str) -> None:
    content = '<?xml version="1.0" encoding="utf-16"?><!-- a --><g:x xmlns:g="urn:g"><!-- b -->é</g:x>'.encode("utf-16")
    (root,) = complex_data(content, media_type)
    assert (root.tag, root[0].text, root[0].tail) == ("{urn:g}x", " b ", "é")


@pytest.mark.parametrize(
    "content", [b"<a>", b"no xml", b"", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"<a>" * 300 + b"</a>" * 300]
)
def test_what_only_says_that_it_is_xml_stands_as_text(content: bytes) -> None:
    data = complex_data(content, "text/xml")
    assert len(data) == 0
    assert (data.text or "").encode() == content


def test_xml_of_another_type_stands_as_text() -> None:
    assert complex_data(b"<a/>", "text/plain").text == "<a/>"


# --- large files ----------------------------------------------------------------------------------


def test_what_does_not_fit_into_a_document_comes_by_reference(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    job = successful(place, JobRequest("everything", {}, INLINE))
    job = with_sizes(job, copy=3, raster=len(PIXELS))
    assert len(texts(rendered(job, place), "//wps:ComplexData")) == 2
    # Room for the first, and not for both.
    monkeypatch.setattr("server.wps.render.LARGEST_INLINE", 3)
    root = rendered(job, place)
    assert texts(root, "//wps:ComplexData") == ["a,b"]
    assert texts(root, "//wps:Reference/@href") == [f"http://example.org/outputs/{JOB_ID}/raster.tif"]


def with_sizes(job: Any, **sizes: int) -> Any:
    return replace(job, results={name: replace(item, size=sizes.get(name)) for name, item in job.results.items()})


def test_lineage_of_inputs_that_do_not_fit_is_refused(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.wps.face.LARGEST_INLINE", 10)
    client, form = (
        app.test_client(),
        document(output("told"), lineage="true", storeExecuteResponse="true", status="true"),
    )
    refused = client.post("/wps", data=execute_xml(inline("x" * 11), form))
    assert (refused.status_code, faults(refused.data)) == (413, [("FileSizeExceeded", "lineage")])
    assert service_of(app).jobs.find() == []
    assert client.post("/wps", data=execute_xml(inline("x" * 10), form)).status_code == 200


def test_raw_base64_is_sent_in_pieces_that_fit_together(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.wps.raw._PIECE", 7)
    folder = outputs(place) / JOB_ID
    folder.mkdir(parents=True)
    for size in (0, 1, 2, 3, 6, 7, 8, 20):
        (folder / "file").write_bytes(bytes(range(size)))
        response = raw_file(place.store.open(JOB_ID, 1, "file"), "file", "image/tiff", "base64")
        content = b"".join(response.response)  # type: ignore[arg-type]
        assert content == base64.b64encode(bytes(range(size)))
        assert response.content_length == len(content)


# --- texts ----------------------------------------------------------------------------------------


def test_a_response_is_in_the_language_of_its_request(place: Place) -> None:
    job = make_job(JobStatus.RUNNING, JobRequest("everything", {}, language="zh-CN"))
    assert rendered(job, place).get("{http://www.w3.org/XML/1998/namespace}lang") == "zh-CN"


def test_outputs_have_the_clients_own_texts_where_it_gave_some(place: Place) -> None:
    wanted = [OutputRequest("told", title="Mine", abstract="For <me>"), OutputRequest("size", abstract="How much")]
    root = rendered(successful(place, JobRequest("everything", {}, wanted, lineage=True)), place)
    assert texts(root, "//wps:ProcessOutputs/wps:Output/ows:Title") == ["Mine", "Size"]
    assert texts(root, "//wps:ProcessOutputs/wps:Output/ows:Abstract") == ["For <me>", "How much"]
    assert texts(root, "//wps:OutputDefinitions/wps:Output/ows:Title") == ["Mine", "Size"]


def test_a_request_keeps_the_clients_texts_in_the_table() -> None:
    request = JobRequest("everything", {"a": [InputItem(text="1")]}, [OutputRequest("told", title="Mine")])
    assert JobRequest.from_dict(request.to_dict()) == request


# --- stored responses -----------------------------------------------------------------------------


def test_a_stored_response_of_a_job_that_takes_long_says_so_in_place_of_an_error(tmp_path: Path) -> None:
    with idle_app(tmp_path, GASFLUX_JOBS_SYNC_WAIT="0.05") as app:
        path = "/wps?service=WPS&version=1.0.0&request=Execute&identifier=small&storeExecuteResponse=true"
        root = assert_valid(app.test_client().get(path).data, RESPONSE)
        (job,) = service_of(app).jobs.find()
        assert root.get("statusLocation") == f"http://127.0.0.1:5000/wps/status/{job.id}"
        assert texts(root, "//wps:ProcessAccepted") != []


def test_a_stored_response_of_a_job_that_ends_in_time_has_its_outputs(app: Flask) -> None:
    path = "/wps?service=WPS&version=1.0.0&request=Execute&identifier=small&storeExecuteResponse=true"
    answer = asked(app, path)
    until(service_of(app).jobs.find)
    finish(service_of(app).jobs)
    assert texts(assert_valid(answer.result(30).data, RESPONSE), "//wps:ProcessSucceeded") != []
