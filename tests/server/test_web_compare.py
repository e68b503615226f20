"""Two runs side by side: what is said of their difference, what differs, and which can't be compared."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.app import service_of
from server.errors import NotOwnJob
from server.jobs.model import Job
from server.jobs.queue import Jobs
from server.jobs.request import InputItem, JobRequest
from tests.server.web_runs import HOSTILE, failed, finished, flight_figures, flight_view, pages_app, sent, successful


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with pages_app(tmp_path) as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def jobs(app: Flask) -> Jobs:
    return service_of(app).jobs


def compared(client: FlaskClient, a: Job, b: Job, **headers: str) -> str:
    """The page of two runs."""
    answer = client.get(f"/compare?a={a.id}&b={b.id}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def words(page: str) -> str:
    """What a page says."""
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))


def planes(page: str) -> dict[str, Any]:
    """What the script is given."""
    return json.loads(re.search(r'id="planes-data">(.*?)</script>', page)[1])  # type: ignore[index, no-any-return]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ((12.0, 1.5), "Both rates are the same."),
        ((13.0, 1.5), "Not significant: the difference is 0.47 times its standard uncertainty, as chance"),
        ((15.0, 1.5), "Not significant: the difference is 1.4 times"),
        ((18.0, 2.0), "Significant: the difference is 2.4 times its standard uncertainty"),
    ],
)
def test_a_difference_is_judged_by_both_uncertainties(
    client: FlaskClient, jobs: Jobs, second: tuple[float, float], said: str
) -> None:
    a = successful(jobs, "A", figures=flight_figures(12.0, 1.5), content="one")
    b = successful(jobs, "B", figures=flight_figures(*second), content="another")
    text = words(compared(client, a, b))
    assert said in text
    assert "12.0 ± 1.5 kg/h" in text and "The runs read different flights." in text


def test_the_difference_has_its_own_uncertainty_and_sign(client: FlaskClient, jobs: Jobs) -> None:
    a = successful(jobs, figures=flight_figures(12.0, 3.0), content="one")
    b = successful(jobs, figures=flight_figures(6.0, 4.0), content="another")
    text = words(compared(client, a, b))
    assert "−6.0 ± 5.0 kg/h −50.0 % of A" in text
    assert "+6.0 ± 5.0 kg/h +100.0 % of A" in words(compared(client, b, a))


def test_of_one_flight_no_difference_is_called_significant(client: FlaskClient, jobs: Jobs) -> None:
    a = successful(jobs, figures=flight_figures(12.0, 1.0))
    b = successful(jobs, figures=flight_figures(30.0, 1.0))
    text = words(compared(client, a, b))
    assert "Both runs read the same flight." in text and "share its data" in text
    assert "this is no test" in text and "Significant" not in text


def test_a_flight_that_was_fetched_is_known_by_its_content(client: FlaskClient, jobs: Jobs) -> None:
    a = successful(jobs, figures={**flight_figures(), "input": {"name": "x.csv", "sha256": "5" * 64}})
    figures = {**flight_figures(), "input": {"name": "y.csv", "sha256": a.request.inputs["flight"][0].sha256}}
    fetched = jobs.submit(
        JobRequest("gas_flux", {"flight": [InputItem(href="https://example.org/y.csv")]}, mode="async"), [], version="1"
    )
    b = finished(jobs, fetched, figures)
    assert "Both runs read the same flight." in compared(client, a, b)


def test_settings_that_differ_are_told_and_the_same_in_other_words_are_not(client: FlaskClient, jobs: Jobs) -> None:
    # 0.03 and matern are the defaults.
    a = successful(jobs, inputs={"roughness_length": "0.030", "variogram_model": "matern", "seed": "5"})
    b = successful(jobs, inputs={"variogram_model": "spherical", "seed": "5", "background_algorithm": ""})
    page = compared(client, a, b)
    table = words(page[page.index('id="settings-title"') : page.index('id="flags-title"')])
    assert "Variogram model variogram_model matern spherical" in table
    for same in ("roughness", "seed", "Background algorithm"):
        assert same not in table
    assert "no setting in which they differ" in words(compared(client, a, a_like(jobs, a)))


def a_like(jobs: Jobs, job: Job) -> Job:
    """A run asked for in the same words."""
    texts = {name: items[0].text or "" for name, items in job.request.inputs.items() if name != "flight"}
    return successful(jobs, inputs=texts)


def test_parameters_in_force_are_compared_wherever_they_came_from(client: FlaskClient, jobs: Jobs) -> None:
    settings = {"gases": ["ch4"], "background": {"algorithm": "clipped", "window": 5.0}, "wind": {"sources": [1, 2]}}
    other = {"gases": ["ch4"], "background": {"algorithm": "transect_ends", "window": 5}, "wind": {"sources": [1]}}
    configured = {"configuration_url": "https://example.org/a.yaml", "background_algorithm": "clipped"}
    a = successful(
        jobs, figures={**flight_figures(), "settings": settings}, inputs={"dem_url": "https://example.org/a"}
    )
    b = successful(jobs, figures={**flight_figures(), "settings": other}, inputs=configured)
    page = compared(client, a, b)
    table = words(page[page.index('id="settings-title"') : page.index('id="flags-title"')])
    assert "background.algorithm clipped transect_ends" in table and "wind.sources 1, 2 1" in table
    assert "https://example.org/a not sent" in table
    for same in ("window", "gases", "a.yaml", "what stands in it is not kept"):
        assert same not in table
    with_settings = successful(jobs, figures={**flight_figures(), "settings": settings})
    assert "no setting in which they differ" in words(
        compared(client, with_settings, with_settings_like(jobs, settings))
    )


def test_gases_are_called_as_on_the_form(client: FlaskClient, jobs: Jobs) -> None:
    a, b = (
        successful(jobs, figures={**flight_figures(), "settings": {"gases": gases}}) for gases in (["ch4"], ["co2"])
    )
    assert "Gases gases ch4 co2" in words(compared(client, a, b))


def with_settings_like(jobs: Jobs, settings: dict[str, Any]) -> Job:
    """A run with the same parameters, which its sender gave in so many words."""
    return successful(jobs, figures={**flight_figures(), "settings": settings}, inputs={"seed": "3", "gases": "ch4"})


def test_what_a_configuration_may_have_set_is_not_guessed(client: FlaskClient, jobs: Jobs) -> None:
    a = successful(jobs, inputs={"configuration_url": "https://example.org/a.yaml", "gases": "ch4"})
    b = successful(jobs, inputs={"gases": "ch4", "seed": "7"})
    text = words(compared(client, a, b))
    assert "https://example.org/a.yaml not sent" in text
    assert "left to the configuration, else" in text and "what stands in it is not kept" in text


def test_flags_say_whose_they_are(client: FlaskClient, jobs: Jobs) -> None:
    a = successful(jobs, figures=flight_figures(12.0))
    b = successful(jobs, figures=flight_figures(13.0))
    page = compared(client, a, b)
    flags = page[page.index('class="flags"') : page.index('id="facts-title"')]
    assert "The mean wind is below 2 m/s" in html.unescape(flags)
    assert '"letter b"' in flags and '"letter a"' not in flags
    assert "Neither run has a flag" in compared(client, a, successful(jobs, figures=flight_figures(11.0)))


def test_a_gas_of_one_run_only(client: FlaskClient, jobs: Jobs) -> None:
    a = successful(jobs, figures=flight_figures(gas="ch4"), view=flight_view({"ch4": 1.0}))
    b = successful(jobs, figures=flight_figures(gas="n2o"), view=flight_view({"n2o": 1.0}))
    text = words(compared(client, a, b))
    assert "Only run A has this gas." in text and "Only run B has this gas." in text
    assert "no gas in common" in text


def test_without_an_uncertainty_no_difference_is_judged(client: FlaskClient, jobs: Jobs) -> None:
    a, b = successful(jobs), successful(jobs, content="another")
    figures = flight_figures(13.0)
    figures["gases"]["ch4"] |= {"standard_uncertainty": None, "interval95": [None, None]}
    jobs.store.result_file(b.id, b.attempt, "figures.json", Path()).write_text(json.dumps(figures))
    page = compared(client, a, b)
    assert "an uncertainty is missing" in words(page) and 'class="bars"' not in page


@pytest.mark.parametrize(
    ("plane", "reason"),
    [
        ({"azimuth": 84.0}, None),
        ({"azimuth": 90.0}, "differ by 10°"),
        ({"azimuth": 260.0}, "differ by 180°"),
        ({"length": 190.0}, None),
        ({"length": 150.0}, "200 m and 150 m"),
        ({"kind": "spiral"}, "One is a curtain"),
        ({"crs": "EPSG:32632"}, "different zones"),
        ({"origin_easting": 525100.0}, None),
        ({"origin_northing": 6080100.0}, "100 m apart"),
    ],
)
def test_planes_that_lie_otherwise_are_not_subtracted(
    client: FlaskClient, jobs: Jobs, plane: dict[str, Any], reason: str | None
) -> None:
    view = flight_view({"ch4": 1.0})
    a = successful(jobs, figures=flight_figures(azimuth=80.0), view=view)
    b = successful(jobs, figures=flight_figures(**{"azimuth": 80.0, **plane}), view=view)
    page = compared(client, a, b)
    told = planes(page)
    assert bool(told["reasons"]) == (reason is not None) == ('id="plane-difference"' not in page)
    assert reason is None or reason in " ".join(told["reasons"])
    assert told["a"] == f"/runs/{a.id}/view" and told["gases"] == [{"gas": "ch4", "name": "CH₄"}]


def test_an_origin_further_along_is_told_to_the_script(client: FlaskClient, jobs: Jobs) -> None:
    view = flight_view({"ch4": 1.0})
    a = successful(jobs, figures=flight_figures(azimuth=90.0), view=view)
    b = successful(jobs, figures=flight_figures(azimuth=90.0, origin_easting=525030.0), view=view)
    assert planes(compared(client, a, b))["shift"] == pytest.approx(30.0)
    assert planes(compared(client, b, a))["shift"] == pytest.approx(-30.0)


def test_without_the_plane_the_page_says_so(client: FlaskClient, jobs: Jobs) -> None:
    text = words(compared(client, successful(jobs, view=flight_view({"ch4": 1.0})), successful(jobs)))
    assert "nothing to draw the plane of B from" in text


def test_what_users_wrote_is_text_and_nothing_else(client: FlaskClient, jobs: Jobs) -> None:
    view = flight_view({"ch4": 1.0})
    a = successful(jobs, HOSTILE, file=HOSTILE, view=view, inputs={"seed": HOSTILE})
    b = successful(jobs, "</script><b>", file=HOSTILE, content=HOSTILE, view=view)
    for page in (compared(client, a, b), client.get(f"/compare?a={a.id}").text):
        assert "<script>alert" not in page and "</script><b>" not in page
    assert HOSTILE in html.unescape(client.get("/compare").text)


def test_runs_are_chosen_from_lists_that_a_search_narrows(client: FlaskClient, jobs: Jobs) -> None:
    a, b = successful(jobs, "first"), successful(jobs, "second")
    failed(jobs, "bad")
    successful(jobs, "mean", process="campaign")
    page = client.get(f"/compare?a={a.id}").text
    assert f'<option value="{a.id}" selected>' in page and f'<option value="{b.id}">' in page
    assert "bad" not in page and "mean ·" not in page
    narrowed = client.get(f"/compare?a={a.id}&q=second").text
    assert f'<option value="{a.id}" selected>' in narrowed, "what was chosen stays"
    assert a.id not in client.get("/compare?q=second").text


def test_without_runs_the_page_says_what_to_do(client: FlaskClient) -> None:
    assert "nothing to compare yet" in client.get("/compare").text


def test_ticked_runs_lead_to_their_comparison(client: FlaskClient, jobs: Jobs) -> None:
    a, b, c = (successful(jobs, name) for name in "abc")
    answer = client.get(f"/compare?run={a.id}&run={b.id}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/compare?a={a.id}&b={b.id}")
    for ticked in ([a], [a, b, c]):
        answer = client.get("/compare?" + "&".join(f"run={job.id}" for job in ticked))
        assert answer.status_code == 400
        assert "Tick exactly two" in answer.text


@pytest.mark.parametrize("wrong", ["1", "%00", "..%2f..", "x" * 9000, "00000000-0000-4000-8000-000000000000", "%25"])
def test_an_id_that_is_none_is_refused_in_words(client: FlaskClient, jobs: Jobs, wrong: str) -> None:
    a = successful(jobs, "one")
    for query in (f"a={a.id}&b={wrong}", f"a={wrong}&b={a.id}", f"run={a.id}&run={wrong}"):
        answer = client.get(f"/compare?{query}", follow_redirects=True)
        assert answer.status_code == 404
        assert "There is no run" in answer.text and f'<option value="{a.id}"' in answer.text


def test_runs_that_hold_nothing_to_compare_are_refused_in_words(client: FlaskClient, jobs: Jobs) -> None:
    good = successful(jobs, "good")
    bad, mean, waits = failed(jobs, "bad"), successful(jobs, "mean", process="campaign"), sent(jobs, "waits")
    for other, said in (
        (bad, "no result to compare: it is failed"),
        (mean, "not of a single flight"),
        (waits, "it is waiting"),
        (good, "are the same run"),
    ):
        answer = client.get(f"/compare?a={good.id}&b={other.id}")
        assert answer.status_code == 400
        assert said in html.unescape(answer.text)


def test_another_keys_run_is_not_shown(client: FlaskClient, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = successful(jobs, "mine"), successful(jobs, "secret", client="key-2")

    def check(access: object, job: Job) -> None:
        if job.client:
            raise NotOwnJob("no")

    monkeypatch.setattr("server.access.Access.check_read", check)
    monkeypatch.setattr("server.access.Access.listed_client", lambda access: "")
    answer = client.get(f"/compare?a={mine.id}&b={other.id}")
    assert answer.status_code == 403
    assert "sent with another key" in answer.text and "secret" not in answer.text


def test_the_page_in_chinese(client: FlaskClient, jobs: Jobs) -> None:
    view = flight_view({"ch4": 1.0})
    a, b = successful(jobs, "a", view=view), successful(jobs, "b", view=view, content="b")
    page = compared(client, a, b, **{"Accept-Language": "zh-CN"})
    assert "比较两次运行" in page and "两次运行使用不同的飞行数据" in page and "Significant" not in page
