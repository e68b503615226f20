"""Who may do what: every face, in every mode, for every kind of caller."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_network
from pathlib import Path

import pytest

from server.jobs.request import JobRequest
from tests.server.fakes import request
from tests.server.guarded import BOOTSTRAP, ROOT, Guarded, Headers

EXECUTE = (
    "/wps?service=WPS&version=1.0.0&request=Execute&identifier=echo&datainputs=word=a"
    "&storeExecuteResponse=true&status=true"
)

METADATA = {
    "wps": "/wps?service=WPS&request=GetCapabilities",
    "wps2": "/wps?service=WPS&version=2.0.0&request=DescribeProcess&identifier=echo",
    "ogcapi": "/ogcapi",
    "ogcapi processes": "/ogcapi/processes",
    "ogcapi api": "/ogcapi/api",
    "metrics": "/metrics",
    "start page": "/",
}
OF_JOB = {
    "status": "/wps/status/{job}",
    "status 2.0": "/wps?service=WPS&version=2.0.0&request=GetStatus&jobid={job}",
    "result 2.0": "/wps?service=WPS&version=2.0.0&request=GetResult&JobID={job}",
    "output": "/outputs/{job}/page.html",
    "ogcapi status": "/ogcapi/jobs/{job}",
    "ogcapi results": "/ogcapi/jobs/{job}/results",
    "ogcapi result": "/ogcapi/jobs/{job}/results/answer",
    "features": "/ows/{job}/features",
    "items": "/ows/{job}/features/collections/track/items",
}
FREE = ("/health", "/signin")


@pytest.fixture(scope="module", params=["open", "execute", "all"])
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    made = Guarded(tmp_path_factory.mktemp(request.param), request.param)
    yield made
    made.close()


@cache
def callers(guarded: Guarded) -> dict[str, tuple[str, Headers]]:
    """Kind of caller → prefix of the address, and headers. Each wrong key from an address of its own."""
    revoked = guarded.key("revoked")
    guarded.keys.revoke(guarded.id_of(revoked))
    link, owner = guarded.links, guarded.id_of(guarded.owner)
    return {
        "nobody": ("", {}),
        "wrong": ("", {"X-API-Key": "gfw_00000000_" + "x" * 43}),
        "revoked": ("", revoked),
        "other": ("", guarded.key("other")),
        "owner": ("", guarded.owner),
        "admin": ("", guarded.key("admin", scopes=["admin"])),
        "submit only": ("", guarded.key("submit", scopes=["submit"])),
        "read only": ("", guarded.key("read", scopes=["read"])),
        "bootstrap": ("", {"X-Admin-Bootstrap-Key": BOOTSTRAP}),
        "wrong bootstrap": ("", {"X-Admin-Bootstrap-Key": BOOTSTRAP[:-1]}),
        "job link": (f"/s/{link.of_job(guarded.job)}", {}),
        "other's job link": (f"/s/{link.of_job(guarded.finished('ffffffff'))}", {}),
        "key link": (f"/s/{link.of_key(owner)}", {}),
        "forged link": (f"/s/{forged(link.of_key(owner))}", {}),
        "revoked key's link": (f"/s/{link.of_key(guarded.id_of(revoked))}", {}),
    }


def forged(token: str) -> str:
    """Another signature of the same: its first letter is changed, since not every bit of the last one counts."""
    signed, signature = token.rsplit(".", 1)
    return f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


ADDRESSES = ip_network("10.0.0.0/8").hosts()

MODES = ("open", "execute", "all")

WRONG = {"wrong": 401, "revoked": 401, "wrong bootstrap": 401, "forged link": 403, "revoked key's link": 401}

EXPECTED_METADATA = {
    **{(mode, who): status for mode in MODES for who, status in WRONG.items()},
    ("all", "nobody"): 401,
    ("all", "submit only"): 403,
    **{(mode, who): 403 for mode in MODES for who in ("job link", "other's job link")},
}
EXPECTED_OF_JOB = {
    **{(mode, who): status for mode in MODES for who, status in WRONG.items()},
    **{(mode, who): 403 for mode in MODES for who in ("submit only", "bootstrap", "other's job link")},
    ("all", "nobody"): 401,
    ("all", "other"): 403,
    ("all", "read only"): 403,
}
EXPECTED_EXECUTE = {
    **{(mode, who): status for mode in MODES for who, status in WRONG.items()},
    **{(mode, who): 403 for mode in MODES for who in ("read only", "bootstrap", "job link", "other's job link")},
    ("execute", "nobody"): 401,
    ("all", "nobody"): 401,
    # A query that sends a job is a GET, for which reading is asked too.
    ("all", "submit only"): 403,
}


def statuses(guarded: Guarded, paths: dict[str, str]) -> dict[tuple[str, str], int]:
    found = {}
    for who, (prefix, headers) in callers(guarded).items():
        for name, path in paths.items():
            # From a new address each time: wrong keys from one are soon refused unseen.
            sent = {**headers, "X-Forwarded-For": str(next(ADDRESSES))}
            answer = guarded.client.get(prefix + path.format(job=guarded.job), headers=sent)
            found[who, name] = answer.status_code
            assert answer.status_code != 500, (who, name)
            if answer.status_code == 401:
                assert answer.headers["WWW-Authenticate"]
    return found


def expected(guarded: Guarded, table: dict[tuple[str, str], int], names: Iterator[str] | dict[str, str]) -> dict:  # type: ignore[type-arg]
    mode = guarded.settings.security.keys
    names = list(names)
    return {(who, name): table.get((mode, who), 200) for who in callers(guarded) for name in names}


def test_what_the_service_is(guarded: Guarded) -> None:
    found = statuses(guarded, METADATA)
    wanted = expected(guarded, EXPECTED_METADATA, METADATA)
    # The figures for monitoring are read by no link: a proxy closes them by their address.
    wanted |= {("key link", "metrics"): 403}
    if guarded.settings.security.keys != "all":
        # What all may read is given without a look at the key; but a page says who looks at it.
        ignored = ("wrong", "revoked", "wrong bootstrap")
        wanted |= {(who, name): 200 for who in ignored for name in METADATA if name != "start page"}
    assert found == wanted


def test_what_became_of_a_job(guarded: Guarded) -> None:
    assert statuses(guarded, OF_JOB) == expected(guarded, EXPECTED_OF_JOB, OF_JOB)


def test_sending_a_job(guarded: Guarded) -> None:
    paths = {"execute": EXECUTE}
    assert statuses(guarded, paths) == expected(guarded, EXPECTED_EXECUTE, paths)


@pytest.mark.parametrize("path", FREE)
def test_what_is_free_is_free(guarded: Guarded, path: str) -> None:
    assert guarded.client.get(path).status_code in (200, 303)
    page = guarded.client.get("/signin").text
    files = re.findall(r'(?:href|src)="/flux(/static/[^"]+)"', page) or [
        "/static/" + guarded.client.get("/signin").text.partition("/static/")[2].partition('"')[0]
    ]
    if guarded.settings.security.keys != "open":
        assert all(guarded.client.get(file).status_code == 200 for file in files)


def test_paths_that_lead_nowhere_are_told_to_nobody(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    assert guarded.client.get("/no/such/page").status_code == 401
    assert guarded.client.get("/no/such/page", headers=guarded.owner).status_code == 404
    assert guarded.client.get(f"/outputs/{guarded.job}/none", headers=guarded.owner).status_code == 404
    assert guarded.client.options("/wps").status_code == 200
    guarded.close()


def test_every_route_there_is_asks_for_a_key(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    free = re.compile(r"(/api/v1)?/health|/signin|/signout|/preferences|/static/.*")
    rules = [rule for rule in guarded.app.url_map.iter_rules() if not free.fullmatch(rule.rule)]
    assert len(rules) > 20
    other = guarded.key("other")
    for rule in rules:
        path = re.sub(r"<[^>]+>", guarded.job, rule.rule)
        for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "DELETE"}):
            headers = {"Sec-Fetch-Site": "same-origin"}
            assert guarded.client.open(path, method=method, headers=headers).status_code == 401, (method, path)
            # Nor is anything of another's job shown or changed.
            if "<" in rule.rule and not rule.rule.startswith(("/ogcapi/processes", "/static")):
                refused = guarded.client.open(path, method=method, headers={**headers, **other}).status_code
                assert refused in (400, 401, 403, 404), (method, path)
    assert guarded.jobs.get(guarded.job).status == "successful"
    guarded.close()


# --- jobs in lists, and their end -----------------------------------------------------------------


def listed(guarded: Guarded, headers: Headers) -> set[str] | int:
    answer = guarded.client.get("/ogcapi/jobs?limit=1000", headers=headers)
    if answer.status_code != 200:
        return answer.status_code
    return {job["jobID"] for job in answer.json["jobs"]}


def test_a_list_shows_ones_own_jobs_and_an_administrator_all(guarded: Guarded) -> None:
    nobodys = guarded.finished("")
    mine = listed(guarded, guarded.owner)
    assert isinstance(mine, set)
    assert guarded.job in mine
    assert nobodys not in mine
    assert listed(guarded, guarded.key("new")) == set()
    all_of_them = listed(guarded, guarded.key("boss", scopes=["admin"]))
    assert isinstance(all_of_them, set)
    assert {guarded.job, nobodys} <= all_of_them
    without = listed(guarded, {})
    if guarded.settings.security.keys == "open":
        assert isinstance(without, set)
        assert nobodys in without
        assert guarded.job not in without
    else:
        assert without == 401


@pytest.mark.parametrize(
    ("who", "status"), [("other", 403), ("job link", 403), ("read only", 403), ("owner", 200), ("admin", 200)]
)
def test_a_job_is_removed_by_who_sent_it_or_an_administrator(guarded: Guarded, who: str, status: int) -> None:
    job = guarded.finished(guarded.id_of(guarded.owner))
    prefix, headers = callers(guarded)[who]
    if who == "job link":
        prefix = f"/s/{guarded.links.of_job(job)}"
    assert guarded.client.delete(f"{prefix}/ogcapi/jobs/{job}", headers=headers).status_code == status
    assert (guarded.client.get(f"/ogcapi/jobs/{job}", headers=guarded.owner).status_code == 404) == (status == 200)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/ogcapi/jobs/{job}", 200),
        ("DELETE", "/task/{job}", 200),
        ("PUT", "/task/{job}", 200),
        ("POST", "/runs/{job}/name", 303),
        ("POST", "/runs/{job}/cancel", 303),
        ("POST", "/runs/{job}/remove", 303),
    ],
)
def test_who_may_only_send_jobs_changes_its_own_and_sees_none(
    guarded: Guarded, method: str, path: str, status: int
) -> None:
    sender = guarded.key("device", scopes=["submit"])
    job, others = guarded.finished(guarded.id_of(sender)), guarded.finished(guarded.id_of(guarded.owner))
    sent = {**sender, "Sec-Fetch-Site": "same-origin"}
    # A query of WFS that comes by POST changes nothing, and is no way to see.
    query = {"service": "WFS", "version": "2.0.0", "request": "GetCapabilities"}
    assert guarded.client.post(f"/ows/{job}", headers=sent, data=query).status_code != 200
    body = {"notes": "x"} if method == "PUT" else None
    for seen in (f"/task/{job}", f"/runs/{job}", f"/outputs/{job}/page.html"):
        assert guarded.client.get(seen, headers=sent).status_code == 403
    for one, expected in ((others, 403), (job, status)):
        answer = guarded.client.open(path.format(job=one), method=method, headers=sent, json=body)
        assert answer.status_code == expected


def test_a_job_that_was_sent_without_a_key_is_an_administrators_where_all_needs_one(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    job = guarded.finished("")
    assert guarded.client.get(f"/wps/status/{job}", headers=guarded.owner).status_code == 403
    assert guarded.client.delete(f"/wps/status/{job}", headers=guarded.owner).status_code == 403
    assert guarded.client.get(f"/wps/status/{job}", headers=guarded.key("a", scopes=["admin"])).status_code == 200
    guarded.close()


def test_the_same_request_of_another_key_is_another_job(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path, GASFLUX_JOBS_SHARE_IDENTICAL="true")
    other = guarded.key("other")
    body = {"inputs": {"word": "a"}}
    sent = [
        guarded.client.post(
            "/ogcapi/processes/echo/execution", json=body, headers={**headers, "Prefer": "respond-async"}
        ).json["jobID"]
        for headers in (guarded.owner, guarded.owner, other)
    ]
    assert sent[0] == sent[1] != sent[2]
    guarded.close()


def test_results_of_others_are_no_input(tmp_path: Path) -> None:
    from server.fetching.refusal import Refused
    from server.jobs.references import OwnJobs, Reference, References
    from server.jobs.request import InputItem
    from tests.server.fakes import registry

    guarded = Guarded(tmp_path)
    owner, other = guarded.id_of(guarded.owner), guarded.id_of(guarded.key("other"))
    admin = guarded.id_of(guarded.key("admin", scopes=["admin"]))
    plain, status = f"{ROOT}/outputs/{guarded.job}/page.html", f"{ROOT}/wps/status/{guarded.job}"
    signed = guarded.links.signed(guarded.links.of_job(guarded.job), f"/outputs/{guarded.job}/page.html")
    for_another = guarded.links.signed(guarded.links.of_job("x"), f"/outputs/{guarded.job}/page.html")
    signed_status = guarded.links.signed(guarded.links.of_job(guarded.job), f"/ogcapi/jobs/{guarded.job}/results/page")

    def fetched(client: str, url: str) -> bool:
        folder = tmp_path / "fetched"
        asked: JobRequest = request("echo")
        references = References(guarded.settings, guarded.store, registry(), asked, [], folder, client)
        try:
            path = references.fetch(Reference(InputItem(href=url), "file"))
        except Exception as error:
            assert isinstance(error, Refused) or "another key" in str(error), error
            return False
        return "wps" in path.read_text()

    assert [fetched(owner, url) for url in (plain, signed, signed_status)] == [True, True, True]
    assert [fetched(other, url) for url in (plain, status, for_another)] == [False, False, False]
    assert [fetched(other, url) for url in (signed, signed_status)] == [True, True]
    assert fetched(admin, plain)
    assert OwnJobs(guarded.settings, other).plain(signed) == plain
    guarded.close()


# --- refusals in words ----------------------------------------------------------------------------


def test_refusals_have_the_form_of_their_face(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    client = guarded.client
    first = client.get(METADATA["wps"])
    assert "ExceptionReport" in first.text
    assert 'version="1.0.0"' in first.text
    assert "X-API-Key" in first.text
    assert "http://www.opengis.net/ows/2.0" in client.get(METADATA["wps2"]).text
    assert client.get("/ogcapi").content_type == "application/problem+json"
    assert "X-API-Key" in client.get("/ogcapi").json["detail"]
    assert "ServiceException" in client.get(f"/ows/{guarded.job}?service=WMS&request=GetCapabilities").text
    assert "code" in json.loads(client.get(f"/ows/{guarded.job}/features").data)
    assert client.get(f"/outputs/{guarded.job}/page.html").json["code"] == 401
    guarded.close()


@pytest.mark.parametrize(
    "key",
    ["x" * 8000, "gfw_" + "0" * 5000, "gfw_00000000_" + "é" * 40, "gfw_0000\x0000_x", "ключ", "gfw__", "\udcff", " "],
)
def test_whatever_comes_for_a_key_is_refused_in_words(tmp_path: Path, key: str) -> None:
    guarded = Guarded(tmp_path)
    raw = key.encode("utf-8", "surrogateescape").decode("latin-1")
    for header in ("HTTP_X_API_KEY", "HTTP_X_ADMIN_BOOTSTRAP_KEY"):
        answer = guarded.client.get("/ogcapi", environ_overrides={header: raw})
        assert answer.status_code == 401, answer.text
        assert answer.json["detail"]
    guarded.close()


@pytest.mark.parametrize("token", ["", "x", "x" * 7000, "..", "%00", "WyJqb2IiXQ.x", "%F0%9F%92%A9", "<script>"])
def test_whatever_comes_for_a_token_is_refused_in_words(tmp_path: Path, token: str) -> None:
    guarded = Guarded(tmp_path, "open")
    answer = guarded.client.get(f"/s/{token}/wps?service=WPS&request=GetCapabilities")
    assert answer.status_code in (403, 404), answer.text
    assert "<script>" not in answer.text
    guarded.close()


def test_the_definition_of_the_api_says_where_a_key_is_needed(guarded: Guarded) -> None:
    mode = guarded.settings.security.keys
    paths = guarded.client.get("/ogcapi/api?f=json", headers=guarded.owner).json["paths"]
    told = {
        (path, method): operation.get("security")
        for path, operations in paths.items()
        for method, operation in operations.items()
        if method in ("get", "post", "delete")
    }
    needed = {place for place, security in told.items() if security == [{"apiKey": []}]}
    changes = {("/processes/echo/execution", "post"), ("/jobs/{jobID}", "delete"), ("/jobs", "get")}
    assert changes <= needed or mode == "open"
    assert ("/processes", "get") not in needed or mode == "all"
    assert {"open": not needed, "execute": needed < set(told), "all": needed == set(told)}[mode]
    if mode == "all":
        assert {"401", "403"} <= paths["/processes"]["get"]["responses"].keys()


def test_answers_may_be_kept_by_their_client_alone(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    answer = guarded.client.get(f"/ows/{guarded.job}/features", headers=guarded.owner)
    assert answer.headers["Cache-Control"].startswith("private")
    guarded.close()


def test_every_answer_says_what_a_browser_may_do_with_it(guarded: Guarded) -> None:
    admin = guarded.key("admin", scopes=["admin"])
    paths = [*METADATA.values(), *OF_JOB.values(), *FREE, "/tasks", "/api/v1/docs", "/nowhere", "/wps?service=WPS"]
    for path in paths:
        for kind in ("*/*", "text/html"):
            answer = guarded.client.get(path.format(job=guarded.job), headers={**admin, "Accept": kind})
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"], path
            assert answer.headers["X-Content-Type-Options"] == "nosniff", path
            of_page = "script-src 'self'" in answer.headers["Content-Security-Policy"]
            # What others sent is shown by pages, which take it as text, and by what can run nothing as this service.
            assert of_page or "sandbox" in answer.headers["Content-Security-Policy"] or answer.mimetype == "text/html"
