"""Requests as an OpenAPI document has them and as it forbids them, whose answers must be those that it tells of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode
from werkzeug.test import TestResponse

from tests.fuzz.service import ANSWER_SECONDS, leaks, requests

load_all_checks()

LEFT_OUT = [
    # What of a request a schema can't say is not held against the service.
    CHECKS.get_one("positive_data_acceptance"),
    # Says the same of every status from 500 on, also of a service that is busy.
    CHECKS.get_one("not_a_server_error"),
]


@dataclass(frozen=True)
class Api:
    """The application, its document, and what is there to be asked for."""

    app: Flask
    folder: Path
    schema: Any
    pool: ThreadPoolExecutor
    job: str
    """Id of a job that was successful."""

    def in_time(self, ask: Callable[[], Any]) -> Any:
        return self.pool.submit(ask).result(ANSWER_SECONDS)

    def open(self, path: str, **more: Any) -> TestResponse:
        """An answer to a request that isn't schemathesis's."""
        answer: TestResponse = self.in_time(lambda: self.app.test_client().open(path, **more))
        return answer


def follow_the_document(
    api: Api,
    there: Mapping[str, str],
    mode: GenerationMode,
    number: int,
    *,
    also_left_out: Callable[[Any], Sequence[Any]] = lambda case: (),
    may_tell_paths: Callable[[Any], bool] = lambda case: False,
) -> set[int]:
    """Make requests of each operation; half of them are about what is there.

    :param there: parameter of a path → its value where the thing is there.
    :param also_left_out: checks that don't hold for a request, beside :data:`LEFT_OUT`.
    :param may_tell_paths: whether the answer to a request shows folders, as it should.
    :returns: the statuses of their answers.
    """
    statuses = set()
    for found in api.schema.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
            continue  # a text in the path, and any text may come

        @requests(number)
        @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
        def each(case: Any, known: bool) -> None:
            if known and case.method != "DELETE":
                case.path_parameters = {name: there.get(name, value) for name, value in case.path_parameters.items()}
            answer = api.in_time(case.call)
            statuses.add(answer.status_code)
            case.validate_response(answer, excluded_checks=[*LEFT_OUT, *also_left_out(case)])
            assert answer.status_code < 500 or (answer.status_code == 503 and answer.headers["retry-after"])
            if not may_tell_paths(case):
                sent = f"{case.path_parameters} {case.query} {case.body}"
                told = [one for one in leaks(answer.content, api.folder) if one not in sent]
                assert not told, (told, answer.content)

        each()
    return statuses
