"""Every flag that a stage raises has a text, and every text has a flag."""

from __future__ import annotations

import ast
from pathlib import Path

import gasflux_core
from gasflux_core.flags import FLAG_TEXTS

CORE = Path(gasflux_core.__file__).parent


def strings(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def raised() -> set[str]:
    """What is appended to something called flags, or given as flags=(…)."""
    found: set[str] = set()
    for path in CORE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            appended = (
                isinstance(node.func, ast.Attribute)
                and node.func.attr == "append"
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "flags"
            )
            given = [keyword.value for keyword in node.keywords if keyword.arg == "flags"]
            for part in [*(node.args if appended else []), *given]:
                found |= {
                    leaf.value
                    for element in ([*part.elts] if isinstance(part, ast.Tuple) else [part])
                    for leaf in ast.walk(element.body if isinstance(element, ast.IfExp) else element)
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str) and "_" in leaf.value
                }
    return found


def test_every_flag_that_is_raised_has_a_text() -> None:
    assert len(raised()) > 15
    assert raised() <= set(FLAG_TEXTS)


def test_every_text_has_a_flag_that_is_raised() -> None:
    written = set().union(*(strings(path) for path in CORE.glob("*.py") if path.name != "flags.py"))
    assert set(FLAG_TEXTS) <= written


def test_every_text_is_a_sentence() -> None:
    for text in FLAG_TEXTS.values():
        assert text[0].isupper()
        assert text.endswith(".")
