"""The service with the diagnostic processes only, so that tests needn't wait for heavy libraries at each start."""

from __future__ import annotations

from server.app import create_app, service_of
from server.logs import configure_logging
from server.settings import load_settings
from tests.faults.diagnostics import PRELOAD, registry

_settings = load_settings()
configure_logging(_settings.logging)
application = create_app(_settings, registry, PRELOAD)
service_of(application).engine.start()
