"""The face of OGC API – Processes: its routes, and the pages that say what there is."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from flask import Blueprint, Response, request

from processes.declaration import ProcessDeclaration
from processes.translation import translated
from server.execution import Execution
from server.ogcapi.answers import answer, json_bytes
from server.ogcapi.definition import api_definition, execution_path
from server.ogcapi.descriptions import example_request, process_description, process_list
from server.ogcapi.jobs_face import JobsFace
from server.ogcapi.landing import conformance, landing_page
from server.ogcapi.negotiation import Form, check_query, wanted_form, wanted_language, whole_number
from server.ogcapi.pages import Pages
from server.ogcapi.problems import refusal
from server.ogcapi.site import JSON, OPENAPI, PATH, Site, page_links

_MOST_PROCESSES = 1000
_DEFAULT_PROCESSES = 100


def blueprint(execution: Execution) -> Blueprint:
    """The routes of the OGC API, for an application to mount."""
    settings = execution.settings
    site = Site.of(settings)
    pages = Pages(settings, site)
    face = Face(execution, site, pages)
    jobs = JobsFace(execution, site, pages)
    routes = Blueprint("ogcapi", __name__, url_prefix=PATH)

    def add(path: str, view: Callable[..., Response], method: str = "GET") -> None:
        routes.add_url_rule(path, view.__name__, view, methods=[method], strict_slashes=False)

    add("", face.landing)
    add("/conformance", face.conformance)
    add("/api", face.api)
    add("/processes", face.processes)
    add("/processes/<process_id>", face.process)
    add("/processes/<process_id>/execution", jobs.execute, "POST")
    add("/jobs", jobs.jobs)
    add("/jobs/<job_id>", jobs.status)
    add("/jobs/<job_id>", jobs.dismiss, "DELETE")
    add("/jobs/<job_id>/results", jobs.results)
    add("/jobs/<job_id>/results/<output_id>", jobs.result)
    routes.register_error_handler(Exception, lambda error: refusal(error, settings.server.maxrequestsize))
    return routes


def is_ogcapi(path: str) -> bool:
    """Whether a path of the service is this face's."""
    return path == PATH or path.startswith(f"{PATH}/")


class Face:
    """What the service is and offers. Each page is made once, for each form and language."""

    def __init__(self, execution: Execution, site: Site, pages: Pages) -> None:
        self._execution = execution
        self._settings = execution.settings
        self._site = site
        self._pages = pages
        self._declarations = lru_cache(maxsize=None)(self._translated)
        self._landing = lru_cache(maxsize=None)(self._make_landing)
        self._conformance = lru_cache(maxsize=None)(self._make_conformance)
        self._api = lru_cache(maxsize=None)(self._make_api)
        self._processes = lru_cache(maxsize=64)(self._make_processes)
        self._process = lru_cache(maxsize=512)(self._make_process)

    # --- routes -----------------------------------------------------------------------------------

    def landing(self) -> Response:
        """The landing page."""
        check_query()
        form, language = wanted_form(), wanted_language()
        return answer(self._landing(form, language), form, language, fresh=False)

    def conformance(self) -> Response:
        """The conformance classes."""
        check_query()
        form, language = wanted_form(), wanted_language()
        return answer(self._conformance(form, language), form, language, fresh=False)

    def api(self) -> Response:
        """The definition of the API."""
        check_query()
        form, language = wanted_form(definition=True), wanted_language()
        # Its own media type, but for those who know only that it is JSON.
        plain = not request.accept_mimetypes[OPENAPI.partition(";")[0]] and request.accept_mimetypes[JSON]
        media_type = JSON if plain else OPENAPI
        return answer(self._api(form, language), form, language, media_type=media_type, fresh=False)

    def processes(self) -> Response:
        """One page of the list of processes."""
        check_query(("limit", "offset"))
        form, language = wanted_form(), wanted_language()
        limit = whole_number("limit", _DEFAULT_PROCESSES, 1, _MOST_PROCESSES)
        # Beyond the last all pages are the same.
        offset = whole_number("offset", 0, 0, len(self._execution.declarations))
        return answer(self._processes(form, language, limit, offset), form, language, fresh=False)

    def process(self, process_id: str) -> Response:
        """The description of a process."""
        self._execution.find(process_id)
        check_query()
        form, language = wanted_form(), wanted_language()
        return answer(self._process(form, language, process_id), form, language, fresh=False)

    # --- what they show ---------------------------------------------------------------------------

    def _translated(self, language: str) -> dict[str, ProcessDeclaration]:
        return {name: translated(item, language) for name, item in self._execution.declarations.items()}

    def _make_landing(self, form: Form, language: str) -> bytes:
        document = landing_page(self._settings.metadata, self._site, language, form)
        if form == "json":
            return json_bytes(document)
        return self._pages.render("landing", language, document["links"], document=document)

    def _make_conformance(self, form: Form, language: str) -> bytes:
        document, links = conformance(self._site, form)
        if form == "json":
            return json_bytes(document)
        return self._pages.render("conformance", language, links, document=document)

    def _make_api(self, form: Form, language: str) -> bytes:
        declarations = list(self._declarations(language).values())
        document = api_definition(declarations, self._settings, self._site, language)
        if form == "json":
            return json_bytes(document)
        titles = {"json": "This page as JSON", "html": "This page as HTML"}
        links = page_links(self._site.api, {}, form, titles)
        own = {execution_path(item): item for item in declarations}
        return self._pages.render("api", language, links, document=document, own=own)

    def _make_processes(self, form: Form, language: str, limit: int, offset: int) -> bytes:
        declarations = list(self._declarations(language).values())
        document = process_list(declarations, self._site, limit=limit, offset=offset, shown=form)
        if form == "json":
            return json_bytes(document)
        return self._pages.render("processes", language, document["links"], document=document)

    def _make_process(self, form: Form, language: str, process_id: str) -> bytes:
        declared = self._declarations(language)[process_id]
        document = process_description(declared, self._site, form)
        if form == "json":
            return json_bytes(document)
        example = json_bytes(example_request(declared)).decode()
        return self._pages.render("process", language, document["links"], document=document, example=example)
