"""What the page says of the flight: facts, track, wind, and the samples that were not used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gasflux_core.report.picture import Picture, picture
from gasflux_core.report.quantities import duration, gas_name, plain
from gasflux_core.report.track_figure import figure_track, figure_track_3d, track_view
from gasflux_core.report.wind_figure import figure_wind
from gasflux_core.report.words import WORDS

if TYPE_CHECKING:
    from gasflux_core.pipeline import Result


def flight_facts(result: Result) -> list[tuple[str, str]]:
    """Name and value of what describes the flight."""
    table, plane, wind = result.table, result.plane_fit.plane, result.wind
    kept = table["kept"].to_numpy(dtype=bool)
    heights = table["z"].to_numpy(dtype=float)[kept]
    start = table["timestamp"].iloc[0]
    facts = [
        ("start", f"{start:%Y-%m-%d %H:%M:%S} UTC"),
        ("duration", duration(float(table["time"].iloc[-1] - table["time"].iloc[0]))),
        ("place", _place(result)),
        ("rows", WORDS["fact_rows_value"].format(kept=int(kept.sum()), rows=len(table))),
        ("transects", str(result.transects.count)),
        ("heights", WORDS["fact_heights_value"].format(low=_signed(heights.min(), 1), high=_signed(heights.max(), 1))),
        ("plane", _plane(result)),
        (
            "wind",
            WORDS["fact_wind_value"].format(
                speed=plain(wind.mean_speed, 2),
                direction=f"{wind.mean_direction % 360:.0f}",
                speed_std=plain(wind.speed_std, 2),
                direction_std=f"{wind.direction_std:.0f}",
                turn=_signed(wind.turn, 0),
            ),
        ),
        ("projection", plane.crs),
    ]
    return [(WORDS[f"fact_{name}"], value) for name, value in facts]


def track_picture(result: Result, gas: str) -> Picture:
    """The track from above."""
    return picture(
        figure_track(result, gas),
        alternative=WORDS["track_alt"].format(gas=gas_name(gas)),
        caption=WORDS["track_caption"].format(crs=result.plane_fit.plane.crs),
    )


def wind_picture(result: Result) -> Picture:
    """The wind of the flight."""
    return picture(
        figure_wind(result),
        alternative=WORDS["wind_alt"].format(
            speed=plain(result.wind.mean_speed, 2), direction=f"{result.wind.mean_direction % 360:.0f}"
        ),
        caption=WORDS["wind_caption"],
    )


def view_section(result: Result, gas: str) -> dict[str, Any]:
    """The turning view: its data, and the picture that stands in its place where scripts don't run."""
    view = track_view(result, gas)
    return {
        "picture": picture(
            figure_track_3d(result, gas),
            alternative=WORDS["view_alt"].format(gas=gas_name(gas)),
            caption=WORDS["view_caption"].format(gas=gas_name(gas)),
        ),
        "gradient": ",".join(view["colours"]),
        "high": WORDS["view_high"].format(high=plain(view["high"])),
        "data": {**view, "names": {mark[0].upper(): WORDS[mark] for mark in ("north", "east", "south", "west")}},
    }


def removed_rows(result: Result) -> list[tuple[str, int]]:
    """Reason and number of the samples that were left out, most first."""
    table = result.table
    reasons = table["reason"][~table["kept"].to_numpy(dtype=bool)].value_counts()
    named = [(WORDS.get(f"reason_{reason}", str(reason)), int(rows)) for reason, rows in reasons.items()]
    return sorted(named, key=lambda item: (-item[1], item[0]))


def _place(result: Result) -> str:
    first = result.table.iloc[0]
    return WORDS["fact_place_value"].format(
        latitude=_signed(first["latitude"], 5), longitude=_signed(first["longitude"], 5)
    )


def _signed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")


def _plane(result: Result) -> str:
    plane = result.plane_fit.plane
    if plane.kind == "spiral":
        return WORDS["fact_spiral"].format(radius=plain(float(plane.radius or 0.0)), rms=plain(plane.rms_distance, 2))
    return WORDS["fact_curtain"].format(
        length=f"{plane.length:.0f}", azimuth=f"{plane.azimuth:.1f}", rms=plain(plane.rms_distance, 2)
    )
