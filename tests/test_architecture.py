"""The rules of docs/explanation/architecture.md that a look at the syntax trees can keep."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT

ROOMS = ("gasflux_core", "processes", "server", "service")
"""From the bottom up: each may import from itself and from those before it."""

HOMES = {
    "rasterio": ("gasflux_core/io/",),
    "pyogrio": ("gasflux_core/io/",),
    "shapely": ("gasflux_core/io/",),
    "matplotlib": ("gasflux_core/report/",),
    "PIL": ("gasflux_core/report/",),
    "jinja2": ("gasflux_core/report/", "server/"),
    "pywps": ("processes/", "server/"),
    "flask": ("server/", "service.py"),
    "sqlalchemy": ("server/",),
}
"""Where a library may be imported, and nowhere else."""

MOST_LINES = 450

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "manager"}


class Import(NamedTuple):
    path: str
    line: int
    module: str

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]


def sources(*rooms: str) -> Iterator[Path]:
    for room in rooms:
        folder = ROOT / room
        yield from sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(*rooms: str) -> Iterator[Import]:
    """Every import wherever it stands: in functions and under TYPE_CHECKING too."""
    for path in sources(*rooms):
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(name, node.lineno, alias.name)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}:{node.lineno}: imports are written from the top"
                yield Import(name, node.lineno, node.module or "")


def told(found: list[Import]) -> str:
    return "\n".join(f"{item.path}:{item.line} imports {item.module}" for item in found)


def test_the_trees_are_read() -> None:
    packages = {item.package for item in imports(*ROOMS)}
    assert {"numpy", "pywps", "flask", "gasflux_core", "processes", "server"} <= packages


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    above = {*ROOMS[ROOMS.index(room) + 1 :], "tests", "examples", "benchmarks", "docs", "validation"}
    wrong = [item for item in imports(room) if item.package in above]
    assert not wrong, told(wrong)


@pytest.mark.parametrize("library", HOMES)
def test_library_stays_in_its_home(library: str) -> None:
    found = [item for item in imports(*ROOMS) if item.package == library]
    wrong = [item for item in found if not item.path.startswith(HOMES[library])]
    assert not wrong, told(wrong)


def test_core_knows_no_environment() -> None:
    wrong = [item for item in imports("gasflux_core") if item.module in ("os", "dotenv", "subprocess", "socket")]
    assert not wrong, told(wrong)


def test_core_knows_no_web() -> None:
    web = {"urllib", "http", "requests", "flask", "werkzeug", "gunicorn", "owslib"}
    wrong = [item for item in imports("gasflux_core") if item.package in web]
    assert not wrong, told(wrong)


def test_nothing_draws_with_global_state() -> None:
    # pyplot keeps figures in a global list, which threads would share.
    wrong = [item for item in imports(*ROOMS) if item.module.startswith("matplotlib.pyplot")]
    assert not wrong, told(wrong)


@pytest.mark.parametrize("room", [*ROOMS, "tests", "examples", "benchmarks", "docs", "validation"])
def test_files_can_be_read_in_one_sitting(room: str) -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in sources(room)}
    assert lengths
    too_long = {name: lines for name, lines in lengths.items() if lines > MOST_LINES}
    assert not too_long, too_long


def test_names_say_something() -> None:
    rooms = (*ROOMS, "tests", "examples", "benchmarks", "validation")
    assert not [path for path in sources(*rooms) if path.stem.lower() in VAGUE_NAMES]


def test_modules_say_what_they_are_for() -> None:
    silent = [path for path in sources(*ROOMS) if path.stat().st_size and not ast.get_docstring(tree(path))]
    assert not silent
