"""The service refuses to be open to all, however it is started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from server.command_line import main
from tests.acceptance.running import free_port
from tests.conftest import ROOT


def started(folder: Path, arguments: Sequence[str], **environ: str) -> subprocess.CompletedProcess[str]:
    """A program that should end by itself."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GASFLUX_", "PYWPS_"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**clean, "GASFLUX_DATA": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_serve_refuses_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # Serving sets these for the processes that it becomes.
    for name in ("GASFLUX_HOST", "GASFLUX_SECURITY_INSECURE"):
        monkeypatch.setenv(name, "")
    assert main(["serve", "--host", "0.0.0.0"]) == 2
    told = capsys.readouterr().err
    assert all(words in told for words in ("0.0.0.0", "keys", "--insecure", "gasflux-wps key create"))


def test_gunicorns_own_address_is_looked_at(tmp_path: Path) -> None:
    gunicorn = ["-m", "gunicorn", "-c", "python:server.gunicorn_conf", "-b", f"0.0.0.0:{free_port()}"]
    done = started(tmp_path, [*gunicorn, "service:application"])
    assert done.returncode != 0
    assert "--insecure" in done.stderr
    assert "Listening at" not in done.stderr


def test_the_application_looks_at_the_settings(tmp_path: Path) -> None:
    program = ["-c", "import service; service.application"]
    done = started(tmp_path, program, GASFLUX_HOST="192.0.2.1")
    assert "SettingsError" in done.stderr
    assert "192.0.2.1" in done.stderr
