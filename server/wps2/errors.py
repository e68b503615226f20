"""What WPS 2.0.2 calls the errors (OGC 14-065r2, the tables of exception codes in clause 9; OGC 06-121r9, clause 8)."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from gasflux_core.errors import InputError, NotAccessible, TooLarge
from server.errors import (
    JOB_KINDS,
    TABLE,
    Codes,
    Fault,
    FormatNotOffered,
    Report,
    RequestTooLarge,
    TooManyValues,
    UnfitValue,
    UnknownInput,
    UnknownOutput,
    UnknownProcess,
)
from server.jobs.queue import NoSuchJob
from server.languages import DEFAULT
from server.wps.xml import LANG, add, to_bytes
from server.wps2.names import OWS, VERSION, ows


class UnknownMode(InputError):
    """A mode of execution that is not offered."""


class TooManyOutputs(InputError):
    """Raw data of more outputs than one."""


class ResultNotReady(InputError):
    """A request for the result of a job that has not ended."""


CODES = Codes(
    {
        **TABLE,
        UnknownProcess: ("NoSuchProcess", 400),
        UnknownMode: ("NoSuchMode", 400),
        UnknownInput: ("NoSuchInput", 400),
        UnknownOutput: ("NoSuchOutput", 400),
        NotAccessible: ("DataNotAccessible", 400),
        TooLarge: ("SizeExceeded", 400),
        # Not one input, but the whole of a body that was not read.
        RequestTooLarge: ("SizeExceeded", 413),
        TooManyValues: ("TooManyInputs", 400),
        TooManyOutputs: ("TooManyOutputs", 400),
        FormatNotOffered: ("NoSuchFormat", 400),
        UnfitValue: ("WrongInputData", 400),
        NoSuchJob: ("NoSuchJob", 400),
        ResultNotReady: ("ResultNotReady", 400),
    },
    {
        **JOB_KINDS,
        "input": ("WrongInputData", 400),
        "too_large": ("SizeExceeded", 400),
        "not_accessible": ("DataNotAccessible", 400),
    },
    ("InternalServerError", 500),
)

_WITHOUT_LOCATOR = frozenset({"VersionNegotiationFailed", "InvalidUpdateSequence", "ServerBusy", "NoApplicableCode"})


def exception_report(report: Report) -> bytes:
    """An error as a document of its own: one exception for each code, its locator naming all that are at fault."""
    root = etree.Element(ows("ExceptionReport"), nsmap={"ows": OWS})
    root.set("version", VERSION)
    root.set(LANG, DEFAULT)
    for code in dict.fromkeys(fault.code for fault in report.faults):
        faults = [fault for fault in report.faults if fault.code == code]
        locator = None if code in _WITHOUT_LOCATOR else _locator(faults)
        element = add(root, ows("Exception"), exceptionCode=code, locator=locator)
        for fault in faults:
            add(element, ows("ExceptionText"), fault.text)
    return to_bytes(root)


def _locator(faults: Iterable[Fault]) -> str:
    return ",".join(dict.fromkeys(fault.locator for fault in faults if fault.locator))
