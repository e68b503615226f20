"""A page of another origin in a real browser, without any library."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from tests.acceptance.clients.browser import told_by_page
from tests.acceptance.clients.pages import WRITTEN, blocks
from tests.acceptance.running import Service

pytestmark = pytest.mark.slow

END = """
<script>
const words = document.getElementById("said");
const picture = document.getElementById("picture");
function told() {
  if (!/^(Done|Failed)/.test(words.textContent)) return;
  const seen = () => fetch("/told", {method: "POST", body: JSON.stringify([words.textContent, picture.naturalWidth])});
  if (/^Failed/.test(words.textContent) || picture.complete) seen(); else picture.onload = picture.onerror = seen;
}
new MutationObserver(told).observe(words, {childList: true});
</script>
</html>"""
"""Stands at the page's end, and tells what it says when it has ended, and whether the picture is there."""


def test_the_page_of_the_documentation_does_what_it_says(service: Service, chromium: str, tmp_path: Path) -> None:
    (page,) = blocks("browser.md", "html")
    (printed,) = blocks("browser.md", "text")
    assert WRITTEN in page
    page = page.replace(WRITTEN, service.url).replace("</html>", END)
    said, width = told_by_page(chromium, {"page.html": page.encode()}, tmp_path)
    assert doctest.OutputChecker().check_output(printed, f"{said}\n", doctest.ELLIPSIS), said
    assert width > 300


def test_error_and_its_status_can_be_read_from_another_origin(service: Service, chromium: str, tmp_path: Path) -> None:
    page = f"""<!doctype html><script>
    (async () => {{
      const response = await fetch("{service.wps}", {{
        method: "POST", headers: {{"Content-Type": "text/xml", "X-API-Key": "none"}}, body: "<broken"}});
      return {{status: response.status, type: response.headers.get("Content-Type"), text: await response.text()}};
    }})().catch(String).then((found) => fetch("/told", {{method: "POST", body: JSON.stringify(found)}}));
    </script>"""
    found = told_by_page(chromium, {"page.html": page.encode()}, tmp_path)
    assert found["status"] == 400
    assert found["type"].startswith(("text/xml", "application/xml"))
    assert "ExceptionReport" in found["text"]


def test_job_of_ogc_api_is_followed_from_another_origin(service: Service, chromium: str, tmp_path: Path) -> None:
    """The address of the job is in a header, which a page may read only where it is exposed."""
    page = f"""<!doctype html><script>
    (async () => {{
      const accepted = await fetch("{service.url}/ogcapi/processes/simulate_flight/execution", {{
        method: "POST", headers: {{"Content-Type": "application/json", "Prefer": "respond-async"}},
        body: JSON.stringify({{
          inputs: {{source_rate: 25, seed: 3}}, outputs: {{emission_rate: {{}}}}, response: "document"}})}});
      const address = accepted.headers.get("Location");
      let job = await (await fetch(address)).json();
      while (/accepted|running/.test(job.status)) {{
        await new Promise((then) => setTimeout(then, 200));
        job = await (await fetch(address)).json();
      }}
      const results = await (await fetch(address + "/results")).json();
      return {{accepted: accepted.status, ended: job.status, results}};
    }})().catch(String).then((found) => fetch("/told", {{method: "POST", body: JSON.stringify(found)}}));
    </script>"""
    found = told_by_page(chromium, {"page.html": page.encode()}, tmp_path)
    assert found == {"accepted": 201, "ended": "successful", "results": {"emission_rate": 25.0}}
