"""A Python environment of the peers' own, in ``build/``: what they ask for doesn't meddle with the project's."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).with_name("peers.txt")
FOLDER = Path(__file__).resolve().parents[1] / "build" / "peers"


def peers_python() -> Path:
    """The interpreter of the peers' environment, which is made where it isn't there yet as locked.

    :raises subprocess.CalledProcessError: where it can't be installed.
    """
    python = FOLDER / "bin" / "python"
    stamp = FOLDER / "installed"
    locked = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == locked:
        return python
    print("Installing the peers into build/peers ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    subprocess.run([*install, "--require-hashes", "-r", LOCK], check=True)
    stamp.write_text(locked)
    return python
