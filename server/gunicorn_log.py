"""What gunicorn itself has to say, in the service's log and its format."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.glogging import Logger


class ServiceLog(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's messages as those of any other part of the service; for its setting ``logger_class``."""

    def setup(self, cfg: Any) -> None:
        """Hand on to :mod:`server.logs`, which gunicorn does at its start and at each reload."""
        super().setup(cfg)
        for handler in list(self.error_log.handlers):
            self.error_log.removeHandler(handler)
        self.error_log.setLevel(logging.NOTSET)
        self.error_log.propagate = True
