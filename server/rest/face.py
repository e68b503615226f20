"""The routes of the REST face, and what answers them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from server.access import Scope
from server.errors import NotAllowed
from server.execution import Execution
from server.origin import READING, asked_by_own_page
from server.request_counts import RequestCounts
from server.rest.answers import answer, refusal
from server.rest.definition import api_definition
from server.rest.keys_face import KeysFace
from server.rest.operations import DEFINITION_PATH, OPERATIONS, PAGE_PATH, V1
from server.rest.paging import check_query
from server.rest.statistics import Statistics
from server.rest.tasks_face import TasksFace

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_FIRST_PARTS = frozenset(operation.path.split("/")[1] for operation in OPERATIONS)


def rest_blueprint(execution: Execution, counts: RequestCounts) -> Blueprint:
    """The operations, to be mounted at the root and at :data:`server.rest.operations.V1`."""
    routes = Blueprint("rest", __name__)
    views: dict[str, Callable[..., Response]] = {
        **TasksFace(execution).views(),
        **KeysFace(execution).views(),
        **_service_views(execution, counts),
    }
    for operation in OPERATIONS:
        routes.add_url_rule(
            operation.path, operation.name, views[operation.name], methods=[operation.method], strict_slashes=False
        )
    routes.before_request(_check_origin)
    routes.register_error_handler(Exception, _refuser(execution))
    return routes


def _check_origin() -> None:
    """Let pass all but changes that a page of another origin asks for: where no key is needed, nothing else would.

    :raises NotAllowed: one does.
    """
    if request.method not in READING and asked_by_own_page() is False:
        raise NotAllowed("This change was asked for by a page of another origin. Programs ask without one.")


def description_blueprint(execution: Execution) -> Blueprint:
    """What this face says of itself, to be mounted at :data:`server.rest.operations.V1`."""
    settings, access = execution.settings, execution.access
    routes = Blueprint("rest_description", __name__)
    document = lru_cache(maxsize=1)(lambda: api_definition(settings))
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    @routes.get(DEFINITION_PATH)
    def definition() -> Response:
        access.require(Scope.READ)
        response = jsonify(document())
        response.headers["Cache-Control"] = "no-cache"
        return response

    @routes.get(PAGE_PATH)
    def page() -> Response:
        access.require(Scope.READ)
        text = pages.get_template("docs.html.j2").render(
            document=document(), root=settings.root, keys=settings.security.keys
        )
        response = Response(text, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["Cache-Control"] = "no-cache"
        return response

    routes.register_error_handler(Exception, _refuser(execution))
    return routes


def is_rest(path: str) -> bool:
    """Whether a path of the service is this face's."""
    return path == V1 or path.startswith(f"{V1}/") or path.split("/")[1] in _FIRST_PARTS


def _refuser(execution: Execution) -> Callable[[Exception], Response]:
    return lambda error: refusal(error, execution.settings.server.maxrequestsize)


def _service_views(execution: Execution, counts: RequestCounts) -> dict[str, Callable[..., Response]]:
    settings, access = execution.settings, execution.access
    gathered = Statistics(execution.jobs, counts)

    def statistics() -> Response:
        access.require(Scope.ADMIN)
        check_query(())
        return answer(gathered.document())

    def reset_statistics() -> Response:
        access.require(Scope.ADMIN)
        counts.reset()
        access.audit("statistics.reset", "")
        return answer({"reset": True}, "The requests are counted from zero.")

    def show_settings() -> Response:
        access.require(Scope.ADMIN)
        check_query(())
        return answer({"version": version("gasflux-wps"), "settings": [_setting(row) for row in settings.describe()]})

    return {"statistics": statistics, "reset_statistics": reset_statistics, "settings": show_settings}


def _setting(row: Any) -> dict[str, str]:
    return {"section": row.section, "key": row.key, "value": row.value, "source": row.source}
