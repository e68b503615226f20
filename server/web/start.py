"""The first page: a flight is dropped, looked through and sent."""

from __future__ import annotations

from flask import Blueprint, Response

from server.web.site import Web


def add_start(pages: Blueprint, web: Web) -> None:
    """Add the first page and what it calls."""

    @pages.get("/")
    def start() -> Response:
        return web.render("start")
