"""``gasflux-wps`` as a user types it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from processes.products import FILE_NAMES
from server.command_line import BAD_INPUT, NO_SOLUTION, main
from server.keys import Keys, NoKey
from tests.conftest import ROOT
from tests.core.dems import write_dem

FLIGHT = ROOT / "examples" / "data" / "example_flight.csv"


@pytest.fixture(autouse=True)
def away_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those a test gives."""
    monkeypatch.chdir(tmp_path)
    for name in ("PYWPS_CFG", "GASFLUX_DATA", "GASFLUX_PORT"):
        monkeypatch.delenv(name, raising=False)


def changed(tmp_path: Path, **columns: object) -> Path:
    """The example flight with other columns, or without those that are None."""
    table = pd.read_csv(FLIGHT)
    for name, values in columns.items():
        table = table.drop(columns=name) if values is None else table.assign(**{name: values})
    path = tmp_path / "flight.csv"
    table.to_csv(path, index=False)
    return path


# ---- run


def test_run_says_rate_uncertainty_and_interval(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(FLIGHT)]) == 0
    printed = capsys.readouterr()
    match = re.match(r"ch4: (\S+) ± (\S+) kg/h   \(95 % interval (\S+) to (\S+) kg/h\)\n", printed.out)
    assert match, printed.out
    rate, uncertainty, low, high = map(float, match.groups())
    assert low < rate < high
    assert 0 < uncertainty < rate
    assert low < 60 < high
    assert printed.err == ""


def test_run_prints_figures_as_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(FLIGHT), "--gas", "ch4", "co2", "--json", "-"]) == 0
    figures = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert list(figures["gases"]) == ["ch4", "co2"]
    for gas in figures["gases"].values():
        assert gas["unit"] == "kg/h"
        low, high = gas["interval95"]
        assert low < gas["emission_rate"] < high
        assert {"standard_uncertainty", "flags", "budget"} <= gas.keys()
    assert {"plane", "versions"} <= figures.keys()


def test_run_takes_heights_above_ground_from_a_terrain_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flight = changed(tmp_path)
    middle = pd.read_csv(flight)[["longitude", "latitude"]].mean()
    corner = {"left": middle.longitude - 0.02, "top": middle.latitude + 0.02, "cell": 0.0005, "size": (80, 80)}
    dem = write_dem(tmp_path / "dem.tif", lambda x, y: 100.0 + 0.0 * x, crs="EPSG:4326", **corner)
    assert main(["run", str(flight), "--dem", str(dem), "--json", "-"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["terrain"]["take_off_height"] == pytest.approx(100.0)
    assert main(["run", str(flight), "--dem", str(tmp_path / "none.tif")]) == BAD_INPUT
    assert "none.tif" in capsys.readouterr().err


def test_run_writes_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, figures = tmp_path / "new" / "result", tmp_path / "figures.json"
    assert main(["run", str(FLIGHT), "--out", str(folder), "--json", str(figures), "--quiet"]) == 0
    assert {path.name for path in folder.iterdir()} == set(FILE_NAMES.values())
    assert all(path.stat().st_size for path in folder.iterdir())
    assert json.loads(figures.read_text())["gases"].keys() == {"ch4"}
    assert f"files in {folder}" in capsys.readouterr().out


def test_configuration_gives_gases_and_parameters_and_options_win(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "my.yaml"
    config.write_text("gases: [co2]\nkriging: {resolution: 200, below: none}\n")
    run = ["run", str(FLIGHT), "--json", "-", "--config", str(config)]
    rates = []
    for more in ([], ["--set", "kriging.below=constant"], ["--gas", "ch4"]):
        assert main([*run, *more]) == 0
        rates.append({name: gas["emission_rate"] for name, gas in json.loads(capsys.readouterr().out)["gases"].items()})
    assert [list(found) for found in rates] == [["co2"], ["co2"], ["ch4"]]
    # What is below the lowest transect adds to the rate.
    assert rates[1]["co2"] > rates[0]["co2"] * 1.01


def test_parameters_below_a_section_can_be_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "my.yaml"
    config.write_text("background: {algorithm: fastchrom, fastchrom: {half_window: 4}}\n")
    run = ["run", str(FLIGHT), "--json", "-", "--config", str(config)]
    assert main(run) == 0
    without = json.loads(capsys.readouterr().out)
    assert main([*run, "--set", "background.fastchrom.half_window=40"]) == 0
    assert (
        json.loads(capsys.readouterr().out)["gases"]["ch4"]["emission_rate"]
        != (without["gases"]["ch4"]["emission_rate"])
    )


def test_the_command_itself_is_there() -> None:
    command = Path(sys.executable).with_name("gasflux-wps")
    shown = subprocess.run([command, "--help"], capture_output=True, text=True, check=True).stdout
    for word in ("run", "simulate", "serve", "worker", "migrate", "config", "jobs", "key"):
        assert re.search(rf"^    {word} ", shown, re.MULTILINE), word


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["config"], ["jobs", "list", "--help"]])
def test_help_does_not_wait_for_libraries(words: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from server.command_line import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        "slow = {'pandas', 'numpy', 'scipy', 'matplotlib', 'flask', 'sqlalchemy', 'pywps'} & sys.modules.keys()\n"
        "sys.exit(f'loaded: {slow}' if slow else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# ---- errors in words


def refused(words: list[str], capsys: pytest.CaptureFixture[str], status: int = BAD_INPUT) -> str:
    assert main(words) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("gasflux-wps: ")
    assert "Traceback" not in printed.err
    return printed.err


def test_flight_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no file nowhere.csv" in refused(["run", "nowhere.csv"], capsys)


def test_missing_columns_are_told_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(["run", str(changed(tmp_path, ch4=None, pressure=None))], capsys)
    assert "ch4" in told
    assert "pressure" in told


def test_text_among_numbers_is_told_with_its_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    speeds = pd.read_csv(FLIGHT)["windspeed"].astype(object)
    speeds[41] = "calm"
    told = refused(["run", str(changed(tmp_path, windspeed=speeds))], capsys)
    assert "windspeed" in told
    assert "42" in told
    assert "calm" in told


def test_parameter_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert "kriging.resolutoin" in refused(["run", str(FLIGHT), "--set", "kriging.resolutoin=3"], capsys)


@pytest.mark.parametrize("assignment", ["kriging", "=3", "resolution=3", "kriging.below=@"])
def test_assignment_that_is_none(assignment: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--set" in refused(["run", str(FLIGHT), "--set", assignment], capsys)


def test_broken_configuration_is_told_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "my.yaml"
    config.write_text("gases: [ch4]\nkriging: {below: [}\n")
    assert "line 2" in refused(["run", str(FLIGHT), "--config", str(config)], capsys)


def test_nothing_is_left_of_a_run_that_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "result"
    refused(["run", str(changed(tmp_path, ch4=None)), "--out", str(folder)], capsys)
    assert not folder.exists()


def test_figures_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no_such_folder/figures.json" in refused(
        ["run", str(FLIGHT), "--json", "no_such_folder/figures.json"], capsys
    )


def test_hovering_is_no_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hover = changed(tmp_path, latitude=52.1, longitude=0.45, height_ato=20.0)
    told = refused(["run", str(hover)], capsys, NO_SOLUTION)
    assert "transect" in told


# ---- simulate


def test_simulated_flight_is_written_with_its_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flight = tmp_path / "flight.csv"
    words = ["simulate", str(flight), "--set", "seed=3", "--set", "transects=4"]
    assert main([*words, "--set", "sources=[{rates: {ch4: 12.5, n2o: 1}}]"]) == 0
    printed = capsys.readouterr().out
    assert "ch4: 12.5 kg/h true emission rate" in printed
    assert {"ch4", "n2o"} <= set(pd.read_csv(flight).columns)


def test_simulation_takes_times_as_they_are_written(tmp_path: Path) -> None:
    flight = tmp_path / "flight.csv"
    assert main(["simulate", str(flight), "--set", "start=2027-02-03T04:05:06Z"]) == 0
    assert pd.read_csv(flight)["timestamp"][0].startswith("2027-02-03T04:05:06")


def test_simulation_with_a_wrong_parameter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flight = tmp_path / "flight.csv"
    assert "wind_speed" in refused(["simulate", str(flight), "--set", "wind_speed=-1"], capsys)
    assert not flight.exists()


def test_simulation_into_a_folder_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no folder" in refused(["simulate", "no_such_folder/flight.csv"], capsys)


# ---- the service's commands


def test_config_shows_values_and_where_they_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pywps.cfg").write_text("[gasflux]\nport = 5010\n")
    monkeypatch.setenv("GASFLUX_WORKERS", "3")
    assert main(["config"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^\[gasflux\] port = 5010   \(.*pywps\.cfg\)$", printed, re.MULTILINE)
    assert re.search(r"^\[gasflux\] workers = 3   \(environment GASFLUX_WORKERS\)$", printed, re.MULTILINE)
    assert re.search(r"^\[jobs\] sync_wait = 300\.0   \(default\)$", printed, re.MULTILINE)


def test_config_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--check"]) == 0
    assert "can start" in capsys.readouterr().out
    (tmp_path / "pywps.cfg").write_text("[server]\noutputurl = file:///srv/outputs\n")
    assert "outputurl" in refused(["config", "--check"], capsys)


def test_settings_with_a_wrong_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "mine.cfg"
    settings.write_text("[gasflux]\nprot = 5010\n")
    told = refused(["config", "--settings", str(settings)], capsys)
    assert "prot" in told
    assert "did you mean port" in told


def test_migrate_makes_the_table_in_a_new_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["migrate"]) == 0
        assert "up to date" in capsys.readouterr().out
    assert (tmp_path / "data" / "jobs.sqlite").is_file()


def test_keys_are_made_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "create", "--name", "Jane"]) == 0
    key = capsys.readouterr().out.strip()
    keys = Keys.open(f"sqlite:///{tmp_path / 'data' / 'jobs.sqlite'}")
    keys.check(key)
    assert main(["key", "list"]) == 0
    listed = capsys.readouterr().out
    assert "Jane" in listed
    assert key not in listed
    key_id = key.split("_")[1]
    assert main(["key", "revoke", key_id]) == 0
    with pytest.raises(NoKey):
        Keys.open(f"sqlite:///{tmp_path / 'data' / 'jobs.sqlite'}").check(key)
    capsys.readouterr()
    assert "there is no key" in refused(["key", "revoke", "nobody"], capsys)
