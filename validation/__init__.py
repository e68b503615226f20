"""Flights of known emission rate, run by the hundred: how far off the rate is, and what its intervals hold."""

import os

# One thread a process, as there are as many processes as cores: set before a library starts its threads.
for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
