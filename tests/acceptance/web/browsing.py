"""Pages of the service in a real browser that misses nothing: errors, refused contents, strangers' addresses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
"""axe-core's tags of the rules that every page keeps."""

PHONE = {"width": 360, "height": 740}

_ASSETS = ("script", "stylesheet", "image", "font")

# Under the page's own policy this runs before any of its scripts.
_WATCH = """
document.addEventListener("securitypolicyviolation", (event) => {
  const place = `${event.sourceFile}:${event.lineNumber}`;
  console.error(`policy violated: ${event.violatedDirective} by ${event.blockedURI} at ${place}`);
});
"""


@dataclass
class Watch:
    """What went wrong on the pages of one context."""

    origin: str
    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Regular expressions for faults that a test provokes."""

    def attach(self, page: Page) -> None:
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        page.on("request", self._on_request)
        page.on("response", self._on_response)

    @property
    def unexpected(self) -> list[str]:
        return [fault for fault in self.faults if not any(re.search(one, fault) for one in self.expected)]

    def _on_console(self, message: ConsoleMessage) -> None:
        # What the browser says of each answer of 400 and above is judged by the answer itself.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.faults.append(f"console: {message.text}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:", "blob:", "about:")):
            self.faults.append(f"stranger's address: {request.url}")

    def _on_response(self, response: Response) -> None:
        least = 400 if response.request.resource_type in _ASSETS else 500
        if response.status >= least:
            self.faults.append(f"answer {response.status}: {response.request.method} {response.url}")


class Pages:
    """Opens pages of a service, each in a context of its own (cookies, language, size).

    :param browser: a real one.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.opened: list[tuple[BrowserContext, Watch]] = []

    def __call__(self, url: str, *, expected: tuple[str, ...] = (), **context: Any) -> Page:
        """A page at an address of the service.

        :param url: the service's, with the path.
        :param expected: regular expressions for faults that the test provokes, such as ``answer 503``.
        :param context: options of Playwright's ``new_context``: ``locale="zh-CN"``, ``color_scheme="dark"``,
            ``viewport=PHONE``, ``java_script_enabled=False``.
        """
        origin = "/".join(url.split("/")[:3])
        watch = Watch(origin, expected=list(expected))
        opened = self._browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **context})
        self.opened.append((opened, watch))
        opened.add_init_script(_WATCH)
        opened.on("page", watch.attach)
        opened.set_default_timeout(30_000)
        page = opened.new_page()
        page.goto(url)
        return page

    def close(self) -> list[str]:
        """Close all contexts; the faults that no test expected."""
        faults = []
        for opened, watch in self.opened:
            opened.close()
            faults += watch.unexpected
        return faults


@contextmanager
def watched(browser: Browser) -> Iterator[Pages]:
    """Pages for one test, which fails at its end where a page had a fault."""
    pages = Pages(browser)
    yield pages
    faults = pages.close()
    assert not faults, "\n".join(faults)


def violations(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 A and AA, a line each."""
    page.evaluate(AXE_SCRIPT)
    options = {"runOnly": list(RULES), "resultTypes": ["violations"]}
    found = page.evaluate(f"axe.run(document, {json.dumps(options)})")
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]} ({node['failureSummary']})"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def overflow(page: Page) -> list[str]:
    """Elements that make the page scroll sideways."""
    return page.evaluate(
        """() => {
          const room = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= room) return [];
          return [...document.querySelectorAll("body *")]
            .filter((one) => one.getBoundingClientRect().right > room + 1)
            .map((one) => `${one.tagName} ${one.className} ${Math.round(one.getBoundingClientRect().right)}`);
        }"""
    )
