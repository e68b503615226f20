"""An output that needs others: they are made and kept with it; and what a running job is told of its map."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pywps import ComplexOutput, Format, LiteralOutput

from processes.base import Inputs, Literal, StageProcess
from processes.declaration import Context, InputDeclaration, OutputValue
from server.jobs.guard import Guard
from server.jobs.request import JobRequest, OutputRequest
from tests.server.fakes import end_supervisor, open_jobs, settings_in


class Mapped(StageProcess):
    """Gives the address of its map, which is made of one of its files."""

    identifier = "mapped"
    title = "A process for tests"
    abstract = "Gives the address of a map."
    keywords = ("test",)
    implies: ClassVar[Mapping[str, frozenset[str]]] = {"wfs": frozenset({"lines"})}

    def declare_inputs(self) -> list[Any]:
        return [Literal(InputDeclaration("word", "A word", "Any word.", "literal", 0))]

    def declare_outputs(self) -> list[Any]:
        text = [Format("text/plain", extension=".txt")]
        return [
            LiteralOutput("wfs", "WFS", data_type="anyURI", abstract="Where."),
            ComplexOutput("lines", "Lines", supported_formats=text, abstract="What is there."),
            ComplexOutput("other", "Other", supported_formats=text, abstract="Something else."),
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        made = {"wfs": OutputValue(text=context.map_services.get("wfs", "none"))}
        for name in ("lines", "other"):
            if context.outputs is None or name in context.outputs:
                path = context.workdir / f"{name}.txt"
                path.write_text(name)
                made[name] = OutputValue(file=path, media_type="text/plain")
        return made


@cache
def registry() -> Mapping[str, StageProcess]:
    return {"mapped": Mapped()}


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (["wfs"], {"wfs", "lines"}),
        (["other"], {"other"}),
        (["wfs", "other"], {"wfs", "lines", "other"}),
        ([], {"wfs", "lines", "other"}),
    ],
)
def test_what_an_output_needs_is_kept_with_it(tmp_path: Path, asked: list[str], kept: set[str]) -> None:
    settings = settings_in(tmp_path, GASFLUX_SERVER_URL="https://example.org/wps", GASFLUX_OWS_MAPSERVER="/opt/mapserv")
    jobs = open_jobs(settings)
    guard = Guard(settings, registry, ("server.jobs.child", "processes.base", "tests.server.test_implied"))
    jobs.on_submit = jobs.on_dismiss = guard.wake
    guard.start()
    try:
        request = JobRequest("mapped", {}, [OutputRequest(name) for name in asked], mode="async")
        job = jobs.wait(jobs.submit(request, (), version="1", client="").id, 60)
    finally:
        guard.stop()
        end_supervisor(settings)
        jobs.close()
    assert job.error is None
    assert set(job.results) == kept
    if "wfs" in kept:
        assert job.results["wfs"].text == f"https://example.org/ows/{job.id}?service=WFS"
    files = {path.name for path in (settings.server.outputpath / job.id).iterdir()}
    assert files == {f"{name}.txt" for name in kept - {"wfs"}}
