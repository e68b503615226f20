"""The page of a run."""

from __future__ import annotations

from flask import Blueprint, Response

from server.web.result import result_page
from server.web.site import Web


def add_runs(pages: Blueprint, web: Web) -> None:
    """Add the page of one run."""

    @pages.get("/runs/<job_id>")
    def run(job_id: str) -> Response:
        return result_page(web, web.execution.job(job_id))
