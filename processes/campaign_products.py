"""What a campaign's runs give together: means, table, map and chart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pandas as pd

from gasflux_core.campaign import CampaignMean, combine_rates
from gasflux_core.errors import NoSolution
from gasflux_core.io.campaign_layer import campaign_geojson
from gasflux_core.pipeline import versions
from processes import formats
from processes.declaration import Context, OutputValue, SubResult
from processes.outputs import file_value

_REASONS_TOLD = 3


@dataclass(frozen=True)
class Run:
    """One flight with one configuration, and how it ended."""

    label: str
    configuration: int
    """Number of the configuration, from 1."""
    result: SubResult
    gases: dict[str, dict[str, Any]]
    """Gas → its figures as ``gas_flux`` gives them; none where the run failed."""


@dataclass(frozen=True)
class Group:
    """The runs of one configuration that gave a rate of one gas, and the mean of these rates."""

    configuration: int
    gas: str
    runs: Sequence[Run]
    mean: CampaignMean


def read_gases(result: SubResult) -> dict[str, dict[str, Any]]:
    """The figures of each gas; none where the job failed."""
    figures = result.outputs.get("figures")
    if result.error is not None or figures is None or figures.file is None:
        return {}
    gases: dict[str, dict[str, Any]] = json.loads(figures.file.read_text(encoding="utf-8"))["gases"]
    return gases


def mean_rates(runs: Sequence[Run]) -> list[Group]:
    """The means by configuration, and within it by gas, in the order in which they came.

    :raises NoSolution: no run gave a rate.
    """
    groups = []
    for number, of_number in groupby(runs, key=lambda run: run.configuration):
        own = list(of_number)
        for gas in dict.fromkeys(gas for run in own for gas in run.gases):
            seen = [run for run in own if gas in run.gases]
            figures = [run.gases[gas] for run in seen]
            mean = combine_rates(
                [one["emission_rate"] for one in figures], [one["standard_uncertainty"] for one in figures]
            )
            groups.append(Group(number, gas, seen, mean))
    if not groups:
        raise NoSolution(_all_failed(runs))
    return groups


def rates_table(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a run and gas, or a failed run; rates in kg h⁻¹."""
    rows = []
    for run in runs:
        end = {
            "state": _state(run.result),
            "error": run.result.error or "",
            "job_id": run.result.job_id,
        }
        for gas, figures in (run.gases or {"": {}}).items():
            low, high = figures.get("interval95", (None, None))
            rows.append(
                {
                    "label": run.label,
                    "configuration": run.configuration,
                    "gas": gas,
                    "emission_rate": figures.get("emission_rate"),
                    "standard_uncertainty": figures.get("standard_uncertainty"),
                    "interval95_low": low,
                    "interval95_high": high,
                    "flags": " ".join(figures.get("flags", ())),
                    **end,
                }
            )
    return pd.DataFrame(rows)


def summary(runs: Sequence[Run], groups: Sequence[Group]) -> dict[str, Any]:
    """The means and the failures as plain values."""
    failed = [run for run in runs if not run.gases]
    return {
        "flights": sum(run.configuration == 1 for run in runs),
        "configurations": max(run.configuration for run in runs),
        "means": [{"configuration": one.configuration, "gas": one.gas, **one.mean.to_dict()} for one in groups],
        "failed": [
            {
                "label": run.label,
                "configuration": run.configuration,
                "job_id": run.result.job_id,
                "error": run.result.error,
            }
            for run in failed
        ],
        "versions": versions(),
    }


def write_map(runs: Sequence[Run], context: Context) -> OutputValue:
    """The lines of the planes with their rates, as GeoJSON."""
    flights = []
    for run in runs:
        footprint = run.result.outputs.get("footprint")
        if not run.gases or footprint is None or footprint.file is None:
            continue
        properties: dict[str, Any] = {"label": run.label, "configuration": run.configuration}
        for gas, figures in run.gases.items():
            properties[f"{gas}_rate"] = figures["emission_rate"]
            properties[f"{gas}_uncertainty"] = figures["standard_uncertainty"]
            properties[f"{gas}_flags"] = " ".join(figures["flags"])
        flights.append((json.loads(footprint.file.read_text(encoding="utf-8")), properties))
    path = context.workdir / f"map{formats.GEOJSON.extension}"
    path.write_text(json.dumps(campaign_geojson(flights), ensure_ascii=False), encoding="utf-8")
    return file_value(path, formats.GEOJSON)


def write_chart(groups: Sequence[Group], context: Context) -> OutputValue:
    """The forest plot of one gas, as PNG.

    :param groups: all of one gas.
    """
    # matplotlib takes a second to load, which those who want no chart need not wait for.
    from gasflux_core.report.forest_figure import ForestGroup, ForestRow, write_forest

    def row(run: Run, gas: str) -> ForestRow:
        figures = run.gases[gas]
        low, high = figures["interval95"]
        return ForestRow(run.label, figures["emission_rate"], figures["standard_uncertainty"], (low, high))

    several = len(groups) > 1
    drawn = [
        ForestGroup(one.configuration if several else None, [row(run, one.gas) for run in one.runs], one.mean)
        for one in groups
    ]
    path = context.workdir / f"chart{formats.PNG.extension}"
    write_forest(path, groups[0].gas, drawn)
    return file_value(path, formats.PNG)


def _state(result: SubResult) -> str:
    if result.cancelled:
        return "cancelled"
    return "successful" if result.error is None else "failed"


def _all_failed(runs: Sequence[Run]) -> str:
    reasons = "; ".join(f"{run.result.label}: {run.result.error}" for run in runs[:_REASONS_TOLD])
    rest = f"; and {len(runs) - _REASONS_TOLD} more" if len(runs) > _REASONS_TOLD else ""
    return f"none of the {len(runs)} runs gave an emission rate ({reasons}{rest})"
