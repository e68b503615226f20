"""The page of a successful run, as the server writes it."""

from __future__ import annotations

import ast
import html
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.app import create_app, service_of
from server.jobs.model import Job
from server.jobs.request import InputItem
from server.settings import load_settings
from server.settings_error import SettingsError
from server.web.elsewhere import file_name, snippets
from server.web.rates import gas_rate
from server.web.result import shown_size
from server.web.words import words_in
from tests.server.fakes import end_supervisor, settings_in
from tests.server.result_jobs import example_result, publish_run

HOSTILE = "<script>alert(1)</script>'\"; rm -rf $HOME `id`.csv"
CONFIGURATION = "kriging:\n  below: constant\n# it's $HOME `id` </script><b>\n"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    settings = settings_in(tmp_path_factory.mktemp("result"), GASFLUX_OWS_MAPSERVER="none")
    app = create_app(settings)
    yield app
    service_of(app).engine.stop()
    end_supervisor(settings)
    service_of(app).jobs.close()


@pytest.fixture(scope="module")
def job(app: Flask) -> Job:
    inputs = {"variogram_model": "exponential", "sensor_lag": "0.5", "configuration": CONFIGURATION}
    return publish_run(service_of(app).jobs, name="North fence", inputs=inputs)


@pytest.fixture(scope="module")
def untouched(app: Flask) -> Job:
    """A run with all settings as they are by default."""
    return publish_run(service_of(app).jobs)


@pytest.fixture(scope="module")
def hostile(app: Flask) -> Job:
    return publish_run(service_of(app).jobs, file_name=HOSTILE, name=HOSTILE, inputs={"configuration": CONFIGURATION})


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def page(client: FlaskClient, job: Job, language: str = "en", **query: str) -> str:
    answer = client.get(f"/runs/{job.id}", query_string=query, headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer.text


def words_of(text: str) -> str:
    """What a reader sees, without marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def figures(gas: str = "ch4", **changed: Any) -> dict[str, Any]:
    return {**example_result().figures()["gases"][gas], **changed}


def rate(**changed: Any) -> dict[str, Any]:
    return gas_rate("ch4", figures(**changed), words_in("en-US"), "en-US")


def test_the_rate_stands_with_its_interval_to_the_place_of_the_uncertainty(client: FlaskClient, untouched: Job) -> None:
    text = words_of(page(client, untouched))
    assert "CH₄ emission rate 56.7 ± 12.1 kg/h" in text
    assert "95 % interval: 44.6 to 68.8 kg/h" in text
    assert "Standard uncertainty ± 4.5 kg/h Relative uncertainty 7.9 % Detection limit 0.80 kg/h" in text
    assert "Below the detection limit" not in text
    assert "They agree." in text
    assert "none: all as the defaults" in text


def test_each_gas_can_be_shown_without_script(client: FlaskClient, job: Job) -> None:
    def shown(text: str) -> list[str]:
        return re.findall(r'<section class="gas" data-of-gas="(\w+)" aria-labelledby="[\w-]+">', text)

    assert shown(page(client, job)) == ["ch4"]
    assert shown(page(client, job, gas="co2")) == ["co2"]
    assert shown(page(client, job, gas='"><script>')) == ["ch4"]


def test_a_rate_below_the_detection_limit_is_said_in_words() -> None:
    said = rate(emission_rate=0.4, interval95=[-0.6, 1.4], flags=["below_detection_limit"])
    assert not said["detected"]
    assert said["relative"] == "–"
    assert {row["share"] for row in said["parts"]} == {"–"}
    assert float(said["bar"]["low"]) < float(said["bar"]["zero"]) < float(said["bar"]["rate"])
    assert "fly closer" in said["flags"][0]["text"]


def test_a_lopsided_interval_has_two_ends() -> None:
    said = rate(emission_rate=50.0, standard_uncertainty=5.0, interval95=[45.0, 65.0])
    assert said["lopsided"]
    assert (said["down"], said["up"]) == ("5.0", "15.0")
    assert not rate()["lopsided"]


def test_methods_that_disagree_say_so() -> None:
    apart = {"with": "transects", "difference": 30.0, "percent": 60.0, "standard_uncertainties": 4.0}
    assert "They disagree. The largest difference is 60 %" in rate(disagreement=apart)["others_said"]
    assert rate(disagreement=None)["others_said"].startswith("No other method")


def test_the_budget_is_in_the_order_of_what_can_be_gained() -> None:
    rows = rate()["budget"]
    values = [float(row["value"]) for row in rows[:-1]]
    assert values == sorted(values, reverse=True)
    assert rows[-1]["total"] and rows[-1]["title"] == "Total"
    assert {row["title"] for row in rows} >= {"Scatter between transects", "Area not sampled"}


def test_the_page_tells_what_the_run_was_of(client: FlaskClient, job: Job) -> None:
    text = words_of(page(client, job))
    sha256 = job.request.inputs["flight"][0].sha256
    assert f"example_flight.csv · 107 kB SHA-256 {sha256}" in text
    assert "flight.sensor_lag = 0.5 variogram.model = exponential kriging.below = constant" in text
    assert "North fence" in text
    for link in (f'"/?like={job.id}"', f'"/compare?a={job.id}"', f'"/runs/{job.id}/name"', f'"/runs/{job.id}/remove"'):
        assert link in page(client, job)


def test_every_file_can_be_fetched(app: Flask, client: FlaskClient, job: Job) -> None:
    root = service_of(app).settings.root
    files = {item.file for item in job.results.values() if item.file}
    linked = set(re.findall(rf'href="{re.escape(root)}/outputs/{job.id}/([\w.-]+)"', page(client, job)))
    assert linked == files | {"ro-crate.zip"}
    for name in files:
        assert client.get(f"/outputs/{job.id}/{name}").status_code == 200


def test_the_figures_have_their_data(client: FlaskClient, job: Job) -> None:
    answer = client.get(f"/runs/{job.id}/view")
    assert answer.status_code == 200
    assert answer.json is not None and set(answer.json["gases"]) == {"ch4", "co2"}


def test_without_a_view_the_page_says_so_and_shows_the_picture(app: Flask, client: FlaskClient) -> None:
    bare = publish_run(service_of(app).jobs, without=("view",))
    text = page(client, bare)
    assert "56.7" in text and f'<img class="preview" src="/outputs/{bare.id}/preview.png"' in text
    assert "plane-canvas" not in text
    assert client.get(f"/runs/{bare.id}/view").status_code == 404


def test_another_process_has_a_list_of_its_outputs(app: Flask, client: FlaskClient) -> None:
    bare = publish_run(service_of(app).jobs, without=("figures", "view"))
    text = words_of(page(client, bare))
    assert "Values Emission rate 56.7" in text
    assert "flux_plane.tif" in text


def test_what_users_wrote_is_shown_as_text(client: FlaskClient, hostile: Job) -> None:
    text = page(client, hostile)
    assert "<script>alert" not in text
    assert "</script><b>" not in text
    assert HOSTILE in html.unescape(text)
    data = re.search(r'<script type="application/json" id="result-data">(.*?)</script>', text, re.DOTALL)
    assert data is not None and json.loads(data[1])["gas"] == "ch4"


def test_no_style_and_no_script_stands_in_the_page(client: FlaskClient, job: Job) -> None:
    text = page(client, job)
    assert " style=" not in text
    assert re.search(r"\son\w+=", text) is None
    assert all("src=" in one or "application/json" in one for one in re.findall(r"<script[^>]*>", text))


def test_chinese_readers_read_chinese(client: FlaskClient, job: Job) -> None:
    text = page(client, job, "zh-CN")
    assert '<html lang="zh-CN"' in text
    assert "CH₄ 排放速率" in text and "通量平面" in text
    assert "Flux plane" not in words_of(text)


def test_tiles_may_be_loaded_from_their_host_alone(tmp_path: Path) -> None:
    tiles = "https://tiles.example.org:8443/osm/{z}/{x}/{y}.png"
    settings = settings_in(tmp_path, GASFLUX_WEB_TILES=tiles, GASFLUX_WEB_TILES_ATTRIBUTION="© <b>Somebody</b>")
    app = create_app(settings)
    job = publish_run(service_of(app).jobs)
    answer = app.test_client().get(f"/runs/{job.id}")
    service_of(app).engine.stop()
    end_supervisor(settings)
    service_of(app).jobs.close()
    policy = answer.headers["Content-Security-Policy"]
    assert "img-src 'self' data: blob: https://tiles.example.org:8443;" in policy
    assert policy.count("https:") == 1
    assert "<b>Somebody" not in answer.text


@pytest.mark.parametrize("tiles", ["tiles", "https://a.org/{z}/{x}", "https://a.org; script-src *//{z}/{x}/{y}"])
def test_tiles_that_can_not_be_are_refused(tiles: str) -> None:
    with pytest.raises(SettingsError, match=r"\[web\] tiles: .*expected"):
        load_settings(environ={"GASFLUX_WEB_TILES": tiles})


def test_sizes_are_read_with_ease() -> None:
    assert [shown_size(size) for size in (999, 1000, 107_000, 1_210_000)] == ["999 B", "1 kB", "107 kB", "1.21 MB"]


# --- the run elsewhere


def test_owslib_is_told_of_exactly_this_run(app: Flask, job: Job) -> None:
    text = _snippets(app, job).owslib
    calls = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assign)]
    inputs = next(value for value in calls if isinstance(value, ast.List))
    given = [(one.elts[0].value, one.elts[1]) for one in inputs.elts]  # type: ignore[attr-defined]
    assert given[0][0] == "flight"
    literals = [(name, value.value) for name, value in given if isinstance(value, ast.Constant)]
    assert literals == [
        ("gases", "ch4"),
        ("gases", "co2"),
        ("variogram_model", "exponential"),
        ("sensor_lag", "0.5"),
        ("configuration", CONFIGURATION),
    ]


def test_the_command_line_is_told_of_exactly_this_run(app: Flask, job: Job, tmp_path: Path) -> None:
    text = _snippets(app, job).command_line
    done = subprocess.run(
        ["bash", "-c", f'gasflux-wps() {{ printf "%s\\n" "$@"; }}\n{text}'],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = (
        "run example_flight.csv --set variogram.model=exponential --set flight.sensor_lag=0.5 "
        "--config configuration.yaml --gas ch4 co2 --out result"
    )
    assert done.stdout.split() == told.split()
    assert (tmp_path / "configuration.yaml").read_text() == CONFIGURATION


def test_the_shell_takes_hostile_names_for_names(app: Flask, hostile: Job, tmp_path: Path) -> None:
    (tmp_path / file_name("flight", hostile.request.inputs["flight"][0])).write_bytes(b"a flight")
    script = "curl() { cat; }\n" + _snippets(app, hostile).curl
    sent = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    request = json.loads(sent.stdout)
    assert request["inputs"]["flight"] == {"value": "YSBmbGlnaHQ=", "mediaType": "text/csv", "encoding": "base64"}
    assert request["inputs"]["configuration"] == CONFIGURATION
    assert ast.parse(_snippets(app, hostile).owslib)


def test_references_stay_references(app: Flask, job: Job) -> None:
    inputs = {
        **job.request.inputs,
        "flight": [InputItem(href="https://data.example.org/a b.csv", media_type="text/csv")],
    }
    elsewhere = _snippets(app, replace(job, request=replace(job.request, inputs=inputs)))
    assert 'ComplexDataInput("https://data.example.org/a b.csv", mimeType="text/csv")' in elsewhere.owslib
    assert "base64" not in elsewhere.owslib
    assert '"flight": {"href": "https://data.example.org/a b.csv", "type": "text/csv"}' in elsewhere.curl
    assert "curl -sSf -o flight.csv 'https://data.example.org/a b.csv'" in elsewhere.command_line
    assert "gasflux-wps run flight.csv" in elsewhere.command_line


def test_a_key_is_named_where_one_is_wanted(app: Flask, job: Job) -> None:
    assert "GASFLUX_KEY" not in "".join(vars(_snippets(app, job)).values())
    wanted = _snippets(app, job, with_key=True)
    assert 'headers={"X-API-Key": os.environ["GASFLUX_KEY"]}' in wanted.owslib
    assert shlex.split(wanted.curl).count("X-API-Key: $GASFLUX_KEY") == 1


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\flights\\a.csv", "a.csv"),
        ("", "flight.csv"),
        (None, "flight.csv"),
        ("a\nb\0.csv", "ab.csv"),
    ],
)
def test_a_file_is_called_by_its_name_alone(sent: str | None, shown: str) -> None:
    assert file_name("flight", InputItem(upload="x", file_name=sent, media_type="text/csv")) == shown


def _snippets(app: Flask, job: Job, *, with_key: bool = False) -> Any:
    from processes.base import declaration
    from processes.gas_flux import GasFlux

    return snippets(job, declaration(GasFlux()), service_of(app).settings.root, with_key=with_key)
