"""How fast the calculation is: ``make bench``. Each library gets one processor, as a job of the service does."""

import os

# BLAS looks at these when it is loaded, which is after this
for _library in ("OPENBLAS", "OMP", "MKL", "NUMBA", "RAYON"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
