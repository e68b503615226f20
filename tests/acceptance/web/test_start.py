"""From a flight that is dropped to the end of its run, as people do it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.running import Service
from tests.acceptance.web.browsing import PHONE, Pages, overflow
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

FLIGHT = ROOT / "examples" / "data" / "example_flight.csv"

_DROP = """(zone, {name, content}) => {
  const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, {type: "text/csv"}));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    zone.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: carried}));
  }
}"""


@pytest.fixture(scope="module")
def bad_flight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flight with a word for a pressure in row 17, and a column that would be script, or a formula."""
    header, *rows = FLIGHT.read_text(encoding="utf-8").splitlines()[:60]
    cells = [row.split(",") for row in rows]
    cells[16][7] = "oops"
    path = tmp_path_factory.mktemp("flights") / "bad.csv"
    lines = [f"{header},<script>alert(1)</script>", *(f"{','.join(row)},=HYPERLINK('x')" for row in cells)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def drop(page: Page, path: Path) -> None:
    content = base64.b64encode(path.read_bytes()).decode()
    page.locator("#drop").evaluate(_DROP, {"name": path.name, "content": content})


def ended(page: Page) -> None:
    page.wait_for_url("**/runs/*")
    page.locator("#progress").wait_for(state="detached", timeout=120_000)


def test_from_drop_to_the_end(service: Service, page_of: Pages, axe: Callable[[Page], None]) -> None:
    page = page_of(f"{service.url}/")
    drop(page, FLIGHT)
    expect(page.locator("#check")).to_contain_text("This flight can be calculated. 571 rows were read.")
    expect(page.get_by_role("img", name="The track from above")).to_be_visible()
    axe(page)
    page.get_by_label("co2").uncheck()
    page.get_by_label("Name of this run").fill("North site")
    page.get_by_role("button", name="Calculate the emission rate").click()
    page.wait_for_url("**/runs/*")
    expect(page.get_by_role("progressbar")).to_be_visible()
    axe(page)
    ended(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("North site")


def test_bad_file_is_told_at_row_and_column(
    service: Service, page_of: Pages, axe: Callable[[Page], None], bad_flight: Path
) -> None:
    page = page_of(f"{service.url}/")
    drop(page, bad_flight)
    row = page.locator(".faults tbody tr", has_text="oops")
    expect(row.locator("td").nth(0)).to_have_text("17")
    expect(row.locator("td").nth(1)).to_have_text("pressure")
    expect(page.locator("#check")).to_contain_text("<script>alert(1)</script>")
    expect(page.locator("#check")).to_contain_text("=HYPERLINK('x')")
    axe(page)
    page.get_by_role("button", name="Calculate the emission rate").click()
    ended(page)
    expect(page.locator(".told")).to_contain_text("'oops'")
    axe(page)
    page.get_by_role("link", name="Try again with other settings").click()
    expect(page.locator(".notice").first).to_contain_text("bad.csv")


def test_what_is_no_flight_is_told_in_words(service: Service, page_of: Pages, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    page = page_of(f"{service.url}/")
    drop(page, tmp_path / "picture.png")
    expect(page.locator("#check")).to_contain_text("The file can't be read as a flight.")


def test_too_large_a_file_is_told_before_it_is_sent(service: Service, page_of: Pages, tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(100 * 1024 * 1024 + 1)
    page = page_of(f"{service.url}/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    page.locator("#flight").set_input_files(large)
    expect(page.locator("#fault-flight")).to_contain_text("this service takes 100 MB at most")
    assert "POST" not in asked


def test_wrong_value_is_shown_at_its_field(service: Service, page_of: Pages) -> None:
    page = page_of(f"{service.url}/")
    drop(page, FLIGHT)
    expect(page.locator("#check")).to_contain_text("can be calculated")
    page.get_by_text("All settings").click()
    # What the browser takes and the service doesn't: more than 0.
    page.get_by_label("Roughness length").fill("0")
    page.get_by_role("button", name="Calculate the emission rate").click()
    field = page.get_by_label("Roughness length")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#fault-roughness_length")).to_contain_text("above 0")


def test_example_by_one_click_and_cancelled(service: Service, page_of: Pages, axe: Callable[[Page], None]) -> None:
    page = page_of(f"{service.url}/")
    page.get_by_role("button", name="Try the example flight").click()
    page.get_by_role("button", name="Cancel this run").click()
    expect(page.get_by_role("heading", name="This run was cancelled")).to_be_visible()
    axe(page)
    page.get_by_text("Remove", exact=True).click()
    expect(page.get_by_role("button", name="Remove this run")).to_be_visible()


def test_progress_is_asked_for_where_no_stream_can_be_had(service: Service, page_of: Pages) -> None:
    page = page_of(f"{service.url}/", expected=("answer 503",))
    page.route("**/events", lambda route: route.fulfill(status=503, body=""))
    page.get_by_role("button", name="Try the example flight").click()
    ended(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Example flight")


def test_whole_way_without_script(service: Service, page_of: Pages, bad_flight: Path) -> None:
    page = page_of(f"{service.url}/", java_script_enabled=False)
    page.locator("#flight").set_input_files(bad_flight)
    page.get_by_role("button", name="Look at the flight first").click()
    expect(page.locator("#check")).to_contain_text("oops")
    page.locator("#flight").set_input_files(FLIGHT)
    page.get_by_role("button", name="Calculate the emission rate").click()
    page.wait_for_url("**/runs/*")
    # The page refreshes itself.
    expect(page.locator("#progress")).to_have_count(0, timeout=120_000)
    expect(page.get_by_role("heading", level=1)).to_contain_text("example_flight.csv")


def test_by_keyboard_alone(service: Service, page_of: Pages) -> None:
    page = page_of(f"{service.url}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Try the example flight")).to_be_focused()
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.locator("#flight")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(FLIGHT)
    expect(page.locator("#check")).to_contain_text("can be calculated")
    page.get_by_label("Name of this run").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*")


def test_phone_dark_and_chinese(
    service: Service, page_of: Pages, axe: Callable[[Page], None], bad_flight: Path
) -> None:
    page = page_of(f"{service.url}/", viewport=PHONE, color_scheme="dark", locale="zh-CN")
    drop(page, bad_flight)
    expect(page.locator("#check")).to_contain_text("该飞行数据目前无法计算")
    page.get_by_text("全部设置").click()
    assert overflow(page) == []
    axe(page)
    page.get_by_role("button", name="计算排放速率").click()
    ended(page)
    expect(page.get_by_role("heading", level=2).first).to_have_text("所给的输入无法用于计算")
    assert overflow(page) == []
    axe(page)
