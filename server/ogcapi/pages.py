"""The pages in HTML: whole in themselves, with no outside address, no script and nothing unescaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from processes.translation import translate
from server.ogcapi.site import Link, Site
from server.ogcapi.words import WORDS
from server.settings import Settings

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Even if something were left unescaped, it would not run."""


class Pages:
    """Renders the pages.

    :param site: the addresses that they link to.
    """

    def __init__(self, settings: Settings, site: Site) -> None:
        self._settings = settings
        self._site = site
        self._environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, name: str, language: str, links: list[Link], **values: Any) -> bytes:
        """One page.

        :param name: of its template.
        :param links: of the document that it shows.
        """
        metadata = self._settings.metadata
        page = self._environment.get_template(f"{name}.html.j2").render(
            values,
            language=language,
            links=links,
            words=WORDS[language],
            site=self._site,
            service=translate(metadata.identification_title, language),
            keys=self._settings.security.keys,
        )
        return page.encode()
