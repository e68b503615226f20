"""Memory in large pages, so that a process with everything loaded forks at less cost.

A fork copies the table of the process's pages, and the end of the child takes the copy apart: of 250 MB
in pages of 4 kB these are 64 000 entries twice, which is most of what a short job costs. A page of 2 MB
is one entry; when a process writes into it, only the 4 kB written to are copied, as before.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

LOG = logging.getLogger(__name__)

_LARGE = 2 << 20
_MADV_COLLAPSE = 25
"""Of Linux since 6.1; an earlier one refuses it."""


def gather_pages() -> int:
    """Have the memory that this process has by now put into large pages, as far as the system can.

    :returns: bytes that are in such pages now; 0 where the system knows none.
    """
    if sys.platform != "linux":
        return 0
    advise = ctypes.CDLL(None, use_errno=True).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    # One by one: a range is given up at its first page that can't be had.
    gathered = sum(_LARGE for place in _places() if advise(place, _LARGE, _MADV_COLLAPSE) == 0)
    if not gathered:
        LOG.info("this system gathers no pages (%s); a fork takes longer", os.strerror(ctypes.get_errno()))
    return gathered


def _places() -> Iterator[int]:
    """Beginnings of all that could be a large page of memory that is this process's alone, and not a file's."""
    for line in Path("/proc/self/maps").read_text(encoding="ascii", errors="replace").splitlines():
        addresses, access, _, _, inode, *name = line.split(maxsplit=5)
        if access == "rw-p" and inode == "0" and (not name or name[0] == "[heap]"):
            first, end = (int(address, 16) for address in addresses.split("-"))
            yield from range(-(-first // _LARGE) * _LARGE, end // _LARGE * _LARGE, _LARGE)
