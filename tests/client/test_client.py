"""The client's own behaviour, against a service that says what a test wants it to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile

from gasflux_client import Busy, Client, Rate, Refused, Run, RunFailed, Status, TimedOut, Unreachable
from tests.client.conftest import FakeService, completed

WAITS: dict[str, Any] = {"status": "pending", "progress": 0}
RUNS: dict[str, Any] = {"status": "processing", "progress": 40, "message": "Kriging the flux plane of ch4"}


@pytest.fixture
def flight(tmp_path: Path) -> Path:
    path = tmp_path / "over the landfill.csv"
    path.write_text("timestamp\n1\n")
    return path


def test_flight_is_sent_under_its_name_with_its_settings(fake: FakeService, flight: Path) -> None:
    fake.states = [WAITS]
    run = Client(fake.url).submit(flight, gases=["ch4", "co2"], settings={"variogram": {"model": "spherical"}})
    assert (run.id, run.status) == ("run-1", Status.PENDING)
    assert fake.upload["file"] == ("over the landfill.csv", b"timestamp\n1\n")
    assert json.loads(fake.upload["config"][1]) == {"gases": ["ch4", "co2"], "variogram": {"model": "spherical"}}


def test_configuration_file_is_sent_as_it_is(fake: FakeService, flight: Path, tmp_path: Path) -> None:
    fake.states = [WAITS]
    config = tmp_path / "settings.yaml"
    config.write_text("gases: [ch4]\n")
    Client(fake.url).submit(flight, config=config)
    assert fake.upload["config"] == ("settings.yaml", b"gases: [ch4]\n")


def test_configuration_beside_settings_is_refused(flight: Path) -> None:
    with pytest.raises(ValueError, match="either config"):
        Client("http://127.0.0.1:9").submit(flight, gases=["ch4"], config=flight)


def test_missing_flight_is_told_before_anything_is_sent(fake: FakeService, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Client(fake.url).submit(tmp_path / "none.csv")
    assert not fake.heard


@pytest.mark.parametrize("url", ["", "gasflux.example.org", "ftp://gasflux.example.org", "http://"])
def test_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        Client(url)


@pytest.mark.parametrize("path", ["", "/", "/wps", "/api/v1/"])
def test_any_of_the_services_addresses_will_do(fake: FakeService, path: str) -> None:
    fake.states = [RUNS]
    assert Client(fake.url + path).run("run-1").status is Status.PROCESSING


def test_key_goes_with_every_request(fake: FakeService, flight: Path) -> None:
    fake.states = [completed(fake)]
    Client(fake.url, "gfw_1_secret").submit(flight).read("figures.json")
    assert fake.keys == ["gfw_1_secret"] * 3


def test_key_stays_with_its_service(fake: FakeService) -> None:
    state = completed(fake)
    state["results"][0]["download_url"] = "http://elsewhere.example.org/figures.json"
    fake.states = [state]
    with pytest.raises(Unreachable, match=r"elsewhere\.example\.org"):
        Client(fake.url, "gfw_1_secret").run("run-1").read("figures.json")


def test_run_is_watched_to_its_end(fake: FakeService) -> None:
    fake.states = [WAITS, WAITS, RUNS, completed(fake)]
    seen: list[tuple[Status, float, str]] = []
    run = Client(fake.url).run("run-1").wait(progress=lambda run: seen.append((run.status, run.progress, run.message)))
    assert seen == [
        (Status.PENDING, 0.0, ""),
        (Status.PROCESSING, 0.4, "Kriging the flux plane of ch4"),
        (Status.COMPLETED, 1.0, ""),
    ]
    assert run.status is Status.COMPLETED


def test_progress_bar_says_what_is_done(fake: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    fake.states = [WAITS, RUNS, completed(fake)]
    Client(fake.url).run("run-1").wait()
    shown = capsys.readouterr().err
    assert "Kriging the flux plane of ch4" in shown
    assert "40%" in shown
    assert "100%" in shown


def test_silent_wait_says_nothing(fake: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    fake.states = [RUNS, completed(fake)]
    Client(fake.url).run("run-1").wait(progress=False)
    assert capsys.readouterr() == ("", "")


def test_failure_is_raised_with_its_reason(fake: FakeService) -> None:
    fake.states = [{"status": "failed", "error": "column pressure, row 17: 99999 hPa is out of range"}]
    with pytest.raises(RunFailed, match="column pressure, row 17"):
        Client(fake.url).run("run-1").wait(progress=False)


def test_cancelled_run_has_no_results(fake: FakeService) -> None:
    fake.states = [RUNS]
    run = Client(fake.url).run("run-1")
    assert run.cancel().status is Status.CANCELLED
    with pytest.raises(RunFailed, match="cancelled"):
        run.download("anywhere")


def test_wait_ends_in_time_and_the_run_goes_on(fake: FakeService) -> None:
    fake.states = [RUNS]
    run = Client(fake.url).run("run-1")
    with pytest.raises(TimedOut, match="it goes on: Kriging"):
        run.wait(timeout=0.1, progress=False)
    with pytest.raises(TimedOut, match="wait"):
        run.table()


def test_rates_are_typed(fake: FakeService) -> None:
    fake.states = [completed(fake)]
    rates = Client(fake.url).run("run-1").rates
    assert rates == {"ch4": Rate("ch4", 56.72, 4.5, (48.0, 65.8), ("few_transects",))}
    assert str(rates["ch4"]) == "56.7 ± 4.5 kg/h (95 % interval 48.0 to 65.8 kg/h)"


@pytest.mark.parametrize(
    ("uncertainty", "said"), [(123.0, "57 ± 123 kg/h"), (0.456, "56.72 ± 0.46 kg/h"), (0.0, "56.7 ± 0.0 kg/h")]
)
def test_rate_is_rounded_to_two_digits_of_its_uncertainty(uncertainty: float, said: str) -> None:
    assert str(Rate("ch4", 56.72, uncertainty, (0.0, 100.0), ())).startswith(said)


def test_products_come_as_objects(fake: FakeService) -> None:
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", width=300, height=200, count=2, dtype="float64", compress="deflate") as plane:
            plane.write(np.arange(120_000.0).reshape(2, 200, 300))
        tiff = memory.read()
    files = {"table.csv": b"x,ch4\n1.5,2\n", "track.geojson": b'{"features": []}', "flux_plane.tif": tiff}
    fake.states = [completed(fake, {**files, "footprint.geojson": b'{"type": "FeatureCollection"}'})]
    run = Client(fake.url).run("run-1")
    assert run.table().to_dict("list") == {"x": [1.5], "ch4": [2]}
    assert run.track() == {"features": []}
    assert run.footprint() == {"type": "FeatureCollection"}
    with run.flux_plane() as plane:
        assert isinstance(plane, rasterio.DatasetReader)
        assert plane.read(2)[199, 299] == 119_999


def test_files_are_written_and_none_leaves_the_folder(fake: FakeService, tmp_path: Path) -> None:
    state = completed(fake, {"table.csv": b"x\n"})
    state["results"][1]["name"] = "../../table.csv"
    fake.states = [state]
    run = Client(fake.url).run("run-1")
    paths = run.download(tmp_path / "new" / "results")
    assert paths == [tmp_path / "new" / "results" / name for name in ("figures.json", "table.csv")]
    assert paths[1].read_bytes() == b"x\n"
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["figures.json", "table.csv"]


def test_file_that_is_not_there_is_named(fake: FakeService) -> None:
    fake.states = [completed(fake)]
    with pytest.raises(KeyError, match=r"no file plane\.tif; it has: figures\.json"):
        Client(fake.url).run("run-1").download("anywhere", "plane.tif")


def test_busy_service_is_asked_again(fake: FakeService, flight: Path) -> None:
    fake.states, fake.busy = [WAITS], 2
    Client(fake.url).submit(flight)
    assert fake.upload["file"] == (flight.name, flight.read_bytes())
    fake.busy = 100
    with pytest.raises(Busy, match="100 jobs wait") as caught:
        Client(fake.url).submit(flight)
    assert caught.value.code == 503


def test_refusal_has_the_services_words(fake: FakeService) -> None:
    with pytest.raises(Refused, match="there is no task run-2") as caught:
        Client(fake.url).run("run-2")
    assert caught.value.code == 404


def test_upload_is_not_sent_twice_where_nobody_answers(flight: Path, fake: FakeService) -> None:
    class Gone:
        asked = 0

        def request(self, *_: Any, **__: Any) -> None:
            import requests

            Gone.asked += 1
            raise requests.ConnectionError("connection reset")

    with pytest.raises(Unreachable, match="does not answer"):
        Client(fake.url, session=Gone()).submit(flight)  # type: ignore[arg-type]
    assert Gone.asked == 1


def test_all_pages_of_runs_are_walked(fake: FakeService) -> None:
    states = ["completed", "failed"]
    fake.tasks = [{"task_id": f"run-{number}", "status": states[number % 2]} for number in range(120)]
    runs = list(Client(fake.url).runs())
    assert [run.id for run in runs] == [task["task_id"] for task in fake.tasks]
    assert all(isinstance(run, Run) for run in runs)
    assert len(list(Client(fake.url).runs(Status.FAILED))) == 60


def test_what_is_no_gasflux_service_is_told(fake: FakeService) -> None:
    fake.states = [WAITS]
    with pytest.raises(Refused, match="404"):
        Client(f"{fake.url}/elsewhere").run("run-1")


def test_removed_run_is_gone(fake: FakeService) -> None:
    fake.states = [RUNS]
    Client(fake.url).run("run-1").remove()
    assert fake.heard[-1] == ("DELETE", "/api/v1/task/run-1")
