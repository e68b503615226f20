"""The examples of the documentation's pages, run one after the other as a reader would."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

WRITTEN = "http://127.0.0.1:5000"
"""Where the service is on the pages."""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MARK = "----- end of example"
_SECONDS = 300


@dataclass(frozen=True)
class Example:
    """One block of code, and what the page says that it prints."""

    code: str
    printed: str | None


def blocks(page: str, language: str) -> list[str]:
    """The contents of a page's blocks of one language."""
    return [content for name, content in _BLOCK.findall(text_of(page)) if name == language]


def examples(page: str, language: str) -> list[Example]:
    """The blocks of one language; what one prints stands in the block of ``text`` right after it."""
    found = _BLOCK.findall(text_of(page))
    following = [*found[1:], ("", "")]
    return [
        Example(content, after if kind == "text" else None)
        for (name, content), (kind, after) in zip(found, following, strict=True)
        if name == language
    ]


def text_of(page: str) -> str:
    """A how-to page."""
    return (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")


def run_console(page: str, url: str, folder: Path) -> None:
    """Run the commands of a page in one shell, in a folder where the project's examples lie, and compare."""
    (folder / "examples").symlink_to(ROOT / "examples")
    marked = [f"{example.code}\necho '{_MARK}'" for example in examples(page, "console")]
    _run(["bash", "-eu", "-o", "pipefail"], page, "console", "\n".join(marked), url, folder)


def run_python(page: str, url: str, folder: Path) -> None:
    """Run the Python of a page as one program in the same way."""
    (folder / "examples").symlink_to(ROOT / "examples")
    marked = [f"{example.code}\nprint({_MARK!r}, flush=True)" for example in examples(page, "python")]
    _run([sys.executable, "-"], page, "python", "\n".join(marked), url, folder)


def run_r(rscript: str, page: str, url: str, folder: Path) -> None:
    """Run the R of a page in the same way."""
    (folder / "examples").symlink_to(ROOT / "examples")
    marked = [f"{example.code}\ncat('{_MARK}\\n')" for example in examples(page, "r")]
    _run([rscript, "/dev/stdin"], page, "r", "\n".join(marked), url, folder)


def _run(command: list[str], page: str, language: str, program: str, url: str, folder: Path) -> None:
    assert WRITTEN in program, f"{page} doesn't say where the service is"
    done = subprocess.run(
        command,
        input=program.replace(WRITTEN, url),
        cwd=folder,
        # The client's own page: as where it is installed.
        env={**os.environ, "PYTHONPATH": str(ROOT / "client")},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *printed, rest = done.stdout.split(f"{_MARK}\n")
    assert rest == ""
    checker = doctest.OutputChecker()
    for example, got in zip(examples(page, language), printed, strict=True):
        if example.printed is not None:
            same = checker.check_output(example.printed.replace(WRITTEN, url), got, doctest.ELLIPSIS)
            assert same, f"{page} says that\n{example.code}prints\n{example.printed}and it printed\n{got}"
