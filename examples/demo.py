"""Start the service, send it the example flight as a client would, show what came back, go on serving."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from examples.owslib_gas_flux import execute

ROOT = Path(__file__).resolve().parents[1]
FLIGHT = ROOT / "examples" / "data" / "example_flight.csv"
START_LIMIT = 120
"""Seconds within which the service must answer."""


def main() -> int:
    """Run the demonstration; 0 where everything went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--exit", action="store_true", help="end after the result")
    options = parser.parse_args()
    if _taken(options.host, options.port):
        print(f"Port {options.port} is taken. Choose another: make demo PORT=5001", file=sys.stderr)
        return 2
    address = f"http://{options.host}:{options.port}"
    command = [sys.executable, "-m", "service", "serve", "--host", options.host, "--port", str(options.port)]
    log = ROOT / "data" / "demo.log"
    log.parent.mkdir(exist_ok=True)
    print(f"Starting the service at {address} (its log: {log.relative_to(ROOT)})", flush=True)
    with log.open("w") as stream:
        # A session of its own, so that Ctrl-C reaches this program first and the service is ended in order.
        service = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=stream, start_new_session=True)
    try:
        _wait_until_up(service, f"{address}/health", log)
        _show(address)
        if not options.exit:
            print("The service goes on. Ctrl-C ends it.", flush=True)
            service.wait()
    except KeyboardInterrupt:
        print()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        _end(service)
    return 0


def _show(address: str) -> None:
    began = time.monotonic()
    execution = execute(f"{address}/wps", FLIGHT, ["ch4", "co2"])
    took = time.monotonic() - began
    outputs = {output.identifier: output for output in execution.processOutputs}
    rate, uncertainty = (float(outputs[name].data[0]) for name in ("emission_rate", "uncertainty"))
    print(f"\n  CH4 emission rate: {rate:.2f} ± {uncertainty:.2f} kg/h   (after {took:.1f} s)\n")
    titles = {
        "flux_plane": "Flux plane (GeoTIFF)",
        "report": "Report",
        "preview": "Picture",
        "figures": "All figures (JSON)",
    }
    for name, title in titles.items():
        if outputs[name].reference:
            print(f"  {title + ':':22}{outputs[name].reference}")
    print(f"  {'GeoTIFF on disk:':22}{_on_disk(outputs['flux_plane'].reference)}")
    print(f"  {'Start page:':22}{address}/")
    print(f"  {'WPS:':22}{address}/wps?service=WPS&request=GetCapabilities\n", flush=True)


def _on_disk(reference: str) -> Path | str:
    job, name = reference.rstrip("/").split("/")[-2:]
    found = next((ROOT / "data").rglob(f"{job}/{name}"), None)
    return found.relative_to(ROOT) if found else "(where the settings say)"


def _taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def _wait_until_up(service: subprocess.Popen[bytes], url: str, log: Path) -> None:
    limit = time.monotonic() + START_LIMIT
    while time.monotonic() < limit:
        if service.poll() is not None:
            raise RuntimeError(f"The service ended at once:\n{log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"The service did not answer within {START_LIMIT} s; see {log}")


def _end(service: subprocess.Popen[bytes]) -> None:
    if service.poll() is None:
        service.send_signal(signal.SIGTERM)
        try:
            service.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(service.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
