"""The page of a run that was successful."""

from __future__ import annotations

from flask import Response

from processes.translation import translated
from server.jobs.model import Job
from server.web.site import Web


def result_page(web: Web, job: Job) -> Response:
    """What came out of a run: its values and files."""
    declared = translated(web.execution.declared(job), web.language())
    titles = {output.identifier: output.title for output in declared.outputs}
    return web.render("result", job=job, titles=titles)
