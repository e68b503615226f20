"""What all pages have in common: no errors, no strangers, readable to all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.running import Service
from tests.acceptance.web.browsing import PHONE, Pages, overflow, violations

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_first_page_is_accessible(service: Service, page_of: Pages, axe: Callable[[Page], None], scheme: str) -> None:
    axe(page_of(f"{service.url}/", color_scheme=scheme))


def test_no_page_scrolls_sideways_on_a_phone(service: Service, page_of: Pages) -> None:
    assert overflow(page_of(f"{service.url}/", viewport=PHONE)) == []


def test_language_chosen_on_the_page_stays(service: Service, page_of: Pages) -> None:
    page = page_of(f"{service.url}/")
    page.get_by_label("Language").select_option("zh-CN")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.goto(f"{service.url}/")
    expect(page.get_by_label("语言")).to_have_value("zh-CN")


def test_these_tests_see_faults(service: Service, page_of: Pages) -> None:
    """The fixtures themselves: what they are to find is found."""
    page = page_of(
        f"{service.url}/", expected=("policy violated: style-src", "Refused|violates", "nowhere.example", "404")
    )
    with page.expect_event("console", lambda message: message.text.startswith("policy violated: connect-src")):
        page.evaluate(
            """() => {
              document.body.insertAdjacentHTML("beforeend", '<p style="color: red">x</p><img src="/none.png">');
              return fetch("http://nowhere.example/").catch(() => {});
            }"""
        )
    (_, watch) = page_of.opened[0]
    told = "\n".join(watch.faults)
    assert "policy violated: style-src" in told
    assert "connect-src by http://nowhere.example" in told
    assert any("image-alt" in one for one in violations(page))
