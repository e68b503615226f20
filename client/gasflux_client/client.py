"""The service, as a script sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import requests

from gasflux_client.connection import Connection
from gasflux_client.run import Run, Status

_PAGE = 50


class Client:
    """A GasFlux service.

    :param url: its address, such as ``https://gasflux.example.org``.
    :param key: the key that it asks for, if it does.
    :param timeout: longest wait in seconds for an answer to begin.
    :param session: for proxies, certificates and the like.
    :raises ValueError: the address is none.
    """

    def __init__(
        self, url: str, key: str | None = None, *, timeout: float = 60.0, session: requests.Session | None = None
    ) -> None:
        self._connection = Connection(url, key, timeout, session)

    def __repr__(self) -> str:
        return f"Client({self._connection.root!r})"

    def submit(
        self,
        flight: str | Path,
        *,
        gases: Sequence[str] | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        config: str | Path | None = None,
    ) -> Run:
        """Send a flight; the run waits or goes on when this returns.

        :param flight: file of the flight table: CSV, XLSX or XLS.
        :param gases: formulas, such as ``["ch4", "co2"]``; None: as the configuration says, else methane.
        :param settings: section → name → value, such as ``{"variogram": {"model": "spherical"}}``.
        :param config: a configuration file (YAML) in their place.
        :raises ValueError: there are both a configuration file, and gases or settings.
        :raises FileNotFoundError: there is no such file.
        :raises gasflux_client.Refused: the service refuses it, and says why.
        """
        if config is not None and (gases is not None or settings is not None):
            raise ValueError("give either config, or gases and settings: which of them wins would be a guess")
        stated = {**({"gases": list(gases)} if gases is not None else {}), **(settings or {})}
        with ExitStack() as files:

            def send() -> dict[str, Any]:
                path = Path(flight)
                parts: dict[str, Any] = {"file": (path.name, files.enter_context(path.open("rb")))}
                if config is not None:
                    parts["config"] = (Path(config).name, files.enter_context(Path(config).open("rb")))
                elif stated:
                    # JSON is YAML.
                    parts["config"] = ("config.yaml", json.dumps(stated).encode())
                return {"files": parts}

            told = self._connection.ask("POST", "/upload", send)
        return self.run(str(told["task_id"]))

    def run(self, run_id: str) -> Run:
        """A run that was sent before.

        :raises gasflux_client.Refused: there is none of that id, or it is another key's.
        """
        return Run(self._connection, run_id)

    def runs(self, status: Status | str | None = None) -> Iterator[Run]:
        """The runs of this key, the newest first.

        :param status: only these.
        """
        page = 1
        while True:
            query: dict[str, Any] = {"page": page, "per_page": _PAGE}
            if status is not None:
                query["status"] = str(status)
            told = self._connection.ask("GET", "/tasks", params=query)
            yield from (Run(self._connection, task["task_id"], task) for task in told["tasks"])
            if len(told["tasks"]) < _PAGE:
                return
            page += 1
