"""What the tests of the standards share: one running service with the diagnostic processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.running import Service, running_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One real service for all tests of the session; ``service.url`` is its root."""
    settings = {"GASFLUX_DIAGNOSTICS": "true", "GASFLUX_SECURITY_ALLOWED_HOSTS": "127.0.0.1"}
    with running_service(tmp_path_factory.mktemp("service"), settings) as running:
        yield running
