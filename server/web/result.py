"""The page of a run that was successful: its rates, what to know about them, figures, files, and how to do it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from gasflux_core.pipeline import Settings as StageSettings
from gasflux_core.report.quantities import duration, gas_name
from processes.translation import translate, translated
from server.jobs.model import Job, ResultItem
from server.outputs import file_response
from server.ows.addresses import map_services
from server.store import NoSuchFile
from server.store.names import is_id
from server.web.elsewhere import file_name, snippets
from server.web.policy import content_security_policy
from server.web.rates import gas_rate
from server.web.site import Web
from server.web.words import words_in

_FIRST_FILES = ("report_pdf", "report", "flux_plane", "flux_plane_map", "track_kml", "layers", "table")
"""Outputs in the order in which people look for them; the others follow."""

_SCRIPT_WORDS = "result_js_"
"""Words that the page's script shows begin with this."""


def add_result(pages: Blueprint, web: Web) -> None:
    """Add what the figures of a result are drawn from."""

    @pages.get("/runs/<job_id>/view")
    def view(job_id: str) -> Response:
        # What can't be an id need not be looked for, and not every database takes every text.
        if not is_id(job_id):
            raise NotFound("There is no run of this id.")
        job = web.execution.job(job_id)
        item = job.results.get("view")
        if item is None or item.file is None:
            raise NotFound("This run has no output view, from which its figures are drawn.")
        try:
            return file_response(web.execution.jobs.store.open(job.id, job.attempt, item.file), item)
        except NoSuchFile as error:
            raise NotFound(error.message) from None


def result_page(web: Web, job: Job) -> Response:
    """The page of a successful run; of a process that has no rates, a list of its outputs."""
    figures = _read_json(web, job, "figures")
    if figures is None or not figures.get("gases"):
        response = web.render("result_plain", **_common(web, job, figures))
    else:
        response = web.render("result", **_common(web, job, figures), **_rates(web, job, figures))
    response.headers["Content-Security-Policy"] = content_security_policy(web.settings.web.tiles_origin)
    return response


def _common(web: Web, job: Job, figures: Mapping[str, Any] | None) -> dict[str, Any]:
    language = web.language()
    declared = translated(web.execution.declared(job), language)
    titles = {output.identifier: (output.title, output.abstract) for output in declared.outputs}
    return {
        "job": job,
        "process_title": declared.title,
        "heading": job.name or _flight_name(job) or declared.title,
        "files": _files(web, job, titles),
        "values": [
            {"title": titles.get(name, (name, ""))[0], "text": item.text or "", "unit": item.unit or ""}
            for name, item in job.results.items()
            if item.file is None
        ],
        "crate": web.access.address(f"/outputs/{job.id}/ro-crate.zip", job.id),
        "inputs": _inputs(job),
        "settings_changed": _changed_settings(job, figures),
        "took": _took(job),
        "created": job.created.strftime("%Y-%m-%d %H:%M UTC"),
        "may_change": _may_change(web, job),
    }


def _rates(web: Web, job: Job, figures: Mapping[str, Any]) -> dict[str, Any]:
    language = web.language()
    words = words_in(language)
    gases = [gas_rate(gas, found, words, language) for gas, found in figures["gases"].items()]
    asked = request.args.get("gas", "")
    services = map_services(web.settings, job.id) if "track" in job.results else {}
    return {
        "gases": gases,
        "shown": asked if asked in figures["gases"] else gases[0]["gas"],
        "flight": _flight_facts(figures, words),
        "notes": [translate(note, language) for note in figures.get("notes", [])],
        "version": figures.get("versions", {}).get("gasflux-wps", job.version),
        # Below the page's own address, whatever name its reader has for this host: pictures of others aren't shown.
        "preview": web.base + _path(web, _address(web, job, "preview")) if "preview" in job.results else "",
        "report": _address(web, job, "report"),
        "has_view": "view" in job.results,
        "services": {kind: web.access.address(_path(web, url), job.id) for kind, url in services.items()},
        "snippets": snippets(
            job, web.execution.declared(job), web.settings.root, with_key=web.settings.security.keys != "open"
        ),
        "script": {
            "view": f"{web.base}/runs/{job.id}/view",
            "gas": asked if asked in figures["gases"] else gases[0]["gas"],
            "names": {gas: gas_name(gas) for gas in figures["gases"]},
            "kind": figures["plane"]["kind"],
            "tiles": web.settings.web.tiles,
            "attribution": web.settings.web.tiles_attribution,
            "words": {
                name.removeprefix(_SCRIPT_WORDS): text for name, text in words.items() if name.startswith(_SCRIPT_WORDS)
            },
        },
    }


def _read_json(web: Web, job: Job, name: str) -> dict[str, Any] | None:
    """An output in JSON; None where the run has none, or it is gone since."""
    item = job.results.get(name)
    if item is None or item.file is None or item.media_type != "application/json":
        return None
    try:
        with web.execution.jobs.store.open(job.id, job.attempt, item.file).open() as stream:
            found = json.load(stream)
    except (NoSuchFile, OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _path(web: Web, url: str) -> str:
    return url.removeprefix(web.settings.root)


def _address(web: Web, job: Job, name: str) -> str:
    """Where an output's file is; empty where the run has none."""
    item = job.results.get(name)
    return "" if item is None or item.file is None else _file_address(web, job, item)


def _file_address(web: Web, job: Job, item: ResultItem) -> str:
    return web.access.address(f"/outputs/{job.id}/{item.file}", job.id)


def _files(web: Web, job: Job, titles: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
    order = {name: place for place, name in enumerate(_FIRST_FILES)}
    names = sorted(job.results, key=lambda name: order.get(name, len(order)))
    return [
        {
            "title": titles.get(name, (name, ""))[0],
            "abstract": titles.get(name, ("", ""))[1],
            "name": item.file,
            "address": _file_address(web, job, item),
            "media_type": (item.media_type or "").split(";")[0],
            "size": shown_size(item.size or 0),
        }
        for name in names
        if (item := job.results[name]).file is not None
    ]


def shown_size(size: int) -> str:
    """Bytes as people read them."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.3g} kB" if size < 999_500 else f"{size / 1e6:.3g} MB"


def _inputs(job: Job) -> list[dict[str, str]]:
    """The files that came with the request."""
    return [
        {
            "identifier": name,
            "name": item.href or file_name(name, item),
            "size": shown_size(item.size) if item.size is not None else "",
            "sha256": item.sha256 or "",
        }
        for name, items in job.request.inputs.items()
        for item in items
        if item.text is None
    ]


def _flight_name(job: Job) -> str:
    return next((item.file_name for item in job.request.inputs.get("flight", []) if item.file_name), "") or ""


def _flight_facts(figures: Mapping[str, Any], words: Mapping[str, str]) -> list[tuple[str, str]]:
    flight, plane, wind = figures["flight"], figures["plane"], figures["wind"]
    length = plane["length"] if plane["kind"] == "curtain" else plane.get("radius") or 0.0
    return [
        (words["result_flight_duration"], duration(flight["duration"])),
        (words["result_flight_rows"], words["result_flight_kept"].format(**flight)),
        (words["result_flight_transects"], str(flight["transects"])),
        (words["result_flight_plane"], words[f"result_plane_{plane['kind']}"].format(length=f"{length:.0f}")),
        (
            words["result_flight_wind"],
            words["result_wind_value"].format(
                speed=f"{wind['mean_speed']:.1f}", direction=f"{wind['mean_direction']:.0f}"
            ),
        ),
    ]


def _changed_settings(job: Job, figures: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Parameters that had other values than the defaults; of a process that doesn't tell them, its literal inputs."""
    in_force = (figures or {}).get("settings")
    if in_force is None:
        given = job.request.inputs.items()
        return [(name, item.text) for name, items in given for item in items if item.text is not None]
    return [
        (f"{section}.{name}", _shown(in_force[section][name]))
        for section, defaults in StageSettings().model_dump(mode="json").items()
        for name, default in defaults.items()
        if in_force.get(section, {}).get(name, default) != default
    ]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _took(job: Job) -> str:
    if job.started is None or job.finished is None:
        return "–"
    seconds = (job.finished - job.started).total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)


def _may_change(web: Web, job: Job) -> bool:
    """Whether the forms to rename and to remove are shown; whether they are obeyed is decided anew."""
    caller = web.caller()
    return caller.is_admin or job.client in ("", caller.key_id)
