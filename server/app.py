"""The Flask application, put together of its faces: WPS, OGC API, REST, the web page, result files, maps, health."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Protocol

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from processes import registry as all_processes
from processes import registry_with_diagnostics
from processes.base import declaration
from server.access import Access
from server.access.gate import add_gate
from server.callbacks import DELIVER
from server.crate import crate_blueprint
from server.errors import received, report
from server.execution import Execution
from server.jobs.guard import Guard
from server.jobs.queue import Jobs
from server.keys import Keys
from server.logs import REQUEST_ID
from server.metrics import Metrics
from server.ogcapi.face import blueprint as ogcapi_blueprint
from server.ogcapi.face import is_ogcapi
from server.ogcapi.problems import refusal as ogcapi_refusal
from server.outputs import outputs_blueprint
from server.ows.blueprint import ows_blueprint
from server.pywps_settings import give_to_pywps
from server.request_counts import RequestCounts
from server.rest.answers import refusal as rest_refusal
from server.rest.face import description_blueprint, is_rest, rest_blueprint
from server.rest.operations import V1
from server.rest.statistics import disk
from server.settings import Settings, prepare
from server.store import Store, open_store
from server.web.face import web_blueprint
from server.web.refusals import Refusals, is_for_a_person
from server.web.site import Web
from server.wps.endpoint import blueprint as wps_blueprint

LOG = logging.getLogger(__name__)

_OPEN_TO_ALL = ("/wps", "/ogcapi", "/outputs", "/ows", "/health")
"""What web pages of other origins may call."""

_CONTENT_SECURITY_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"
"""Of answers for programs: a browser that shows one runs nothing in it, such as what XML can hold of HTML."""

_HEALTH_AGAIN_SECONDS = 10


class JobEngine(Protocol):
    """What sees to it that accepted jobs run, as the web workers know it."""

    def start(self) -> None:
        """Begin, unless it has begun."""

    def wake(self, job_id: str) -> None:
        """Say that a job was accepted or given up."""

    def stop(self) -> None:
        """End this process's part in it."""


@dataclass(frozen=True)
class Service:
    """The parts of a running service; ``app.extensions["gasflux"]``."""

    settings: Settings
    store: Store
    jobs: Jobs
    engine: JobEngine
    requests: RequestCounts


def create_app(
    settings: Settings,
    registry: Callable[[], Mapping[str, Any]] | None = None,
    preload: tuple[str, ...] = ("server.jobs.warm",),
) -> Flask:
    """Make the application. Its engine starts at the first job, if nobody starts it before.

    :param registry: gives the processes; a function of a module, since jobs look it up by name. None: as the
        settings say.
    :param preload: modules that the embedded engine loads before it runs jobs.
    :raises server.settings_error.SettingsError: the service can't run on this machine with these settings.
    """
    prepare(settings)
    for note in settings.notes:
        LOG.warning(note)
    give_to_pywps(settings)
    if registry is None:
        registry = registry_with_diagnostics if settings.gasflux.diagnostics else all_processes
    store = open_store(settings)
    jobs = Jobs.open(settings, store)
    engine = _engine(settings, registry, preload)
    jobs.on_submit = jobs.on_dismiss = engine.wake

    app = Flask("server", static_folder=None)
    requests = RequestCounts(settings.jobs.database)
    app.extensions["gasflux"] = Service(settings, store, jobs, engine, requests)
    app.config["MAX_CONTENT_LENGTH"] = settings.server.maxrequestsize
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.server.maxrequestsize
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's own provider has it
    declarations = {name: declaration(process) for name, process in registry().items()}
    access = Access(settings, Keys.open(settings.jobs.database))
    execution = Execution(settings, jobs, declarations, access)
    app.register_blueprint(wps_blueprint(execution), url_prefix="/wps")
    app.register_blueprint(ogcapi_blueprint(execution))
    app.register_blueprint(outputs_blueprint(execution.job, store, settings.store.x_accel), url_prefix="/outputs")
    app.register_blueprint(crate_blueprint(execution), url_prefix="/outputs")
    app.register_blueprint(ows_blueprint(execution), url_prefix="/ows")
    app.register_blueprint(web_blueprint(execution))
    rest = rest_blueprint(execution, requests)
    app.register_blueprint(rest)
    app.register_blueprint(rest, url_prefix=V1, name="rest_v1")
    app.register_blueprint(description_blueprint(execution), url_prefix=V1)
    requests.watch(app)
    _add_health(app)
    _add_metrics(app)
    _add_errors(app, Refusals(Web(execution)))
    _add_headers(app, settings.security.cors_origin)
    # After what gives each request its id, which refusals name.
    add_gate(app, access, jobs, everything=settings.security.keys == "all")
    return app


def _engine(settings: Settings, registry: Callable[[], Mapping[str, Any]], preload: tuple[str, ...]) -> JobEngine:
    if settings.jobs.engine == "celery":
        # Half a second to load, for those who use it.
        from server.jobs.celery_app import CeleryEngine

        return CeleryEngine(settings)
    return Guard(settings, registry, preload, DELIVER)


def service_of(app: Flask) -> Service:
    """The parts behind an application."""
    service: Service = app.extensions["gasflux"]
    return service


def _add_health(app: Flask) -> None:
    started = time.monotonic()
    service = service_of(app)

    def health() -> Response:
        answer: dict[str, Any] = {
            "status": "ok",
            "version": version("gasflux-wps"),
            "uptime": round(time.monotonic() - started, 1),
            "database": "ok",
            "engine": {"name": service.settings.jobs.engine, "parallel": service.jobs.parallel},
            "disk_free": None,
            "disk": None,
        }
        try:
            answer["disk"] = disk(service.jobs)
            answer["disk_free"] = answer["disk"]["free"]
            answer["engine"].update(asdict(service.jobs.counts()))
        except OSError:
            LOG.exception("the folder of the jobs can't be reached")
            answer.update(status="failed", message="The folder of the jobs can't be reached.")
        except Exception:
            # Whatever the driver raises: a probe wants the answer no, not an error.
            LOG.exception("the database can't be reached")
            answer.update(status="failed", database="failed", message="The database can't be reached.")
        status = 200 if answer["status"] == "ok" else 503
        # Plain for probes, and in the envelope of the REST face.
        response = jsonify({**answer, "code": status, "message": answer.get("message", "ok"), "data": answer})
        response.status_code = status
        if status != 200:
            response.headers["Retry-After"] = str(_HEALTH_AGAIN_SECONDS)
        return response

    for path, name in (("/health", "health"), (f"{V1}/health", "health_v1")):
        app.add_url_rule(path, name, health)


def _add_metrics(app: Flask) -> None:
    app.add_url_rule("/metrics", "metrics", Metrics(service_of(app).jobs).page)


def _add_errors(app: Flask, refusals: Refusals) -> None:
    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Any:
        if is_ogcapi(request.path):
            return ogcapi_refusal(error, app.config["MAX_CONTENT_LENGTH"])
        if is_rest(request.path):
            return rest_refusal(error, app.config["MAX_CONTENT_LENGTH"])
        if is_for_a_person():
            return refusals.answer(error)
        response = error.get_response()  # keeps its headers, such as Allow
        response.data = app.json.dumps({"code": error.code, "message": error.description})
        response.content_type = "application/json"
        return response

    @app.errorhandler(Exception)
    def other_error(error: Exception) -> Response:
        if is_rest(request.path):
            return rest_refusal(error, app.config["MAX_CONTENT_LENGTH"])
        said = report(received(error, g.request_id), g.request_id)
        response = jsonify({"code": said.status, "message": said.faults[0].text})
        response.status_code = said.status
        if said.retry_after is not None:
            response.headers["Retry-After"] = str(said.retry_after)
        return response


def _add_headers(app: Flask, cors_origin: str) -> None:
    @app.before_request
    def name_request() -> None:
        g.request_id = uuid.uuid4().hex
        REQUEST_ID.set(g.request_id)

    @app.teardown_request
    def forget_request(_error: BaseException | None) -> None:
        REQUEST_ID.set(None)

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        # Pages and results have policies of their own.
        response.headers.setdefault("Content-Security-Policy", _CONTENT_SECURITY_POLICY)
        if "request_id" in g:
            response.headers["X-Request-ID"] = g.request_id
        if response.status_code == 401:
            response.headers.setdefault("WWW-Authenticate", 'ApiKey header="X-API-Key"')
        if cors_origin == "none" or not _open_to_all(request.path):
            return response
        response.headers["Access-Control-Allow-Origin"] = cors_origin
        if cors_origin != "*":
            response.vary.add("Origin")
        response.headers["Access-Control-Expose-Headers"] = (
            "Location, Link, Preference-Applied, Retry-After, Content-Length, Content-Range, ETag, X-Request-ID"
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
