"""The first page: a flight is dropped, looked through and sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from gasflux_core.errors import InputError, NoSolution
from processes.translation import translate
from server.access import Scope
from server.errors import UnknownProcess, report
from server.jobs.model import Job
from server.jobs.queue import NoSuchJob
from server.jobs.request import InputItem, JobRequest, Upload
from server.store.names import is_id
from server.web import form
from server.web.example import FILE_NAME, RATE, example_flight
from server.web.flight_check import UnreadFlight, check_flight, track_picture
from server.web.refusals import wants_json
from server.web.site import Web

_OWN_FIELDS = (form.FLIGHT, form.CONFIGURATION_FILE, form.NAME)
"""Those of the page, beside the inputs' own."""

_MEGABYTE = 1024 * 1024


def add_start(pages: Blueprint, web: Web) -> None:
    """Add the first page and what it calls."""
    page = StartPage(web)
    pages.get("/", endpoint="start")(page.start)
    pages.post("/check", endpoint="check")(page.check)
    pages.post("/runs", endpoint="send")(page.send)
    pages.post("/example", endpoint="send_example")(page.send_example)
    pages.get(f"/example/{FILE_NAME}", endpoint="example")(page.example)


class StartPage:
    """The first page and what it calls.

    :param web: renders it.
    """

    def __init__(self, web: Web) -> None:
        self._web = web
        self._execution = web.execution

    # --- routes -----------------------------------------------------------------------------------

    def start(self) -> Response:
        """The form, empty or as an earlier run had it."""
        earlier = self._earlier(request.args.get("like", ""))
        return self._page(values=form.values_of(earlier) if earlier else {}, earlier=earlier)

    def check(self) -> Response:
        """What is read from a flight: a part of the page; or the whole, for browsers without script."""
        self._execution.client()
        file = request.files.get(form.FLIGHT)
        language = self._web.language()
        shown: dict[str, Any] = {"check": None, "unread": "", "picture": None}
        status = 200
        try:
            if file is None:
                raise UnreadFlight(self._words["start_no_file"])
            shown["check"] = check_flight(self._execution, file, self._configuration(), language)
            shown["picture"] = track_picture(shown["check"].get("track"))
        except (UnreadFlight, InputError, NoSolution) as error:
            if isinstance(error, UnknownProcess):
                raise
            # A file that can't be read is an answer of this page, not a fault of the request.
            shown["unread"], status = (
                error.message,
                200 if isinstance(error, UnreadFlight) else report(error, "").status,
            )
        if request.headers.get("X-Part") == "check":
            response = self._web.render("check", status, **shown)
            response.headers["X-Part"] = "check"
            return response
        return self._page(status=status, values=form.values_sent(request.form), **shown)

    def send(self) -> AnyResponse:
        """Accept a run, or show the form again with what is wrong at each field."""
        self._execution.client()
        declared = self._execution.find(form.PROCESS)
        try:
            sent = form.read_form(declared, request.form, request.files, self._web.language())
            job = self._execution.submit(sent.request, sent.uploads, sent.name)
        except InputError as error:
            return self._refused(error)
        return self._accepted(job)

    def send_example(self) -> AnyResponse:
        """Run the example flight."""
        words, content = self._words, example_flight()
        inputs = {
            form.FLIGHT: [InputItem(upload="flight", media_type="text/csv", file_name=FILE_NAME)],
            "gases": [InputItem(text="ch4")],
        }
        asked = JobRequest(form.PROCESS, inputs, mode="async", language=self._web.language(), face="web")
        name = words["start_example_name"].format(rate=RATE)
        return self._accepted(self._execution.submit(asked, (Upload("flight", content),), name))

    def example(self) -> Response:
        """The example flight as a file, to see how a table looks."""
        response = Response(example_flight(), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
        return response

    # --- parts of them ----------------------------------------------------------------------------

    @property
    def _words(self) -> Mapping[str, str]:
        return self._web.words()

    def _page(
        self,
        status: int = 200,
        values: Mapping[str, str] | None = None,
        faults: Mapping[str, list[str]] | None = None,
        earlier: Job | None = None,
        **shown: Any,
    ) -> Response:
        language = self._web.language()
        values, faults = values or {}, faults or {}
        declared = form.untold(self._execution.find(form.PROCESS), language)
        main, others = form.fields_of(declared, language, values, faults)
        flight = declared.input(form.FLIGHT)
        assert flight is not None
        shown_at = {*_OWN_FIELDS, *(field.identifier for field in (*main, *others))}
        server = self._web.settings.server
        return self._web.render(
            "start",
            status,
            **{"check": None, "unread": "", "picture": None, **shown},
            main=main,
            others=others,
            flight=flight,
            accept=",".join(dict.fromkeys(one.extension for one in flight.formats)),
            name=values.get(form.NAME, ""),
            faults={known: faults.get(known, []) for known in _OWN_FIELDS},
            refused=bool(faults),
            general=[text for name, texts in faults.items() if name not in shown_at for text in texts],
            earlier=earlier,
            about=translate(self._web.settings.metadata.identification_abstract, language),
            limit=min(server.maxsingleinputsize, server.maxrequestsize),
            limit_shown=f"{min(server.maxsingleinputsize, server.maxrequestsize) / _MEGABYTE:.4g}",
            example_name=FILE_NAME,
            example_rate=RATE,
        )

    def _refused(self, error: InputError) -> Response:
        faults = form.faults_by_field(error)
        told = report(error, "")
        if wants_json():
            faulty = [{"input": name, "message": text} for name, texts in faults.items() for text in texts]
            return _json({"message": self._words["start_refused"], "faults": faulty}, told.status)
        return self._page(told.status, form.values_sent(request.form), faults)

    def _accepted(self, job: Job) -> AnyResponse:
        location = f"{self._web.base}/runs/{job.id}"
        if wants_json():
            response = _json({"location": location, "id": job.id}, 201)
            response.headers["Location"] = location
            return response
        return redirect(location, 303)

    def _earlier(self, job_id: str) -> Job | None:
        """The run whose settings are wanted; None where none is, or it is gone."""
        if not is_id(job_id):
            return None
        self._web.access.require(Scope.READ)
        try:
            job = self._execution.job(job_id)
        except NoSuchJob:
            return None
        return job if job.process == form.PROCESS else None

    def _configuration(self) -> str:
        """The configuration that is to go with the flight, as far as it can be read."""
        file = request.files.get(form.CONFIGURATION_FILE)
        text = file.read().decode("utf-8-sig", "replace") if file else ""
        return text or request.form.get(form.CONFIGURATION, "")


def _json(values: Any, status: int) -> Response:
    response = jsonify(values)
    response.status_code = status
    return response
