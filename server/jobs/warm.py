"""Imported by the process that forks the jobs, so that each starts with all libraries loaded and warm.

That process must stay single-threaded: a fork copies one thread, and a lock that another held
is never released in the child. So the numerical libraries get one thread each, before they are
imported. Jobs are what runs in parallel here; with a BLAS pool in each, ``parallelprocesses`` jobs
would fight for the same processors. An operator who sets one of these variables keeps their value.
"""

from __future__ import annotations

import os

for _library in ("OPENBLAS", "OMP", "MKL", "NUMEXPR", "NUMBA"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import gc  # noqa: E402  # the environment comes first
import importlib  # noqa: E402
import logging  # noqa: E402
from pathlib import Path  # noqa: E402

from server.jobs.pages import gather_pages  # noqa: E402

LOG = logging.getLogger(__name__)

_LIBRARIES = (
    "server.jobs.child",
    "pandas",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.spatial",
    "scipy.stats",
    "pyproj",
    "rasterio",
    "pyogrio",
    "shapely",
    "pybaselines",
    "skgstat",
    "sklearn.gaussian_process",
    "skimage.filters",
    "gasflux_core.report.keys",
    "openpyxl",
    "jinja2",
    "molmass",
)

_GASFLUX = """
algorithmic_baseline_settings: {algorithm: fastchrom}
semivariogram_settings: {model: spherical}
ordinary_kriging_settings: {grid_resolution: 500}
"""
"""A configuration as users of GasFlux have it."""


def warm() -> None:
    """Load everything a job may need, and calculate and report once, so that lazily made caches are there."""
    for name in _LIBRARIES:
        importlib.import_module(name)
    from processes import registry

    registry()

    from gasflux_core.configuration import read_configuration
    from gasflux_core.pipeline import check_settings, run_pipeline
    from gasflux_core.report import render_report, render_report_pdf, report_contents
    from gasflux_core.simulate import SimulationParameters, simulate_flight

    flight = simulate_flight(SimulationParameters()).table
    result = run_pipeline(flight, ("ch4",))
    contents = report_contents(result)
    render_report(contents)
    render_report_pdf(contents)
    # GasFlux's own settings take other ways: fastchrom alone loads compiled code for half a second.
    run_pipeline(flight, ("ch4",), check_settings(read_configuration(_GASFLUX).sections))


def threads() -> int:
    """Threads of this process, also those that Python doesn't know of; 1 where the system doesn't tell."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else 1


try:
    warm()
except Exception:
    # A job then loads what is missing itself: slower, but the service works; and the log says why.
    LOG.exception("Jobs will start slowly, since warming up failed")
if threads() > 1:
    LOG.warning("The process that forks the jobs has %d threads; jobs may hang", threads())
# What is loaded stays: collecting it in every child would only copy its memory.
gc.collect()
gc.freeze()
gather_pages()
