"""The Python and the R of the how-to pages do what they say."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.clients.pages import run_python, run_r
from tests.acceptance.running import Service
from tests.conftest import need_program, skip

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("page", ["owslib.md", "birdy.md", "client.md"])
def test_python_of_the_page_does_what_it_says(service: Service, tmp_path: Path, page: str) -> None:
    run_python(page, service.url, tmp_path)


def test_r_of_the_page_does_what_it_says(service: Service, tmp_path: Path, tried: Callable[[str], None]) -> None:
    rscript = need_program("Rscript")
    told = subprocess.run(
        [rscript, "-e", "library(jsonlite); cat(as.character(getRversion()), paste(packageVersion('httr')))"],
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        skip("r-cran-httr or r-cran-jsonlite is not installed")
    r, httr = told.stdout.split()
    tried(f"R {r} with httr {httr}")
    run_r(rscript, "r.md", service.url, tmp_path)
