"""The validation page of the documentation, made of the outcomes of one run."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from validation import figures, sheet, tables
from validation.ablations import Ablated
from validation.flights import Outcome
from validation.summary import NORMAL_WIDTH, STEADY, summarise, summarise_no_source

_HEAD = """# Validation

<!-- Made by `make validation` (validation/page.py): don't edit. -->

How far off is the emission rate, and can its interval be trusted? Simulated flights, whose true rate is known, go
through the whole calculation with its defaults, as a user's flight would: {flights} flights, {kinds} kinds × {seeds}
seeds ({first} to {last}). Each kind is one difficulty that flights meet; wind, azimuth and the plume's place are drawn
anew for each flight, and the true rate is spread over two decades where the kind allows. {aside}

Errors are in percent of the true rate. A flight that gives no rate counts as an error of 100 %.

## Aims

{aims}

*Steady* means a steady wind and at least 95 % of the plume within the transects{inside}. *Reached* and *not reached*
are put down by the command that makes this page. One flight of {seeds} is {step} of a kind's coverage, so that chance
alone takes kinds out of 88–99 %; the line after counts those that are out beyond chance: their 95 % confidence interval
(Clopper and Pearson 1934) lies outside.

## Estimated against true

![Estimated against true rate, and their ratio](../images/validation_rates.png)

A point is a flight, a line its 95 % interval; the bands are ±10 and ±15 %. Marks at the edge stand for flights beyond
it. Flights of all kinds share their true rates; on the right they stand side by side.

## Error by kind

![Error of each flight by kind](../images/validation_errors.png)

Blue kinds are steady ones, orange the others.

{by_kind}

*Width* is that of the 95 % interval over the true rate; the last column is its median over the median error. With
normal errors and intervals of the right width it is {normal:.1f}; more is too wide, less too narrow.

The flights furthest off, and what their results said:

{worst}

{failures}

## Intervals

![Coverage and width of the intervals by kind](../images/validation_coverage.png)

Left: the share of the intervals that hold the truth, with its 95 % confidence as a line. The dark band is the aim over
all kinds; the pale one is where 95 % of kinds of so many flights would lie if their intervals held the truth in 95 %.
Right: width over error, with the value for normal errors as a line.

![Standardised errors beside the normal distribution](../images/validation_reliability.png)

Left: the errors in units of their own standard uncertainty against the quantiles of a normal distribution. On the line
they are as large as stated; flatter means that the uncertainty is stated too large, steeper too small. Right: where the
truth falls in a normal distribution around the rate with its standard uncertainty. Uncertainties of the right size
make all columns alike, within the band; a heap in the middle means that they are too large, heaps at the ends too
small.

## No source

{no_source}

The detection limit is what this flight would have told apart from none; see [Uncertainty](uncertainty.md).
"""

_ASIDE = "The method was worked out with seeds below 100; these were kept aside."
_NOT_ASIDE = "The method was worked out with seeds below 100, these among them: **this page is a draft.**"

_ESTIMATORS = """
## Other estimators

Beside the kriged rate the result has others, from the same flights. Errors are of the rates that were given; a
withheld one says why in the result.

{overall}

By kind:

{by_kind}

Is the kriged rate better where the others agree with it?

{agreement}
"""

_ABLATIONS = """
## What each idea is worth

The same flights ({flights} of the above: {kinds} kinds × {seeds} seeds) with one setting in place of the default.
*Worse in* is the share of flights whose rate is then further off.

![Median and 90th percentile of the error without each idea](../images/validation_ablations.png)

{ablations}

The flights are few and the kinds hard, so small differences mean little; the kinds are {names}.
"""

_FOOT = """
## What this does not say

* The flights are simulated: Gaussian plumes in a logarithmic wind, meandering as a whole. Real turbulence, buildings
  and downwash of the drone are not in it, and no flight past a controlled release is.
* Gaussian plumes favour what assumes them: the estimator that fits one, and the smooth profile that scatter between
  transects is measured from.
* The kinds are those the method was worked out with. A difficulty that is no kind here was not tried.
* The sensor is calibrated, and the wind at the drone is that of the plume.

## Make it again

```console
{command}
```

One flight by itself:

```python
from validation.flights import run_flight
from validation.kinds import KINDS

outcome = run_flight(KINDS[0], {first})
print(outcome.truth, outcome.rate, outcome.low, outcome.high, outcome.flags)
```
"""


@dataclass(frozen=True)
class Run:
    """What the page is made of."""

    outcomes: Sequence[Outcome]
    ablated: Sequence[Ablated]
    command: str
    """By which the page is made again."""


def write_page(run: Run, docs: Path) -> list[Path]:
    """Write the page and its pictures into the folder of the documentation; the files written come back."""
    images = docs / "images"
    page = docs / "explanation" / "validation.md"
    for folder in (images, page.parent):
        folder.mkdir(parents=True, exist_ok=True)
    page.write_text(page_text(run), encoding="utf-8")
    drawn = {
        "rates": figures.figure_rates(run.outcomes),
        "errors": figures.figure_errors(run.outcomes),
        "coverage": figures.figure_coverage(run.outcomes),
        "reliability": figures.figure_reliability(run.outcomes),
        **({"ablations": figures.figure_ablations(run.ablated)} if run.ablated else {}),
    }
    written = [page]
    for name, figure in drawn.items():
        path = images / f"validation_{name}.png"
        path.write_bytes(sheet.png(figure))
        written.append(path)
    return written


def page_text(run: Run) -> str:
    """The page as Markdown."""
    outcomes = run.outcomes
    seeds = sorted({one.seed for one in outcomes})
    steady = [one.inside for one in outcomes if one.kind in STEADY]
    failures = tables.failures_table(outcomes)
    text = _HEAD.format(
        flights=len(outcomes),
        kinds=len({one.kind for one in outcomes}),
        seeds=len(seeds),
        first=seeds[0],
        last=seeds[-1],
        aside=_ASIDE if seeds[0] >= 100 else _NOT_ASIDE,
        aims=tables.aims_table(outcomes),
        inside=f" ({tables.percent(min(steady))} in the least of these flights)" if steady else "",
        step=tables.percent(1 / len(seeds)),
        by_kind=tables.kinds_table(outcomes),
        normal=NORMAL_WIDTH,
        worst=tables.worst_table(outcomes),
        failures=f"Flights that gave no rate:\n\n{failures}" if failures else "Every flight gave a rate.",
        no_source=tables.no_source_table(outcomes),
    )
    text = _wrapped(text)
    estimators = tables.estimators_tables(outcomes)
    if estimators:
        text += _wrapped(
            _ESTIMATORS.format(overall=estimators[0], by_kind=estimators[1], agreement=tables.agreement_table(outcomes))
        )
    if run.ablated:
        flown = run.ablated[0].before
        kinds = list(dict.fromkeys(one.kind for one in flown))
        ideas = _ABLATIONS.format(
            flights=len(flown),
            kinds=len(kinds),
            seeds=len({one.seed for one in flown}),
            ablations=tables.ablations_table(run.ablated),
            names=", ".join(f"`{kind}`" for kind in kinds),
        )
        text += _wrapped(ideas)
    return text + _FOOT.format(command=run.command, first=seeds[0])


def _wrapped(text: str) -> str:
    """The text with its paragraphs filled anew, after numbers were put in."""
    blocks = text.split("\n\n")
    return "\n\n".join(_filled(block) if re.match(r"\*?[A-Z]", block) else block for block in blocks)


def _filled(block: str) -> str:
    end = "\n" if block.endswith("\n") else ""
    return textwrap.fill(block, 118, break_long_words=False, break_on_hyphens=False) + end


def in_a_line(outcomes: Sequence[Outcome]) -> str:
    """The figures that count in one sentence."""
    source = [one for one in outcomes if one.truth > 0]
    steady, every = summarise([one for one in source if one.kind in STEADY]), summarise(source)
    none = summarise_no_source([one for one in outcomes if one.truth == 0])
    return (
        f"{len(outcomes)} simulated flights: median error {tables.percent(every.median_error)}, 90th percentile "
        f"{tables.percent(every.ninetieth_error)}; in steady wind {tables.percent(steady.median_error)}, largest "
        f"{tables.percent(steady.largest_error)}; 95 % intervals hold the truth in {tables.percent(every.coverage)}; "
        f"without a source {none.held} of {none.flights} hold 0"
    )
