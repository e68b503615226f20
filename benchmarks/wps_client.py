"""A client that costs little beside the service it measures: one connection a request, no XML tree."""

from __future__ import annotations

import http.client
import re
import time
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

POLL_SECONDS = 0.005

_EXECUTE = """<?xml version="1.0" encoding="UTF-8"?>
<wps:Execute xmlns:wps="http://www.opengis.net/wps/1.0.0" xmlns:ows="http://www.opengis.net/ows/1.1"
 service="WPS" version="1.0.0"><ows:Identifier>{process}</ows:Identifier>
<wps:DataInputs><wps:Input><ows:Identifier>{name}</ows:Identifier>
<wps:Data><wps:LiteralData>{value}</wps:LiteralData></wps:Data></wps:Input></wps:DataInputs>
<wps:ResponseForm><wps:ResponseDocument storeExecuteResponse="{stored}" status="{stored}">
<wps:Output><ows:Identifier>{name}</ows:Identifier></wps:Output></wps:ResponseDocument></wps:ResponseForm>
</wps:Execute>"""

_ENDS = re.compile(rb"<wps:Process(Succeeded|Failed)\b")
_LOCATION = re.compile(rb'statusLocation="([^"]+)"')

End = Literal["succeeded", "failed", "refused", "lost"]
"""refused: as busy, by OWS ServerBusy or HTTP 503; lost: no end within the time it was waited for."""


@dataclass(frozen=True)
class Answer:
    """What came of one request."""

    end: End | None
    """None: accepted, and not ended yet."""
    status_url: str
    """Of an accepted job."""


@dataclass(frozen=True)
class WpsClient:
    """A client of one WPS.

    :param url: of the WPS.
    """

    url: str

    def execute(self, process: str, name: str, value: str, *, stored: bool) -> Answer:
        """Run a process with one literal input, and ask for the output of the same name.

        :param name: of the input, and of the output.
        :param stored: asynchronously, with a status document.
        """
        flag = "true" if stored else "false"
        body = _EXECUTE.format(process=process, name=name, value=value, stored=flag)
        return _answer(*_send("POST", self.url, body.encode()))

    def status(self, url: str) -> Answer:
        """Read a status document; one that can't be read tells nothing yet."""
        code, content = _send("GET", url)
        end = _ENDS.search(content) if code == 200 else None
        return Answer(_word(end), url)

    def wait(self, answer: Answer, seconds: float, poll: float = POLL_SECONDS) -> End:
        """How an accepted job ends.

        :param seconds: longest wait.
        """
        limit = time.monotonic() + seconds
        while answer.end is None and time.monotonic() < limit:
            time.sleep(poll)
            answer = self.status(answer.status_url)
        return answer.end or "lost"


def _answer(code: int, content: bytes) -> Answer:
    location = _LOCATION.search(content)
    if code == 503 or b"ServerBusy" in content:
        return Answer("refused", "")
    end = _word(_ENDS.search(content))
    if code != 200 or (end is None and location is None):
        return Answer("failed", "")
    return Answer(end, location[1].decode() if location else "")


def _word(end: re.Match[bytes] | None) -> End | None:
    if end is None:
        return None
    return "succeeded" if end[1] == b"Succeeded" else "failed"


def _send(method: str, url: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Code and body of an answer; code 0 where the service hung up."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=300)
    try:
        connection.request(method, parts.path, body, {"Content-Type": "text/xml"} if body else {})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
