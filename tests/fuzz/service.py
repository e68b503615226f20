"""The whole application for requests by the thousand, and what no answer of it may hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from hypothesis import HealthCheck, settings

from processes import registry_with_diagnostics
from tests.conftest import ROOT
from tests.server.wps_processes import running_app

PRELOAD = ("server.jobs.child", "processes.base", "tests.fuzz.service")

QUICK = 120
"""Requests of one kind in every run of the tests."""

LONG = 1500
"""Requests of one kind in the slow tests."""

ANSWER_SECONDS = 60.0
"""An answer that takes longer is none; the service itself gives up waiting for a job long before."""


def registry() -> Mapping[str, Any]:
    """The processes that give back what they are given; the other diagnostic ones take their time on purpose."""
    found = registry_with_diagnostics()
    return {name: found[name] for name in ("echo", "echo_complex")}


def requests(number: int) -> settings:
    """So many requests, the same in every run."""
    return settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def fuzzed_app(folder: Path) -> Iterator[Flask]:
    """The application over these processes, its jobs run by a supervisor; references lead to this machine at most."""
    limits = {
        "GASFLUX_SECURITY_ALLOWED_HOSTS": "127.0.0.1",
        "GASFLUX_SECURITY_FETCH_TIMEOUT": "2",
        "GASFLUX_JOBS_SYNC_WAIT": "20",
        "GASFLUX_JOBS_TIME_LIMIT": "10",
        "GASFLUX_SERVER_MAXPROCESSES": "1000",
        "GASFLUX_SERVER_MAXREQUESTSIZE": "2mb",
    }
    with running_app(folder, registry, PRELOAD, **limits) as app:
        yield app


def leaks(body: bytes, folder: Path) -> list[str]:
    """What an answer tells of the machine behind it."""
    secrets = [str(folder), "/tmp", str(ROOT), "Traceback (most recent", 'File "', "site-packages", "sqlite", ".py"]
    return [secret for secret in secrets if secret.encode() in body]
