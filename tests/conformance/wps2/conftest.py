"""A web server beside the service, to which inputs can refer."""

from tests.server.answers import address, server

__all__ = ["address", "server"]
