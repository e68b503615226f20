"""Signing in with a browser, what that opens, and its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.access.sessions import COOKIE
from tests.server.guarded import ROOT, Guarded

BROWSER = {
    "Accept": "text/html,application/xhtml+xml",
    "Origin": "https://gas.example.org",
    "Sec-Fetch-Site": "same-origin",
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    made = Guarded(tmp_path_factory.mktemp("guarded"))
    yield made
    made.close()


def sign_in(guarded: Guarded, client: FlaskClient, key: str, **form: str) -> TestResponse:
    return client.post("/signin", data={"key": key, **form}, headers=BROWSER)


def cookie_of(answer: TestResponse) -> str:
    (cookie,) = [value for name, value in answer.headers if name == "Set-Cookie" and value.startswith(COOKIE)]
    return str(cookie)


def with_cookie(guarded: Guarded, path: str, cookie: str) -> TestResponse:
    return guarded.app.test_client(use_cookies=False).get(path, headers={**BROWSER, "Cookie": cookie.partition(";")[0]})


def test_a_person_is_led_to_the_page_for_signing_in_and_a_program_is_told(guarded: Guarded) -> None:
    answer = guarded.client.get("/?a=b", headers=BROWSER)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/flux/signin?next=%2F%3Fa%3Db")
    told = guarded.client.get("/")
    assert told.status_code == 401
    assert "X-API-Key" in told.json["message"]


def test_who_enters_a_key_is_led_back_and_known(guarded: Guarded) -> None:
    answer = sign_in(guarded, guarded.client, guarded.owner["X-API-Key"], next="/?a=b")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/flux/?a=b")
    cookie = cookie_of(answer)
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/flux/", "Max-Age=43200"} <= set(cookie.split("; "))
    assert guarded.owner["X-API-Key"] not in cookie
    shown = with_cookie(guarded, "/", cookie)
    assert shown.status_code == 200
    assert "owner" in shown.text
    assert 'action="/flux/signout"' in shown.text
    assert guarded.jobs.audit.read(action="signin")[0].key_id == guarded.id_of(guarded.owner)


def test_a_cookie_opens_pages_and_nothing_that_programs_use(guarded: Guarded) -> None:
    cookie = cookie_of(sign_in(guarded, guarded.client, guarded.owner["X-API-Key"]))
    for path in ("/wps?service=WPS&request=GetCapabilities", "/ogcapi", f"/outputs/{guarded.job}/page.html"):
        assert with_cookie(guarded, path, cookie).status_code == 401


@pytest.mark.parametrize("key", ["", "gfw_00000000_" + "x" * 43, "x" * 9000, "ключ\0", "<script>"])
def test_a_wrong_key_is_told_on_the_page(guarded: Guarded, key: str) -> None:
    answer = guarded.client.post("/signin", data={"key": key}, headers={**BROWSER, "X-Forwarded-For": "10.9.9.9"})
    assert answer.status_code == 401
    assert "not known" in answer.text
    assert "<script>" not in answer.text
    assert COOKIE not in str(answer.headers)


def test_guessing_is_stopped_and_told_when_to_go_on(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    statuses = [sign_in(guarded, guarded.client, "gfw_00000000_" + "x" * 43).status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    answer = sign_in(guarded, guarded.client, "wrong")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    guarded.close()


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "x"]
)
def test_nobody_is_led_elsewhere(guarded: Guarded, target: str) -> None:
    answer = sign_in(guarded, guarded.client, guarded.owner["X-API-Key"], next=target)
    assert answer.headers["Location"] == "/flux/"


def test_signing_out_ends_it(guarded: Guarded) -> None:
    answer = guarded.client.post("/signout", headers=BROWSER)
    assert answer.status_code == 303
    assert "Expires=Thu, 01 Jan 1970" in cookie_of(answer)


@pytest.mark.parametrize("cookie", ["", "x", "x" * 4000, "é", "a.b.c"])
def test_whatever_comes_for_a_cookie_is_no_session(guarded: Guarded, cookie: str) -> None:
    assert with_cookie(guarded, "/", f"{COOKIE}={cookie}").status_code == 303


def test_a_key_takes_its_sessions_with_it(guarded: Guarded) -> None:
    gone = guarded.key("gone")
    cookie = cookie_of(sign_in(guarded, guarded.client, gone["X-API-Key"]))
    assert with_cookie(guarded, "/", cookie).status_code == 200
    guarded.keys.revoke(guarded.id_of(gone))
    end = time.monotonic() + 10
    while with_cookie(guarded, "/", cookie).status_code == 200:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_where_nobody_needs_a_key_nobody_signs_in(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path, "open")
    assert guarded.client.get("/signin").headers["Location"] == "/flux/"
    assert "signin" not in guarded.client.get("/").text
    guarded.close()


def test_where_keys_are_for_changes_the_pages_are_open_and_one_can_sign_in(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path, "execute")
    shown = guarded.client.get("/", headers=BROWSER)
    assert shown.status_code == 200
    assert f'href="{ROOT.removeprefix("https://gas.example.org")}/signin?next=%2F"' in shown.text
    guarded.close()
