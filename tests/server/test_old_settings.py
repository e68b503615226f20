"""Settings as operators of the GasFlux Web API have them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from server.old_settings import OLD_ENVIRONMENT, OLD_SETTINGS
from server.sections import SECTIONS
from server.settings import Settings, load_settings
from server.settings_error import SettingsError
from tests.conftest import ROOT

WHOLE = """\
[server]
host = 0.0.0.0
port = 8080
debug = true
base_url = https://gas.example.org/
[paths]
uploads = uploads
outputs = results
[limits]
max_content_length = 2048
[logging]
level = debug
file = logs/service.log
[performance]
threads = 8
connection_limit = 100
channel_timeout = 300
[cleanup]
task_cleanup_interval = 3600
max_task_age = 86400
successful_task_cleanup_age = 3600
failed_task_cleanup_age = 604800
[security]
admin_bootstrap_key = correct-horse-battery
[database]
path = tasks.db
"""


def load(
    folder: Path, ini: str = "", cfg: str = "[gasflux]\ndata = data\n", name: str = "gasflux.ini", **environ: str
) -> Settings:
    (folder / name).write_text(ini, encoding="utf-8")
    (folder / "pywps.cfg").write_text(cfg, encoding="utf-8")
    return load_settings(folder / "pywps.cfg", environ)


def test_every_key_is_taken(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE)
    assert (settings.gasflux.host, settings.gasflux.port, settings.gasflux.threads) == ("0.0.0.0", 8080, 8)
    assert settings.server.url == "https://gas.example.org/wps"
    assert settings.server.outputurl == "https://gas.example.org/outputs"
    assert settings.server.outputpath == tmp_path / "results"
    assert settings.server.maxrequestsize == settings.server.maxsingleinputsize == 2048
    assert (settings.logging.level, settings.logging.file) == ("DEBUG", str(tmp_path / "logs/service.log"))
    assert settings.store.keep_successful == pytest.approx(1 / 24)
    assert settings.store.keep_failed == 7
    assert settings.security.admin_bootstrap_key.get_secret_value() == "correct-horse-battery"
    assert settings.jobs.database == f"sqlite:///{tmp_path}/tasks.db"
    assert settings.sources["gasflux", "port"] == str(tmp_path / "gasflux.ini")
    # Of each key is said what became of it.
    told = "\n".join(settings.notes)
    for one in OLD_SETTINGS:
        assert f"[{one.section}] {one.key} {'is read as' if one.means else 'has no effect'}" in told
    assert "correct-horse" not in told + str(settings.describe())


def test_the_test_knows_every_key() -> None:
    keys = [line.partition(" =")[0] for line in WHOLE.splitlines() if " = " in line]
    assert keys == [one.key for one in OLD_SETTINGS]
    for one in OLD_SETTINGS:
        for (section, key), _ in one.means:
            assert key in SECTIONS[section].model_fields


def test_pywps_cfg_wins_where_it_says_something(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE, "[gasflux]\nport = 9000\nhost = 127.0.0.1\n")
    assert settings.gasflux.port == 9000
    assert any("[gasflux] port has no effect, since pywps.cfg sets that" in note for note in settings.notes)
    # It only repeats the default, as the file that comes with the service does.
    assert settings.gasflux.host == "0.0.0.0"


def test_gasflux_ini_wins_over_config_ini_and_the_environment_over_both(tmp_path: Path) -> None:
    (tmp_path / "config.ini").write_text("[server]\nport = 7001\nhost = 127.0.0.2\n")
    settings = load(tmp_path, "[server]\nport = 7002\n")
    assert (settings.gasflux.port, settings.gasflux.host) == (7002, "127.0.0.2")
    assert load(tmp_path, "[server]\nport = 7002\n", GASFLUX_PORT="7003").gasflux.port == 7003


@pytest.mark.parametrize(
    ("environ", "size"),
    [
        ({"GASFLMAX_CONTENT_LENGTH": "1000"}, 1000),
        ({"GASFLMAX_CONTENT_LENGTH": "1000", "GASFLUX_MAX_CONTENT_LENGTH": "2000"}, 2000),
        ({"GASFLUX_MAX_CONTENT_LENGTH": "2000", "GASFLUX_SERVER_MAXREQUESTSIZE": "3kb"}, 3072),
    ],
)
def test_old_names_of_the_environment(tmp_path: Path, environ: dict[str, str], size: int) -> None:
    settings = load(tmp_path, "[limits]\nmax_content_length = 5\n", **environ)
    assert settings.server.maxrequestsize == size
    assert not [note for note in settings.notes if "environment" in note]


def test_names_that_stay_the_same(tmp_path: Path) -> None:
    environ = {"GASFLUX_HOST": "::1", "GASFLUX_PORT": "81", "GASFLUX_LOG_LEVEL": "error", "GASFLUX_THREADS": "9"}
    settings = load(tmp_path, **environ)
    assert (settings.gasflux.host, settings.gasflux.port, settings.gasflux.threads) == ("::1", 81, 9)
    assert settings.logging.level == "ERROR"


def test_a_config_ini_of_another_program_is_left_alone(tmp_path: Path) -> None:
    assert load(tmp_path, "[printer]\nname = x\n", name="config.ini").notes == ()


def test_what_is_not_known_is_noted(tmp_path: Path) -> None:
    (note,) = load(tmp_path, "[server]\ncolour = red\n").notes
    assert "[server] colour is not known" in note


def test_what_cannot_work_is_refused_and_its_file_named(tmp_path: Path) -> None:
    for ini, words in (
        ("[server]\nport = many\n", "[gasflux] port: got 'many'"),
        ("[cleanup]\nfailed_task_cleanup_age = never\n", "[store] keep_failed: got 'never'"),
        ("port = 80\n", "can't be read"),
    ):
        with pytest.raises(SettingsError) as caught:
            load(tmp_path, ini)
        assert words in caught.value.message and "gasflux.ini" in caught.value.message


def test_a_database_of_the_old_service_is_not_touched(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "tasks.db") as old:
        old.execute("CREATE TABLE tasks (task_id TEXT)")
    old.close()
    settings = load(tmp_path, "[database]\npath = tasks.db\n")
    assert settings.jobs.database == f"sqlite:///{tmp_path}/data/jobs.sqlite"
    assert "[database] path has no effect" in settings.notes[0]


def test_the_page_has_every_key() -> None:
    page = (ROOT / "docs" / "how-to" / "rest.md").read_text(encoding="utf-8")
    for one in OLD_SETTINGS:
        means = ", ".join(f"`[{section}] {key}`" for (section, key), _ in one.means) or "no effect"
        assert f"| `[{one.section}] {one.key}` | {means} | {one.text} |" in page
    for name, places in OLD_ENVIRONMENT.items():
        means = ", ".join(f"`[{section}] {key}`" for section, key in places)
        assert f"| `{name}` | {means} |" in page
