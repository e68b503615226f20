"""Run the tests of the standards and write which requirement is tested by what, and with what result.

python -m docs.make_conformance
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests" / "conformance"
PAGE = ROOT / "docs" / "reference" / "conformance.md"

STANDARDS = {
    "wps1": "WPS 1.0.0 (OGC 05-007r7)",
    "wps2": "WPS 2.0.2 (OGC 14-065)",
    "ogcapi": "OGC API – Processes – Part 1: Core 1.0 (OGC 18-062r2)",
}
"""Folder of the tests → standard."""

_HEAD = """<!-- Made by python -m docs.make_conformance from tests/conformance; do not edit. -->
# Conformance

Which requirement of which standard is tested by what, and with what result. The list holds the abstract tests of each
standard's annex A, under the names that their official suites give them, and below them requirements of the text that
the annex leaves out, by clause. All tests speak HTTP with a running service; documents are validated against the
official schemas. These are this project's own tests: the official suites themselves were not run.

    .venv/bin/python -m docs.make_conformance
"""


class Requirement(NamedTuple):
    """One thing that a standard asks for."""

    id: str
    text: str


@dataclass(frozen=True)
class Cover:
    """A test and what it covers."""

    test: str
    """As pytest names it, without its parameters."""
    ids: tuple[str, ...]


def requirements(folder: str) -> list[Requirement]:
    """What a standard asks for, in the order of its list.

    :param folder: of :data:`STANDARDS`.
    """
    entries = yaml.safe_load((TESTS / folder / "requirements.yaml").read_text(encoding="utf-8"))
    return [Requirement(entry["id"], entry["text"]) for entry in entries]


def covers(folder: str) -> list[Cover]:
    """The tests of a standard."""
    found = []
    for path in sorted((TESTS / folder).glob("test_*.py")):
        name = path.relative_to(ROOT).as_posix()
        for function in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                ids = [one for mark in function.decorator_list for one in _ids(mark)]
                found.append(Cover(f"{name}::{function.name}", tuple(dict.fromkeys(ids))))
    return found


def _ids(decorator: ast.expr) -> Iterator[str]:
    """The ids in ``pytest.mark.requirement(…)``, also within a ``parametrize``."""
    for node in ast.walk(decorator):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement":
            yield from (item.value for item in node.args if isinstance(item, ast.Constant))


class _Results:
    """What became of each test: the worst outcome of all its parameters."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = report.nodeid.partition("[")[0]
        if report.failed:
            self.of[test] = "fails"
        elif report.skipped and self.of.get(test) != "fails":
            self.of[test] = "skipped"
        elif report.when == "call":
            self.of.setdefault(test, "passes")


def page(results: dict[str, str]) -> str:
    """The reference page.

    :param results: test → passes, fails or skipped.
    """
    parts = [_HEAD, "| standard | requirements | pass | fail or not run | tests |", "|---|---|---|---|---|"]
    tables = []
    for folder, standard in STANDARDS.items():
        tests, asked = covers(folder), requirements(folder)
        rows = [_row(item, tests, results) for item in asked]
        good = sum(row.endswith("| passes |") for row in rows)
        parts.append(f"| {standard} | {len(rows)} | {good} | {len(rows) - good} | {len(tests)} |")
        tables += [f"\n## {standard}\n", "| requirement | what it asks | tests | result |", "|---|---|---|---|", *rows]
    return "\n".join([*parts, *tables]) + "\n"


def _row(item: Requirement, tests: Sequence[Cover], results: dict[str, str]) -> str:
    own = [cover.test for cover in tests if item.id in cover.ids]
    outcomes = {results.get(test, "not run") for test in own} or {"not tested"}
    result = "passes" if outcomes == {"passes"} else ", ".join(sorted(outcomes - {"passes"}))
    names = "<br>".join(f"`{test.rpartition('::')[2]}`" for test in own)
    text = item.text.replace("|", "\\|")
    return f"| `{item.id.partition('/')[2]}` | {text} | {names} | {result} |"


def main() -> int:
    """Run the tests and write the page; 1 where a requirement isn't met."""
    results = _Results()
    pytest.main(["-q", "-p", "no:xdist", "-p", "no:cacheprovider", str(TESTS)], plugins=[results])
    text = page(results.of)
    PAGE.write_text(text, encoding="utf-8")
    missed = [line for line in text.splitlines() if line.startswith("| `") and not line.endswith("| passes |")]
    sys.stdout.write("\n".join([*missed, f"wrote {PAGE.relative_to(ROOT)}\n"]))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
