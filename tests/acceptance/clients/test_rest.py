"""Scripts of the GasFlux Web API against the real service, as they are but for the host."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pytest
import requests

from server.keys import Keys
from tests.acceptance.clients.pages import run_console, run_python
from tests.acceptance.clients.rest_client import GasFluxClient
from tests.acceptance.running import Service, running_service
from tests.conftest import ROOT, need_program

pytestmark = pytest.mark.slow

CONFIG = ROOT / "tests" / "data" / "gasflux_testconfig.yaml"
LARGEST = 100 * 1024 * 1024


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that asks for keys."""
    with running_service(tmp_path_factory.mktemp("guarded"), {"GASFLUX_SECURITY_KEYS": "execute"}) as running:
        yield running


@pytest.mark.parametrize("base", ["", "/api/v1"])
def test_the_script_fetches_everything(
    service: Service, example_flight: Path, tmp_path: Path, tried: Callable[[str], None], base: str
) -> None:
    tried(f"requests {requests.__version__}")
    client = GasFluxClient(service.url + base)
    said: list[str] = []
    data = client.wait(client.upload(example_flight, CONFIG), 0.2, said.append)
    saved = {path.name: path.read_bytes() for path in client.download(data, tmp_path)}
    assert said[-1].startswith("completed") and data["progress"] == 100
    assert {"report.html", "figures.json", "flux_plane.tif", "table.csv", "preview.png"} <= set(saved)
    for entry in data["results"]:
        assert hashlib.sha256(saved[entry["name"]]).hexdigest() == entry["sha256"]
        assert len(saved[entry["name"]]) == entry["size"]
    # The configuration was read: its gases are those of the figures.
    assert list(json.loads(saved["figures.json"])["gases"]) == ["ch4", "co2", "c2h6"]
    assert [rate["gas"] for rate in data["rates"]] == ["ch4", "co2", "c2h6"]


def test_the_script_needs_its_key_where_keys_are_needed(guarded: Service, example_flight: Path, tmp_path: Path) -> None:
    with pytest.raises(requests.HTTPError, match="401"):
        GasFluxClient(guarded.url).upload(example_flight)
    key = Keys.open(f"sqlite:///{guarded.data / 'jobs.sqlite'}").create("Production client")
    client = GasFluxClient(guarded.url, key)
    assert client.download(client.wait(client.upload(example_flight), 0.2), tmp_path)


def test_the_script_raises_what_went_wrong(service: Service, tmp_path: Path) -> None:
    flight = tmp_path / "flight.csv"
    flight.write_text("a,b\n1,2\n")
    client = GasFluxClient(service.url)
    with pytest.raises(RuntimeError, match="latitude"):
        client.wait(client.upload(flight), 0.1)


def test_the_lines_of_curl_go_on_working(guarded: Service, example_flight: Path, tmp_path: Path) -> None:
    curl = need_program("curl")
    pd.read_csv(example_flight).to_excel(tmp_path / "data.xlsx", index=False)
    (tmp_path / "config.yaml").write_bytes(CONFIG.read_bytes())
    key = Keys.open(f"sqlite:///{guarded.data / 'jobs.sqlite'}").create("curl")

    def run(*arguments: str) -> str:
        command = [curl, "-sS", "--fail-with-body", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert json.loads(run(f"{guarded.url}/health"))["status"] == "ok"
    sent = run("-X", "POST", f"{guarded.url}/upload", "-F", "file=@data.xlsx", "-F", "config=@config.yaml",
               "-H", f"X-API-Key: {key}")  # fmt: skip
    task_id = json.loads(sent)["data"]["task_id"]
    GasFluxClient(guarded.url).wait(task_id, 0.2)
    assert json.loads(run(f"{guarded.url}/task/{task_id}"))["data"]["status"] == "completed"
    assert "<!doctype html>" in run(f"{guarded.url}/download/{task_id}/report.html")[:200].lower()


def test_page_does_what_it_says(service: Service, tmp_path: Path) -> None:
    need_program("curl")
    need_program("jq")
    (tmp_path / "shell").mkdir()
    (tmp_path / "python").mkdir()
    run_console("rest.md", service.url, tmp_path / "shell")
    run_python("rest.md", service.url, tmp_path / "python")
    assert b"<!doctype html>" in (tmp_path / "shell" / "report.html").read_bytes()[:200].lower()
    assert (tmp_path / "python" / "report.html").is_file()


def test_a_byte_more_than_may_be_is_refused_in_words(service: Service) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    tail = b"\r\n--x--\r\n"
    body = head + b"1" * (LARGEST + 1 - len(head) - len(tail)) + tail
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    refused = requests.post(f"{service.url}/upload", data=body, headers=headers, timeout=60)
    assert refused.status_code == 413 and f"{LARGEST} bytes" in refused.json()["message"]


def test_a_byte_more_in_pieces_is_refused_too(service: Service) -> None:
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=60)

    def pieces() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        for _ in range(101):
            yield b"1" * (1024 * 1024)
        yield b"\r\n--x--\r\n"

    try:
        connection.request(
            "POST", "/upload", pieces(), {"Content-Type": "multipart/form-data; boundary=x"}, encode_chunked=True
        )
        answer = connection.getresponse()
    except (BrokenPipeError, ConnectionResetError) as error:
        pytest.fail(f"no answer came: {error}")
    assert answer.status == 413 and f"{LARGEST} bytes" in json.loads(answer.read())["message"]


def test_a_connection_that_breaks_off_leaves_nothing(service: Service) -> None:
    before = requests.get(f"{service.url}/tasks", timeout=60).json()["data"]["total"]
    host = urlsplit(service.url)
    with socket.create_connection((host.hostname, host.port), timeout=10) as half:
        half.sendall(
            b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 5000\r\n\r\n--x\r\n"
            b'Content-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b'
        )
    assert requests.get(f"{service.url}/health", timeout=60).json()["status"] == "ok"
    assert requests.get(f"{service.url}/tasks", timeout=60).json()["data"]["total"] == before
