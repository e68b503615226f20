"""Hands this service's settings to PyWPS, whose own code reads some while a process is declared or run."""

from __future__ import annotations

from server.settings import Settings


def give_to_pywps(settings: Settings) -> None:
    """Fill PyWPS's configuration from the settings in force, so that there is one truth."""
    # PyWPS takes a fifth of a second to load, and the command line does without it.
    from pywps import configuration

    configuration.load_hardcoded_configuration()
    server = settings.server
    values = {
        ("server", "url"): server.url,
        ("server", "outputurl"): server.outputurl,
        ("server", "outputpath"): str(server.outputpath),
        ("server", "workdir"): str(server.workdir),
        ("server", "maxrequestsize"): f"{server.maxrequestsize}b",
        ("server", "maxsingleinputsize"): f"{server.maxsingleinputsize}b",
        ("server", "parallelprocesses"): str(server.parallelprocesses),
        ("server", "maxprocesses"): str(server.maxprocesses),
        ("server", "allowedinputpaths"): ":".join(str(path) for path in server.allowedinputpaths),
        ("logging", "level"): settings.logging.level,
    }
    for key, value in settings.metadata.model_dump(mode="json").items():
        values["metadata:main", key] = value
    for (section, key), value in values.items():
        # PyWPS interpolates what it reads.
        configuration.CONFIG.set(section, key, value.replace("%", "%%"))
