"""What the reference says of each path that the service answers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {
        "/": "The web page for people: drop a flight, see its rate.",
        "/api/v1/docs": "The paths of REST on a page.",
        "/api/v1/openapi.json": "The same as an OpenAPI document.",
        "/api_keys": "GET: the keys, never their secrets. POST: makes one with `name`, and if wanted `scopes`, `rate`, "
        "`quota`; it is shown once. For administrators.",
        "/api_keys/<key_id>": "GET: one key. DELETE: makes it useless.",
        "/check": "Looks through a flight that was dropped on the web page; a part of a page.",
        "/compare": "Two runs side by side: `a`, `b`; or `run` twice; or `q` to choose from.",
        "/config": "REST: the settings in force, secrets left out. For administrators where keys are asked for.",
        "/download/<task_id>/<path:name>": "REST: a result file, as an attachment; ranges work.",
        "/example": "Sends the example flight.",
        "/example/example_flight.csv": "The example flight.",
        "/keys": "Web page for administrators: the keys and the audit log (`page`); POST makes a key, shown once.",
        "/keys/<key_id>/link": "Makes an address of the service that holds the key, for `days`.",
        "/keys/<key_id>/revoke": "Makes a key useless.",
        "/outputs/<job_id>/ro-crate-metadata.json": "Who had what calculated, when, from which inputs and with which "
        "version, as RO-Crate 1.1 (JSON-LD).",
        "/outputs/<job_id>/ro-crate.zip": "That and all result files in one archive.",
        "/reports": "REST: pages of finished calculations with gas, rate, interval, time and links.",
        "/runs": "Web page: the runs of the caller, by `q`, `status`, `gas`, `from`, `to`, `order`, `page`. POST: "
        "sends a "
        "flight with the settings of the form.",
        "/runs/<job_id>/view": "The JSON product from which the page draws; 404 where the run has none.",
        "/runs/<run_id>": "One run: its progress, why it failed, or its result (`gas` chooses the gas).",
        "/runs/<run_id>/cancel": "Gives a run up.",
        "/runs/<run_id>/events": "How a run is doing, as server-sent events, until it ends.",
        "/runs/<run_id>/name": "Changes a run's name and notes.",
        "/runs/<run_id>/remove": "Removes a run with its results.",
        "/runs/<run_id>/status": "How a run is doing: `status`, `progress` (0 to 1), `message`, `ended`.",
        "/signin": "Signs a browser in by a key, where keys are asked for.",
        "/signout": "Signs it out.",
        "/stats": "REST: requests by method, endpoint and status, tasks, response times, memory, disk.",
        "/stats/reset": "Begins to count anew. For administrators where keys are asked for.",
        "/system": "Web page: the state of the service; `part=1`: the state alone, without the page round it.",
        "/task/<task_id>": "REST. GET: how a task is doing, its error, its result files. PUT: changes `name` and "
        "`notes`, "
        'or cancels (`{"status": "cancelled"}`). DELETE: cancels it and removes it.',
        "/tasks": "REST: pages of tasks, by `page`, `per_page`, `status`, `sort`, `order`, `q`.",
        "/tasks/active": "REST: the tasks that run.",
        "/tasks/queue": "REST: those that wait, each with its place.",
        "/tasks/stats": "REST: how many of each status.",
        "/upload": "REST: takes a flight (`file`: .csv, .xlsx, .xls) and, if wanted, a configuration (`config`: "
        "YAML); 202 "
        "with the task's id.",
        "/preferences": "Chooses language and look of the web page, and leads back to it.",
        "/static/<version>/<path:name>": "Style, script and the like of the web page, kept by browsers until they "
        "change.",
        "/health": "JSON for probes: status, version, database, the engine with its slots and how many jobs wait, run "
        "and are spread, free bytes. 503 where it can't work.",
        "/metrics": "Figures for Prometheus, in its text format: see [Metrics](metrics.md). For the operator: keep it "
        "from the public.",
        "/ogcapi": "The landing page of [OGC API – Processes](ogcapi.md), as JSON or HTML.",
        "/ogcapi/api": "Its definition: OpenAPI 3.0, or a page.",
        "/ogcapi/conformance": "What it conforms to.",
        "/ogcapi/jobs": "The jobs of the client, with the standard's filters; asks for a key where Execute does.",
        "/ogcapi/jobs/<job_id>": "GET: the status of a job. DELETE: cancels it, or removes it where it has ended; asks "
        "for a key where Execute does.",
        "/ogcapi/jobs/<job_id>/results": "The results of a job, as they were asked for.",
        "/ogcapi/jobs/<job_id>/results/<output_id>": "One of them, by itself.",
        "/ogcapi/processes": "The processes, each in short.",
        "/ogcapi/processes/<process_id>": "The description of a process.",
        "/ogcapi/processes/<process_id>/execution": "Runs a process; the request is JSON.",
        "/outputs/<job_id>/<name>": "A result file of a job, with its media type; ranges and `If-None-Match` work.",
        "/ows/<job_id>": "WMS, WCS and WFS of a job's result: see [maps](../how-to/maps.md).",
        "/ows/<job_id>/features": "The landing page of OGC API – Features over the same result, as JSON or HTML.",
        "/ows/<job_id>/features/api": "Its definition in OpenAPI 3.0.",
        "/ows/<job_id>/features/collections": "Its collections.",
        "/ows/<job_id>/features/collections/<collection_id>": "One of them.",
        "/ows/<job_id>/features/collections/<collection_id>/items": "The features, as GeoJSON: `bbox`, `datetime`, "
        "`limit`, `offset`.",
        "/ows/<job_id>/features/collections/<collection_id>/items/<feature_id>": "One feature.",
        "/ows/<job_id>/features/conformance": "What it conforms to.",
        "/wps": "WPS 1.0.0 and 2.0.2, as key-value pairs (GET) or XML (POST): see [WPS](wps.md).",
        "/wps/status/<job_id>": "GET: the status document of a job, an `ExecuteResponse`, rendered anew from the job "
        "table each time. DELETE: cancels the job, unless it has ended, with its sub-jobs, and gives the same "
        "document; asks for a key where Execute does.",
    }
)
"""What the reference says of each route of the application."""

API = "/api/v1"
"""The paths of REST are at the root and below this one alike."""


def meaning_of(path: str) -> str:
    """What a path is for.

    :raises KeyError: nothing says so.
    """
    at_root = path.removeprefix(API)
    if path in ENDPOINTS:
        return ENDPOINTS[path]
    if at_root not in ENDPOINTS:
        raise KeyError(path)
    return f"The same as `{at_root}`."
