"""The keys' page: a key is made and shown once, taken back, given a link; the log is read page by page."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from server.access import Caller, Scope
from server.errors import NotAllowed
from server.settings import Settings
from server.web.keys_page import add_keys
from server.web.site import Web
from tests.server.fakes import settings_in
from tests.server.key_tables import FakeAdministration
from tests.server.web_runs import HOSTILE

SAME_ORIGIN = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def administration() -> FakeAdministration:
    return FakeAdministration()


class FakeExecution:
    """As much of the machinery as these pages ask."""

    def __init__(self, settings: Settings, access: FakeAdministration) -> None:
        self.settings = settings
        self.access = access


@pytest.fixture(params=["open", "execute"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(tmp_path: Path, administration: FakeAdministration, mode: str) -> Iterator[FlaskClient]:
    app = Flask("pages", static_folder=None)
    execution: Any = FakeExecution(settings_in(tmp_path, GASFLUX_SECURITY_KEYS=mode), administration)
    pages = Blueprint("web", __name__)
    add_keys(pages, Web(execution))
    app.register_blueprint(pages)
    yield app.test_client()


def made(client: FlaskClient, status: int = 201, **form: Any) -> str:
    """The page after a form for a key was sent."""
    fields = {"name": "Drone team", "scopes": ["submit", "read"], "rate": "", "quota": "", **form}
    answer = client.post("/keys", data=fields, headers=SAME_ORIGIN)
    assert answer.status_code == status, answer.text
    return answer.text


def words(page: str) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))


def test_without_keys_the_page_says_how_to_begin(client: FlaskClient, mode: str) -> None:
    page = client.get("/keys").text
    assert "There is no key yet" in page
    assert ("Keys are not asked for" in page) == (mode == "open")
    assert ("A key is needed for sending" in page) == (mode == "execute")


def test_a_key_is_shown_once(client: FlaskClient, administration: FakeAdministration) -> None:
    page = made(client, scopes=["submit", "admin"], rate="5", quota="100")
    assert 'value="gfw_00000000_secret"' in page and "can't be shown again" in html.unescape(page)
    (key,) = administration.keys.list()
    assert (key.name, key.scopes, key.rate, key.quota) == ("Drone team", frozenset({Scope.SUBMIT, Scope.ADMIN}), 5, 100)
    later = client.get("/keys")
    assert "secret" not in later.text and "Drone team" in later.text
    assert "5 a minute 100 a day Last used: never made 2026-06-01 12:00 UTC" in words(later.text)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " \t"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "nul\0"}, "name"),
        ({"name": "refused"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["submit", "root"]}, "scopes"),
        ({"rate": "0"}, "rate"),
        ({"rate": "-1"}, "rate"),
        ({"rate": "many"}, "rate"),
        ({"rate": "1.5"}, "rate"),
        ({"rate": "9" * 5000}, "rate"),
        ({"quota": "1e3"}, "quota"),
        ({"quota": "٣"}, "quota"),
        ({"quota": HOSTILE}, "quota"),
    ],
)
def test_a_form_that_is_wrong_makes_no_key(
    client: FlaskClient, administration: FakeAdministration, form: dict[str, Any], field: str
) -> None:
    page = made(client, 400, **form)
    assert f'id="fault-{field}"' in page and "<script>alert" not in page
    assert not administration.keys.list()
    kept = {"name": "Drone team", "rate": "", **form}
    assert f'name="name" maxlength="200" required value="{html.escape(str(kept["name"]).strip())}"' in page


def test_an_empty_post_is_refused_in_words(client: FlaskClient) -> None:
    assert client.post("/keys", headers=SAME_ORIGIN).status_code == 400
    assert client.post("/keys", data=b"\xff\x00", headers=SAME_ORIGIN).status_code == 400


def test_what_users_wrote_is_text_and_nothing_else(client: FlaskClient, administration: FakeAdministration) -> None:
    made(client, name=HOSTILE)
    administration.audit(HOSTILE, HOSTILE, HOSTILE)
    page = client.get("/keys").text
    assert "<script>alert" not in page and HOSTILE in html.unescape(page)


def test_a_key_is_taken_back(client: FlaskClient, administration: FakeAdministration) -> None:
    made(client)
    assert 'action="/keys/00000000/revoke"' in client.get("/keys").text
    answer = client.post("/keys/00000000/revoke", headers=SAME_ORIGIN)
    assert answer.status_code == 200 and "The key 00000000 is revoked" in answer.text
    assert administration.keys.list()[0].revoked
    assert "/revoke" not in client.get("/keys").text


def test_ones_own_key_is_not_taken_back_unawares(client: FlaskClient, administration: FakeAdministration) -> None:
    made(client)
    administration.who = Caller("00000000", "Drone team", via="session")
    assert "This is the key you are signed in with" in client.get("/keys").text


@pytest.mark.parametrize("wrong", ["ffffffff", "%00", "..", "x" * 3000, "%25", "<script>alert(1)"])
@pytest.mark.parametrize("deed", ["revoke", "link"])
def test_a_key_that_is_none_is_told(client: FlaskClient, wrong: str, deed: str) -> None:
    made(client)
    answer = client.post(f"/keys/{wrong}/{deed}", data={"days": "3"}, headers=SAME_ORIGIN)
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


def test_a_link_for_programs_that_send_no_headers(client: FlaskClient, administration: FakeAdministration) -> None:
    made(client)
    answer = client.post("/keys/00000000/link", data={"days": "7"}, headers=SAME_ORIGIN)
    assert 'value="http://127.0.0.1:5000/signed/00000000-7/wps"' in answer.text
    assert [deed.action for deed in administration.deeds] == ["key.link"]
    administration.keys.revoke("00000000")
    assert client.post("/keys/00000000/link", data={"days": "7"}, headers=SAME_ORIGIN).status_code == 404


@pytest.mark.parametrize("days", ["", "0", "366", "-1", "many", "9" * 5000])
def test_a_link_holds_for_a_year_at_most(client: FlaskClient, administration: FakeAdministration, days: str) -> None:
    made(client)
    answer = client.post("/keys/00000000/link", data={"days": days}, headers=SAME_ORIGIN)
    assert answer.status_code == 400 and "whole number from 1 to 365" in answer.text
    assert not administration.deeds


def test_links_are_offered_where_keys_are_asked_for(client: FlaskClient, mode: str) -> None:
    assert ('action="/keys/00000000/link"' in made(client)) == (mode == "execute")


def test_the_log_goes_back_page_by_page(client: FlaskClient, administration: FakeAdministration) -> None:
    for number in range(120):
        administration.audit("job.submit", f"job-{number:03}", "done" if number else "quota is used up")
    first, last = client.get("/keys").text, client.get("/keys?page=3").text
    assert re.findall(r"job-\d\d\d", first)[:2] == ["job-119", "job-118"] and len(re.findall(r"job-\d", first)) == 50
    assert 'rel="next" href="/keys?page=2#log"' in first and 'rel="prev"' not in first
    assert len(re.findall(r"job-\d", last)) == 20 and "quota is used up" in last and 'rel="next"' not in last
    beyond = client.get("/keys?page=9999")
    assert beyond.status_code == 200 and "The log has no page 9999" in beyond.text


@pytest.mark.parametrize("page", ["0", "-1", "1000000000", "abc", "9" * 5000, "%00", ""])
def test_a_page_that_is_none_is_refused_in_words(client: FlaskClient, page: str) -> None:
    answer = client.get(f"/keys?page={page}")
    assert answer.status_code == 400 and "Page: expected a whole number" in answer.text


@pytest.mark.parametrize("path", ["/keys", "/keys/00000000/revoke", "/keys/00000000/link"])
def test_others_than_administrators_are_refused(
    client: FlaskClient, administration: FakeAdministration, path: str
) -> None:
    made(client)
    administration.refusal = NotAllowed("This key may not do that.")
    answer = client.post(path, data={"name": "mine", "scopes": "admin", "days": "3"}, headers=SAME_ORIGIN)
    assert answer.status_code == 403
    assert "This key may not do that." in answer.text and "Drone team" not in answer.text
    assert len(administration.keys.list()) == 1 and not administration.keys.list()[0].revoked
    assert client.get("/keys").status_code == 403


def test_the_page_in_chinese(client: FlaskClient) -> None:
    page = client.get("/keys", headers={"Accept-Language": "zh-CN"}).text
    assert "新建密钥" in page and "There is no key" not in page
