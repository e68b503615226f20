"""A campaign: several flights, each as a job of its own, and the mean of their rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from pywps import ComplexInput

from gasflux_core.configuration import read_configuration
from gasflux_core.errors import InputError, MissingInput, TooLarge
from processes import formats
from processes.base import Inputs, Literal, StageProcess
from processes.campaign_products import (
    Run,
    mean_rates,
    rates_table,
    read_gases,
    summary,
    write_chart,
    write_map,
)
from processes.declaration import Context, InputDeclaration, OutputValue, PassedOn, SubRequest
from processes.elevation import dem_url_input
from processes.inputs import gases_input
from processes.outputs import complex_output, json_value, quantity_output, quantity_value, table_value, wants

MOST_FLIGHTS = 200
"""Of one campaign; flights times configurations are no more either."""

MOST_CONFIGURATIONS = 20

_LONGEST_LABEL = 100
_COMBINED = 0.5
"""Share of the progress at which the means are known and the writing of files begins."""

Given = str | PassedOn


@dataclass(frozen=True)
class _Case:
    """One flight with one configuration."""

    label: str
    configuration: int
    """Number of the configuration, from 1."""
    process: str
    """That which calculates the flight."""
    inputs: dict[str, Sequence[Given]]
    """Its inputs for flight and configuration."""


class Campaign(StageProcess):
    identifier = "campaign"
    title = "Mean emission rate of several flights"
    abstract = (
        "Runs gas_flux on each of several flights past the same source, as jobs of their own spread over the workers, "
        "and combines their emission rates: the mean weighted by their uncertainties, with the spread from flight to "
        "flight (random effects, DerSimonian and Laird 1986). With several configurations every flight is calculated "
        "with each of them and the means are given by configuration, which shows how much the result depends on the "
        "choice of parameters. A flight that fails is told in the table and left out of the mean. Errors that flights "
        "share, such as an instrument's calibration, don't become smaller in the mean."
    )
    keywords: ClassVar[tuple[str, ...]] = (
        "campaign",
        "emission rate",
        "several flights",
        "random effects",
        "parameter sweep",
    )
    passes_on = frozenset({"flights"})

    def declare_inputs(self) -> list[Any]:
        return [
            ComplexInput(
                "flights",
                "Flight tables",
                abstract="The flights, each as the input flight of gas_flux takes it; give the input again for each. "
                "They come this way, by value or by reference, or all by flight_url. Flights times configurations may "
                f"be {MOST_FLIGHTS} at most.",
                supported_formats=list(formats.FLIGHT_FORMATS),
                min_occurs=0,
                max_occurs=MOST_FLIGHTS,
            ),
            _texts("flight_url", "Addresses of the flight tables", "Address (http or https) of each flight."),
            _texts(
                "label",
                "Labels",
                "Names of the flights, in their order. Left empty: the last part of the address, else flight 1 and "
                "so on.",
            ),
            gases_input(),
            _texts(
                "configuration",
                "Configurations",
                "YAML or JSON text as for gas_flux. Give the input again to calculate each flight with each "
                "configuration (a parameter sweep).",
                MOST_CONFIGURATIONS,
            ),
            _texts(
                "configuration_url",
                "Addresses of configurations",
                "Address (http or https) of a text as in configuration; counts as further configurations.",
                MOST_CONFIGURATIONS,
            ),
            dem_url_input(),
        ]

    def declare_outputs(self) -> list[Any]:
        return [
            complex_output(
                "rates",
                "Rates",
                "One row a flight, configuration and gas: rate, standard uncertainty and 95 % interval in kg/h, flags, "
                "and the job it was calculated by; a failed or cancelled flight has its error.",
                formats.CSV,
            ),
            quantity_output(
                "emission_rate",
                "Emission rate",
                "Weighted mean of the first gas, with the first configuration that gave any rate.",
                "kg/h",
            ),
            quantity_output("uncertainty", "Standard uncertainty", "Standard uncertainty of that mean.", "kg/h"),
            complex_output(
                "summary",
                "Summary",
                "For each configuration and gas the weighted mean (random effects) with its interval, the spread from "
                "flight to flight, Q, I² and p, the mean without that spread (fixed effect), and flags; the failures.",
                formats.JSON,
                by_reference=False,
            ),
            complex_output("map", "Map", "The flights' planes as lines with their rates, kg/h.", formats.GEOJSON),
            complex_output(
                "chart",
                "Chart",
                "The flights' rates of the first gas with their 95 % intervals and their mean (a forest plot).",
                formats.PNG,
            ),
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        cases = _cases(inputs, context.passed_on("flights"))
        outputs = ("figures", "footprint") if wants(context, "map") else ("figures",)
        common = {name: [str(value) for value in inputs.values(name)] for name in ("gases", "dem_url")}
        several = cases[-1].configuration > 1
        requests = [
            SubRequest(
                f"{case.label}, configuration {case.configuration}" if several else case.label,
                {**case.inputs, **{name: values for name, values in common.items() if values}},
                outputs,
            )
            for case in cases
        ]
        context.progress(0.0, f"Calculating {len(requests)} flights")
        results = context.run_each(cases[0].process, requests)
        runs = [
            Run(case.label, case.configuration, result, read_gases(result))
            for case, result in zip(cases, results, strict=True)
        ]
        return self.combine(runs, context)

    def combine(self, runs: Sequence[Run], context: Context) -> dict[str, OutputValue]:
        """The outputs, of which only those asked for are made.

        :raises NoSolution: no run gave a rate.
        """
        context.progress(0.0, "Combining the rates")
        groups = mean_rates(runs)
        first = groups[0]
        made = {
            "rates": table_value(context, "rates", rates_table(runs)),
            "emission_rate": quantity_value(first.mean.emission_rate, "kg/h"),
            "uncertainty": quantity_value(first.mean.standard_uncertainty, "kg/h"),
            "summary": json_value(context, "summary", summary(runs, groups)),
        }
        if wants(context, "map"):
            context.progress(_COMBINED, "Writing map")
            made["map"] = write_map(runs, context)
        if wants(context, "chart"):
            context.progress((1 + _COMBINED) / 2, "Writing chart")
            made["chart"] = write_chart([group for group in groups if group.gas == first.gas], context)
        return made


def _texts(identifier: str, title: str, abstract: str, most: int = MOST_FLIGHTS) -> Literal:
    return Literal(InputDeclaration(identifier, title, abstract, "literal", min_occurs=0, max_occurs=most))


def _cases(inputs: Inputs, sent: int) -> list[_Case]:
    """Every flight with every configuration.

    :param sent: number of flights that came as files.
    """
    flights = _flights(inputs, sent)
    labels = _labels(inputs, flights)
    configurations = _configurations(inputs)
    process, flight_input, name = ("gas_flux", "flight", "flights")
    if not sent:
        process, flight_input, name = ("gas_flux_from_url", "flight_url", "flight_url")
    if len(flights) * len(configurations) > MOST_FLIGHTS:
        raise TooLarge(
            f"{name}: {len(flights)} flights times {len(configurations)} configurations; at most {MOST_FLIGHTS} "
            "together are taken in one campaign",
            name,
        )
    return [
        _Case(label, number, process, {flight_input: [flight], **configuration})
        for number, configuration in enumerate(configurations, start=1)
        for label, flight in zip(labels, flights, strict=True)
    ]


def _flights(inputs: Inputs, sent: int) -> list[Given]:
    urls = [str(value) for value in inputs.values("flight_url")]
    if urls and sent:
        raise InputError(
            "flight_url: give all flights by this or all by flights, not some by each; flights takes references too",
            "flight_url",
        )
    if not (urls or sent):
        raise MissingInput("flights: at least one flight is required, here or by flight_url", "flights")
    return [*urls, *(PassedOn("flights", index) for index in range(sent))]


def _labels(inputs: Inputs, flights: Sequence[Given]) -> list[str]:
    """A name for each flight: what was sent, else what its address ends with, else its number."""
    sent = [" ".join(str(value).split()) for value in inputs.values("label")]
    if len(sent) > len(flights):
        raise InputError(f"label: {len(sent)} labels came for {len(flights)} flights", "label")
    if too_long := next((label for label in sent if len(label) > _LONGEST_LABEL), None):
        raise InputError(f"label: at most {_LONGEST_LABEL} characters are taken, got '{too_long[:30]}...'", "label")
    ends = [_end_of(flight)[:_LONGEST_LABEL] for flight in flights]
    own = [end if end and ends.count(end) == 1 else f"flight {number}" for number, end in enumerate(ends, start=1)]
    return sent + own[len(sent) :]


def _end_of(flight: Given) -> str:
    if isinstance(flight, PassedOn):
        return ""
    try:
        return " ".join(unquote(PurePosixPath(urlsplit(flight).path).name).split())
    except ValueError:
        # No address at all; the job that fetches it says so.
        return ""


def _configurations(inputs: Inputs) -> list[dict[str, Sequence[Given]]]:
    """The inputs by which each configuration is given to a run; one without any where none was sent.

    :raises InputError: where a text is no configuration, before any flight is calculated with it.
    """
    texts = [str(value) for value in inputs.values("configuration")]
    for number, text in enumerate(texts, start=1):
        try:
            read_configuration(text)
        except InputError as error:
            raise InputError(f"configuration {number} of {len(texts)}: {error.message}", "configuration") from None
    given: list[dict[str, Sequence[Given]]] = [{"configuration": [text]} for text in texts]
    given += [{"configuration_url": [str(value)]} for value in inputs.values("configuration_url")]
    if len(given) > MOST_CONFIGURATIONS:
        text = f"configuration_url: at most {MOST_CONFIGURATIONS} configurations are taken, {len(given)} came"
        raise TooLarge(text, "configuration_url")
    return given or [{}]
