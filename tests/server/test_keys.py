"""Keys: shown once, kept hashed, refused when wrong or revoked."""

from __future__ import annotations

from pathlib import Path

import pytest

from gasflux_core.errors import InputError
from server.app import create_app, service_of
from server.jobs.database import migrate
from server.keys import Keys, NoKey
from tests.server.fakes import PRELOAD, registry, settings_in


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
