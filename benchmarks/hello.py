"""The least that Flask can do, for ``gunicorn benchmarks.hello:application``."""

from __future__ import annotations

from flask import Flask

application = Flask("hello", static_folder=None)


@application.get("/")
def hello() -> str:
    """A few words."""
    return "Hello, world!"
