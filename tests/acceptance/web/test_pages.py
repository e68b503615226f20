"""The pages of runs, comparison, keys and system in a real browser: used by mouse, by keyboard, on a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.acceptance.running import Service, running_service
from tests.acceptance.web.browsing import PHONE, Pages, overflow
from tests.server.fakes import open_jobs, settings_in
from tests.server.web_runs import HOSTILE, failed, flight_figures, flight_view, successful

pytestmark = pytest.mark.slow

Axe = Callable[[Page], None]


@dataclass(frozen=True)
class Runs:
    """A service that has runs."""

    service: Service
    a: str
    b: str
    finer: str
    """Of the same plane, on cells half as wide."""
    turned: str
    """Of a plane that lies otherwise."""

    def url(self, path: str) -> str:
        return f"{self.service.url}{path}"


VIEWS = {
    "a": flight_view({"ch4": 0.02, "co2": 2.0}),
    "b": flight_view({"ch4": 0.03, "co2": 2.0}),
    "finer": flight_view({"ch4": 0.02}, dx=2.5, nx=80),
}


def of_two_gases(rate: float) -> dict[str, Any]:
    """Figures of methane and carbon dioxide."""
    figures = flight_figures(rate)
    figures["gases"]["co2"] = figures["gases"]["ch4"]
    return figures


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("runs")
    jobs = open_jobs(settings_in(folder / "data"))
    now = datetime.now(UTC)
    for number in range(26):
        successful(jobs, f"Pad {number}", content=str(number), created=now - timedelta(days=1, minutes=number))
    a = successful(jobs, "First look", view=VIEWS["a"], figures=of_two_gases(12.0))
    b = successful(jobs, "Other settings", view=VIEWS["b"], figures=of_two_gases(18.0), inputs={"seed": "9"})
    finer = successful(jobs, "Finer", view=VIEWS["finer"], content="finer")
    turned = successful(jobs, "Turned", view=VIEWS["b"], content="turned", figures=flight_figures(azimuth=10.0))
    failed(jobs, HOSTILE, "flight, column pressure, row 17: expected hPa")
    jobs.close()
    with running_service(folder) as service:
        yield Runs(service, a.id, b.id, finer.id, turned.id)


def compared(page_of: Pages, runs: Runs, a: str, b: str, **context: Any) -> Page:
    """The comparison of two runs, with what their planes are drawn from."""
    ids = {runs.a: "a", runs.b: "b", runs.finer: "finer", runs.turned: "b"}

    def answer(route: Route) -> None:
        job = re.search(r"/runs/([0-9a-f-]+)/view", route.request.url)
        assert job is not None
        route.fulfill(status=200, content_type="application/json", body=json.dumps(VIEWS[ids[job[1]]]))

    page = page_of(runs.url("/runs"), **context)
    page.route("**/view", answer)
    page.goto(runs.url(f"/compare?a={a}&b={b}"))
    return page


def test_a_run_is_searched_and_found(runs: Runs, page_of: Pages, axe: Axe) -> None:
    page = page_of(runs.url("/runs"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    axe(page)
    page.get_by_label("Search", exact=True).fill("first LOOK")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("link", name="First look")).to_have_attribute("href", f"/runs/{runs.a}")
    page.get_by_role("link", name="Show all runs").click()
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("Page 2 of 2")).to_be_visible()


def test_two_runs_are_ticked_by_keyboard_and_compared(runs: Runs, page_of: Pages) -> None:
    page = page_of(runs.url("/runs"))
    button = page.get_by_role("button", name="Compare")
    expect(button).to_be_disabled()
    for name in ("First look", "Other settings"):
        page.get_by_label(f"Compare {name}").focus()
        page.keyboard.press("Space")
    expect(page.get_by_text("Two are ticked.")).to_be_visible()
    expect(page.get_by_label("Compare Turned")).to_be_disabled()
    button.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare two runs")
    expect(page.get_by_text("Both runs read the same flight.").first).to_be_visible()


def test_runs_are_compared_without_script(runs: Runs, page_of: Pages) -> None:
    page = page_of(runs.url("/runs"), java_script_enabled=False)
    page.get_by_label("Compare First look").check()
    page.get_by_label("Compare Turned").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("Their directions differ by 70°")).to_be_visible()
    # Texts of this element are not searched for by the library.
    expect(page.locator("noscript p")).to_contain_text("drawn by a script")
    expect(page.locator("#planes")).to_be_hidden()


def pixels(page: Page, canvas: str) -> int:
    """How many colours a picture has."""
    return int(
        page.evaluate(
            """(id) => {
              const one = document.getElementById(id);
              const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
              return new Set(new Uint32Array(data.buffer)).size;
            }""",
            canvas,
        )
    )


def test_planes_are_drawn_and_read_by_mouse_and_keys(runs: Runs, page_of: Pages, axe: Axe) -> None:
    page = compared(page_of, runs, runs.a, runs.b)
    expect(page.locator("#planes-drawn")).to_be_visible()
    for canvas in ("plane-a", "plane-b", "plane-difference", "scale-flux", "scale-difference"):
        assert pixels(page, canvas) > 30, canvas
    axe(page)
    page.locator("#plane-b").focus()
    readout = page.locator("#readout")
    page.keyboard.press("ArrowRight")
    # In the middle of 40 × 12 cells of 5 m, where the plume's is 0.0293 of A's greatest and so on.
    expect(readout).to_contain_text("At 102.5 m along, 32.5 m up: A 0.0134 kg m⁻² h⁻¹, B 0.0202")
    expect(readout).to_contain_text("B − A 0.00672")
    page.keyboard.press("Shift+ArrowLeft")
    expect(readout).to_contain_text("At 52.5 m along")
    page.keyboard.press("Escape")
    expect(readout).to_have_text("Nothing is pointed at.")
    page.locator("#plane-a").hover()
    expect(readout).to_contain_text("m along")
    page.get_by_label("Gas").select_option("co2")
    expect(page.locator("#scale-flux")).to_have_attribute("aria-label", re.compile(r"from 0 to [\d.]+ kg"))


def test_planes_on_other_cells_are_subtracted_place_by_place(runs: Runs, page_of: Pages) -> None:
    page = compared(page_of, runs, runs.a, runs.finer)
    expect(page.locator("#planes-drawn")).to_be_visible()
    # The same plume: what is left is what bilinear interpolation leaves of it.
    label = page.locator("#scale-difference").get_attribute("aria-label") or ""
    most = float(label.split(" to ")[1].split()[0])
    assert 0 < most < 0.001 * 1.5, label


def test_planes_that_lie_otherwise_are_shown_and_not_subtracted(runs: Runs, page_of: Pages, axe: Axe) -> None:
    page = compared(page_of, runs, runs.a, runs.turned)
    expect(page.locator("#planes-drawn")).to_be_visible()
    assert pixels(page, "plane-b") > 30
    expect(page.locator("#plane-difference")).to_have_count(0)
    axe(page)


def test_a_plane_that_cannot_be_read_is_told(runs: Runs, page_of: Pages) -> None:
    page = page_of(runs.url("/runs"), expected=("answer 503",))
    page.route("**/view", lambda route: route.fulfill(status=503, body=""))
    page.goto(runs.url(f"/compare?a={runs.a}&b={runs.b}"))
    expect(page.locator("#planes-state")).to_contain_text("could not be read: 503")


def test_the_system_page_asks_again_by_itself(runs: Runs, page_of: Pages, axe: Axe) -> None:
    page = page_of(runs.url("/system"))
    expect(page.get_by_text("The service works.")).to_be_visible()
    axe(page)
    before = page.locator(".as-of").inner_text()
    expect(page.locator(".as-of")).not_to_have_text(before, timeout=20_000)
    page.route("**/system?part=1", lambda route: route.abort())
    expect(page.get_by_text("The service doesn't answer")).to_be_visible(timeout=20_000)


@pytest.mark.parametrize("path", ["/runs", "/runs?page=x&q=nothing", "/compare", "/keys", "/system"])
@pytest.mark.parametrize(
    "context",
    [{"viewport": PHONE}, {"color_scheme": "dark", "locale": "zh-CN"}, {"viewport": PHONE, "locale": "zh-CN"}],
    ids=["phone", "dark-zh", "phone-zh"],
)
def test_pages_fit_and_are_accessible(runs: Runs, page_of: Pages, axe: Axe, path: str, context: dict[str, Any]) -> None:
    page = page_of(runs.url(path), **context)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    axe(page)
    assert overflow(page) == []


@pytest.mark.parametrize("context", [{"viewport": PHONE}, {"color_scheme": "dark", "locale": "zh-CN"}])
def test_the_comparison_fits_and_is_accessible(runs: Runs, page_of: Pages, axe: Axe, context: dict[str, Any]) -> None:
    page = compared(page_of, runs, runs.a, runs.b, **context)
    expect(page.locator("#planes-drawn")).to_be_visible()
    axe(page)
    assert overflow(page) == []
