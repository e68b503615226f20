"""Signing in with a key, and out again."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from server.access.sessions import COOKIE, SECONDS
from server.errors import TooManyRequests
from server.keys import NoKey
from server.origin import own_path
from server.web.site import Web


def add_session(pages: Blueprint, web: Web) -> None:
    """Add the page on which one signs in, and what all pages do where a key is needed and none is there."""
    needed = web.settings.security.keys != "open"

    @pages.get("/signin")
    def signin() -> AnyResponse:
        """Ask for a key."""
        if not needed:
            return redirect(f"{web.base}/", 303)
        return web.render("signin", next=own_path(request.args.get("next", "/")), problem="")

    @pages.post("/signin")
    def enter() -> AnyResponse:
        """Begin a session, and lead back to where a key was needed."""
        if not needed:
            return redirect(f"{web.base}/", 303)
        target = own_path(request.form.get("next", "/"))
        try:
            cookie = web.access.sign_in(request.form.get("key", ""))
        except NoKey:
            return web.render("signin", 401, next=target, problem="session_wrong")
        except TooManyRequests as error:
            response = web.render("signin", 429, next=target, problem="session_too_many")
            response.headers["Retry-After"] = str(error.retry_after)
            return response
        answer = redirect(web.base + target, 303)
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=SECONDS,
            httponly=True,
            secure=web.settings.root.startswith("https:"),
            # Not strict: who follows a link to a run from a message should find it.
            samesite="Lax",
            path=f"{web.base}/",
        )
        return answer

    @pages.post("/signout")
    def signout() -> AnyResponse:
        """End the session."""
        answer = redirect(f"{web.base}/signin", 303)
        answer.delete_cookie(COOKIE, path=f"{web.base}/")
        return answer

    @pages.errorhandler(NoKey)
    def ask(error: NoKey) -> AnyResponse:
        """Lead a person to the page for signing in; a program is told."""
        if "text/html" not in request.headers.get("Accept", "") or "X-API-Key" in request.headers:
            return _told(error)
        here = request.full_path.rstrip("?") if request.method == "GET" else "/"
        return redirect(f"{web.base}/signin?{urlencode({'next': here})}", 303)


def _told(error: NoKey) -> Response:
    response = jsonify({"code": 401, "message": error.message})
    response.status_code = 401
    return response
