"""The whole way of a person, from a file that is dropped to what is taken home, with whatever may come between."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rasterio
from playwright.sync_api import Page, expect

from tests.acceptance.running import Service, running_service
from tests.acceptance.web.browsing import PHONE, Pages, overflow
from tests.acceptance.web.test_start import FLIGHT, drop, ended
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

Axe = Callable[[Page], None]

SEND = "Calculate the emission rate"


def calculated(page: Page, address: str, name: str) -> str:
    """Drop the flight, name the run, calculate; the address of its page, whose figures are drawn then."""
    page.goto(address)
    drop(page, FLIGHT)
    expect(page.locator("#check .good")).to_be_visible()
    page.locator("#field-name").fill(name)
    page.locator("#send").click()
    ended(page)
    drawn(page)
    return page.url


def drawn(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-drawn", "yes")


def product(run: str, name: str) -> Any:
    """An output of a run, by its own address."""
    root, job = run.split("/runs/")
    with urllib.request.urlopen(f"{root}/outputs/{job}/{name}", timeout=60) as answer:
        return json.load(answer)


def colours(page: Page, canvas: str) -> int:
    """How many colours a drawing has."""
    return int(
        page.locator(canvas).evaluate(
            """(one) => {
              const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
              return new Set(new Uint32Array(data.buffer)).size;
            }"""
        )
    )


def test_from_the_file_to_the_map_and_back(service: Service, page_of: Pages, axe: Axe, tmp_path: Path) -> None:
    page = page_of(f"{service.url}/", reduced_motion="reduce")
    drop(page, FLIGHT)
    seen = page.locator("#check")
    expect(seen).to_contain_text("571 rows were read")
    expect(seen).to_contain_text("9.5 min")
    page.get_by_text("Columns (").click()
    expect(seen.get_by_role("row", name=re.compile("^pressure"))).to_contain_text("hPa")
    page.get_by_label("co2").uncheck()
    page.get_by_text("All settings").click()
    page.get_by_label("Roughness length").fill("0.1")
    page.get_by_role("button", name=SEND).click()
    page.wait_for_url("**/runs/*")
    ended(page)
    drawn(page)
    first = page.url

    # What is shown is what the product says, of the gas that was left ticked.
    figures = product(first, "figures.json")
    assert list(figures["gases"]) == ["ch4"]
    expect(page.locator(".rate .value")).to_have_text(f"{figures['gases']['ch4']['emission_rate']:.1f}")
    expect(page.locator("#facts ~ dl")).to_contain_text("kriging.roughness_length = 0.1")
    assert colours(page, "#plane-canvas") > 100
    assert colours(page, "#three-canvas") > 30
    for plot in ("transects", "background", "variogram"):
        expect(page.locator(f"#{plot}-plot canvas")).to_be_visible()
    axe(page)

    with page.expect_download() as begun:
        page.locator("table.files").get_by_role("link", name="Flux plane", exact=True).click()
    begun.value.save_as(tmp_path / "plane.tif")
    with rasterio.open(tmp_path / "plane.tif") as plane:
        assert plane.read(1).max() > 0
    page.locator("table.files").get_by_role("link", name="Report", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("kg/h").first).to_be_visible()
    page.goto(first)

    page.get_by_label("Name", exact=True).fill("Rough ground")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rough ground")

    second = calculated(page, f"{service.url}/", "Smooth ground")
    other = product(second, "figures.json")["gases"]["ch4"]["emission_rate"]

    page.goto(f"{service.url}/runs")
    page.get_by_label("Search", exact=True).fill("rough GROUND")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="Rough ground").click()
    expect(page).to_have_url(first)
    page.goto(f"{service.url}/runs?q=ground")
    page.get_by_label("Compare Rough ground").check()
    page.get_by_label("Compare Smooth ground").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#planes-drawn")).to_be_visible()
    axe(page)
    by_run = {first[-36:]: figures["gases"]["ch4"]["emission_rate"], second[-36:]: other}
    a, b = (by_run[job] for job in re.findall(r"[ab]=([0-9a-f-]{36})", page.url))
    shown = page.locator(".rate-card", has_text="CH₄").locator("dd b")
    expect(shown.nth(0)).to_have_text(f"{a:.1f}")
    expect(shown.nth(1)).to_have_text(f"{b:.1f}")
    assert float(shown.nth(2).inner_text().replace("−", "-")) == pytest.approx(b - a, abs=0.06)

    page.goto(first)
    page.get_by_text("Remove this run").click()
    page.get_by_role("button", name="Yes, remove it").click()
    page.wait_for_url("**/runs")
    expect(page.get_by_role("link", name="Smooth ground")).to_be_visible()
    expect(page.get_by_role("link", name="Rough ground")).to_have_count(0)


@pytest.fixture
def misread_flight(tmp_path: Path) -> Path:
    """A latitude beyond the pole in row 5, and a word for a temperature in row 9."""
    header, *rows = FLIGHT.read_text(encoding="utf-8").splitlines()[:60]
    names = header.split(",")
    cells = [row.split(",") for row in rows]
    cells[4][names.index("latitude")] = "95.2"
    cells[8][names.index("temperature")] = "mild"
    path = tmp_path / "misread.csv"
    path.write_text("\n".join([header, *map(",".join, cells)]), encoding="utf-8")
    return path


def test_a_file_that_is_wrong_is_told_at_its_places(service: Service, page_of: Pages, misread_flight: Path) -> None:
    page = page_of(f"{service.url}/")
    drop(page, misread_flight)
    expect(page.locator("#check .bad").first).to_contain_text("can't be calculated as it is")
    for row, column, cell in (("5", "latitude", "95.2"), ("9", "temperature", "mild")):
        told = page.locator(".faults tbody tr", has_text=cell).locator("td")
        expect(told.nth(0)).to_have_text(row)
        expect(told.nth(1)).to_have_text(column)
    page.get_by_role("button", name=SEND).click()
    ended(page)
    refused = page.locator(".told")
    expect(refused).to_contain_text("latitude: 1 row outside -90 to 90 deg, first in row 5")
    expect(refused).to_contain_text("temperature: 1 row not a number, first in row 9 ('mild')")


def test_a_run_that_is_calculated_is_cancelled(service: Service, page_of: Pages) -> None:
    page = page_of(f"{service.url}/")
    drop(page, FLIGHT)
    expect(page.locator("#check .good")).to_be_visible()
    page.get_by_text("All settings").click()
    page.get_by_label("Interpolator").select_option("gaussian_process")
    page.get_by_label("Number of cells").fill("100000")
    page.get_by_role("button", name=SEND).click()
    page.wait_for_url("**/runs/*")
    # It has begun, and says with what it is occupied.
    expect(page.locator("#stage")).not_to_have_text(re.compile("Waiting|Starting"))
    page.get_by_role("button", name="Cancel this run").click()
    expect(page.get_by_role("heading", name="This run was cancelled")).to_be_visible()
    page.goto(f"{service.url}/runs?status=dismissed")
    expect(page.get_by_role("link", name="example_flight.csv").first).to_be_visible()


def test_on_a_phone_in_the_dark_and_in_another_language(service: Service, page_of: Pages, axe: Axe) -> None:
    page = page_of(f"{service.url}/", viewport=PHONE, color_scheme="dark", reduced_motion="reduce")

    def fits() -> None:
        assert overflow(page) == []
        axe(page)

    drop(page, FLIGHT)
    expect(page.locator("#check .good")).to_be_visible()
    page.get_by_text("Columns (").click()
    page.get_by_text("All settings").click()
    fits()
    page.get_by_role("button", name=SEND).click()
    page.wait_for_url("**/runs/*")
    assert overflow(page) == []
    ended(page)
    drawn(page)
    rate = page.locator(".rate:visible .value")
    value = rate.inner_text()
    fits()

    page.get_by_label("Language").select_option("zh-CN")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    drawn(page)
    expect(page.get_by_role("heading", name="CH₄ 排放速率")).to_be_visible()
    expect(rate).to_have_text(value)
    assert float(value) == pytest.approx(product(page.url, "figures.json")["gases"]["ch4"]["emission_rate"], abs=0.05)
    fits()
    run = page.url
    page.get_by_role("link", name="用其他设置再次运行").click()
    expect(page.locator(".notice").first).to_contain_text("example_flight.csv")
    assert overflow(page) == []
    calculated(page, f"{service.url}/", "再次")
    page.goto(f"{service.url}/runs")
    expect(page.get_by_role("heading", level=1)).to_have_text("运行记录")
    fits()
    page.goto(f"{service.url}/compare?a={run[-36:]}")
    page.get_by_label("运行 B").select_option(
        page.locator("[name=b] option", has_text="再次").first.get_attribute("value")
    )
    page.get_by_role("button", name="比较").click()
    expect(page.locator("#planes-drawn")).to_be_visible()
    fits()


def step_to(page: Page, wanted: str) -> None:
    """Press the tabulator until an element has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.locator(wanted).evaluate("(one) => one === document.activeElement"):
            return
    pytest.fail(f"{wanted} can't be reached by the tabulator")


def test_the_way_is_gone_by_keys_alone(service: Service, page_of: Pages) -> None:
    page = page_of(f"{service.url}/", reduced_motion="reduce")
    step_to(page, "#flight")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(FLIGHT)
    expect(page.locator("#check .good")).to_be_visible()
    step_to(page, "#gas-boxes [value=co2]")
    page.keyboard.press("Space")
    step_to(page, "#others > summary")
    page.keyboard.press("Enter")
    step_to(page, "#field-roughness_length")
    page.keyboard.type("0.2")
    step_to(page, "#send")
    page.keyboard.press("Enter")
    ended(page)
    drawn(page)
    expect(page.locator("nav.gases")).to_have_count(0)
    step_to(page, "#plane-canvas")
    before = page.locator("#plane-reading").inner_text()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#plane-reading")).not_to_have_text(before)
    step_to(page, "details.remove > summary")
    page.keyboard.press("Enter")
    step_to(page, "details.remove button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    """A service that asks everybody for a key, and one."""
    folder = tmp_path_factory.mktemp("guarded")
    with running_service(folder, {"GASFLUX_SECURITY_KEYS": "all"}) as service:
        settings = folder / "service.cfg"
        settings.write_text(f"[gasflux]\ndata = {service.data}\nport = {service.url.rpartition(':')[2]}\n")
        command = [
            sys.executable,
            "-m",
            "service",
            "key",
            "create",
            "--name",
            "Field team",
            "--settings",
            str(settings),
        ]
        made = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        yield service, made.stdout.strip()


def test_the_way_with_a_key(guarded: tuple[Service, str], page_of: Pages, axe: Axe, tmp_path: Path) -> None:
    service, key = guarded
    page = page_of(f"{service.url}/", viewport=PHONE, reduced_motion="reduce")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    axe(page)
    assert overflow(page) == []
    page.get_by_label("Key").fill("gfw_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not known here")
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Emission rate from a flight")
    assert overflow(page) == []
    run = calculated(page, f"{service.url}/", "With a key")
    assert overflow(page) == []
    with page.expect_download() as begun:
        page.locator("table.files").get_by_role("link", name="Flux plane", exact=True).click()
    begun.value.save_as(tmp_path / "plane.tif")
    with rasterio.open(tmp_path / "plane.tif") as plane:
        assert plane.read(1).max() > 0
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(run)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(run)
    expect(page.get_by_role("heading", level=1)).to_have_text("With a key")
    drawn(page)
