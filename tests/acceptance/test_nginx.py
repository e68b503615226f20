"""The real service behind the real nginx with the project's own configuration."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
import requests

from tests.acceptance.running import Service, answers, free_port, running_service, started
from tests.conftest import ROOT, need_program

pytestmark = [pytest.mark.nginx, pytest.mark.slow]

OWS = "{http://www.opengis.net/ows/1.1}"
WPS = "{http://www.opengis.net/wps/1.0.0}"
ORIGIN = {"Origin": "https://maps.example.org"}
IDENTITY = {"Accept-Encoding": "identity"}
ALLOWED_ORIGIN = "Access-Control-Allow-Origin"
SIMULATE = {
    "service": "WPS",
    "version": "1.0.0",
    "request": "Execute",
    "identifier": "simulate_flight",
    "DataInputs": "source_rate=25;transects=3",
}


def configuration(folder: Path, values: Mapping[str, str]) -> Path:
    """The project's two files as the container sees them, with all that nginx writes in a folder of ours."""
    site = (ROOT / "nginx" / "templates" / "gasflux.conf.template").read_text()
    for name, value in values.items():
        site = site.replace(f"${{{name}}}", value)
    assert "${" not in site, "a name in the template isn't filled in"
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "gasflux.conf").write_text(site)
    frame = (ROOT / "nginx" / "nginx.conf").read_text()
    frame = frame.replace(" /tmp/", f" {folder}/").replace("/etc/nginx/conf.d", str(folder / "conf.d"))
    file = folder / "nginx.conf"
    file.write_text(frame)
    return file


@contextmanager
def running_nginx(folder: Path, port: int, upstream: str) -> Iterator[str]:
    program = need_program("nginx")
    values = {
        "GASFLUX_UPSTREAM": upstream,
        "GASFLUX_LISTEN": f"127.0.0.1:{port}",
        "GASFLUX_BODY_SIZE": "2m",
        "GASFLUX_OUTPUTS": str(folder / "data" / "outputs"),
    }
    file = configuration(folder, values)
    # As root, nginx would hand its workers to a user who can't enter a test's folder.
    directives = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
    command = [program, "-p", str(folder), "-c", str(file), "-g", directives]
    with started(command, folder / "nginx.log", os.environ, lambda: answers(f"http://127.0.0.1:{port}/")):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def service_behind_nginx(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[tuple[str, Service]]:
    """Address of nginx, which the service tells its clients too, and the service."""
    need_program("nginx")
    port = free_port()
    told = {
        "GASFLUX_SERVER_URL": f"http://127.0.0.1:{port}/wps",
        "GASFLUX_SERVER_OUTPUTURL": f"http://127.0.0.1:{port}/outputs",
        **(settings or {}),
    }
    with running_service(folder, told) as service, running_nginx(folder, port, place(service)) as url:
        yield url, service


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with service_behind_nginx(tmp_path_factory.mktemp("behind_nginx")) as (url, _):
        yield url


@dataclass(frozen=True)
class Stored:
    """A result that nginx sends by itself."""

    url: str
    file: Path
    at_service: str
    """Its address without nginx."""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    folder = tmp_path_factory.mktemp("nginx_sends")
    with service_behind_nginx(folder, {"GASFLUX_STORE_X_ACCEL": "/stored/"}) as (url, service):
        query = SIMULATE | {"ResponseDocument": "flight=@asReference=true"}
        response = requests.get(f"{url}/wps", params=query, timeout=120)
        reference = ElementTree.fromstring(response.content).find(f".//{WPS}Reference")
        assert reference is not None, response.text
        address = reference.get("href") or reference.get("{http://www.w3.org/1999/xlink}href") or ""
        path = address.removeprefix(f"{url}/outputs/")
        yield Stored(address, service.data / "outputs" / path, f"{service.url}/outputs/{path}")


def place(service: Service) -> str:
    return service.url.removeprefix("http://")


def one_origin(response: requests.Response) -> str:
    """The allowed origin, which browsers take only when it is there once."""
    values = response.raw.headers.getlist(ALLOWED_ORIGIN)
    assert len(values) == 1, values
    return str(values[0])


def test_capabilities(front: str) -> None:
    response = requests.get(f"{front}/wps?service=WPS&request=GetCapabilities", headers=ORIGIN, timeout=30)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/xml")
    assert one_origin(response) == "*"
    root = ElementTree.fromstring(response.content)
    addresses = {value for item in root.iter() for name, value in item.attrib.items() if name.endswith("href")}
    assert any(address.startswith(f"{front}/wps") for address in addresses)


def test_execute_and_fetch(front: str) -> None:
    query = SIMULATE | {"ResponseDocument": "flight=@asReference=true;emission_rate"}
    response = requests.get(f"{front}/wps", params=query, timeout=120)
    assert response.status_code == 200, response.text
    root = ElementTree.fromstring(response.content)
    literal = root.find(f".//{WPS}LiteralData")
    assert literal is not None
    assert float(literal.text or "") == 25.0
    reference = root.find(f".//{WPS}Reference")
    assert reference is not None
    address = reference.get("href") or reference.get("{http://www.w3.org/1999/xlink}href") or ""
    assert address.startswith(f"{front}/outputs/")
    fetched = requests.get(address, headers=ORIGIN, timeout=30)
    assert fetched.status_code == 200
    assert fetched.headers["Content-Type"].startswith("text/csv")
    assert one_origin(fetched) == "*"
    lines = fetched.text.splitlines()
    assert {"timestamp", "windspeed", "ch4"} <= set(lines[0].split(","))
    assert len(lines) > 50


def test_asynchronous_job_is_asked_for_through_nginx(front: str) -> None:
    query = SIMULATE | {"storeExecuteResponse": "true", "status": "true"}
    root = ElementTree.fromstring(requests.get(f"{front}/wps", params=query, timeout=30).content)
    address = root.get("statusLocation") or ""
    assert address.startswith(f"{front}/wps/")
    assert requests.get(address, timeout=30).status_code == 200


def test_a_body_goes_through(front: str) -> None:
    body = (
        '<wps:GetCapabilities service="WPS" xmlns:wps="http://www.opengis.net/wps/1.0.0"'
        ' xmlns:ows="http://www.opengis.net/ows/1.1"/>'
    )
    response = requests.post(f"{front}/wps", data=body, headers={"Content-Type": "text/xml"}, timeout=30)
    assert response.status_code == 200
    assert ElementTree.fromstring(response.content).tag == f"{WPS}Capabilities"


@pytest.mark.parametrize("path", ["/wps", "/outputs/a/b", "/ows/a/features"])
def test_preflight(front: str, path: str) -> None:
    asked = ORIGIN | {
        "Access-Control-Request-Method": "POST" if path == "/wps" else "GET",
        "Access-Control-Request-Headers": "content-type",
    }
    response = requests.options(f"{front}{path}", headers=asked, timeout=30)
    assert response.status_code in (200, 204)
    assert one_origin(response) == "*"
    assert asked["Access-Control-Request-Method"] in response.headers["Access-Control-Allow-Methods"]
    assert "content-type" in response.headers["Access-Control-Allow-Headers"].lower()


def test_maps_go_through_with_their_own_errors(front: str) -> None:
    unknown = f"{front}/ows/9b2f6c1e-3d4a-4f5b-8c6d-7e8f9a0b1c2d"
    map_service = requests.get(f"{unknown}?service=WMS&request=GetCapabilities", headers=ORIGIN, timeout=30)
    assert (map_service.status_code, one_origin(map_service)) == (404, "*")
    assert "ServiceException" in map_service.text
    features = requests.get(f"{unknown}/features", headers=ORIGIN, timeout=30)
    assert (features.status_code, one_origin(features)) == (404, "*")
    assert "no job" in features.json()["description"]


def too_large_a_body(front: str, path: str, media_type: str) -> tuple[http.client.HTTPResponse, bytes]:
    """What is said to a POST larger than nginx takes; by hand, since most clients are still writing then."""
    connection = http.client.HTTPConnection(front.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", path)
    connection.putheader("Content-Type", media_type)
    connection.putheader("Content-Length", str(3 * 1024**2))
    connection.endheaders()
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def test_too_large_a_body_is_refused_as_an_exception_report(front: str) -> None:
    response, content = too_large_a_body(front, "/wps", "text/xml")
    assert response.status == 413
    assert (response.getheader("Content-Type") or "").startswith("text/xml")
    assert response.getheader(ALLOWED_ORIGIN) == "*"
    exception = ElementTree.fromstring(content).find(f"{OWS}Exception")
    assert exception is not None
    assert exception.get("exceptionCode") == "FileSizeExceeded"
    assert "2m" in (exception.findtext(f"{OWS}ExceptionText") or "")


def test_service_that_is_away_is_told_as_busy(tmp_path: Path) -> None:
    port = free_port()
    with running_nginx(tmp_path, port, f"127.0.0.1:{free_port()}") as url:
        response = requests.get(f"{url}/wps?service=WPS&request=GetCapabilities", headers=ORIGIN, timeout=30)
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert one_origin(response) == "*"
    exception = ElementTree.fromstring(response.content).find(f"{OWS}Exception")
    assert exception is not None
    assert exception.get("exceptionCode") == "ServerBusy"


def test_nginx_sends_a_result_as_the_service_describes_it(stored: Stored) -> None:
    whole = requests.get(stored.url, headers=ORIGIN | IDENTITY, timeout=30)
    assert whole.status_code == 200
    assert whole.content == stored.file.read_bytes()
    assert whole.headers["Content-Length"] == str(len(whole.content))
    assert whole.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.headers["Content-Security-Policy"].startswith("sandbox")
    assert whole.headers["ETag"] == f'"{hashlib.sha256(whole.content).hexdigest()}"'
    assert one_origin(whole) == "*"
    assert "X-Accel-Redirect" not in whole.headers
    head = requests.head(stored.url, headers=IDENTITY, timeout=30)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]
    direct = requests.get(stored.at_service, timeout=30)
    assert (direct.status_code, direct.content) == (200, b"")
    assert direct.headers["X-Accel-Redirect"] == "/stored/" + "/".join(stored.file.parts[-2:])


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_nginx_sends_parts_of_a_result(stored: Stored, encoding: str) -> None:
    content = stored.file.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()}"'
    asked = {"Range": "bytes=100-199", "Accept-Encoding": encoding}
    part = requests.get(stored.url, headers=asked, timeout=30)
    assert (part.status_code, part.content) == (206, content[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(content)}"
    assert part.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert part.headers["X-Content-Type-Options"] == "nosniff"
    assert part.headers["Content-Security-Policy"].startswith("sandbox")
    same = requests.get(stored.url, headers=asked | {"If-Range": tag}, timeout=30)
    assert (same.status_code, same.content) == (206, content[100:200])
    other = requests.get(stored.url, headers=asked | {"If-Range": '"other"'}, timeout=30)
    assert (other.status_code, other.content) == (200, content)


def test_a_result_that_the_client_has_is_not_sent_again(stored: Stored) -> None:
    tag = requests.get(stored.url, headers=IDENTITY, timeout=30).headers["ETag"]
    again = requests.get(stored.url, headers=IDENTITY | {"If-None-Match": tag}, timeout=30)
    assert (again.status_code, again.content) == (304, b"")


def test_stored_results_are_reached_through_the_service_alone(stored: Stored) -> None:
    assert requests.get(stored.url, timeout=30).status_code == 200
    root, _, path = stored.url.partition("/outputs/")
    stray = stored.file.with_name("stray.csv")
    stray.write_text("stray")
    try:
        assert requests.get(f"{root}/outputs/{stray.parent.name}/stray.csv", timeout=30).status_code == 404
    finally:
        stray.unlink()
    for target in (f"/stored/{path}", "/stored/", f"/outputs/../stored/{path}", f"/stored//{path}"):
        connection = http.client.HTTPConnection(root.removeprefix("http://"), timeout=30)
        connection.request("GET", target)  # as it stands, dots and all
        assert connection.getresponse().status == 404, target
        connection.close()


def test_figures_are_for_this_machine_alone(front: str) -> None:
    host, port = front.removeprefix("http://").split(":")
    # Another address of the loopback stands for another machine's.
    for source, is_let_in in (("127.0.0.1", True), ("127.0.0.2", False)):
        connection = http.client.HTTPConnection(host, int(port), timeout=30, source_address=(source, 0))
        connection.request("GET", "/metrics")
        status = connection.getresponse().status
        connection.close()
        assert status == (200 if is_let_in else 403)


def test_names_in_the_template_are_those_that_compose_gives() -> None:
    template = (ROOT / "nginx" / "templates" / "gasflux.conf.template").read_text()
    compose = (ROOT / "docker-compose.yml").read_text()
    names = set(re.findall(r"\$\{(\w+)\}", template))
    assert names == {"GASFLUX_UPSTREAM", "GASFLUX_LISTEN", "GASFLUX_BODY_SIZE", "GASFLUX_OUTPUTS"}
    assert all(f"{name}:" in compose for name in names)
