"""The WPS processes: one file each, found by discovery."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from processes.base import StageProcess


@cache
def registry() -> Mapping[str, StageProcess]:
    """All processes that are offered as a rule, by identifier, in the order of their identifiers.

    A process is a class with an ``identifier`` of its own, derived from
    :class:`processes.base.StageProcess`, in any file of this folder whose name has no leading underscore.
    """
    return _in_order(_found_in(__name__, __path__))


@cache
def registry_with_diagnostics() -> Mapping[str, StageProcess]:
    """Those of :func:`registry`, and the ones of :mod:`processes.diagnostics`."""
    from processes import diagnostics

    return _in_order([*registry().values(), *_found_in(diagnostics.__name__, diagnostics.__path__)])


def _found_in(package: str, folders: Iterable[str]) -> list[StageProcess]:
    from processes.base import StageProcess

    found: list[StageProcess] = []
    for module_info in pkgutil.iter_modules(folders):
        if module_info.ispkg or module_info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package}.{module_info.name}")
        for item in vars(module).values():
            defined_here = isinstance(item, type) and item.__module__ == module.__name__
            if defined_here and issubclass(item, StageProcess) and "identifier" in vars(item):
                found.append(item())
    return found


def _in_order(processes: Iterable[StageProcess]) -> Mapping[str, StageProcess]:
    by_identifier: dict[str, StageProcess] = {}
    for process in processes:
        if process.identifier in by_identifier:
            raise RuntimeError(f"two processes have the identifier {process.identifier}")
        by_identifier[process.identifier] = process
    return MappingProxyType(dict(sorted(by_identifier.items())))
