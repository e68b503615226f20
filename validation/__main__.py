"""Make the validation page: fly all kinds, judge the aims, leave out one idea at a time.

python -m validation [--seeds 2000:2020] [--kinds plain,weak] [--processes N] [--out docs]
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from validation.ablations import ABLATIONS, Ablation, run_ablations
from validation.flights import run_flights
from validation.kinds import KINDS, Kind
from validation.page import Run, in_a_line, write_page

SEEDS = range(2000, 2020)
"""Kept aside: what the method was worked out with are seeds below 100."""

_DOCS = Path(__file__).parents[1] / "docs"


def main(words: Sequence[str] | None = None, ablations: Sequence[Ablation] = ABLATIONS) -> None:
    """Run what was asked for and write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m validation", description="Fly simulated flights of known rate and write the validation page."
    )
    parser.add_argument(
        "--seeds",
        type=_seeds,
        default=SEEDS,
        metavar="FIRST:END",
        help=f"seeds, the last left out (default: {SEEDS.start}:{SEEDS.stop})",
    )
    parser.add_argument("--kinds", type=_kinds, default=KINDS, metavar="NAME,…", help="kinds or patterns of them")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, metavar="N", help="default: as many as cores"
    )
    parser.add_argument("--out", type=Path, default=_DOCS, metavar="FOLDER", help="the documentation (default: docs)")
    asked = parser.parse_args(words)
    begun = time.monotonic()
    outcomes = run_flights(asked.seeds, asked.kinds, processes=asked.processes)
    _tell(f"{len(outcomes)} flights, {time.monotonic() - begun:.0f} s")
    ablated = run_ablations(outcomes, ablations, asked.processes)
    _tell(f"{len(ablated)} ablations, {time.monotonic() - begun:.0f} s")
    for path in write_page(Run(outcomes, ablated, _command(asked)), asked.out):
        _tell(f"wrote {path}")
    _tell(in_a_line(outcomes))


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    try:
        seeds = range(int(first), int(end))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected FIRST:END, as in 2000:2020, got {text!r}") from None
    if not seeds or seeds.start < 0:
        raise argparse.ArgumentTypeError(f"no seeds in {text!r}")
    return seeds


def _kinds(text: str) -> tuple[Kind, ...]:
    patterns = text.split(",")
    for pattern in patterns:
        if not any(fnmatch.fnmatch(kind.name, pattern) for kind in KINDS):
            raise argparse.ArgumentTypeError(f"no kind is called {pattern!r}; there are {', '.join(_names(KINDS))}")
    return tuple(kind for kind in KINDS if any(fnmatch.fnmatch(kind.name, pattern) for pattern in patterns))


def _names(kinds: Sequence[Kind]) -> list[str]:
    return [kind.name for kind in kinds]


def _command(asked: argparse.Namespace) -> str:
    """The command that makes the same page."""
    words = ["python -m validation"]
    if asked.seeds != SEEDS:
        words.append(f"--seeds {asked.seeds.start}:{asked.seeds.stop}")
    if asked.kinds != KINDS:
        words.append(f"--kinds {','.join(_names(asked.kinds))}")
    return " ".join(words) if len(words) > 1 else "make validation"


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
