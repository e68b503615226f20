"""Keys: shown once, kept hashed, refused when wrong or revoked."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

import server.access.bounds as bounds
import server.keys as module
from gasflux_core.errors import InputError
from server.access.bounds import PerMinute
from server.app import create_app, service_of
from server.audit import note
from server.errors import TooManyRequests
from server.jobs.database import clock, migrate, open_engine, writing
from server.keys import Keys, NoKey, Scope
from server.listening import check_listening, is_loopback
from server.settings import load_settings
from server.settings_error import SettingsError
from tests.server.fakes import PRELOAD, registry, settings_in
from tests.server.guarded import BOOTSTRAP, Guarded


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    migrate(url)
    return Keys.open(url)


def test_a_key_that_was_made_passes_and_its_use_is_noted(keys: Keys) -> None:
    key = keys.create("Production client")
    assert keys.list()[0].last_used_at is None
    keys.check(key)
    assert keys.list()[0].last_used_at is not None
    assert keys.list()[0].name == "Production client"


def test_the_secret_is_not_in_the_table(keys: Keys, tmp_path: Path) -> None:
    secret = keys.create("client").split("_", 2)[2]
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.encode() not in written


@pytest.mark.parametrize("wrong", [None, "", "gfw", "gfw_00000000_x", "x" * 1000])
def test_no_key_or_a_wrong_one_is_refused(keys: Keys, wrong: str | None) -> None:
    keys.create("client")
    with pytest.raises(NoKey, match="X-API-Key"):
        keys.check(wrong)


def test_the_right_id_with_a_wrong_secret_is_refused(keys: Keys) -> None:
    key = keys.create("client")
    with pytest.raises(NoKey):
        keys.check(key[:-1] + ("a" if key[-1] != "a" else "b"))


def test_a_revoked_key_is_refused(keys: Keys) -> None:
    key = keys.create("client")
    keys.revoke(keys.list()[0].key_id)
    with pytest.raises(NoKey):
        keys.check(key)


def test_revoking_what_is_not_there_is_told(keys: Keys) -> None:
    with pytest.raises(InputError, match="gasflux-wps key list"):
        keys.revoke("ffffffff")


def test_a_key_needs_a_name(keys: Keys) -> None:
    with pytest.raises(InputError, match="whose it is"):
        keys.create("  ")


def test_where_keys_are_asked_for_execute_needs_one_and_reading_does_not(tmp_path: Path) -> None:
    app = create_app(settings_in(tmp_path, GASFLUX_SECURITY_KEYS="execute"), registry, PRELOAD)
    service = service_of(app)
    service.jobs.on_submit = lambda job_id: None
    key = Keys.open(service.settings.jobs.database).create("client")
    client = app.test_client()
    execute = (
        "/wps?service=WPS&version=1.0.0&request=Execute&identifier=echo&datainputs=word=a"
        "&storeExecuteResponse=true&status=true"
    )
    refused = client.get(execute)
    assert refused.status_code == 401
    assert b"X-API-Key" in refused.data
    assert client.get(execute, headers={"X-API-Key": key}).status_code != 401
    assert client.get("/wps?service=WPS&request=GetCapabilities").status_code == 200
    service.jobs.close()


# --- what a key may do ----------------------------------------------------------------------------


def test_a_key_may_send_and_read_unless_said_otherwise(keys: Keys) -> None:
    keys.create("usual")
    keys.create("reader", scopes=["read"], rate=3, quota=50)
    keys.create("boss", scopes=["admin"])
    usual, reader, boss = keys.list()
    assert (usual.scopes, usual.rate, usual.quota) == ({Scope.SUBMIT, Scope.READ}, None, None)
    assert (reader.scopes, reader.rate, reader.quota) == ({Scope.READ}, 3, 50)
    assert boss.scopes == set(Scope)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"scopes": ["write"]}, "submit, read, admin"),
        ({"scopes": []}, "got nothing"),
        ({"rate": 0}, "whole number of jobs a minute"),
        ({"rate": 1.5}, "rate"),
        ({"quota": -1}, "whole number of jobs a day"),
        ({"quota": True}, "quota"),
        ({"name": "x" * 201}, "1 to 200"),
        ({"name": "a\0b"}, "can't be shown"),
        ({"name": "a\nb"}, "can't be shown"),
    ],
)
def test_a_key_that_can_not_be_is_not_made(keys: Keys, wrong: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        keys.create(**{"name": "client", **wrong})  # type: ignore[arg-type]
    assert keys.list() == []


def test_names_in_any_script_are_kept(keys: Keys) -> None:
    keys.create("外场组 Ünal")
    assert keys.list()[0].name == "外场组 Ünal"


def test_what_is_in_the_table_is_a_slow_hash_with_salt(keys: Keys) -> None:
    keys.create("one")
    with keys.engine.connect() as connection:
        (stored,) = connection.execute(text("SELECT key_hash FROM api_keys")).scalars()
    assert re.fullmatch(r"scrypt:32768:8:1\$\w{16}\$[0-9a-f]{128}", stored)


def test_another_process_knows_of_a_revocation_within_seconds(keys: Keys) -> None:
    key = keys.create("client")
    running = Keys(keys.engine)
    running.check(key)
    keys.revoke(keys.list()[0].key_id)
    end = time.monotonic() + 5
    with pytest.raises(NoKey):
        while time.monotonic() < end:
            running.check(key)


def test_a_use_is_noted_once_a_minute_and_not_for_each_request(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.create("client")
    keys.check(key)
    first = keys.list()[0].last_used_at
    assert first is not None
    # What is known of the key is read anew for each of these.
    monkeypatch.setattr(module, "_STATE_SECONDS", 0.0)
    for _ in range(5):
        keys.check(key)
    assert keys.list()[0].last_used_at == first
    monkeypatch.setattr(module, "_USE_SECONDS", 0.0)
    keys.check(key)
    later = keys.list()[0].last_used_at
    assert later is not None
    assert later > first


def test_a_key_is_hashed_once_and_then_known(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.create("client")
    hashed = []
    right = module.check_password_hash
    monkeypatch.setattr(module, "check_password_hash", lambda *given: hashed.append(1) or right(*given))
    for _ in range(3):
        keys.check(key)
    assert len(hashed) == 1
    assert keys.remembers(key)
    assert not keys.remembers(f"{key}x")


def test_a_use_that_can_not_be_noted_refuses_nobody(keys: Keys) -> None:
    key = keys.create("client")
    keys.engine.dispose()
    with writing(keys.engine).begin():
        reader = Keys.open(str(keys.engine.url) + "?timeout=0")
        assert reader.check(key).name == "client"


# --- how many jobs --------------------------------------------------------------------------------


def sent(guarded: Guarded, headers: dict[str, str], face: str = "ogcapi") -> object:
    if face == "ogcapi":
        return guarded.client.post(
            "/ogcapi/processes/echo/execution",
            json={"inputs": {"word": "a"}},
            headers={**headers, "Prefer": "respond-async"},
        )
    version = face.removeprefix("wps ")
    if version == "1.0.0":
        return guarded.client.get(
            "/wps?service=WPS&version=1.0.0&request=Execute&identifier=echo&datainputs=word=a"
            "&storeExecuteResponse=true&status=true",
            headers=headers,
        )
    document = (
        '<wps:Execute xmlns:wps="http://www.opengis.net/wps/2.0" xmlns:ows="http://www.opengis.net/ows/2.0" '
        'service="WPS" version="2.0.0" mode="async" response="document"><ows:Identifier>echo</ows:Identifier>'
        '<wps:Input id="word"><wps:Data>a</wps:Data></wps:Input></wps:Execute>'
    )
    return guarded.client.post("/wps", data=document, content_type="text/xml", headers=headers)


@pytest.mark.parametrize("mode", ["open", "execute", "all"])
@pytest.mark.parametrize("last", ["ogcapi", "wps 1.0.0", "wps 2.0.0"])
def test_over_the_rate_is_refused_whichever_the_face(tmp_path: Path, mode: str, last: str) -> None:
    guarded = Guarded(tmp_path, mode)
    slow = guarded.key("slow", rate=2)
    statuses = [sent(guarded, slow, face).status_code for face in ("wps 1.0.0", "ogcapi")]  # type: ignore[attr-defined]
    assert all(status in (200, 201) for status in statuses)
    refused = sent(guarded, slow, last)
    assert refused.status_code == 429  # type: ignore[attr-defined]
    assert 0 < int(refused.headers["Retry-After"]) <= 60  # type: ignore[attr-defined]
    assert "2 jobs a minute" in refused.text  # type: ignore[attr-defined]
    assert len(guarded.jobs.find(client=guarded.id_of(slow))) == 2
    assert sent(guarded, guarded.owner).status_code == 201  # type: ignore[attr-defined]
    guarded.close()


def test_a_quota_is_of_a_day_and_frees_itself(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    few = guarded.key("few", quota=1)
    assert sent(guarded, few).status_code == 201  # type: ignore[attr-defined]
    refused = sent(guarded, few)
    assert "1 job a day" in refused.text  # type: ignore[attr-defined]
    assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400  # type: ignore[attr-defined]
    with writing(guarded.keys.engine).begin() as connection:
        connection.execute(text("UPDATE audit SET time = datetime(time, '-1 day')"))
    assert sent(guarded, few).status_code == 201  # type: ignore[attr-defined]
    guarded.close()


def test_what_was_sent_is_counted_alike_in_every_database(database: str) -> None:
    engine = open_engine(database)
    with Session(writing(engine)) as session, session.begin():
        now = clock(session.connection())
        for seconds in (10, 50, 70, 86_000, 87_000):
            then = now - timedelta(seconds=seconds)
            note(session.connection(), then, "job.submit", "x", key_id="a")
            note(session.connection(), then, "signin", "x", key_id="a")
        for rate, quota in ((3, 5), (None, None), (3, None), (None, 5)):
            bounds.refuse_over_bounds(session, now, "a", rate, quota)
        with pytest.raises(TooManyRequests) as over_rate:
            bounds.refuse_over_bounds(session, now, "a", 2, None)
        with pytest.raises(TooManyRequests) as over_quota:
            bounds.refuse_over_bounds(session, now, "a", None, 4)
        bounds.refuse_over_bounds(session, now, "b", 1, 1)
    assert (over_rate.value.retry_after, over_quota.value.retry_after) == (10, 400)
    engine.dispose()


# --- guessing -------------------------------------------------------------------------------------


def test_who_guesses_is_stopped_and_others_are_not(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    assert guarded.client.get("/ogcapi", headers=guarded.owner).status_code == 200
    wrong = {"X-API-Key": "gfw_00000000_" + "x" * 43}
    statuses = [guarded.client.get("/ogcapi", headers=wrong).status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    refused = guarded.client.get("/ogcapi", headers={"X-Admin-Bootstrap-Key": BOOTSTRAP})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    # A key that is known to be right is not locked out by its neighbours; nor is another address.
    assert guarded.client.get("/ogcapi", headers=guarded.owner).status_code == 200
    elsewhere = {**wrong, "X-Forwarded-For": "198.51.100.7"}
    assert guarded.client.get("/ogcapi", headers=elsewhere).status_code == 401
    guarded.close()


def test_an_address_is_believed_from_a_proxy_alone(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    wrong = {"X-API-Key": "gfw_00000000_" + "x" * 43}

    def tries(peer: str, forwarded: Callable[[int], str]) -> int:
        return [
            guarded.client.get(
                "/ogcapi",
                headers={**wrong, "X-Forwarded-For": forwarded(number)},
                environ_overrides={"REMOTE_ADDR": peer},
            ).status_code
            for number in range(11)
        ][-1]

    assert tries("8.8.8.8", lambda number: f"198.51.100.{number}") == 429
    assert tries("127.0.0.1", lambda number: f"198.51.100.{number}") == 401
    # What its client wrote before is not the proxy's word.
    assert tries("127.0.0.1", lambda number: f"1.2.3.{number}, 203.0.113.77") == 429
    # Nor does it tell of two clients alike that a socket of both kinds writes IPv4 as IPv6.
    assert tries("::ffff:127.0.0.1", lambda number: f"::ffff:198.51.100.{number}") == 401
    assert tries("::ffff:8.8.4.4", lambda number: f"192.0.2.{number}") == 429
    assert tries("::ffff:8.8.4.5", lambda number: "192.0.2.1") == 429
    # One network of IPv6 is one client.
    assert tries("127.0.0.1", lambda number: f"2001:db8::{number:x}") == 429
    guarded.close()


def test_counting_is_bounded_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(bounds, "time", SimpleNamespace(monotonic=lambda: now))
    counter = PerMinute(2)
    assert [counter.count("a") for _ in range(3)] == [True, True, False]
    assert counter.seconds_left("a") == 60
    assert counter.seconds_left("b") == 0
    now = 61.0
    assert counter.seconds_left("a") == 0
    assert counter.count("a")
    for number in range(20_000):
        counter.count(str(number))
    assert len(counter._counts) == 10_000


# --- where the service listens, and the operator's own key ------------------------------------------


LOOPBACK = ("127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost")
REACHABLE = ("0.0.0.0", "::", "192.168.1.5", "gas.example.org", "localhost.example.org", "")


@pytest.mark.parametrize(
    ("host", "loopback"), [*((host, True) for host in LOOPBACK), *((host, False) for host in REACHABLE)]
)
def test_the_service_is_open_on_a_loopback_address_alone(tmp_path: Path, host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback
    settings = settings_in(tmp_path)
    if loopback:
        check_listening(settings, [host])
    else:
        with pytest.raises(SettingsError, match="--insecure"):
            check_listening(settings, ["127.0.0.1", host])
    check_listening(settings_in(tmp_path, GASFLUX_SECURITY_INSECURE="true"), [host])
    check_listening(settings_in(tmp_path, GASFLUX_SECURITY_KEYS="execute"), [host])


def test_the_operators_own_key_is_long_and_never_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="16") as caught:
        settings_in(tmp_path, GASFLUX_SECURITY_ADMIN_BOOTSTRAP_KEY="change-me")
    assert "change-me" not in str(caught.value)
    settings = load_settings(environ={"GASFLUX_SECURITY_ADMIN_BOOTSTRAP_KEY": BOOTSTRAP})
    (row,) = [row for row in settings.describe() if row.key == "admin_bootstrap_key"]
    assert row.value == "**********"
    assert row.default == ""
    assert BOOTSTRAP not in repr(settings)


@pytest.mark.parametrize("came", ["", "x" * 16, BOOTSTRAP])
def test_without_one_no_key_is_the_operators_own(tmp_path: Path, came: str) -> None:
    guarded = Guarded(tmp_path, GASFLUX_SECURITY_ADMIN_BOOTSTRAP_KEY="")
    assert guarded.client.get("/ogcapi", headers={"X-Admin-Bootstrap-Key": came}).status_code == 401
    guarded.close()
