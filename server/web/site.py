"""What all pages of the web page have in common: language, look, words, and how they are rendered."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Response, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from processes.translation import translate
from server.access import Caller
from server.execution import Execution
from server.languages import LANGUAGES, preferred_language
from server.web.words import words_in

STATIC = Path(__file__).parent / "static"
"""Style, script and all that is vendored; no page asks any other address for them."""

LOOKS = ("auto", "light", "dark")

LANGUAGE_COOKIE = "gasflux_language"
LOOK_COOKIE = "gasflux_look"


class Web:
    """Renders the pages.

    :param execution: through which every page sees and changes jobs.
    """

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.settings = execution.settings
        self.access = execution.access
        self.base = urlsplit(self.settings.root).path.rstrip("/")
        """Path of the service below its host: empty, or such as ``/gasflux`` behind a proxy."""
        self._environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @cached_property
    def static_version(self) -> str:
        """Stands in the addresses of the static files, so that browsers keep them until they change."""
        digest = hashlib.sha256()
        for file in sorted(path for path in STATIC.rglob("*") if path.is_file()):
            digest.update(file.relative_to(STATIC).as_posix().encode())
            digest.update(file.read_bytes())
        return digest.hexdigest()[:16]

    def language(self) -> str:
        """The language of the request at hand: chosen on the page, else as the browser prefers."""
        chosen = request.cookies.get(LANGUAGE_COOKIE, "")
        return chosen if chosen in LANGUAGES else preferred_language(request.headers.get("Accept-Language"))

    def words(self) -> Mapping[str, str]:
        """The words of the page, in the language of the request at hand."""
        return words_in(self.language())

    def look(self) -> str:
        """``light``, ``dark``, or ``auto``: as the system is."""
        chosen = request.cookies.get(LOOK_COOKIE, "")
        return chosen if chosen in LOOKS else "auto"

    def caller(self) -> Caller:
        """Who looks at the page."""
        return self.access.caller()

    def render(self, template: str, /, status: int = 200, **values: Any) -> Response:
        """One page, or a part of one.

        :param template: its name, without ``.html.j2``.
        :param values: what it shows; ``caller`` among them where it is another than who sends the request.
        """
        language = self.language()
        if "caller" not in values:
            values["caller"] = self.caller()
        page = self._environment.get_template(f"{template}.html.j2").render(
            **values,
            language=language,
            languages={"en-US": "English", "zh-CN": "中文"},
            look=self.look(),
            words=words_in(language),
            service=translate(self.settings.metadata.identification_title, language),
            settings=self.settings,
            base=self.base,
            root=self.settings.root,
            static=f"{self.base}/static/{self.static_version}",
            # An address to which something was sent can't be opened again.
            here=request.full_path.rstrip("?") if request.method == "GET" else "/",
            path=request.path,
        )
        return Response(page, status=status, content_type="text/html; charset=utf-8")
