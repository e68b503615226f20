"""The audit log: what is in it, for how long, and that nobody fills it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.access import Access, Scope
from server.audit import AuditLog
from server.command_line import main
from server.errors import NotAllowed
from server.jobs.database import open_engine
from server.jobs.janitor import Janitor
from tests.server.guarded import BOOTSTRAP, Guarded

ASYNC = {"Prefer": "respond-async"}


def deeds(guarded: Guarded, action: str) -> list[tuple[str, str, str]]:
    return [(deed.key_id, deed.subject, deed.outcome) for deed in guarded.jobs.audit.read(action=action)]


def test_what_a_client_does_with_a_job_is_noted(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    me = guarded.id_of(guarded.owner)
    headers = {**guarded.owner, **ASYNC, "X-Forwarded-For": "203.0.113.5"}
    job = guarded.client.post("/ogcapi/processes/echo/execution", json={"inputs": {"word": "a"}}, headers=headers).json[
        "jobID"
    ]
    assert deeds(guarded, "job.submit") == [(me, job, "done")]
    assert guarded.jobs.audit.read(action="job.submit")[0].address == "203.0.113.5"
    guarded.client.delete(f"/wps/status/{job}", headers=guarded.owner)
    assert deeds(guarded, "job.cancel") == [(me, job, "done; it is dismissed")]
    # That is not done a second time, and fills no log.
    guarded.client.delete(f"/wps/status/{job}", headers=guarded.owner)
    guarded.client.delete(f"/ogcapi/jobs/{job}", headers=guarded.owner)
    assert deeds(guarded, "job.remove") == [(me, job, "done")]
    assert len(deeds(guarded, "job.cancel")) == 1
    guarded.close()


def test_what_is_refused_is_no_job(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    answer = guarded.client.post(
        "/ogcapi/processes/echo/execution", json={"inputs": {"none": "a"}}, headers={**guarded.owner, **ASYNC}
    )
    assert answer.status_code == 400
    assert deeds(guarded, "job.submit") == []
    guarded.close()


def test_refused_attempts_are_noted_and_bounded(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    for _ in range(30):
        assert guarded.client.get(f"/wps/status/{guarded.job}").status_code == 401
    noted = deeds(guarded, "refused")
    assert len(noted) == 10
    assert noted[0][:2] == ("", f"GET /wps/status/{guarded.job}")
    assert "X-API-Key" in noted[0][2]
    other = guarded.key("other")
    assert guarded.client.get(f"/wps/status/{guarded.job}", headers={**other, "X-Forwarded-For": "203.0.113.6"})
    assert deeds(guarded, "refused")[0][0] == guarded.id_of(other)
    guarded.close()


def test_secrets_are_not_in_the_log(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    token = guarded.links.of_job(guarded.job)
    guarded.client.get(f"/s/{token}/wps?service=WPS&request=GetCapabilities")
    guarded.client.get("/ogcapi", headers={"X-Admin-Bootstrap-Key": f"{BOOTSTRAP}."})
    told = repr(guarded.jobs.audit.read())
    assert "refused" in told
    assert token not in told
    assert BOOTSTRAP not in told
    guarded.close()


def test_keys_are_noted_with_who_made_them(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    access = Access(guarded.settings, guarded.keys)
    with guarded.app.test_request_context("/", headers={"X-Admin-Bootstrap-Key": BOOTSTRAP}):
        access.require(Scope.ADMIN)
        key_id = access.keys.create("new").split("_")[1]
        access.keys.revoke(key_id)
        assert [(deed.key_id, deed.action, deed.subject) for deed in access.read_audit(limit=2)] == [
            ("bootstrap", "key.revoke", key_id),
            ("bootstrap", "key.create", key_id),
        ]
    with guarded.app.test_request_context("/", headers=guarded.owner), pytest.raises(NotAllowed):
        access.read_audit()
    guarded.close()


def test_pages_of_the_log_follow_each_other(database: str) -> None:
    log = AuditLog(open_engine(database))
    for number in range(5):
        log.write("job.submit" if number % 2 else "signin", str(number), key_id="a" if number < 3 else "b")
    assert [deed.subject for deed in log.read(limit=2)] == ["4", "3"]
    assert [deed.subject for deed in log.read(limit=2, offset=2)] == ["2", "1"]
    assert [deed.subject for deed in log.read(action="signin", key_id="a")] == ["2", "0"]


def test_whatever_is_noted_fits(database: str) -> None:
    log = AuditLog(open_engine(database))
    log.write("x" * 900, "\0" + "é" * 900, key_id="y" * 90, address="z" * 900, outcome="\udcff" * 900)
    (deed,) = log.read()
    assert (len(deed.action), len(deed.subject), len(deed.outcome), len(deed.address)) == (40, 200, 200, 60)


def test_old_rows_go(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path, GASFLUX_SECURITY_AUDIT_DAYS="0.000000001")
    log = guarded.jobs.audit
    log.write("signin", "old")
    assert log.forget(datetime.now(UTC) - timedelta(days=1)) == 0
    assert len(log.read()) == 1
    Janitor(guarded.settings, guarded.jobs, guarded.store).turn()
    assert log.read() == []
    guarded.close()


def test_the_command_line_makes_lists_links_and_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        assert main(["key", *words]) == 0
        return capsys.readouterr().out

    key = run("create", "--name", "Jane", "--scope", "submit", "read", "--rate", "5", "--quota", "100").strip()
    key_id = key.split("_")[1]
    assert "submit,read (5 a minute, 100 a day)" in run("list")
    link = run("link", "--key-id", key_id, "--days", "2").strip()
    assert link.startswith("http://127.0.0.1:5000/s/")
    run("revoke", key_id)
    rows = run("audit").splitlines()
    assert ["key.revoke" in rows[0], "key.create" in rows[1]] == [True, True]
    assert all(key_id in row and "command line" in row for row in rows)
    assert len(run("audit", "--limit", "1").splitlines()) == 1
    for wrong, words in (
        (["link", "--key-id", key_id], "revoked"),
        (["link", "--key-id", "nobody"], "is not there"),
        (["create", "--name", "x", "--scope", "root"], "submit, read, admin"),
        (["audit", "--limit", "0"], "1 or more"),
    ):
        assert main(["key", *wrong]) == 2
        assert words in capsys.readouterr().err
