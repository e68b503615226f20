"""How many requests a second are answered, beside a Flask application that says hello, and plain PyWPS.

All under gunicorn with the same workers and threads, each asked in turn by ``wrk``.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.wps_services import THREADS, WORKERS, plain_python, plain_pywps, this_service, under_gunicorn
from tests.acceptance.running import answers, free_port, started

CONNECTIONS = 16
ROUND_SECONDS, ROUNDS = 1, 5
PAUSE_SECONDS = 1.0
"""For plain PyWPS, which is still at work on requests that wrk has left."""

WARM_REQUESTS = 20

_DESCRIBE = "/wps?service=WPS&request=DescribeProcess"

HERE = (
    ("WPS 1.0.0 GetCapabilities", "/wps?service=WPS&request=GetCapabilities&AcceptVersions=1.0.0"),
    ("WPS 1.0.0 GetCapabilities, Chinese", "/wps?service=WPS&request=GetCapabilities&version=1.0.0&language=zh-CN"),
    ("WPS 1.0.0 DescribeProcess gas_flux", f"{_DESCRIBE}&version=1.0.0&identifier=gas_flux"),
    ("WPS 1.0.0 DescribeProcess ALL", f"{_DESCRIBE}&version=1.0.0&identifier=ALL"),
    ("WPS 2.0.0 GetCapabilities", "/wps?service=WPS&request=GetCapabilities&AcceptVersions=2.0.0"),
    ("WPS 2.0.0 DescribeProcess gas_flux", f"{_DESCRIBE}&version=2.0.0&identifier=gas_flux"),
    ("WPS 2.0.0 DescribeProcess ALL", f"{_DESCRIBE}&version=2.0.0&identifier=ALL"),
    ("OGC API landing page", "/ogcapi?f=json"),
    ("OGC API processes", "/ogcapi/processes?f=json"),
    ("OGC API process gas_flux", "/ogcapi/processes/gas_flux?f=json"),
)
"""Requests to this service: what they are called, path and query."""

PLAIN = (
    ("plain PyWPS GetCapabilities", "/wps?service=WPS&version=1.0.0&request=GetCapabilities"),
    ("plain PyWPS DescribeProcess echo", f"{_DESCRIBE}&version=1.0.0&identifier=echo"),
    ("plain PyWPS DescribeProcess ALL", f"{_DESCRIBE}&version=1.0.0&identifier=ALL"),
)

_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_FAULTS = re.compile(r"Non-2xx or 3xx responses: \d+|Socket errors: .+")


@dataclass
class Case:
    """One address, and what was measured of it."""

    name: str
    url: str
    size: int
    """Bytes of the answer's body."""
    rates: list[float] = field(default_factory=list)
    """Requests a second, of each round."""
    hello: list[float] = field(default_factory=list)
    """The same of hello, just before."""
    faults: set[str] = field(default_factory=set)

    @property
    def row(self) -> str:
        """Its line of the table."""
        ratio = statistics.median(mine / its for mine, its in zip(self.rates, self.hello, strict=True))
        return (
            f"{self.name:40}{self.size:9}{statistics.median(self.rates):9.0f}{statistics.median(self.hello):9.0f}"
            f"{ratio:8.3f}  {', '.join(sorted(self.faults))}"
        )


def time_requests() -> None:
    """Ask all addresses, in rounds, and print one table."""
    wrk = shutil.which("wrk")
    if wrk is None:
        print("\nRequests a second: left out, since wrk is not installed.")
        return
    print(f"\nRequests a second, {CONNECTIONS} connections; each: gunicorn, {WORKERS} workers, {THREADS} threads.")
    with _services() as (hello, here, plain, which):
        ours = [case for name, path in HERE if (case := _case(name, here + path))]
        theirs = [case for name, path in PLAIN if (case := _case(name, plain + path))]
        # Other work on the machine comes and goes: each is beside a hello of its own, in turn with the others.
        for case in ours * ROUNDS:
            _measure(wrk, hello, case)
        for case in theirs * ROUNDS:
            _measure(wrk, hello, case)
            time.sleep(PAUSE_SECONDS)
    print(f"Plain: {which}, with two small processes. Medians of {ROUNDS} rounds of {ROUND_SECONDS} s.\n")
    print(f"{'case':40}{'bytes':>9}{'rate':>9}{'hello':>9}{'ratio':>8}  faults")
    for case in [*ours, *theirs]:
        print(case.row)


@contextmanager
def _services() -> Iterator[tuple[str, str, str, str]]:
    """Addresses of hello, of this service and of plain PyWPS, and in words which one."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        python, which = plain_python()
        (folder / "here").mkdir()
        port = free_port()
        hello = f"http://127.0.0.1:{port}"
        command = under_gunicorn(Path(sys.executable), port, "benchmarks.hello:application")
        stack.enter_context(started(command, folder / "hello.log", os.environ, lambda: answers(hello)))
        plain = stack.enter_context(plain_pywps(folder / "plain", python))
        here = stack.enter_context(this_service(folder / "here"))
        yield hello, here.client.url.removesuffix("/wps"), plain.client.url.removesuffix("/wps"), which


def _case(name: str, url: str) -> Case | None:
    """A case that can be measured, warmed up; None, with a word of it, where the address doesn't answer."""
    size = 0
    for _ in range(WARM_REQUESTS):
        try:
            with urllib.request.urlopen(url, timeout=60) as response:
                size = len(response.read())
        except urllib.error.HTTPError as error:
            print(f"left out: {name}, which answers {error.code}")
            return None
    return Case(name, url, size)


def _measure(wrk: str, hello: str, case: Case) -> None:
    case.hello.append(_asked(wrk, f"{hello}/")[0])
    rate, faults = _asked(wrk, case.url)
    case.rates.append(rate)
    case.faults.update(faults)


def _asked(wrk: str, url: str) -> tuple[float, list[str]]:
    """Requests a second, and what went wrong in words."""
    command = [wrk, "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{ROUND_SECONDS}s", url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = _RATE.search(said)
    if rate is None:
        raise RuntimeError(f"wrk told no rate:\n{said}")
    return float(rate[1]), _FAULTS.findall(said)
