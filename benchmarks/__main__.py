"""Time the calculation, kriging beside its peers, the jobs and the requests of the service.

    python -m benchmarks [calculation|kriging|jobs|requests] [--repeat N] [--cap SECONDS]

Times are of this machine; what compares is the ratio of two times of one run.
"""

from __future__ import annotations

import argparse


def main() -> None:
    """Run what was asked for; without a word, all."""
    parser = argparse.ArgumentParser(
        prog="benchmarks", description="Time the calculation, kriging, the jobs and the requests."
    )
    choices = ("calculation", "kriging", "jobs", "requests")
    parser.add_argument("what", nargs="?", choices=choices, help="default: all")
    parser.add_argument(
        "--repeat", type=int, default=5, metavar="N", help="runs of each case of the calculation (default: 5)"
    )
    parser.add_argument(
        "--cap",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="CPU time that a run of kriging may be expected to take; longer ones are extrapolated (default: 60)",
    )
    asked = parser.parse_args()
    # Each part's libraries: only for who asks for it.
    if asked.what in (None, "calculation"):
        from benchmarks.calculation import time_calculation

        time_calculation(asked.repeat)
    if asked.what in (None, "kriging"):
        from benchmarks.kriging_peers import time_peers
        from benchmarks.kriging_scaling import time_scaling

        time_peers(asked.cap)
        time_scaling(min(asked.repeat, 3))
    if asked.what in (None, "jobs"):
        from benchmarks.jobs import time_jobs

        time_jobs()
    if asked.what in (None, "requests"):
        from benchmarks.requests import time_requests

        time_requests()


if __name__ == "__main__":
    main()
