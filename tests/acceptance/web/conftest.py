"""A real browser for the tests of the web page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.acceptance.web.browsing import Pages, violations, watched
from tests.conftest import need_program

# The first job of a service waits until its engine is up, which takes some seconds on a busy machine.
expect.set_options(timeout=30_000)


# One for a module: while it lives, nothing else of this process can run an event loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    program = need_program("chromium")
    with sync_playwright() as playwright:
        # It refuses to run as root within a sandbox.
        chromium = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page_of(browser: Browser) -> Iterator[Pages]:
    """Opens pages; the test fails where one of them had an error, broke its policy, or asked a stranger."""
    with watched(browser) as pages:
        yield pages


@pytest.fixture
def axe() -> Callable[[Page], None]:
    """Check a page for accessibility: no rule of WCAG 2.2 A and AA is broken."""

    def check(page: Page) -> None:
        found = violations(page)
        assert not found, "\n".join(found)

    return check
