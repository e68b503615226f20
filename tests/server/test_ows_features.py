"""OGC API – Features of a job: documents, paging, choosing, errors, pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from gasflux_core.errors import InputError
from server.ows.features import read_box, read_interval
from tests.server.ows_maps import BARE, FAILED, FILES, JOB, RUNNING, UNKNOWN, Served

ROOT = f"/ows/{JOB}/features"


@pytest.fixture
def served(tmp_path: Path) -> Served:
    # Without MapServer, which Features don't need.
    return Served(tmp_path, GASFLUX_OWS_MAPSERVER="none")


def get(served: Served, path: str, status: int = 200, **headers: str) -> Any:
    answer = served.client.get(f"{ROOT}{path}", headers=headers)
    assert answer.status_code == status, answer.text
    return json.loads(answer.data)


def link(document: dict[str, Any], rel: str, media_type: str = "") -> str | None:
    found = [one["href"] for one in document["links"] if one["rel"] == rel and media_type in one["type"]]
    return found[0] if found else None


def follow(served: Served, address: str) -> Any:
    parts = urlsplit(address)
    assert address.startswith("https://example.org/ows/"), address
    answer = served.client.get(f"{parts.path}?{parts.query}")
    assert answer.status_code == 200, answer.text
    return answer


def test_the_landing_page_leads_on(served: Served) -> None:
    page = get(served, "")
    assert page["title"].endswith(f"Emission rate, job {JOB}")
    for rel, media_type in (
        ("self", "application/json"),
        ("alternate", "text/html"),
        ("service-desc", "application/vnd.oai.openapi+json;version=3.0"),
        ("service-doc", "text/html"),
        ("conformance", "application/json"),
        ("data", "application/json"),
    ):
        address = link(page, rel, media_type)
        assert address is not None, rel
        assert follow(served, address).headers["Content-Type"].startswith(media_type)
    assert get(served, "/") == page


def test_it_says_what_it_conforms_to(served: Served) -> None:
    classes = get(served, "/conformance")["conformsTo"]
    assert {one.rpartition("/")[2] for one in classes} == {"core", "oas30", "html", "geojson"}


def test_the_definition_is_valid_and_names_every_path(served: Served) -> None:
    document = get(served, "/api")
    validate(document)
    assert document["servers"] == [{"url": f"https://example.org{ROOT}"}]
    for path in document["paths"]:
        get(served, path.replace("{featureId}", "5"))


def test_collections_say_where_and_when(served: Served) -> None:
    document = get(served, "/collections")
    assert [one["id"] for one in document["collections"]] == ["track", "footprint", "flux_plane_map"]
    track = document["collections"][0]
    assert track["extent"]["spatial"]["bbox"] == [pytest.approx([-1.3, 51.4, -1.3, 51.40005])]
    assert track["extent"]["temporal"]["interval"] == [["2026-06-01T10:00:00Z", "2026-06-01T10:00:07.500000Z"]]
    assert "temporal" not in document["collections"][1]["extent"]
    alone = get(served, "/collections/track")
    assert alone["extent"] == track["extent"] and alone["title"] == "Track"
    assert link(alone, "enclosure") == f"{served.settings.server.outputurl}/{JOB}/track.geojson"


@pytest.mark.parametrize(("name", "count"), [("track", 6), ("footprint", 40), ("flux_plane_map", 677)])
def test_items_are_the_features_of_the_result(served: Served, name: str, count: int) -> None:
    answer = served.client.get(f"{ROOT}/collections/{name}/items")
    assert answer.headers["Content-Type"] == "application/geo+json"
    found = json.loads(answer.data)
    assert (found["type"], found["numberMatched"], found["numberReturned"]) == ("FeatureCollection", count, count)
    assert link(found, "next") is None and link(found, "prev") is None
    if name != "flux_plane_map":
        written = json.loads((served.store.outputs / JOB / FILES[name][0]).read_text())
        assert found["features"] == written["features"]
    one = get(served, f"/collections/{name}/items/{found['features'][3]['id']}")
    assert {key: one[key] for key in found["features"][3]} == found["features"][3]
    assert link(one, "collection") is not None


def test_pages_lead_to_each_other(served: Served) -> None:
    address: str | None = f"https://example.org{ROOT}/collections/flux_plane_map/items?limit=300"
    seen: list[int] = []
    previous = []
    while address is not None:
        page = json.loads(follow(served, address).data)
        seen += [one["id"] for one in page["features"]]
        previous.append(link(page, "prev"))
        assert page["numberMatched"] == 677 and page["numberReturned"] == len(page["features"])
        address = link(page, "next")
    assert len(seen) == len(set(seen)) == 677 and seen == sorted(seen)
    assert previous[0] is None and "offset=0" in str(previous[1]) and "offset=300" in str(previous[2])


def test_what_was_asked_for_stays_so_from_page_to_page(served: Served) -> None:
    page = get(served, "/collections/track/items?limit=1&datetime=2026-06-01T10:00:01Z/..&bbox=-2,51,-1,52")
    assert page["numberMatched"] == 5
    following = json.loads(follow(served, str(link(page, "next"))).data)
    assert following["numberMatched"] == 5 and following["features"][0]["id"] == 3


def test_boxes_choose(served: Served) -> None:
    whole = get(served, "/collections/footprint/items")["features"]
    (west, south), (east, north) = whole[10]["geometry"]["coordinates"]
    box = f"{min(west, east)},{min(south, north)},{max(west, east)},{max(south, north)}"
    chosen = [one["id"] for one in get(served, f"/collections/footprint/items?bbox={box}")["features"]]
    assert chosen == [10, 11, 12]
    assert get(served, "/collections/footprint/items?bbox=0,0,1,1")["features"] == []
    high = f"{box.split(',')[0]},{box.split(',')[1]},0,{box.split(',')[2]},{box.split(',')[3]},9"
    assert get(served, f"/collections/footprint/items?bbox={high}")["numberMatched"] == 3


def test_a_limit_beyond_the_greatest_is_the_greatest(served: Served) -> None:
    assert get(served, "/collections/track/items?limit=99999999")["numberReturned"] == 6
    assert get(served, "/collections/track/items?offset=99999999")["numberReturned"] == 0


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/collections/track/items?limit=0", "limit"),
        ("/collections/track/items?limit=-1", "limit"),
        ("/collections/track/items?limit=x", "limit"),
        ("/collections/track/items?limit=%C2%B2", "limit"),
        ("/collections/track/items?limit=1&limit=2", "limit"),
        ("/collections/track/items?offset=-1", "offset"),
        ("/collections/track/items?bbox=", "bbox"),
        ("/collections/track/items?bbox=1,2,3", "bbox"),
        ("/collections/track/items?bbox=1,2,3,nan", "bbox"),
        ("/collections/track/items?bbox=1,5,3,4", "bbox"),
        ("/collections/track/items?datetime=x", "datetime"),
        ("/collections/track/items?datetime=../..", "datetime"),
        ("/collections/track/items?datetime=2026-01-02/2026-01-01", "datetime"),
        ("/collections/track/items?datetime=2026/2027/2028", "datetime"),
        ("/collections/track/items?colour=red", "colour"),
        ("/collections?limit=1", "limit"),
        ("?x=1", "x"),
        ("/api?f=yaml", "f"),
    ],
)
def test_what_can_not_be_understood_is_refused(served: Served, path: str, word: str) -> None:
    told = get(served, path, 400)
    assert told["code"] == "InvalidParameterValue" and told["description"].startswith(word)


@pytest.mark.parametrize(
    "path", ["/collections/none", "/collections/none/items", "/collections/track/items/99", "/collections/table"]
)
def test_what_is_not_there_is_404(served: Served, path: str) -> None:
    assert get(served, path, 404)["code"] == "NotFound"


@pytest.mark.parametrize(
    ("job", "status", "word"),
    [(UNKNOWN, 404, "no job"), ("nonsense", 404, "no job"), (RUNNING, 409, "running"), (FAILED, 404, "failed"),
     (BARE, 404, "wms")],
)  # fmt: skip
@pytest.mark.parametrize("path", ["", "/api", "/conformance", "/collections", "/collections/track/items"])
def test_a_job_without_a_map_is_told_in_words(served: Served, job: str, status: int, word: str, path: str) -> None:
    answer = served.client.get(f"/ows/{job}/features{path}")
    assert answer.status_code == status
    assert word in json.loads(answer.data)["description"]


@pytest.mark.parametrize("path", ["", "/api", "/conformance", "/collections", "/collections/track",
                                  "/collections/track/items", "/collections/track/items/2"])  # fmt: skip
def test_every_page_is_there_for_people(served: Served, path: str) -> None:
    for answer in (
        served.client.get(f"{ROOT}{path}?f=html"),
        served.client.get(f"{ROOT}{path}", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}),
    ):
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.text.startswith("<!doctype html>") and "None" not in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_what_is_in_the_data_is_no_markup(served: Served) -> None:
    path = served.store.outputs / JOB / "track.geojson"
    layer = json.loads(path.read_text())
    layer["features"][0]["properties"]["reason"] = "<script>alert(1)</script>"
    path.write_text(json.dumps(layer))
    page = served.client.get(f"{ROOT}/collections/track/items?f=html").text
    assert "<script>" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize("accept", ["application/geo+json", "application/geo+json, application/json", "*/*", ""])
def test_clients_get_json_by_its_names(served: Served, accept: str) -> None:
    answer = served.client.get(f"{ROOT}/collections/track/items", headers={"Accept": accept} if accept else {})
    assert answer.status_code == 200 and answer.is_json


def test_a_form_that_is_not_there_is_refused(served: Served) -> None:
    assert get(served, "/collections", 406, Accept="image/png")["code"] == "NotAcceptable"


def test_what_the_client_has_is_not_sent_again(served: Served) -> None:
    first = served.client.get(f"{ROOT}/collections/track/items")
    tag = first.headers["ETag"]
    again = served.client.get(f"{ROOT}/collections/track/items", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert served.client.get(f"{ROOT}/collections/track/items?limit=2").headers["ETag"] != tag


NAMES = st.sampled_from(["f", "bbox", "datetime", "limit", "offset"])
PATHS = st.sampled_from(["", "/api", "/collections", "/collections/track/items", "/collections/flux_plane_map/items"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(PATHS, st.lists(st.tuples(NAMES | st.text(), st.text("0123456789.,/-:TZ ") | st.text()), max_size=4), st.text())
def test_whatever_comes_is_answered_or_refused(
    served: Served, path: str, pairs: list[tuple[str, str]], name: str
) -> None:
    answer = served.client.get(f"{ROOT}{path}?{urlencode(pairs)}")
    assert answer.status_code in (200, 400), answer.text
    item = served.client.get(f"{ROOT}/collections/track/items/{quote(name, safe='')}")
    assert item.status_code in (200, 308, 404), item.text


@pytest.mark.parametrize("text", ["1,2,3,4", "1,2,0,3,4,9"])
def test_boxes_are_read(text: str) -> None:
    assert read_box(text) == (1.0, 2.0, 3.0, 4.0)


def test_intervals_are_read() -> None:
    first, last = read_interval("2026-06-01T10:00:00Z")
    assert first == last and first is not None
    assert read_interval("../2026-06-01")[0] is None and read_interval("2026-06-01/")[1] is None
    with pytest.raises(InputError):
        read_interval("")
