"""The processes that try the service itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from gasflux_core.errors import GasFluxError, InputError, MissingInput
from processes import registry_with_diagnostics
from processes.base import declaration, execute
from processes.declaration import InputValue, OutputValue
from processes.diagnostics import hog as hog_module
from processes.diagnostics.boom import EXIT_STATUS, SECRET
from processes.diagnostics.echo_complex import KINDS
from tests.conftest import ROOT
from tests.processes.chain import sent
from tests.processes.conftest import RecordingContext


def run(identifier: str, context: RecordingContext, **values: Any) -> dict[str, OutputValue]:
    return execute(registry_with_diagnostics()[identifier], sent(**values), context)


def content(value: OutputValue) -> bytes:
    assert value.file is not None
    return value.file.read_bytes()


EVERY_LITERAL = {
    "string": "Grüße <&> 𝄞",
    "enumeration": "blue",
    "quantity": "12.5",
    "preset": "another",
    "boolean": "true",
    "integer": "-3",
}


def test_echo_gives_back_every_literal(context: RecordingContext) -> None:
    made = run("echo", context, **EVERY_LITERAL, repeated=("a", "b", "a"))
    assert {name: made[name].text for name in EVERY_LITERAL} == EVERY_LITERAL
    assert made["repeated"].text == "a, b, a"
    assert made["quantity"].unit == "m"
    assert json.loads(content(made["all"])) == {
        "string": ["Grüße <&> 𝄞"],
        "enumeration": ["blue"],
        "quantity": [12.5],
        "repeated": ["a", "b", "a"],
        "preset": ["another"],
        "boolean": [True],
        "integer": [-3],
    }


def test_echo_has_defaults_for_all_but_the_mandatory_one(context: RecordingContext) -> None:
    said = declaration(registry_with_diagnostics()["echo"])
    context.outputs = frozenset(item.identifier for item in said.outputs)
    made = run("echo", context, string="x")
    assert made.keys() == context.outputs
    for item in said.inputs:
        if item.default is not None:
            assert made[item.identifier].text == item.default
    with pytest.raises(MissingInput) as caught:
        run("echo", context)
    assert caught.value.parameter == "string"


@pytest.mark.parametrize(
    ("name", "value"), [("enumeration", "yellow"), ("quantity", "0"), ("quantity", "1001"), ("integer", "1.5")]
)
def test_echo_refuses_what_its_declaration_refuses(context: RecordingContext, name: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        run("echo", context, string="x", **{name: value})
    assert caught.value.parameter == name


def test_files_come_back_byte_for_byte(context: RecordingContext, tmp_path: Path) -> None:
    contents = {"text": b"a\r\nb\n\n", "xml": b"<?xml version='1.0'?>\n<a  b = 'c'/>\n", "binary": bytes(range(256))}
    files = {}
    for name, whole in contents.items():
        files[name] = tmp_path / name
        files[name].write_bytes(whole)
    made = run("echo_complex", context, **files)
    assert {name: content(value) for name, value in made.items()} == contents
    assert {name: value.media_type for name, value in made.items()} == {
        name: form.mime_type for name, (_, _, form) in KINDS.items()
    }


def test_a_file_asked_for_and_not_sent_is_named(context: RecordingContext, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x")
    assert run("echo_complex", context, text=tmp_path / "text").keys() == {"text"}
    context.outputs = frozenset({"xml"})
    with pytest.raises(MissingInput) as caught:
        run("echo_complex", context, text=tmp_path / "text")
    assert caught.value.parameter == "xml"
    context.outputs = None
    with pytest.raises(MissingInput):
        run("echo_complex", context)


def test_binary_files_are_declared_as_base64() -> None:
    said = declaration(registry_with_diagnostics()["echo_complex"])
    encodings = {item.identifier: item.formats[0].encoding for item in said.inputs}
    assert encodings == {"text": "", "xml": "", "binary": "base64"}


def test_slow_takes_its_time_and_tells_its_steps(context: RecordingContext) -> None:
    made = run("slow", context, seconds="0.05", steps="4")
    assert float(made["seconds"].text or "") >= 0.05
    assert [fraction for fraction, _ in context.told] == [0.0, 0.25, 0.5, 0.75]
    assert context.told[0][1] == "Step 1 of 4"
    assert json.loads(content(made["children"])) == []


def test_slow_leaves_processes_behind(context: RecordingContext) -> None:
    before = signal.getsignal(signal.SIGTERM)
    made = run("slow", context, seconds="0", steps="1", children="2", ignore_term="true")
    children = [psutil.Process(number) for number in json.loads(content(made["children"]))]
    try:
        assert len(children) == 2
        assert context.told[0][1] == f"Step 1 of 1, left behind: {children[0].pid} {children[1].pid}"
        for child in children:
            assert child.is_running() and os.getsid(child.pid) == child.pid
            assert _ignores_term(child.pid)
    finally:
        for child in children:
            child.kill()
            child.wait(10)
    assert signal.getsignal(signal.SIGTERM) is before


def _ignores_term(process_id: int) -> bool:
    ignored = next(
        line for line in Path(f"/proc/{process_id}/status").read_text().splitlines() if line.startswith("SigIgn")
    )
    return bool(int(ignored.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


_HOG = """
import sys, time, psutil
from pathlib import Path
from tests.processes.conftest import RecordingContext
from tests.processes.test_diagnostics import run
held = []
time.sleep = lambda _: held.append(psutil.Process().memory_info().rss)
before = psutil.Process().memory_info().rss
made = run("hog", RecordingContext(Path(sys.argv[1])), megabytes="205", seconds="1")
print(made["megabytes"].text, *(one - before for one in held))
"""


def test_hog_really_holds_the_memory(tmp_path: Path) -> None:
    # In a process of its own: another's heap has free pages that the hog could take.
    ran = subprocess.run([sys.executable, "-c", _HOG, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True)
    megabytes, held = ran.stdout.split()
    assert megabytes == "205.0"
    assert int(held) > 204_000_000
    assert list(tmp_path.iterdir()) == []


def test_hog_really_holds_the_disk(context: RecordingContext, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(
        time, "sleep", lambda _: seen.append(sum(file.stat().st_blocks * 512 for file in context.workdir.iterdir()))
    )
    made = run("hog", context, megabytes="13", mode="disk")
    assert made["megabytes"].text == "13.0"
    assert seen and seen[0] >= 13_000_000
    assert list(context.workdir.iterdir()) == []


def test_hog_tells_how_far_it_is(context: RecordingContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hog_module, "_PIECE", 1)
    run("hog", context, megabytes="3", seconds="0")
    assert [text for _, text in context.told] == [
        "Holding 0 of 3 MB",
        "Holding 1 of 3 MB",
        "Holding 2 of 3 MB",
        "Holding 3 MB",
    ]


@pytest.mark.parametrize("how", [None, "raise"])
def test_boom_raises_what_is_not_meant_for_clients(context: RecordingContext, how: str | None) -> None:
    with pytest.raises(RuntimeError, match=SECRET) as caught:
        execute(registry_with_diagnostics()["boom"], {"how": [InputValue(text=how)]}, context)
    assert not isinstance(caught.value, GasFluxError)


@pytest.mark.parametrize(("how", "status"), [("exit", EXIT_STATUS), ("kill", -signal.SIGKILL)])
def test_boom_ends_its_process(context: RecordingContext, how: str, status: int) -> None:
    child = os.fork()
    if child == 0:
        try:
            run("boom", context, how=how)
        finally:
            os._exit(0)
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) == status
