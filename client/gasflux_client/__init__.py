"""A small client of a GasFlux service: send a flight, watch it, fetch its rate, flux plane and table.

>>> from gasflux_client import Client
>>> run = Client("http://127.0.0.1:5000").submit("flight.csv").wait()  # doctest: +SKIP
>>> print(run.rates["ch4"])  # doctest: +SKIP
56.7 ± 4.5 kg/h (95 % interval 48.0 to 65.8 kg/h)
"""

from gasflux_client.client import Client
from gasflux_client.errors import Busy, ClientError, Refused, RunFailed, TimedOut, Unreachable
from gasflux_client.rate import Rate
from gasflux_client.run import ResultFile, Run, Status

__all__ = [
    "Busy",
    "Client",
    "ClientError",
    "Rate",
    "Refused",
    "ResultFile",
    "Run",
    "RunFailed",
    "Status",
    "TimedOut",
    "Unreachable",
]
