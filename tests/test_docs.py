"""The documentation keeps pace with the code."""

from __future__ import annotations

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import yaml

from docs.endpoints import API, ENDPOINTS
from docs.make_reference import ERRORS, endpoint_rows, main, out_of_date, pages
from gasflux_core.configuration import read_configuration
from gasflux_core.flags import FLAG_TEXTS
from gasflux_core.pipeline import Settings as StageSettings
from processes import registry
from server.command_line import main as run_command
from server.command_line import parser
from server.errors import TABLE
from server.metrics import METRICS
from server.sections import SECTIONS
from tests.conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
COMMANDS = re.compile(r"^(?:\.venv/bin/)?(make|gasflux-wps)\b(.*)$", re.MULTILINE)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def made() -> dict[str, str]:
    return pages()


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(language: str) -> list[tuple[str, str]]:
    """File and content of every fenced block of a language, indented ones too."""
    fence = re.compile(rf"^( *)```{language}\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
    return [
        (name_of(path), re.sub(rf"^{match[1]}", "", match[2], flags=re.MULTILINE))
        for path in PAGES
        for match in fence.finditer(path.read_text(encoding="utf-8"))
    ]


# ---- the reference


@pytest.mark.parametrize(
    "name", ["processes", "parameters", "settings", "command-line", "endpoints", "errors", "metrics"]
)
def test_reference_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / "reference" / f"{name}.md").is_file()
    assert f"{name}.md" not in out_of_date(made()), "run: make docs"


def test_check_tells_what_is_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("docs.make_reference.FOLDER", tmp_path)
    monkeypatch.setattr("docs.make_reference.pages", made)
    assert main(["--check"]) == 1
    assert "processes.md is out of date" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    assert main([]) == 0
    assert main(["--check"]) == 0
    (tmp_path / "errors.md").write_text("old")
    assert main(["--check"]) == 1


def test_every_process_is_documented() -> None:
    page = text("docs/reference/processes.md")
    for identifier, process in registry().items():
        assert f"\n## {identifier}\n" in page
        section = page.split(f"\n## {identifier}\n")[1].split("\n## ")[0]
        for item in [*process.inputs, *process.outputs]:
            assert f"| `{item.identifier}` |" in section, f"{identifier}.{item.identifier}"


def test_every_parameter_is_documented() -> None:
    page = text("docs/reference/parameters.md")
    for section, info in StageSettings.model_fields.items():
        assert info.annotation is not None
        table = page.split(f"\n## {section}\n")[1].split("\n## ")[0]
        assert all(f"| `{name}` |" in table for name in info.annotation.model_fields), section


def test_every_setting_is_documented() -> None:
    page = text("docs/reference/settings.md")
    for section, model in SECTIONS.items():
        table = page.split(f"\n## [{section}]\n")[1].split("\n## ")[0]
        assert all(f"| `{key}` |" in table for key in model.model_fields), section


def test_every_endpoint_is_documented() -> None:
    paths = {row[0].strip("`") for row in endpoint_rows()}
    assert {path if path in ENDPOINTS else path.removeprefix(API) for path in paths} == set(ENDPOINTS)


def test_every_error_is_documented() -> None:
    assert {kind.__name__ for kind in TABLE} == set(ERRORS)


def test_every_metric_is_documented() -> None:
    page = text("docs/reference/metrics.md")
    assert METRICS
    assert all(f"| `{metric.name}` | {metric.kind} |" in page for metric in METRICS)


def test_every_flag_is_documented() -> None:
    page = text("docs/reference/errors.md")
    assert FLAG_TEXTS
    assert all(f"| `{name}` |" in page for name in FLAG_TEXTS)


def test_tables_have_no_broken_rows() -> None:
    for name, page in made().items():
        for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
            widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
            assert len(widths) == 1, f"{name}: {table[:200]}"


# ---- what the pages say


def anchors(page: str) -> set[str]:
    """The names that headings get."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_resolve(path: Path) -> None:
    page = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", page):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        assert found.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(found.read_text(encoding="utf-8")), target


def test_every_page_is_reached_from_the_index() -> None:
    linked = {(ROOT / "docs" / target).resolve() for target in re.findall(r"\]\(([^)#]+\.md)\)", text("docs/index.md"))}
    assert linked == {path for path in (ROOT / "docs").rglob("*.md") if path.name != "index.md"}


@pytest.mark.parametrize(("name", "code"), blocks("python"))
def test_python_of_the_pages_parses_and_imports_what_there_is(name: str, code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = __import__(node.module, fromlist=[alias.name for alias in node.names])
            assert all(hasattr(module, alias.name) for alias in node.names), name


def test_configurations_of_the_pages_are_read() -> None:
    page = text("docs/how-to/own-configuration.md")
    found = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(found) == 2
    for block in found:
        assert read_configuration(block).sections


def test_yaml_of_the_pages_is_yaml() -> None:
    found = blocks("yaml")
    assert found
    assert all(yaml.safe_load(block) for _, block in found)


def test_make_targets_of_the_pages_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    told = {words.split()[0] for _, block in blocks("console") for name, words in COMMANDS.findall(block)
            if name == "make" and words.split() and "=" not in words.split()[0]}  # fmt: skip
    assert {"demo", "test", "serve", "lint", "bench", "docs"} <= told
    assert told <= targets
    assert set(re.findall(r"`make ([a-z-]+)", text("README.md"))) <= targets


def test_commands_of_the_pages_exist() -> None:
    program = parser()
    told = [words for _, block in blocks("console") for name, words in COMMANDS.findall(block.replace("\\\n", " "))
            if name == "gasflux-wps"]  # fmt: skip
    assert len(told) >= 8
    for words in told:
        program.parse_args(shlex.split(words))


def test_example_flight_is_what_its_command_makes(tmp_path: Path) -> None:
    block = re.search(r"```console\ngasflux-wps (.*?)```", text("examples/data/README.md"), re.DOTALL)
    assert block
    words = shlex.split(block[1].replace("\\\n", " "))
    flight = tmp_path / "flight.csv"
    assert run_command([str(flight) if word.endswith("example_flight.csv") else word for word in words]) == 0
    assert flight.read_text() == text("examples/data/example_flight.csv")


def test_nothing_of_another_machine_is_named() -> None:
    for path in PAGES:
        assert not re.search(r"/(home|root|Users|work)/", path.read_text(encoding="utf-8")), path


def test_changelog_knows_the_version() -> None:
    version = re.search(r'^version = "(.+)"$', text("pyproject.toml"), re.MULTILINE)
    assert version
    assert f"[{version[1]}]" in text("CHANGELOG.md") or "[Unreleased]" in text("CHANGELOG.md")
