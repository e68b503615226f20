"""The diagnostic processes alone, which need none of the heavy libraries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from processes import registry_with_diagnostics

NAMES = ("echo", "echo_complex", "slow", "hog", "boom")

PRELOAD = ("server.jobs.child", "processes.base", "tests.faults.diagnostics")


def registry() -> Mapping[str, Any]:
    """These processes by identifier."""
    return {name: process for name, process in registry_with_diagnostics().items() if name in NAMES}
