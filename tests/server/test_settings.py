"""Settings: defaults, file, environment; and refusals in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.pywps_settings import give_to_pywps
from server.sections import SECTIONS
from server.settings import load_settings, prepare
from server.settings_error import SettingsError

ROOT = Path(__file__).parents[2]


def _write(folder: Path, text: str) -> Path:
    path = folder / "pywps.cfg"
    path.write_text(text, encoding="utf-8")
    return path


def _refusal(path: Path | None = None, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environ)
    return caught.value.message


def test_addresses_and_folders_follow_from_host_port_and_data(tmp_path: Path) -> None:
    path = _write(tmp_path, "[gasflux]\nhost = 0.0.0.0\nport = 8080\ndata = kept\n")
    settings = load_settings(path, {})
    assert settings.server.url == "http://127.0.0.1:8080/wps"
    assert settings.server.outputurl == "http://127.0.0.1:8080/outputs"
    assert settings.server.outputpath == tmp_path / "kept" / "outputs"
    assert settings.server.workdir == tmp_path / "kept" / "work"
    assert settings.jobs.database == f"sqlite:///{tmp_path}/kept/jobs.sqlite"
    assert 1 <= settings.server.parallelprocesses <= 8


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    path = _write(tmp_path, "[gasflux]\nport = 8080\n[logging]\nlevel = ERROR\n[server]\nmaxrequestsize = 2MB\n")
    environ = {
        "GASFLUX_PORT": "8081",
        "GASFLUX_LOG_LEVEL": "debug",
        "GASFLUX_SERVER_MAXREQUESTSIZE": "1.5kb",
        "GASFLUX_METADATA_PROVIDER_NAME": "A & B",
    }
    settings = load_settings(path, environ)
    assert settings.gasflux.port == 8081
    assert settings.logging.level == "DEBUG"
    assert settings.server.maxrequestsize == 1536
    assert settings.metadata.provider_name == "A & B"
    over = load_settings(path, environ, over={("gasflux", "port"): "8082"})
    assert over.gasflux.port == 8082
    sources = {(row.section, row.key): row.source for row in over.describe()}
    assert sources["gasflux", "port"] == "command line"
    assert sources["logging", "level"] == "environment GASFLUX_LOG_LEVEL"
    assert sources["gasflux", "host"] == "default"


def test_values_come_from_the_environment_where_the_file_asks(tmp_path: Path) -> None:
    path = _write(tmp_path, "[jobs]\ndatabase = postgresql://gasflux:${PASSWORD}@db/jobs\n")
    settings = load_settings(path, {"PASSWORD": "s3cret"})
    assert settings.jobs.database == "postgresql://gasflux:s3cret@db/jobs"
    shown = {(row.section, row.key): row.value for row in settings.describe()}
    assert shown["jobs", "database"] == "postgresql://gasflux:***@db/jobs"
    assert "[jobs] database: the environment has no variable PASSWORD" in _refusal(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[server]\noutputurl = file:///tmp", "[server] outputurl: got 'file:///tmp'"),
        ("[server]\nurl = /wps", "http:// or https://"),
        ("[server]\nmaxrequestsize = huge", "[server] maxrequestsize: got 'huge'; a size such as 100mb"),
        ("[server]\nmaxrequestsize = 0", "[server] maxrequestsize: got '0'"),
        ("[server]\nworkdir = a\noutputpath = a", "neither may be the other"),
        ("[server]\nworkdir = a\noutputpath = a/b", "neither may be the other"),
        ("[gasflux]\nport = 70000", "[gasflux] port: got '70000'; expected less than or equal to 65535"),
        ("[gasflux]\nport = http", "[gasflux] port: got 'http'"),
        ("[gasflux]\nprot = 80", "[gasflux] prot: there is no setting of this name; did you mean port?"),
        ("[gasflx]\nport = 80", "[gasflx]: there is no section of this name; did you mean gasflux?"),
        ("[server]\nmaxrequestsise = 3mb", "did you mean maxrequestsize?"),
        ("[jobs]\nsync_wait = nan", "[jobs] sync_wait: got 'nan'"),
        ("[logging]\nlevel = loud", "[logging] level: got 'LOUD'"),
        ("port = 80", "can't be read"),
    ],
)
def test_what_cannot_work_is_refused_in_words(tmp_path: Path, text: str, says: str) -> None:
    assert says in _refusal(_write(tmp_path, text))


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    refusal = _refusal(_write(tmp_path, "[gasflux]\nport = 0\nprot = 1\n[jobs]\nsync_wait = -1\n"))
    assert refusal.count("\n  - ") == 3


def test_settings_of_pywps_without_effect_are_noted(tmp_path: Path) -> None:
    path = _write(tmp_path, "[server]\nsethomedir = true\n[processing]\nmode = scheduler\n")
    assert load_settings(path, {"GASFLUX_PROT": "1"}).notes == (
        "[server] sethomedir has no effect on this service",
        "[processing] has no effect on this service",
        "environment variable GASFLUX_PROT: no setting has this name; did you mean GASFLUX_PORT?",
    )


def test_a_missing_file_is_refused_where_it_is_named(tmp_path: Path) -> None:
    assert "there is no settings file" in _refusal(tmp_path / "none.cfg")
    assert "there is no settings file" in _refusal(PYWPS_CFG=str(tmp_path / "none.cfg"))


def test_the_file_of_the_project_says_what_the_defaults_say() -> None:
    from_file = load_settings(ROOT / "pywps.cfg", {})
    defaults = load_settings(environ={"GASFLUX_DATA": str(ROOT / "data")})
    assert from_file.notes == ()
    for section in SECTIONS:
        name = section.removesuffix(":main")
        assert getattr(from_file, name) == getattr(defaults, name)


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match=r"\[server\] outputpath: .* can't be written to"):
        prepare(
            load_settings(
                environ={"GASFLUX_DATA": str(tmp_path), "GASFLUX_SERVER_OUTPUTPATH": str(tmp_path / "file/x")}
            )
        )


@pytest.mark.skipif(
    not Path("/dev/shm").is_dir() or Path("/dev/shm").stat().st_dev == Path("/tmp").stat().st_dev,
    reason="needs a second file system",
)
def test_two_file_systems_are_refused(tmp_path: Path) -> None:
    environ = {"GASFLUX_DATA": str(tmp_path), "GASFLUX_SERVER_WORKDIR": f"/dev/shm/{tmp_path.name}"}
    try:
        with pytest.raises(SettingsError, match="different file systems"):
            prepare(load_settings(environ=environ))
    finally:
        Path(environ["GASFLUX_SERVER_WORKDIR"]).rmdir()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nonsense", "can't be opened"),
        ("nosuch://x", "expected the URL of a SQLite or a PostgreSQL database"),
        ("sqlite:////no/such/folder/jobs.sqlite", "can't be opened"),
    ],
)
def test_a_database_that_cannot_be_opened_is_refused(tmp_path: Path, url: str, why: str) -> None:
    with pytest.raises(SettingsError, match=rf"\[jobs\] database: .*{why}"):
        prepare(load_settings(environ={"GASFLUX_DATA": str(tmp_path), "GASFLUX_JOBS_DATABASE": url}))


def test_every_setting_is_described_and_reached_by_its_environment_name() -> None:
    rows = load_settings(environ={}).describe()
    assert all(row.text.endswith(".") for row in rows)
    assert len({row.environment for row in rows}) == len(rows)
    for row in rows:
        if row.default.isdigit():
            settings = load_settings(environ={row.environment: str(int(row.default) + 1)})
            assert getattr(getattr(settings, row.section), row.key) == int(row.default) + 1


def test_pywps_has_the_same_settings(tmp_path: Path) -> None:
    from pywps.configuration import get_config_value

    settings = load_settings(environ={"GASFLUX_DATA": str(tmp_path), "GASFLUX_METADATA_PROVIDER_NAME": "100 % ours"})
    give_to_pywps(settings)
    assert get_config_value("server", "workdir") == str(tmp_path / "work")
    assert get_config_value("server", "maxsingleinputsize") == "104857600b"
    assert get_config_value("metadata:main", "provider_name") == "100 % ours"
