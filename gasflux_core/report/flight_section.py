"""What the page says of the flight: facts, track, wind, and the samples that were not used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gasflux_core.report.picture import Picture, picture
from gasflux_core.report.quantities import duration, gas_name, plain
from gasflux_core.report.track_figure import figure_track, figure_track_3d, track_view
from gasflux_core.report.wind_figure import figure_wind
from gasflux_core.report.wording import Wording

if TYPE_CHECKING:
    from gasflux_core.pipeline import Result


def flight_facts(result: Result, words: Wording) -> list[tuple[str, str]]:
    """Name and value of what describes the flight."""
    table, plane, wind = result.table, result.plane_fit.plane, result.wind
    kept = table["kept"].to_numpy(dtype=bool)
    heights = table["z"].to_numpy(dtype=float)[kept]
    start, end = table["timestamp"].iloc[0], table["timestamp"].iloc[-1]
    facts = [
        ("start", f"{start:%Y-%m-%d %H:%M:%S} UTC"),
        ("end", f"{end:%Y-%m-%d %H:%M:%S} UTC"),
        ("duration", duration(float(table["time"].iloc[-1] - table["time"].iloc[0]))),
        ("place", _place(result, words)),
        ("rows", words["fact_rows_value"].format(kept=int(kept.sum()), rows=len(table))),
        ("transects", str(result.transects.count)),
        ("heights", words["fact_heights_value"].format(low=_signed(heights.min(), 1), high=_signed(heights.max(), 1))),
        ("plane", _plane(result, words)),
        (
            "wind",
            words["fact_wind_value"].format(
                speed=plain(wind.mean_speed, 2),
                direction=f"{wind.mean_direction % 360:.0f}",
                speed_std=plain(wind.speed_std, 2),
                direction_std=f"{wind.direction_std:.0f}",
                turn=_signed(wind.turn, 0),
            ),
        ),
        ("projection", plane.crs),
    ]
    return [(words[f"fact_{name}"], value) for name, value in facts]


def track_picture(result: Result, gas: str, words: Wording) -> Picture:
    """The track from above."""
    return picture(
        figure_track(result, gas),
        alternative=words["track_alt"].format(gas=gas_name(gas)),
        caption=words["track_caption"].format(crs=result.plane_fit.plane.crs),
    )


def wind_picture(result: Result, words: Wording) -> Picture:
    """The wind of the flight."""
    return picture(
        figure_wind(result),
        alternative=words["wind_alt"].format(
            speed=plain(result.wind.mean_speed, 2), direction=f"{result.wind.mean_direction % 360:.0f}"
        ),
        caption=words["wind_caption"],
    )


def view_section(result: Result, gas: str, words: Wording) -> dict[str, Any]:
    """The turning view: its data, and the picture that stands in its place where scripts don't run."""
    view = track_view(result, gas)
    return {
        "picture": picture(
            figure_track_3d(result, gas),
            alternative=words["view_alt"].format(gas=gas_name(gas)),
            caption=words["view_caption"].format(gas=gas_name(gas)),
        ),
        "gradient": ",".join(view["colours"]),
        "high": words["view_high"].format(high=plain(view["high"])),
        "data": {
            **view,
            "names": {mark[0].upper(): words[f"compass_{mark}"] for mark in ("north", "east", "south", "west")},
        },
    }


def removed_rows(result: Result, words: Wording) -> list[tuple[str, int]]:
    """Reason and number of the samples that were left out, most first."""
    table = result.table
    reasons = table["reason"][~table["kept"].to_numpy(dtype=bool)].value_counts()
    named = [(words.words.get(f"reason_{reason}", str(reason)), int(rows)) for reason, rows in reasons.items()]
    return sorted(named, key=lambda item: (-item[1], item[0]))


def _place(result: Result, words: Wording) -> str:
    first = result.table.iloc[0]
    return words["fact_place_value"].format(
        latitude=_signed(first["latitude"], 5), longitude=_signed(first["longitude"], 5)
    )


def _signed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")


def _plane(result: Result, words: Wording) -> str:
    plane = result.plane_fit.plane
    if plane.kind == "spiral":
        return words["fact_spiral"].format(radius=plain(float(plane.radius or 0.0)), rms=plain(plane.rms_distance, 2))
    return words["fact_curtain"].format(
        length=f"{plane.length:.0f}", azimuth=f"{plane.azimuth:.1f}", rms=plain(plane.rms_distance, 2)
    )
