"""Plain PyWPS as its documentation has it, for ``gunicorn benchmarks.plain_pywps:application``.

Imports PyWPS and werkzeug only, since it also runs in an environment that has nothing else.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from pywps import LiteralInput, LiteralOutput, Process, Service
from pywps.configuration import get_config_value
from werkzeug.middleware.shared_data import SharedDataMiddleware

TIMES = Path(os.environ["PLAIN_TIMES"])
"""Gets a line for each run of ``slow``: its begin and its end, seconds since 1970."""


class Echo(Process):
    """A text in, the same text out."""

    def __init__(self) -> None:
        super().__init__(
            self._handler,
            "echo",
            "Echo",
            inputs=[LiteralInput("string", "Text", data_type="string")],
            outputs=[LiteralOutput("string", "Text", data_type="string")],
            store_supported=True,
            status_supported=True,
        )

    def _handler(self, request: Any, response: Any) -> Any:
        response.outputs["string"].data = request.inputs["string"][0].data
        return response


class Slow(Process):
    """Sleeps."""

    def __init__(self) -> None:
        super().__init__(
            self._handler,
            "slow",
            "Slow",
            inputs=[LiteralInput("seconds", "Seconds", data_type="float")],
            outputs=[LiteralOutput("seconds", "Seconds", data_type="float")],
            store_supported=True,
            status_supported=True,
        )

    def _handler(self, request: Any, response: Any) -> Any:
        began, seconds = time.time(), request.inputs["seconds"][0].data
        time.sleep(seconds)
        with TIMES.open("a") as file:
            file.write(f"{began} {time.time()}\n")
        response.outputs["seconds"].data = seconds
        return response


_service = Service([Echo(), Slow()], [os.environ["PYWPS_CFG"]])
# Its status documents are files, which the operator's web server gives out.
application = SharedDataMiddleware(_service, {"/outputs": get_config_value("server", "outputpath")}, cache=False)
