"""Whatever other services answer, it is data or refused in words."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st

from server.fetching.features import join_pages
from server.fetching.multipart import parts_of
from server.fetching.refusal import Refused
from server.fetching.sniff import check_content
from server.fetching.wps_answers import read_answer
from tests.server.test_fetch_processes import (
    ACCEPTED,
    ENCODED,
    LITERAL,
    PARTS,
    inline,
    output,
    result2,
    status2,
    succeeded,
)

KEYS = st.sampled_from(
    ["jobID", "status", "links", "rel", "href", "type", "features", "numberMatched", "value", "encoding", "collections"]
)
LEAVES = st.sampled_from(
    ["accepted", "successful", "failed", "next", "self", "items", "base64", "http://[", "FeatureCollection", "", "é", 7]
) | st.none() | st.booleans()  # fmt: skip
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5))


@hypothesis.given(st.dictionaries(KEYS, ANYTHING, max_size=6), st.sampled_from(["/jobs/j/results", "/items"]))
@hypothesis.settings(max_examples=300, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_any_json_is_data_or_refused_in_words(tmp_path: Path, document: dict[str, Any], path: str) -> None:
    file = tmp_path / "document"
    text = json.dumps(document)
    file.write_text(text if len(text) > 2 else '{"x": 1}')
    look_at_all(file, f"http://example.org{path}")


@hypothesis.given(st.data())
@hypothesis.settings(max_examples=200, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_any_damage_to_a_document_is_survived(tmp_path: Path, data: st.DataObject) -> None:
    document = data.draw(
        st.sampled_from(
            [
                ACCEPTED,
                succeeded(LITERAL, output("x", inline(ENCODED, encoding="base64"))),
                result2('<wps:Output id="x"><wps:Reference xlink:href="HERE/data"/></wps:Output>'),
                status2("Running"),
                b'<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs/2.0" numberMatched="7" next="http://x/">'
                b"<wfs:member><a/></wfs:member></wfs:FeatureCollection>",
                PARTS,
            ]
        )
    )
    begin = data.draw(st.integers(0, len(document) - 1))
    end = data.draw(st.integers(begin, len(document)))
    changed = document[:begin] + data.draw(st.binary(max_size=6)) + document[end:]
    file = tmp_path / "document"
    file.write_bytes(changed or b"x")
    look_at_all(file, "http://example.org/wps")
    with contextlib.suppress(Refused):
        parts_of(changed, "b")


def look_at_all(file: Path, url: str) -> None:
    def page(_: str) -> tuple[Path, str]:
        raise Refused("is asked for another page")

    with contextlib.suppress(Refused):
        check_content(file, url, wants_html=False)
    with contextlib.suppress(Refused):
        read_answer(file, url)
    with contextlib.suppress(Refused):
        join_pages(file, url, page)
