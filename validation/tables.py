"""The tables of the validation page, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

from validation.ablations import Ablated
from validation.aims import Judged, judge
from validation.flights import Outcome
from validation.kinds import KINDS
from validation.summary import STEADY, Summary, by_agreement, by_kind, other_estimates, summarise, summarise_no_source

_MOST_WORST = 10


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join("---" for _ in head) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def aims_table(outcomes: Sequence[Outcome]) -> str:
    """Each aim, what was found, and the verdict."""
    return table(("aim", "found", "verdict"), (_aim_row(one) for one in judge(outcomes, sorted(STEADY))))


def _aim_row(one: Judged) -> tuple[str, str, str]:
    return one.aim, one.found, f"**{one.verdict}**"


def kinds_table(outcomes: Sequence[Outcome]) -> str:
    """Errors and intervals by kind, then of the groups; flights with a source."""
    head = (
        "kind",
        "flights",
        "no rate",
        "mean ratio",
        "median error",
        "90th percentile",
        "largest",
        "intervals hold",
        "median width",
        "width / error",
    )
    titles = {kind.name: kind.title for kind in KINDS}
    rows = [(f"`{name}`: {titles[name]}", *_summary_cells(summarise(of))) for name, of in by_kind(outcomes)]
    source = [one for one in outcomes if one.truth > 0]
    for title, of in (("**steady**", [one for one in source if one.kind in STEADY]), ("**all**", source)):
        if of:
            rows.append((title, *_summary_cells(summarise(of))))
    return table(head, rows)


def _summary_cells(one: Summary) -> tuple[str, ...]:
    return (
        str(one.flights),
        str(one.failures),
        number(one.mean_ratio, 3),
        percent(one.median_error),
        percent(one.ninetieth_error),
        percent(one.largest_error),
        percent(one.coverage, 0),
        percent(one.median_width),
        number(one.width_over_error, 1),
    )


def no_source_table(outcomes: Sequence[Outcome]) -> str:
    """What flights past no source gave."""
    found = summarise_no_source([one for one in outcomes if one.truth == 0])
    limits = sorted(found.limits)
    middle = limits[len(limits) // 2] if limits else float("nan")
    return table(
        ("what", "found"),
        (
            ("flights past no source", str(found.flights)),
            ("without a rate", str(found.failures)),
            ("intervals that hold 0", f"{found.held} of {found.flights}"),
            ("flagged `below_detection_limit`", f"{found.flagged} of {found.flights}"),
            ("median size of the rate", f"{number(found.median_size, 3)} kg/h"),
            ("median detection limit", f"{number(middle, 3)} kg/h"),
        ),
    )


def failures_table(outcomes: Sequence[Outcome]) -> str:
    """Every flight without a rate, and why; empty where there is none."""
    rows = [
        (f"`{one.kind}`", str(one.seed), "crash" if one.crashed else "refused", one.failure.replace("\n", " ")[:200])
        for one in outcomes
        if one.failure
    ]
    return table(("kind", "seed", "how", "why"), rows) if rows else ""


def worst_table(outcomes: Sequence[Outcome]) -> str:
    """The flights whose rate is furthest off, and what the result said of them."""
    source = [one for one in outcomes if one.truth > 0 and not one.failure]
    worst = sorted(source, key=lambda one: abs(one.ratio - 1), reverse=True)[:_MOST_WORST]
    rows = [
        (
            f"`{one.kind}`",
            str(one.seed),
            f"{one.truth:.3g}",
            f"{one.rate:.3g}",
            f"{one.low:.3g} to {one.high:.3g}",
            "yes" if one.holds else "**no**",
            ", ".join(f"`{flag}`" for flag in one.flags) or "none",
        )
        for one in worst
    ]
    return table(("kind", "seed", "true rate", "estimated", "95 % interval", "holds", "flags"), rows)


def estimators_tables(outcomes: Sequence[Outcome]) -> tuple[str, str] | None:
    """The kriged rate beside the other estimators', over all flights and by kind; None where no result has them."""
    source = [one for one in outcomes if one.truth > 0]
    every = {"kriged": source, **other_estimates(source)}
    if len(every) == 1:
        return None
    overall = [
        (
            title,
            str(len(given)),
            str(len(of) - len(given)),
            number(summary.mean_ratio, 3),
            *(percent(value) for value in (summary.median_error, summary.ninetieth_error, summary.largest_error)),
            percent(summary.coverage, 0),
            percent(summary.median_width),
        )
        for title, of in every.items()
        for given in [_given(of)]
        for summary in [summarise(given)]
    ]
    head = ("estimator", "rates", "withheld or none", "mean ratio", "median error", "90th percentile", "largest")
    rows = []
    for kind, _ in by_kind(source):
        of_kind = [_given([one for one in of if one.kind == kind]) for of in every.values()]
        rows.append((f"`{kind}`", *(percent(summarise(given).median_error) for given in of_kind)))
    return table((*head, "intervals hold", "median width"), overall), table(("median error", *every), rows)


def agreement_table(outcomes: Sequence[Outcome], within: float = 0.10) -> str:
    """How far the kriged rate is off where the other estimates agree with it, and where not."""
    agree, differ = by_agreement([one for one in outcomes if one.truth > 0], within)
    rows = [
        (
            title,
            str(len(of)),
            percent(summary.median_error),
            percent(summary.ninetieth_error),
            percent(summary.largest_error),
            percent(summary.coverage, 0),
        )
        for title, of in ((f"all within {percent(within, 0)}", agree), ("one further away", differ))
        for summary in [summarise(of)]
    ]
    head = ("other estimates", "flights", "median error", "90th percentile", "largest", "intervals hold")
    return table(head, rows)


def _given(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [one for one in outcomes if not one.failure]


def ablations_table(ablated: Sequence[Ablated]) -> str:
    """What is lost with each idea."""
    head = ("calculation", "median error", "90th percentile", "largest", "intervals hold", "no rate", "worse in", "why")
    rows = [("**as it is**", *_ablation_cells(summarise(ablated[0].before)), "", "the defaults")] if ablated else []
    rows += [
        (
            one.ablation.title,
            *_ablation_cells(summarise(one.outcomes)),
            percent(one.worse, 0),
            one.ablation.why,
        )
        for one in ablated
    ]
    return table(head, rows)


def _ablation_cells(one: Summary) -> tuple[str, ...]:
    return (
        percent(one.median_error),
        percent(one.ninetieth_error),
        percent(one.largest_error, 0),
        percent(one.coverage, 0),
        str(one.failures),
    )


def percent(share: float, places: int = 1) -> str:
    """A share in percent, or a dash."""
    return f"{100 * share:.{places}f} %" if isfinite(share) else "–"


def number(value: float, places: int) -> str:
    """A number, or a dash."""
    return f"{value:.{places}f}" if isfinite(value) else "–"
