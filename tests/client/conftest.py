"""A service that answers as the REST face does, without calculating anything."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

FIGURES = {
    "gases": {
        "ch4": {
            "emission_rate": 56.72,
            "standard_uncertainty": 4.5,
            "interval95": [48.0, 65.8],
            "flags": ["few_transects"],
        }
    }
}


@dataclass
class FakeService:
    """What it is to say, and what it heard."""

    url: str = ""
    states: list[dict[str, Any]] = field(default_factory=list)
    """Told one after the other; the last one again and again."""
    busy: int = 0
    """So many requests are refused as busy first."""
    heard: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request."""
    upload: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


def envelope(data: Any, code: int = 200, message: str = "OK") -> Response:
    answer = jsonify({"code": code, "message": message, "data": data})
    answer.status_code = code
    return answer


def app_of(fake: FakeService) -> Flask:
    app = Flask("fake")

    @app.before_request
    def note() -> Response | None:
        fake.heard.append((request.method, request.path))
        fake.keys.append(request.headers.get("X-API-Key"))
        if fake.busy:
            fake.busy -= 1
            answer = envelope(None, 503, "100 jobs wait already; send the request again later")
            answer.headers["Retry-After"] = "0"
            return answer
        return None

    @app.post("/api/v1/upload")
    def upload() -> Response:
        fake.upload = {name: (part.filename, part.read()) for name, part in request.files.items()}
        return envelope({"task_id": "run-1"}, 202)

    @app.get("/api/v1/task/<task_id>")
    def task(task_id: str) -> Response:
        if task_id != "run-1":
            return envelope(None, 404, f"there is no task {task_id}")
        state = fake.states.pop(0) if len(fake.states) > 1 else fake.states[0]
        return envelope({"task_id": task_id, **state})

    @app.put("/api/v1/task/<task_id>")
    def change(task_id: str) -> Response:
        fake.states = [{"status": request.get_json()["status"]}]
        return envelope({})

    @app.delete("/api/v1/task/<task_id>")
    def remove(task_id: str) -> Response:
        return envelope({})

    @app.get("/api/v1/tasks")
    def tasks() -> Response:
        begin = (int(request.args["page"]) - 1) * int(request.args["per_page"])
        found = [one for one in fake.tasks if request.args.get("status") in (None, one["status"])]
        return envelope({"tasks": found[begin : begin + int(request.args["per_page"])]})

    @app.get("/download/run-1/<name>")
    def download(name: str) -> Response:
        return Response(fake.files[name])

    return app


@pytest.fixture
def fake() -> Iterator[FakeService]:
    service = FakeService()
    server = make_server("127.0.0.1", 0, app_of(service), threaded=True)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def completed(fake: FakeService, files: dict[str, bytes] | None = None) -> dict[str, Any]:
    """The state of a completed run with these files, which the service then has."""
    fake.files = {"figures.json": json.dumps(FIGURES).encode(), **(files or {})}
    results = [
        {"name": name, "size": len(content), "download_url": f"/download/run-1/{name}"}
        for name, content in fake.files.items()
    ]
    return {"status": "completed", "progress": 100, "results": results}
