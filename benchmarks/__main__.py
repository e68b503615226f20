"""Time the calculation and the jobs of the service.

    python -m benchmarks [calculation|jobs] [--repeat N]

Times are of this machine; what compares is the ratio of two times of one run.
"""

from __future__ import annotations

import argparse


def main() -> None:
    """Run what was asked for; without a word, all."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Time the calculation and the jobs of the service.")
    parser.add_argument("what", nargs="?", choices=("calculation", "jobs"), help="default: both")
    parser.add_argument(
        "--repeat", type=int, default=5, metavar="N", help="runs of each case of the calculation (default: 5)"
    )
    asked = parser.parse_args()
    # Each part's libraries: only for who asks for it.
    if asked.what != "jobs":
        from benchmarks.calculation import time_calculation

        time_calculation(asked.repeat)
    if asked.what != "calculation":
        from benchmarks.jobs import time_jobs

        time_jobs()


if __name__ == "__main__":
    main()
