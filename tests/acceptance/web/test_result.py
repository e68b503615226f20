"""The page of a result in a real browser: its figures are drawn, tell the truth, and answer to mouse, finger, keys."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.running import Service
from tests.acceptance.web.browsing import PHONE, Pages, overflow
from tests.conftest import ROOT, need_program

pytestmark = pytest.mark.slow

FLIGHT = ROOT / "examples" / "data" / "example_flight.csv"
RUN_LIMIT = 120.0
"""Seconds within which the run must end."""

COLOURS = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3]) seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
  }
  return seen.size;
}"""
"""How many colours a canvas has."""


@dataclass(frozen=True)
class Run:
    """A run of the example flight."""

    page: str
    """Address of its page."""
    view: dict[str, Any]
    """What its figures are drawn from."""


@pytest.fixture(scope="module")
def run(service: Service) -> Run:
    request = {
        "inputs": {
            "flight": {"value": FLIGHT.read_text(encoding="utf-8"), "mediaType": "text/csv"},
            "gases": ["ch4", "co2"],
            "variogram_model": "exponential",
            "configuration": "kriging:\n  below: constant\n",
        }
    }
    sent = urllib.request.Request(
        f"{service.url}/ogcapi/processes/gas_flux/execution",
        json.dumps(request).encode(),
        {"Content-Type": "application/json", "Prefer": "respond-async"},
    )
    job = _json(sent)
    limit = time.monotonic() + RUN_LIMIT
    while job["status"] in ("accepted", "running"):
        assert time.monotonic() < limit, job
        time.sleep(0.2)
        job = _json(f"{service.url}/ogcapi/jobs/{job['jobID']}")
    assert job["status"] == "successful", job
    page = f"{service.url}/runs/{job['jobID']}"
    return Run(page, _json(f"{page}/view"))


def _json(address: str | urllib.request.Request) -> Any:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return json.load(answer)


@pytest.fixture
def opened(page_of: Pages, run: Run) -> Callable[..., Page]:
    """Opens the page of the run and waits until its figures are drawn."""

    def page(query: str = "", **context: Any) -> Page:
        found = page_of(run.page + query, **{"reduced_motion": "reduce", **context})
        expect(found.locator("html")).to_have_attribute("data-drawn", "yes")
        return found

    return page


def _told(page: Page, run: Run, gas: str) -> tuple[int, int]:
    """Column and row of the cell that the plane's reading is of; its numbers are those of the view."""
    text = page.locator("#plane-reading").inner_text()
    found = re.match(
        r"(\S+) m along, (\S+) m high: flux density (\S+) kg m⁻² h⁻¹, standard error (\S+) kg m⁻² h⁻¹", text
    )
    assert found is not None, text
    x, z, flux, error = (_number(one) for one in found.groups())
    plane = run.view["gases"][gas]["plane"]
    column, row = round((x - plane["x0"]) / plane["dx"]), round((z - plane["z0"]) / plane["dz"])
    cell = row * plane["nx"] + column
    assert flux == pytest.approx(plane["flux"][cell], rel=1e-3)
    assert error == pytest.approx(plane["error"][cell], rel=1e-3)
    assert ("(extrapolated)" in text) == (not plane["sampled"][cell])
    return column, row


def _number(text: str) -> float:
    """A number as the page writes it: ``8.8·10⁻⁶``."""
    return float(text.translate(str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")).replace("·10", "e"))


def test_all_figures_are_drawn(opened: Callable[..., Page]) -> None:
    page = opened()
    assert page.locator("#plane-canvas").evaluate(COLOURS) > 200
    assert page.locator("#three-canvas").evaluate(COLOURS) > 200
    assert page.locator("#map-view canvas").first.evaluate(COLOURS) > 20
    for plot in ("transects", "background", "variogram"):
        assert page.locator(f"#{plot}-plot canvas").evaluate(COLOURS) > 5
    assert page.locator("#wind-rose path").count() > 2
    expect(page.locator("#map-view .compass")).to_be_visible()
    expect(page.locator("#map-view .leaflet-control-scale-line")).to_have_text(re.compile(r"\d+ m"))
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_cross_on_the_plane_tells_what_the_view_has_there(opened: Callable[..., Page], run: Run) -> None:
    page = opened()
    plane = run.view["gases"]["ch4"]["plane"]
    column, row = _told(page, run, "ch4")
    assert plane["flux"][row * plane["nx"] + column] == max(value for value in plane["flux"] if value is not None)
    canvas = page.locator("#plane-canvas")
    canvas.focus()
    canvas.press("ArrowRight")
    assert _told(page, run, "ch4") == (column + 1, row)
    canvas.press("ArrowUp")
    assert _told(page, run, "ch4") == (column + 1, row + 1)
    canvas.press("Shift+ArrowLeft")
    assert _told(page, run, "ch4") == (column - 9, row + 1)
    for _ in range(row + 3):
        canvas.press("ArrowDown")
    assert _told(page, run, "ch4") == (column - 9, 0)
    box = canvas.bounding_box()
    assert box is not None
    canvas.hover(position={"x": box["width"] / 2, "y": box["height"] / 3})
    by_mouse = _told(page, run, "ch4")
    assert abs(by_mouse[0] - plane["nx"] / 2) < plane["nx"] / 10
    assert by_mouse[1] > plane["nz"] / 2


def test_a_finger_moves_the_cross(opened: Callable[..., Page], run: Run) -> None:
    page = opened(viewport=PHONE, has_touch=True, device_scale_factor=2)
    before = _told(page, run, "ch4")
    canvas = page.locator("#plane-canvas")
    box = canvas.bounding_box()
    assert box is not None
    canvas.tap(position={"x": box["width"] * 0.6, "y": 30})
    assert _told(page, run, "ch4") != before


def test_the_standard_error_and_the_samples_can_be_chosen(opened: Callable[..., Page]) -> None:
    page = opened()
    picture = "(canvas) => canvas.toDataURL()"
    seen = [page.locator("#plane-canvas").evaluate(picture)]
    for choice in ("Standard error", "Samples"):
        page.get_by_label(choice, exact=True).click()
        seen.append(page.locator("#plane-canvas").evaluate(picture))
    assert len(set(seen)) == 3


def test_another_gas_changes_numbers_and_figures(opened: Callable[..., Page], run: Run) -> None:
    page = opened()
    rate = page.get_by_role("heading", name=re.compile("^CH₄|^CO₂"))
    expect(rate).to_have_text("CH₄ emission rate")
    before = page.locator("#plane-canvas").evaluate("(canvas) => canvas.toDataURL()")
    page.get_by_role("link", name="CO₂").click()
    expect(rate).to_have_text("CO₂ emission rate")
    expect(page.get_by_role("heading", name="Flux plane")).to_have_text("Flux plane CO₂")
    _told(page, run, "co2")
    assert page.locator("#plane-canvas").evaluate("(canvas) => canvas.toDataURL()") != before
    assert page.url.endswith("?gas=co2")
    page.reload()
    expect(rate).to_have_text("CO₂ emission rate")


def test_the_map_follows_the_flight_and_tells_of_its_points(opened: Callable[..., Page], run: Run) -> None:
    page = opened()
    slider = page.get_by_label("Along the flight")
    slider.focus()
    slider.press("End")
    seconds = run.view["track"]["time"][-1]
    expect(page.locator("#map-reading")).to_contain_text(f"{int(seconds // 60)}:{int(seconds % 60):02d} · ")
    slider.press("Home")
    reading = page.locator("#map-reading").inner_text()
    assert f"{run.view['gases']['ch4']['mole_fraction'][0]:.5g} ppm" in reading
    place = page.locator("#map-view")
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box is not None
    popup = place.locator(".leaflet-popup-content")
    # The curtain runs right across the map, so that a line upwards meets points of it.
    for up in range(0, 200, 4):
        place.click(position={"x": box["width"] / 2, "y": box["height"] * 0.75 - up})
        if popup.count():
            break
    expect(popup).to_contain_text(" ppm · ")


def test_the_curtain_turns(opened: Callable[..., Page]) -> None:
    page = opened()
    canvas = page.locator("#three-canvas")
    button = page.locator("#three-turn")
    expect(button).to_have_text("Turn")
    seen = [canvas.evaluate("(canvas) => canvas.toDataURL()")]
    canvas.focus()
    for key in ("ArrowLeft", "ArrowUp", "+"):
        canvas.press(key)
        seen.append(canvas.evaluate("(canvas) => canvas.toDataURL()"))
    page.get_by_role("button", name="Farther").click()
    seen.append(canvas.evaluate("(canvas) => canvas.toDataURL()"))
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 120)
    page.mouse.up()
    seen.append(canvas.evaluate("(canvas) => canvas.toDataURL()"))
    assert len(set(seen)) == len(seen)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(
        "(before) => document.querySelector('#three-canvas').toDataURL() !== before", arg=seen[-1], polling=100
    )
    button.click()
    expect(button).to_have_text("Turn")


def test_it_turns_by_itself_only_where_motion_is_wanted(opened: Callable[..., Page]) -> None:
    expect(opened(reduced_motion="no-preference").locator("#three-turn")).to_have_text("Stop")
    expect(opened(reduced_motion="reduce").locator("#three-turn")).to_have_text("Turn")


@pytest.mark.parametrize("context", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}, {"locale": "zh-CN"}], ids=str)
def test_everybody_can_use_it(
    opened: Callable[..., Page], axe: Callable[[Page], None], context: dict[str, Any]
) -> None:
    page = opened(**context)
    axe(page)
    assert overflow(page) == []
    if context.get("color_scheme") == "dark":
        corner = page.locator("#plane-canvas").evaluate(
            "(canvas) => [...canvas.getContext('2d').getImageData(2, 2, 1, 1).data]"
        )
        assert corner == [0, 0, 0, 0]


def test_without_script_the_numbers_and_the_picture_are_there(page_of: Pages, run: Run) -> None:
    page = page_of(run.page, java_script_enabled=False)
    expect(page.get_by_role("heading", name="CH₄ emission rate")).to_be_visible()
    picture = page.get_by_role("img", name="Picture of the flux plane")
    expect(picture).to_be_visible()
    assert page.locator("#plane-canvas").is_hidden()
    page.get_by_role("link", name="CO₂").click()
    expect(page.get_by_role("heading", name="CO₂ emission rate")).to_be_visible()


def test_what_can_not_be_fetched_is_told(page_of: Pages, run: Run) -> None:
    page = page_of("/".join([*run.page.split("/")[:3], "health"]), expected=("answer 503", "uncaught: "))
    page.route("**/view", lambda route: route.fulfill(status=503, body="{}"))
    page.goto(run.page)
    expect(page.get_by_role("alert")).to_contain_text("can't be fetched: 503")
    expect(page.get_by_role("heading", name="CH₄ emission rate")).to_be_visible()


def test_a_run_gets_a_name_and_notes(opened: Callable[..., Page]) -> None:
    page = opened()
    page.get_by_label("Name", exact=True).fill("North <b>fence</b>")
    page.get_by_label("Your notes").fill("light wind")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("North <b>fence</b>")
    expect(page.get_by_label("Your notes")).to_have_value("light wind")


def test_removing_is_asked_for_twice(opened: Callable[..., Page]) -> None:
    page = opened()
    sure = page.get_by_role("button", name="Yes, remove it")
    expect(sure).to_be_hidden()
    page.get_by_text("Remove this run").click()
    expect(sure).to_be_visible()


def test_lines_are_copied(opened: Callable[..., Page]) -> None:
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    page.locator("[data-copy=snippet-run]").click()
    expect(page.locator("[data-copy=snippet-run]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#snippet-run").text_content()


def test_a_link_leads_to_one_figure(opened: Callable[..., Page]) -> None:
    page = opened("#three")
    expect(page.locator("#three")).to_be_in_viewport()


def _rate(run: Run) -> float:
    outputs = run.page.replace("/runs/", "/outputs/")
    return float(_json(f"{outputs}/figures.json")["gases"]["ch4"]["emission_rate"])


def test_the_owslib_snippet_gives_the_same_rate(opened: Callable[..., Page], run: Run, tmp_path: Path) -> None:
    shutil.copy(FLIGHT, tmp_path / "flight.csv")
    text = opened().locator("#snippet-owslib").text_content() or ""
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=RUN_LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"^emission_rate (\S+)$", done.stdout, re.MULTILINE)
    assert found is not None and float(found[1]) == pytest.approx(_rate(run), rel=1e-9)


def test_the_curl_snippet_gives_the_same_rate(opened: Callable[..., Page], run: Run, tmp_path: Path) -> None:
    need_program("curl")
    shutil.copy(FLIGHT, tmp_path / "flight.csv")
    text = opened().locator("#snippet-curl").text_content() or ""
    done = subprocess.run(
        ["bash", "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=RUN_LIMIT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["emission_rate"] == pytest.approx(_rate(run), rel=1e-9)


def test_the_command_line_gives_the_same_rate(opened: Callable[..., Page], run: Run, tmp_path: Path) -> None:
    shutil.copy(FLIGHT, tmp_path / "flight.csv")
    text = opened().locator("#snippet-run").text_content() or ""
    program = f'gasflux-wps() {{ PYTHONPATH={ROOT} {sys.executable} -m service "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-c", program + text], cwd=tmp_path, capture_output=True, text=True, timeout=RUN_LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "result" / "figures.json").read_text(encoding="utf-8"))
    assert figures["gases"]["ch4"]["emission_rate"] == pytest.approx(_rate(run), rel=1e-9)
