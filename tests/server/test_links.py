"""Signed addresses: what is handed out under them, what they lead to, and how they end."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.test import TestResponse

import server.links as module
from server.jobs.database import open_engine
from server.links import Links, split_signed
from server.ogcapi.notices import notice
from server.signing import read_secret
from tests.server.fakes import settings_in
from tests.server.guarded import ROOT, Guarded

DAY = 86_400


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    made = Guarded(tmp_path_factory.mktemp("guarded"))
    yield made
    made.close()


def below(address: str) -> str:
    """A whole address as the test client takes it."""
    assert address.startswith(ROOT), address
    return address.removeprefix(ROOT)


def addresses(answer: TestResponse) -> set[str]:
    """Those of this service that an answer names."""
    text = answer.text + "\n".join(value for name, value in answer.headers if name in ("Link", "Location"))
    return set(re.findall(re.escape(ROOT) + r"[^\s\"'<>)]*", text.replace("&amp;", "&")))


# --- what is handed out ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/wps/status/{job}",
        "/wps?service=WPS&version=2.0.0&request=GetResult&jobid={job}",
        "/ogcapi/jobs/{job}?f=json",
        "/ogcapi/jobs/{job}?f=html",
        "/ogcapi/jobs/{job}/results?f=html",
        "/ows/{job}/features?f=json",
        "/ows/{job}/features/collections/track/items?f=json",
    ],
)
def test_who_sends_a_key_is_given_addresses_that_need_none(guarded: Guarded, path: str) -> None:
    answer = guarded.client.get(path.format(job=guarded.job), headers=guarded.owner)
    assert answer.status_code == 200, answer.text
    named = {address for address in addresses(answer) if guarded.job in address}
    assert named
    for address in named:
        followed = guarded.client.get(below(address))
        assert followed.status_code in (200, 303, 404, 406), (address, followed.text)


def test_without_keys_for_everything_addresses_are_plain(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path, "execute")
    for path in (f"/wps/status/{guarded.job}", f"/ogcapi/jobs/{guarded.job}", f"/ows/{guarded.job}/features"):
        assert "/s/" not in guarded.client.get(path, headers=guarded.owner).text
    guarded.close()


def test_the_status_document_leads_on_to_the_end_without_a_key(guarded: Guarded) -> None:
    first = guarded.client.get(f"/wps/status/{guarded.job}", headers=guarded.owner)
    (status,) = re.findall(r'statusLocation="([^"]+)"', first.text)
    document = guarded.client.get(below(status))
    assert f'statusLocation="{status}"' in document.text
    references = re.findall(r'href="([^"]+/outputs/[^"]+)"', document.text)
    assert references
    for reference in references:
        assert guarded.client.get(below(reference)).status_code == 200
    # The literal that names the map service, which the job wrote down as it is for all.
    wms = guarded.client.get(f"/ogcapi/jobs/{guarded.job}/results/wms", headers=guarded.owner).text
    assert wms == f"{status.partition('/wps/')[0]}/ows/{guarded.job}?service=WMS"


def test_a_subscriber_is_told_addresses_that_need_no_key(guarded: Guarded) -> None:
    body, _ = notice(guarded.jobs.get(guarded.job), guarded.settings, guarded.store)
    # The results of this job are small, and all in it; of one that runs it is the status.
    (running,) = [guarded.jobs.submit(guarded.jobs.get(guarded.job).request, client="x")]
    told = json.loads(notice(running, guarded.settings, guarded.store)[0])
    assert body
    for link in told["links"]:
        if running.id in link["href"]:
            assert guarded.client.get(below(link["href"])).status_code == 200


def test_a_file_is_as_it_is_whoever_asks(guarded: Guarded) -> None:
    path = f"/outputs/{guarded.job}/page.html"
    token = guarded.links.of_job(guarded.job)
    assert guarded.client.get(f"/s/{token}{path}").data == f"<p>{ROOT}/wps</p>".encode()


# --- what is answered under a link ----------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/wps?service=WPS&version=1.0.0&request=GetCapabilities",
        "/wps?service=WPS&acceptversions=2.0.0&request=GetCapabilities",
        "/ogcapi?f=json",
        "/ogcapi/processes?f=html",
        "/ogcapi/processes/echo",
        "/ogcapi/jobs",
        "/ogcapi/jobs/{job}",
    ],
)
def test_what_is_under_a_link_names_what_is_under_it(guarded: Guarded, path: str) -> None:
    link = guarded.links.signed(guarded.links.of_key(guarded.id_of(guarded.owner)))
    # Twice: the second one may come from what is kept ready; and those who send a key are told nothing of it.
    for _ in range(2):
        answer = guarded.client.get(below(link) + path.format(job=guarded.job))
        assert answer.status_code == 200, answer.text
        named = addresses(answer)
        assert named
        assert {address for address in named if not address.startswith(f"{link}/")} == set()
    plain = guarded.client.get(path.format(job=guarded.job), headers=guarded.owner)
    assert link not in plain.text
    assert int(answer.headers["Content-Length"]) == len(answer.data)


@pytest.mark.parametrize("service", ["WMS", "WCS", "WFS"])
@pytest.mark.parametrize("kind", ["job", "key", "header"])
def test_map_services_name_themselves_under_the_link(guarded: Guarded, service: str, kind: str) -> None:
    tokens = {"job": guarded.links.of_job(guarded.job), "key": guarded.links.of_key(guarded.id_of(guarded.owner))}
    prefix = f"/s/{tokens[kind]}" if kind in tokens else ""
    headers = {} if prefix else guarded.owner
    answer = guarded.client.get(
        f"{prefix}/ows/{guarded.job}?service={service}&request=GetCapabilities", headers=headers
    )
    assert answer.status_code == 200, answer.text
    named = {address for address in addresses(answer) if "?" in address}
    assert named
    token = tokens.get(kind, tokens["job"])
    assert all(address.startswith(f"{ROOT}/s/{token}/ows/{guarded.job}?") for address in named)


def test_a_redirection_stays_under_the_link(guarded: Guarded) -> None:
    token = guarded.links.of_job(guarded.job)
    answer = guarded.client.get(f"/s/{token}/ows/{guarded.job}")
    assert answer.headers["Location"] == f"{ROOT}/s/{token}/ows/{guarded.job}/features"


def test_a_job_sent_under_a_link_is_the_keys(guarded: Guarded) -> None:
    link = below(guarded.links.signed(guarded.links.of_key(guarded.id_of(guarded.owner))))
    answer = guarded.client.post(
        f"{link}/ogcapi/processes/echo/execution", json={"inputs": {"word": "a"}}, headers={"Prefer": "respond-async"}
    )
    assert answer.status_code == 201, answer.text
    assert guarded.jobs.get(answer.json["jobID"]).client == guarded.id_of(guarded.owner)
    assert answer.headers["Location"].startswith(ROOT + link)


def test_nobody_is_an_administrator_by_a_link(guarded: Guarded) -> None:
    admin = guarded.key("admin", scopes=["admin"])
    link = below(guarded.links.signed(guarded.links.of_key(guarded.id_of(admin))))
    assert guarded.client.get(f"/wps/status/{guarded.job}", headers=admin).status_code == 200
    assert guarded.client.get(f"{link}/wps/status/{guarded.job}").status_code == 403
    assert guarded.client.get(f"{link}/ogcapi/jobs").json["jobs"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/wps?service=WPS&request=GetCapabilities"),
        ("GET", "/wps?service=WPS&version=2.0.0&request=Dismiss&jobid={job}"),
        ("POST", "/wps"),
        ("GET", "/ogcapi/jobs"),
        ("DELETE", "/ogcapi/jobs/{job}"),
        ("DELETE", "/wps/status/{job}"),
        ("GET", "/runs"),
        ("GET", "/wps/status/{other}"),
        ("GET", "/outputs/{other}/page.html"),
        ("GET", "/wps?service=WPS&version=2.0.0&request=GetStatus&jobid={job}&JobID={other}"),
        ("GET", "/outputs/{job}/../{other}/page.html"),
    ],
)
def test_a_link_to_one_job_leads_nowhere_else(guarded: Guarded, method: str, path: str) -> None:
    other = guarded.finished(guarded.id_of(guarded.owner))
    token = guarded.links.of_job(guarded.job)
    answer = guarded.client.open(f"/s/{token}{path.format(job=guarded.job, other=other)}", method=method)
    if "JobID=" in path:
        # Which of the two counts is for the face to say; it gives the one or refuses.
        assert other not in answer.text
    else:
        assert answer.status_code in (403, 404), answer.text
    assert guarded.jobs.get(guarded.job).status == "successful"


# --- how they end ---------------------------------------------------------------------------------


def test_an_expired_link_is_refused_in_words(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    token = guarded.links.of_job(guarded.job)
    path = f"/s/{token}/wps/status/{guarded.job}"
    now = time.time()
    for days, status in ((0, 200), (6.9, 200), (8.1, 401)):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda days=days: now + days * DAY))
        answer = guarded.client.get(path)
        assert answer.status_code == status
    assert "expired" in answer.text
    assert "ExceptionReport" in answer.text


def test_a_key_takes_its_links_with_it(guarded: Guarded) -> None:
    gone = guarded.key("gone")
    link = below(guarded.links.signed(guarded.links.of_key(guarded.id_of(gone))))
    assert guarded.client.get(f"{link}/ogcapi").status_code == 200
    guarded.keys.revoke(guarded.id_of(gone))
    # What another process revoked is known here within seconds.
    end = time.monotonic() + 10
    while (answer := guarded.client.get(f"{link}/ogcapi")).status_code == 200:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert answer.status_code == 401
    assert "revoked" in answer.json["detail"]


def test_a_link_of_another_service_is_refused(guarded: Guarded, tmp_path: Path) -> None:
    another = Guarded(tmp_path)
    answer = guarded.client.get(f"/s/{another.links.of_job(guarded.job)}/wps/status/{guarded.job}")
    assert answer.status_code == 403
    assert "Ask for a new one" in answer.text
    another.close()


def test_a_session_is_no_link_and_a_link_no_session(guarded: Guarded) -> None:
    from server.access.sessions import Sessions

    cookie = Sessions(guarded.settings).make(guarded.id_of(guarded.owner))
    assert guarded.links.read(cookie) is None
    assert Sessions(guarded.settings).read(guarded.links.of_key(guarded.id_of(guarded.owner))) is None


def test_an_address_is_signed_once(guarded: Guarded) -> None:
    address = guarded.links.address(f"/ows/{guarded.job}?service=WMS", guarded.job)
    assert guarded.links.address(below(address), guarded.job) == address


def test_an_address_stays_the_same_for_a_while(guarded: Guarded) -> None:
    assert guarded.links.of_job(guarded.job) == Links(guarded.settings).of_job(guarded.job)


def test_all_make_one_secret(database: str) -> None:
    engines = [open_engine(database) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(read_secret, engines))) == 1
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("/s/a/wps", ("a", "/wps")),
        ("/s/a", ("a", "")),
        ("/s//wps", ("", "/wps")),
        ("/status/s/a", (None, "/status/s/a")),
    ],
)
def test_the_token_is_taken_out_of_a_path(path: str, split: Any) -> None:
    assert split_signed(path) == split


def test_only_this_services_own_addresses_are_renamed(tmp_path: Path) -> None:
    links = Links(settings_in(tmp_path, GASFLUX_SERVER_URL=f"{ROOT}/wps"))
    text = f'"{ROOT}" {ROOT}/wps?a {ROOT}/s/x/wps {ROOT}er/wps https://gas.example.org/fl <a href="{ROOT}">'
    told = f'"{ROOT}/s/t" {ROOT}/s/t/wps?a {ROOT}/s/x/wps {ROOT}er/wps https://gas.example.org/fl <a href="{ROOT}/s/t">'
    assert links.renamed(text.encode(), "t").decode() == told
