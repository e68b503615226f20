"""MapServer as a program: what it gets, how long, how much; with scripts in its place, and with itself."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from gasflux_core.errors import Busy
from server.ows import mapserver as module
from server.ows.addresses import map_services, mapserver_program
from server.ows.errors import MapServerFailed, NoMapServer, TooSlow
from server.ows.mapserver import MapServer
from tests.server.fakes import settings_in, until

JOB = "9b2f6c1e-3d4a-4f5b-8c6d-7e8f9a0b1c2d"
PAGE = "printf 'Content-Type: text/plain\\r\\n\\r\\n'"


def in_its_place(folder: Path, script: str, **environ: str) -> MapServer:
    program = folder / "mapserv"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return MapServer(settings_in(folder, GASFLUX_OWS_MAPSERVER=str(program), **environ))


def test_it_gets_the_request_and_nothing_of_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret of the house")
    answer = in_its_place(tmp_path, f"{PAGE}; env; pwd").answer(tmp_path, "service=WMS&a=1")
    assert (answer.status, answer.headers) == (200, {"Content-Type": "text/plain"})
    told = dict(line.partition("=")[::2] for line in answer.content.decode().splitlines())
    assert told["QUERY_STRING"] == "service=WMS&a=1" and told["REQUEST_METHOD"] == "GET"
    assert told["MS_MAPFILE"] == str(tmp_path / "map.map")
    assert told["MAPSERVER_CONFIG_FILE"] == str(tmp_path / "mapserver.conf")
    assert "secret of the house" not in answer.content.decode()
    assert answer.content.decode().splitlines()[-1] == str(tmp_path)


def test_a_document_comes_by_its_input(tmp_path: Path) -> None:
    script = f"{PAGE}; echo $REQUEST_METHOD $CONTENT_TYPE $CONTENT_LENGTH; cat"
    answer = in_its_place(tmp_path, script).answer(tmp_path, "", b"<a/>")
    assert answer.content == b"POST text/xml 4\n<a/>"


def test_its_status_and_headers_are_read(tmp_path: Path) -> None:
    script = (
        "printf 'Status: 404 Not Found\\nContent-Type: image/tiff\\nContent-Disposition: INLINE; filename=a.tif\\n"
        "X-Other: 1\\n\\nbody\\n\\nmore'"
    )
    answer = in_its_place(tmp_path, script).answer(tmp_path, "")
    assert answer.status == 404
    assert answer.headers == {"Content-Type": "image/tiff", "Content-Disposition": "INLINE; filename=a.tif"}
    assert answer.content == b"body\n\nmore"


@pytest.mark.parametrize("script", ["true", "echo hello", "exit 3", "printf 'A B\\r\\n\\r\\n'", "kill -9 $$"])
def test_no_answer_is_told_as_such(tmp_path: Path, script: str) -> None:
    with pytest.raises(MapServerFailed):
        in_its_place(tmp_path, script).answer(tmp_path, "")


def test_it_is_ended_when_its_time_is_over(tmp_path: Path) -> None:
    slow = in_its_place(tmp_path, "echo $$ > pid; exec sleep 60", GASFLUX_OWS_TIME_LIMIT="0.5")
    with pytest.raises(TooSlow, match=r"0\.5 s"):
        slow.answer(tmp_path, "")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_an_answer_without_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_ANSWER", 100_000)
    with pytest.raises(MapServerFailed, match="larger"):
        in_its_place(tmp_path, f"{PAGE}; exec cat /dev/zero").answer(tmp_path, "")


def test_complaints_fill_no_pipe(tmp_path: Path) -> None:
    script = f"head -c 1000000 /dev/zero >&2; {PAGE}; echo done"
    assert in_its_place(tmp_path, script).answer(tmp_path, "").content == b"done\n"


def test_memory_is_bounded(tmp_path: Path) -> None:
    script = f"sleep 0.3; {PAGE}; ulimit -v"
    limited = in_its_place(tmp_path, script, GASFLUX_OWS_MEMORY_LIMIT="300mb")
    assert limited.answer(tmp_path, "").content == b"307200\n"


def test_only_so_many_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.05)
    script = f"touch began; while [ ! -e go ]; do sleep 0.01; done; {PAGE}"
    few = in_its_place(tmp_path, script, GASFLUX_OWS_PARALLEL="1")
    first = threading.Thread(target=few.answer, args=(tmp_path, ""))
    first.start()
    until(lambda: (tmp_path / "began").exists())
    with pytest.raises(Busy) as caught:
        few.answer(tmp_path, "")
    assert caught.value.retry_after
    (tmp_path / "go").touch()
    first.join(20)
    assert few.answer(tmp_path, "").status == 200


def test_a_program_that_is_not_there_is_told_without_its_path(tmp_path: Path) -> None:
    gone = MapServer(settings_in(tmp_path, GASFLUX_OWS_MAPSERVER=str(tmp_path / "gone")))
    with pytest.raises(NoMapServer) as caught:
        gone.answer(tmp_path, "")
    assert str(tmp_path) not in caught.value.message


# --- whether there is one -------------------------------------------------------------------------


def test_the_operator_may_want_none(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, GASFLUX_OWS_MAPSERVER="none", GASFLUX_SERVER_URL="https://example.org/gas/wps")
    assert mapserver_program(settings) is None
    assert map_services(settings, JOB) == {"features": f"https://example.org/gas/ows/{JOB}/features"}
    with pytest.raises(NoMapServer):
        MapServer(settings).answer(tmp_path, "")


def test_a_named_one_is_believed_in(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, GASFLUX_OWS_MAPSERVER="/opt/mapserv", GASFLUX_SERVER_URL="https://example.org/wps")
    assert mapserver_program(settings) == "/opt/mapserv"
    services = map_services(settings, JOB)
    assert list(services) == ["features", "wms", "wcs", "wfs"]
    assert services["wcs"] == f"https://example.org/ows/{JOB}?service=WCS"


def test_it_is_searched_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.ows.addresses._FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert mapserver_program(settings_in(tmp_path)) is None
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "mapserv").write_text("#!/bin/sh\n")
    (folder / "mapserv").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    assert mapserver_program(settings_in(tmp_path)) == str(folder / "mapserv")


def test_nothing_of_an_answered_request_is_left_behind(tmp_path: Path) -> None:
    quick = in_its_place(tmp_path, PAGE)
    before = threading.active_count()
    quick.answer(tmp_path, "")
    until(lambda: threading.active_count() <= before)
