"""The operations of this face, each declared once: routes, OpenAPI document and page are made from these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

V1 = "/api/v1"
"""Path of this face; but for its description of itself it is at the root as well."""


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _page(entries: str, schema: str) -> Schema:
    return {
        "allOf": [
            _ref("Page"),
            _object(**{entries: {"type": "array", "items": _ref(schema)}}),
        ]
    }


TEXT: Schema = {"type": "string"}


@dataclass(frozen=True)
class Operation:
    """One operation."""

    path: str
    """As Flask has it."""
    method: str
    name: str
    """Of the view that answers."""
    tag: str
    summary: str
    text: str
    data: Schema | None = None
    """What ``data`` of the answer is; None: the answer has no envelope."""
    status: int = 200
    refusals: tuple[int, ...] = ()
    """Statuses of errors beside those that every operation has."""
    query: tuple[str, ...] = ()
    """Names of its parameters among those of :mod:`server.rest.definition`."""
    body: str = ""
    """Name of the body's schema; a form for an upload, else JSON."""
    key: str = ""
    """For what a key is needed where the service asks for any: ``submit``, ``read``, ``admin``; blank: for nothing."""


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "/upload",
        "POST",
        "upload",
        "Tasks",
        "Send a flight",
        "Takes a flight, and a configuration if need be, and begins a task that makes everything from it: rates, "
        "report, layers. A configuration is the service's own or GasFlux's, in YAML. The task's id is in the answer.",
        _object(task_id=TEXT, status=_ref("Status"), name=TEXT, status_url=TEXT),
        status=202,
        refusals=(400, 413, 415),
        body="Upload",
        key="submit",
    ),
    Operation(
        "/task/<task_id>",
        "GET",
        "task",
        "Tasks",
        "How a task is doing",
        "Ask every few seconds until status is completed, failed or cancelled. Once completed, results has an entry "
        "for every file, and rates the rate of every gas.",
        _ref("TaskWithRates"),
        refusals=(404,),
        key="read",
    ),
    Operation(
        "/task/<task_id>",
        "PUT",
        "change_task",
        "Tasks",
        "Rename or cancel a task",
        "Sets name or notes, or cancels the task: by status cancelled, or action cancel. A task that has ended can't "
        "be cancelled (409).",
        _ref("TaskWithRates"),
        refusals=(400, 404, 409, 413, 415),
        body="TaskChange",
        key="submit",
    ),
    Operation(
        "/task/<task_id>",
        "DELETE",
        "remove_task",
        "Tasks",
        "Remove a task",
        "Cancels the task where it has not ended, and removes it with its results.",
        _object(task_id=TEXT, cancelled={"type": "boolean"}, removed={"type": "boolean"}),
        refusals=(404, 409),
        key="submit",
    ),
    Operation(
        "/tasks",
        "GET",
        "tasks",
        "Tasks",
        "The tasks",
        "Page by page, the newest first; where keys are needed, those of the key. A page beyond the last is empty.",
        _page("tasks", "Task"),
        refusals=(400,),
        query=("page", "per_page", "status", "sort", "order", "q"),
        key="read",
    ),
    Operation(
        "/tasks/stats",
        "GET",
        "task_counts",
        "Tasks",
        "How many tasks there are",
        "Counts by status.",
        _ref("TaskCounts"),
        key="read",
    ),
    Operation(
        "/tasks/active",
        "GET",
        "active_tasks",
        "Tasks",
        "The tasks that run",
        "Page by page, the newest first.",
        _page("tasks", "Task"),
        refusals=(400,),
        query=("page", "per_page"),
        key="read",
    ),
    Operation(
        "/tasks/queue",
        "GET",
        "waiting_tasks",
        "Tasks",
        "The tasks that wait",
        "Page by page, the oldest first, each with its position among all that wait. Clients take turns, so a task "
        "may begin before one that came earlier.",
        _page("tasks", "WaitingTask"),
        refusals=(400,),
        query=("page", "per_page"),
        key="read",
    ),
    Operation(
        "/reports",
        "GET",
        "reports",
        "Results",
        "The finished reports",
        "Page by page, the newest first: the rate of every gas with its interval, and where report and figures are.",
        _page("reports", "Report"),
        refusals=(400,),
        query=("page", "per_page", "q"),
        key="read",
    ),
    Operation(
        "/download/<task_id>/<path:name>",
        "GET",
        "download",
        "Results",
        "A result file",
        "As an attachment, with its media type. Ranges and If-None-Match work.",
        refusals=(404, 416),
        key="read",
    ),
    Operation(
        "/api_keys",
        "GET",
        "keys",
        "Keys",
        "The keys",
        "All keys, the oldest first, without their secrets.",
        _object(keys={"type": "array", "items": _ref("Key")}),
        key="admin",
    ),
    Operation(
        "/api_keys",
        "POST",
        "create_key",
        "Keys",
        "Make a key",
        "The answer is the only one that shows the key: keep it.",
        _ref("NewKey"),
        status=201,
        refusals=(400, 413, 415),
        body="KeyRequest",
        key="admin",
    ),
    Operation(
        "/api_keys/<key_id>",
        "GET",
        "key",
        "Keys",
        "One key",
        "By its id, without its secret.",
        _ref("Key"),
        refusals=(404,),
        key="admin",
    ),
    Operation(
        "/api_keys/<key_id>",
        "DELETE",
        "revoke_key",
        "Keys",
        "Revoke a key",
        "Nobody can use it from then on; running workers know within half a minute.",
        _ref("Key"),
        refusals=(404,),
        key="admin",
    ),
    Operation(
        "/stats",
        "GET",
        "statistics",
        "Service",
        "What the service has done",
        "Requests by method, endpoint and status over all web workers, response times in seconds, tasks, memory and "
        "disk in bytes. Tasks are counted since the job table was made.",
        _ref("Statistics"),
        key="admin",
    ),
    Operation(
        "/stats/reset",
        "POST",
        "reset_statistics",
        "Service",
        "Count requests from zero",
        "The counts of requests begin anew; those of tasks go on, since Prometheus reads them too.",
        _object(reset={"type": "boolean"}),
        key="admin",
    ),
    Operation(
        "/config",
        "GET",
        "settings",
        "Service",
        "The settings in force",
        "Every setting with its value and where that comes from; passwords and secrets are left out.",
        _object(settings={"type": "array", "items": _ref("Setting")}),
        key="admin",
    ),
)
"""All but ``/health``, which is the application's, and the two below."""

DEFINITION_PATH = "/openapi.json"
PAGE_PATH = "/docs"
