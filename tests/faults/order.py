"""What must be in order after a fault, and a service for one test that is looked over at its end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.faults import tree
from tests.faults.service import BOUND, ENDED, FaultService, Kind


@contextmanager
def fault_service(folder: Path, kind: Kind = "gunicorn", **settings: str) -> Iterator[FaultService]:
    """A service for one test; at the end everything must be in order, and be gone 10 s after SIGTERM."""
    service = FaultService(folder, kind, {f"GASFLUX_{name}".upper(): value for name, value in settings.items()})
    try:
        service.start()
        service.wait_supervisor()
        yield service
        assert_in_order(service)
        service.stop()
    except AssertionError as error:
        error.add_note(f"the log ends with\n{service.log.read_text()[-6000:]}")
        raise
    finally:
        service.crash()


def recovery(service: FaultService, up: float, before_echo: Callable[[], object] = lambda: None) -> float:
    """Seconds from when the service was up until every accepted job has ended or runs again, and an echo works.

    :param up: in the clock of ``time.monotonic``.
    :param before_echo: makes room for a synchronous request.
    """
    limit = up + 3 * BOUND
    while not _settled(service):
        assert time.monotonic() < limit, f"not recovered: {list(service.rows().values())}"
        time.sleep(0.02)
    before_echo()
    while not service.echo_works():
        assert time.monotonic() < limit, "no echo after the fault"
        time.sleep(0.02)
    return time.monotonic() - up


def _settled(service: FaultService) -> bool:
    """Whether each job has ended, runs under a living owner, or waits while all slots for its kind are taken."""
    rows = list(service.rows().values())
    waiting = [row for row in rows if row.status == "accepted"]
    if not all(row.settled for row in rows if row.status != "accepted"):
        return False
    taken = sum(row.status == "running" for row in rows)
    free_to_them = service.parallel if any(row.mode == "sync" for row in waiting) else _slots_of_async(service)
    return not waiting or taken >= free_to_them


def _slots_of_async(service: FaultService) -> int:
    return max(1, service.parallel - service.sync_slots)


def assert_in_order(service: FaultService) -> None:
    """Nothing is left behind, and every slot works."""
    assert_nothing_left(service)
    _assert_all_slots_work(service)
    assert_nothing_left(service)


def assert_nothing_left(service: FaultService) -> None:
    """Every job has ended, and no folder or process of it remains; results are whole; the queue moves."""
    tree.until(lambda: all(row.status in ENDED for row in service.rows().values()), BOUND, "all jobs have ended")
    _until_empty(lambda: leftovers(service), BOUND, "folder")
    _until_empty(lambda: strangers(service), BOUND, "process")
    _assert_results_whole(service)
    assert service.echo_works()


def _until_empty(look: Callable[[], list[str]], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while found := look():
        assert time.monotonic() < end, f"a {what} is left behind after {seconds:g} s: {found}"
        time.sleep(0.02)


def leftovers(service: FaultService) -> list[str]:
    """Files and folders of jobs that should not be there, when no job runs."""
    rows = service.rows()
    work, outputs = service.data / "work", service.data / "outputs"
    found = [path for name in ("attempts", "incoming", "removed") for path in _listed(work / name)]
    found += [
        path
        for path in _listed(work / "inputs")
        if path.name not in rows or rows[path.name].status not in ("failed", "dismissed", "accepted", "running")
    ]
    found += [path for path in _listed(outputs) if path.name not in rows or rows[path.name].status != "successful"]
    folders = {"attempts", "incoming", "inputs", "removed"}
    found += [path for path in _listed(work) if path.is_dir() and path.name not in folders]
    return [str(path.relative_to(service.data)) for path in found]


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def strangers(service: FaultService) -> list[str]:
    """Processes beyond those of a service at rest, and zombies; a supervisor has one child ready for the next job."""
    supervisor = service.supervisor()
    there = service.processes()
    ready = {pid for pid in there if supervisor is not None and tree.parent(pid) == supervisor}
    expected = {service.master, supervisor} | service.web_workers() | (ready if len(ready) == 1 else set())
    found = [f"{pid} {_command_of(pid)}" for pid in there - expected]
    found += [f"{pid} of a job" for pid in service.at_work()]
    found += [f"{pid} zombie" for pid in tree.zombies_of(there)]
    workers = int(service.settings["GASFLUX_WORKERS"]) if service.kind != "waitress" else 0
    if len(service.web_workers()) != workers:
        found.append(f"{len(service.web_workers())} web workers")
    return found


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
    except OSError:
        return "gone"


def _assert_all_slots_work(service: FaultService) -> None:
    """As many jobs as may run do run at the same time; an echo works after them."""
    sync = min(service.sync_slots, service.parallel - 1)
    seconds = [60 + number for number in range(service.parallel)]  # no two alike, where alike ones share a job
    with ThreadPoolExecutor(sync + 1) as clients:
        waiting = [clients.submit(service.sync, "slow", seconds=each) for each in seconds[:sync]]
        for each in seconds[sync:]:
            service.submit("slow", seconds=each)
        try:
            tree.until(lambda: service.running() == service.parallel, BOUND, "as many jobs run as may")
        finally:
            for row in service.rows().values():
                if row.status not in ENDED:
                    service.cancel(row.id)
        assert all(client.result().status != 200 for client in waiting), "clients of cancelled jobs are told"
    assert service.echo_works()


def _assert_results_whole(service: FaultService) -> None:
    """Every file of every successful job is there with the size and hash of its row."""
    for row in service.rows().values():
        for item in (row.results or {}).values():
            if item["file"] is not None:
                content = (service.data / "outputs" / row.id / item["file"]).read_bytes()
                assert (len(content), hashlib.sha256(content).hexdigest()) == (item["size"], item["sha256"])
