"""The OGC API behind the real nginx: what nginx says alone is said as the API says it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.acceptance.running import free_port
from tests.acceptance.test_nginx import (
    ORIGIN,
    one_origin,
    running_nginx,
    service_behind_nginx,
    too_large_a_body,
)

pytestmark = [pytest.mark.nginx, pytest.mark.slow]


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with service_behind_nginx(tmp_path_factory.mktemp("behind_nginx")) as (url, _):
        yield url


def test_addresses_are_those_of_the_front(front: str) -> None:
    landing = requests.get(f"{front}/ogcapi", headers=ORIGIN, timeout=30)
    assert landing.status_code == 200
    assert one_origin(landing) == "*"
    assert all(link["href"].startswith(f"{front}/ogcapi") for link in landing.json()["links"])


def test_execution_by_reference_goes_through(front: str) -> None:
    body = {"inputs": {"source_rate": 25, "transects": 3}, "outputs": {"flight": {"transmissionMode": "reference"}}}
    response = requests.post(f"{front}/ogcapi/processes/simulate_flight/execution", json=body, timeout=120)
    assert response.status_code == 204, response.text
    address = response.links["item"]["url"]
    assert address.startswith(f"{front}/outputs/")
    assert requests.get(address, timeout=30).text.startswith("timestamp,")


def test_preflight(front: str) -> None:
    asked = ORIGIN | {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,prefer",
    }
    response = requests.options(f"{front}/ogcapi/processes/echo/execution", headers=asked, timeout=30)
    assert response.status_code in (200, 204)
    assert one_origin(response) == "*"
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "prefer" in response.headers["Access-Control-Allow-Headers"].lower()


def test_too_large_a_body_is_a_problem(front: str) -> None:
    response, content = too_large_a_body(front, "/ogcapi/processes/gas_flux/execution", "application/json")
    assert response.status == 413
    assert response.getheader("Content-Type") == "application/problem+json"
    assert response.getheader("Access-Control-Allow-Origin") == "*"
    assert b'"FileSizeExceeded"' in content


def test_service_that_is_away_is_told_as_busy(tmp_path: Path) -> None:
    port = free_port()
    with running_nginx(tmp_path, port, f"127.0.0.1:{free_port()}") as url:
        response = requests.get(f"{url}/ogcapi/processes", headers=ORIGIN, timeout=30)
    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"]
    assert one_origin(response) == "*"
    assert response.json()["type"] == "ServerBusy"
