"""Writes the pictures of the web page for the documentation, from a service that it starts, or that runs.

``python -m docs.make_pictures``, or with the address of a running service and names of pictures.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect, sync_playwright

from tests.acceptance.running import running_service
from tests.acceptance.web.browsing import PHONE

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
FLIGHT = ROOT / "examples" / "data" / "example_flight.csv"

COLOURS = 256
"""Colours of a picture: enough for the flux plane's scale, at a third of the size."""

ROOM = 12
"""Pixels left around what is shown."""

DONE = 120_000
"""Milliseconds within which a run must be done; the first of a service waits until its engine is up."""


class Pictures:
    """Takes pictures of the pages of a service.

    :param browser: a real one.
    :param url: the service's.
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._run = ""

    def web_start(self) -> None:
        """A flight that was dropped and read."""
        page = self._page()
        page.locator("#flight").set_input_files(FLIGHT)
        expect(page.locator("#check .good")).to_be_visible()
        _write("web_start", page, page.locator("header.top"), _card(page, "#flight-title"))

    def web_bad_file(self) -> None:
        """What is wrong with a flight."""
        header, *rows = FLIGHT.read_text(encoding="utf-8").splitlines()[:60]
        names = header.split(",")
        cells = [row.split(",") for row in rows]
        cells[4][names.index("latitude")] = "95.2"
        cells[16][names.index("pressure")] = "oops"
        content = "\n".join([header, *map(",".join, cells)])
        page = self._page()
        flight: FilePayload = {"name": "my_flight.csv", "mimeType": "text/csv", "buffer": content.encode()}
        page.locator("#flight").set_input_files(flight)
        expect(page.locator(".faults")).to_be_visible()
        _write("web_bad_file", page, _card(page, "#flight-title"), page.locator("#check > .help"))

    def web_result(self) -> None:
        """The rate and the flux plane."""
        page = self._result()
        _write("web_result", page, page.locator("header.top"), _card(page, "#plane"))

    def web_dark(self) -> None:
        """The map and the curtain, in the dark."""
        page = self._result(color_scheme="dark")
        _write("web_dark", page, _card(page, "#map"), _card(page, "#three"))

    def web_chinese(self) -> None:
        """The result in Chinese."""
        page = self._result(locale="zh-CN")
        _write("web_chinese", page, page.locator("header.top"), _card(page, "#plane"))

    def web_phone(self) -> None:
        """The result on a phone."""
        page = self._result(viewport=PHONE, device_scale_factor=2)
        _write("web_phone", page, page.locator("header.top"), _card(page, "#plane"))

    def _page(self, **context: Any) -> Page:
        page = self._browser.new_context(
            **{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **context}
        ).new_page()
        page.goto(f"{self._url}/")
        return page

    def _result(self, **context: Any) -> Page:
        """The page of a run of the example flight, whose figures are drawn."""
        page = self._page(**context)
        if self._run:
            page.goto(self._run)
        else:
            page.locator("form.example button").click()
        expect(page.locator("html")).to_have_attribute("data-drawn", "yes")
        self._run = page.url
        return page


def _card(page: Page, heading: str) -> Locator:
    return page.locator(".card", has=page.locator(heading))


def _write(name: str, page: Page, first: Locator, last: Locator) -> None:
    """Write a page from the top of one element to the end of another, in few colours."""
    begin, _ = _span(first)
    _, end = _span(last)
    whole = Image.open(BytesIO(page.screenshot(full_page=True)))
    scale = whole.width / page.evaluate("document.documentElement.clientWidth")
    top, bottom = max(begin - ROOM, 0.0) * scale, min((end + ROOM) * scale, whole.height)
    picture = whole.convert("RGB").crop((0, round(top), whole.width, round(bottom)))
    few = picture.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    few.save(IMAGES / f"{name}.png", optimize=True)


def _span(element: Locator) -> tuple[float, float]:
    """Top and bottom of an element on its page, in CSS pixels."""
    top, bottom = element.evaluate(
        "(one) => [one.getBoundingClientRect().top + scrollY, one.getBoundingClientRect().bottom + scrollY]"
    )
    return float(top), float(bottom)


def _taken(url: str, names: list[str]) -> None:
    expect.set_options(timeout=DONE)
    with sync_playwright() as playwright:
        # It refuses to run as root within a sandbox.
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        pictures = Pictures(browser, url.rstrip("/"))
        for name in names:
            take: Callable[[], None] = getattr(pictures, name)
            take()
        browser.close()


def main() -> None:
    """Take the pictures."""
    known = [name for name in vars(Pictures) if not name.startswith("_")]
    parser = argparse.ArgumentParser(description="Write the pictures of the web page for the documentation.")
    parser.add_argument("--url", default="", help="of a running service; without it, one is started")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of pictures: {', '.join(known)}; all without one")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in known]:
        parser.error(f"there is no picture {', '.join(unknown)}; there are {', '.join(known)}")
    names = asked.names or known
    if asked.url:
        _taken(asked.url, names)
        return
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder)) as service:
        _taken(service.url, names)


if __name__ == "__main__":
    main()
