"""Where the service is put together: ``service:application`` for a WSGI server, ``main`` for the command line."""

from __future__ import annotations

import sys
from typing import Any


def __getattr__(name: str) -> Any:
    # Made when a WSGI server asks for it: the command line imports this module too, and shouldn't pay for Flask.
    if name != "application":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from server.app import create_app, service_of
    from server.listening import check_listening
    from server.logs import configure_logging
    from server.settings import load_settings

    settings = load_settings()
    check_listening(settings, [settings.gasflux.host])
    configure_logging(settings.logging)
    application = create_app(settings)
    # At once: jobs that an earlier run of the service left behind shouldn't wait for a new one.
    service_of(application).engine.start()
    globals()["application"] = application
    return application


def main() -> None:
    """The command ``gasflux-wps``."""
    from server.command_line import main as run_command

    sys.exit(run_command())


if __name__ == "__main__":
    main()
