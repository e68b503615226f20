"""Time the calculation, the jobs and the requests of the service.

    python -m benchmarks [calculation|jobs|requests] [--repeat N]

Times are of this machine; what compares is the ratio of two times of one run.
"""

from __future__ import annotations

import argparse


def main() -> None:
    """Run what was asked for; without a word, all."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Time the calculation, the jobs and the requests.")
    parser.add_argument("what", nargs="?", choices=("calculation", "jobs", "requests"), help="default: all")
    parser.add_argument(
        "--repeat", type=int, default=5, metavar="N", help="runs of each case of the calculation (default: 5)"
    )
    asked = parser.parse_args()
    # Each part's libraries: only for who asks for it.
    if asked.what in (None, "calculation"):
        from benchmarks.calculation import time_calculation

        time_calculation(asked.repeat)
    if asked.what in (None, "jobs"):
        from benchmarks.jobs import time_jobs

        time_jobs()
    if asked.what in (None, "requests"):
        from benchmarks.requests import time_requests

        time_requests()


if __name__ == "__main__":
    main()
