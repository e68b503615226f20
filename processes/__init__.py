"""The WPS processes: one file each, found by discovery."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from processes.base import StageProcess


@cache
def registry() -> Mapping[str, StageProcess]:
    """All processes, by identifier, in the order of their identifiers.

    A process is a class with an ``identifier`` of its own, derived from
    :class:`processes.base.StageProcess`, in any file of this folder whose name has no leading underscore.
    """
    from processes.base import StageProcess

    found: dict[str, StageProcess] = {}
    for module_info in pkgutil.iter_modules(__path__):
        if module_info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for item in vars(module).values():
            defined_here = isinstance(item, type) and item.__module__ == module.__name__
            if not (defined_here and issubclass(item, StageProcess) and "identifier" in vars(item)):
                continue
            if item.identifier in found:
                raise RuntimeError(f"two processes have the identifier {item.identifier}")
            found[item.identifier] = item()
    return MappingProxyType(dict(sorted(found.items())))
