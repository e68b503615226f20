"""The Flask application: the WPS at ``/wps``, result files at ``/outputs``, ``/health`` and a first page."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from flask import Flask, Response, g, jsonify, render_template_string, request
from werkzeug.exceptions import HTTPException

from processes import registry as all_processes
from server.errors import internal_text
from server.jobs.queue import Jobs
from server.jobs.supervisor import Supervisor
from server.keys import Keys
from server.outputs import outputs_blueprint
from server.pywps_settings import give_to_pywps
from server.settings import Settings, prepare
from server.store import Store, free_bytes
from server.wps.face import blueprint

LOG = logging.getLogger(__name__)

_OPEN_TO_ALL = ("/wps", "/outputs", "/health")
"""What web pages of other origins may call."""

_FIRST_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ title }}</title></head>
<body>
<h1>{{ title }}</h1>
<p>{{ abstract }}</p>
<ul>
<li>WPS for clients: <code>{{ url }}</code>
(<a href="{{ url }}?service=WPS&amp;request=GetCapabilities">capabilities</a>)</li>
<li><a href="health">Health</a></li>
</ul>
</body>
</html>
"""


@dataclass(frozen=True)
class Service:
    """The parts of a running service; ``app.extensions["gasflux"]``."""

    settings: Settings
    store: Store
    jobs: Jobs
    supervisor: Supervisor


def create_app(
    settings: Settings,
    registry: Callable[[], Mapping[str, Any]] = all_processes,
    preload: tuple[str, ...] = ("server.jobs.warm",),
) -> Flask:
    """Make the application. Its supervisor starts at the first job, if nobody starts it before.

    :param registry: gives the processes; a function of a module, since jobs look it up by name.
    :param preload: modules that the fork server of jobs loads.
    :raises server.settings_error.SettingsError: the service can't run on this machine with these settings.
    """
    prepare(settings)
    for note in settings.notes:
        LOG.warning(note)
    give_to_pywps(settings)
    store = Store(settings.server.outputpath, settings.server.workdir, settings.server.outputurl)
    jobs = Jobs.open(settings, store)
    supervisor = Supervisor(settings, jobs, store, registry, preload)
    jobs.on_submit = supervisor.wake

    app = Flask("server", static_folder=None)
    app.extensions["gasflux"] = Service(settings, store, jobs, supervisor)
    app.config["MAX_CONTENT_LENGTH"] = settings.server.maxrequestsize
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.server.maxrequestsize
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's own provider has it
    keys = Keys.open(settings.jobs.database) if settings.security.keys == "execute" else None
    app.register_blueprint(blueprint(settings, jobs, registry(), keys), url_prefix="/wps")
    app.register_blueprint(outputs_blueprint(jobs, store), url_prefix="/outputs")
    _add_first_page(app, settings)
    _add_health(app)
    _add_errors(app)
    _add_headers(app, settings.security.cors_origin)
    return app


def service_of(app: Flask) -> Service:
    """The parts behind an application."""
    service: Service = app.extensions["gasflux"]
    return service


def _add_first_page(app: Flask, settings: Settings) -> None:
    @app.get("/")
    def first_page() -> str:
        metadata = settings.metadata
        return render_template_string(
            _FIRST_PAGE,
            title=metadata.identification_title,
            abstract=metadata.identification_abstract,
            url=settings.server.url,
        )


def _add_health(app: Flask) -> None:
    started = time.monotonic()
    service = service_of(app)

    @app.get("/health")
    def health() -> tuple[Response, int]:
        answer: dict[str, Any] = {
            "status": "ok",
            "version": version("gasflux-wps"),
            "uptime": round(time.monotonic() - started, 1),
            "database": "ok",
            "engine": {"name": "embedded", "parallel": service.jobs.parallel},
            "disk_free": None,
        }
        try:
            answer["disk_free"] = free_bytes(service.store.outputs)
            counts = service.jobs.counts()
            answer["engine"].update({status.value: count for status, count in counts.items()})
        except OSError:
            LOG.exception("the folder of the outputs can't be reached")
            answer["status"] = "failed"
        except Exception:
            # Whatever the driver raises: a probe wants the answer no, not an error.
            LOG.exception("the database can't be reached")
            answer["status"] = answer["database"] = "failed"
        return jsonify(answer), 200 if answer["status"] == "ok" else 503


def _add_errors(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Any:
        response = error.get_response()  # keeps its headers, such as Allow
        response.data = app.json.dumps({"code": error.code, "message": error.description})
        response.content_type = "application/json"
        return response

    @app.errorhandler(Exception)
    def unknown_error(error: Exception) -> tuple[Response, int]:
        LOG.error("request:%s failed", g.request_id, exc_info=error)
        return jsonify({"code": 500, "message": internal_text(g.request_id)}), 500


def _add_headers(app: Flask, cors_origin: str) -> None:
    @app.before_request
    def name_request() -> None:
        g.request_id = uuid.uuid4().hex

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        if "request_id" in g:
            response.headers["X-Request-ID"] = g.request_id
        if cors_origin == "none" or not _open_to_all(request.path):
            return response
        response.headers["Access-Control-Allow-Origin"] = cors_origin
        if cors_origin != "*":
            response.vary.add("Origin")
        response.headers["Access-Control-Expose-Headers"] = (
            "Location, Retry-After, Content-Length, Content-Range, ETag, X-Request-ID"
        )
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "GET, HEAD, POST, OPTIONS")
            asked = request.headers.get("Access-Control-Request-Headers", "")
            response.headers["Access-Control-Allow-Headers"] = asked or "Content-Type, Range"
            response.headers["Access-Control-Max-Age"] = "86400"
            response.vary.add("Access-Control-Request-Headers")
        return response


def _open_to_all(path: str) -> bool:
    return any(path == base or path.startswith(f"{base}/") for base in _OPEN_TO_ALL)
