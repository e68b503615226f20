"""The notebook does what it says, against the real service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.acceptance.running import Service, running_service
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

NOTEBOOK = ROOT / "examples" / "flight.ipynb"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("notebook")) as running:
        yield running


@pytest.fixture(scope="module")
def ran(service: Service, tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """The notebook after its last cell, in a folder where its flight lies."""
    folder = tmp_path_factory.mktemp("jupyter")
    (folder / "data").symlink_to(ROOT / "examples" / "data")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    paths = os.pathsep.join([str(ROOT / "client"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "GASFLUX_URL": service.url, "PYTHONPATH": paths}
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    return notebook


def outputs(notebook: nbformat.NotebookNode, word: str) -> list[nbformat.NotebookNode]:
    """What the one cell with this word in it gave."""
    (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and word in cell.source]
    return list(cell.outputs)


def printed(given: list[nbformat.NotebookNode]) -> str:
    return "".join(output.text for output in given if output.output_type == "stream")


def test_rates_are_printed(ran: nbformat.NotebookNode) -> None:
    said = printed(outputs(ran, "run.rates"))
    assert "ch4: " in said
    assert "kg/h (95 % interval" in said


@pytest.mark.parametrize("word", ["run.flux_plane()", "run.table()"])
def test_figures_are_drawn(ran: nbformat.NotebookNode, word: str) -> None:
    assert any("image/png" in output.get("data", {}) for output in outputs(ran, word))


def test_track_and_footprint_are_on_the_map(ran: nbformat.NotebookNode) -> None:
    (shown,) = [output.data for output in outputs(ran, "ipyleaflet") if "data" in output]
    assert "application/vnd.jupyter.widget-view+json" in shown
    state = ran.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
    models = [model["model_name"] for model in state]
    assert models.count("LeafletCircleMarkerModel") > 100
    assert models.count("LeafletGeoJSONModel") == 1


def test_files_are_kept(ran: nbformat.NotebookNode) -> None:
    said = printed(outputs(ran, "run.download"))
    assert "report.html" in said
    assert "flux_plane.tif" in said


def test_it_is_kept_without_what_it_gave() -> None:
    notebook = nbformat.read(Path(NOTEBOOK), as_version=4)
    assert not any(cell.outputs or cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    nbformat.validate(notebook)
