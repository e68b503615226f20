"""Turn a flight into an emission rate through WPS with OWSLib.

python examples/owslib_gas_flux.py FLIGHT.csv [--url http://127.0.0.1:5000/wps] [--gas ch4 co2] [--out DIR]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from owslib.wps import ComplexDataInput, WebProcessingService, WPSExecution


def execute(url: str, flight: Path, gases: list[str]) -> WPSExecution:
    """Send the flight to ``gas_flux``, asynchronously, and wait until it is done.

    :raises RuntimeError: with the service's own words where the job failed.
    """
    service = WebProcessingService(url)
    inputs: list[tuple[str, object]] = [
        ("flight", ComplexDataInput(flight.read_text(encoding="utf-8"), mimeType="text/csv"))
    ]
    inputs += [("gases", gas) for gas in gases]
    execution = service.execute("gas_flux", inputs, output=[], mode="async")
    said = ""
    while not execution.isComplete():
        execution.checkStatus(sleepSecs=0)
        words = f"{execution.percentCompleted:3d} %  {execution.statusMessage}"
        if words != said:
            print(words, flush=True)
            said = words
        time.sleep(0.1)
    if not execution.isSucceded():  # OWSLib spells it so
        raise RuntimeError("; ".join(error.text for error in execution.errors) or execution.status)
    return execution


def save_outputs(execution: WPSExecution, folder: Path) -> None:
    """Fetch every output that came by reference into a folder, under the name the service gave it."""
    folder.mkdir(parents=True, exist_ok=True)
    for output in execution.processOutputs:
        if output.reference:
            output.writeToDisk(path=f"{folder}/")


def main() -> None:
    """Read the command line, run, print rate and uncertainty."""
    parser = argparse.ArgumentParser(description="Turn a flight into an emission rate through WPS.")
    parser.add_argument("flight", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:5000/wps")
    parser.add_argument("--gas", nargs="+", default=["ch4"])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    try:
        execution = execute(options.url, options.flight, options.gas)
    except RuntimeError as error:
        sys.exit(str(error))
    outputs = {output.identifier: output for output in execution.processOutputs}
    rate, uncertainty = (float(outputs[name].data[0]) for name in ("emission_rate", "uncertainty"))
    print(f"{options.gas[0]}: {rate:.4g} ± {uncertainty:.2g} kg/h")
    print(f"flux plane: {outputs['flux_plane'].reference}")
    if options.out:
        save_outputs(execution, options.out)
        print(f"files in {options.out}")


if __name__ == "__main__":
    main()
