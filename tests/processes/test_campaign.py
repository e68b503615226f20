"""Several flights as one campaign."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from pywps.app.WPSRequest import WPSRequest

from gasflux_core.campaign import combine_rates
from gasflux_core.errors import GasFluxError, InputError, MissingInput, NoSolution, TooLarge
from gasflux_core.io.tables import write_table
from gasflux_core.report.forest_figure import ForestGroup, ForestRow, figure_forest
from gasflux_core.simulate import SimulationParameters, simulate_flight
from processes import registry
from processes.base import _PlainContext, declaration, execute
from processes.campaign import MOST_FLIGHTS, Campaign
from processes.declaration import InputValue, OutputValue, PassedOn, SubRequest, SubResult
from tests.processes.chain import sent
from tests.processes.conftest import RecordingContext

TRUE_RATE = 10.0
PLACE = "https://example.org/flights"


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three flights past 10 kg/h of methane."""
    folder = tmp_path_factory.mktemp("flights")
    paths = []
    for number in (1, 2, 3):
        made = simulate_flight(SimulationParameters.check({"seed": number, "transects": 6, "width": 120}))
        paths.append(folder / f"{number}.csv")
        write_table(made.table, paths[-1])
    return paths


class Answering(RecordingContext):
    """Answers sub-jobs at once with made-up figures, or with an error where there are none."""

    figures: list[dict[str, Any] | str]

    def run_each(self, process: str, requests: Any) -> list[SubResult]:
        self.asked += [(process, request) for request in requests]
        return [
            self.answer(one, self.figures[number % len(self.figures)], number) for number, one in enumerate(requests)
        ]

    def answer(self, request: SubRequest, figures: dict[str, Any] | str, number: int) -> SubResult:
        if isinstance(figures, str):
            return SubResult(request.label, f"job-{number}", {}, figures, cancelled="cancelled" in figures)
        made = {}
        for name, value in (("figures", {"gases": figures}), ("footprint", FOOTPRINT)):
            path = self.workdir / f"{number}-{name}"
            path.write_text(json.dumps(value))
            made[name] = OutputValue(file=path)
        return SubResult(request.label, f"job-{number}", {name: made[name] for name in request.outputs})


FOOTPRINT = {"features": [{"geometry": {"type": "LineString", "coordinates": [[1.0, 50.0], [1.1, 50.1]]}}]}


def gas(rate: float, uncertainty: float) -> dict[str, Any]:
    interval = [rate - 2 * uncertainty, rate + 2 * uncertainty]
    return {
        "emission_rate": rate,
        "standard_uncertainty": uncertainty,
        "interval95": interval,
        "flags": ["light_wind", "few_transects"],
    }


@pytest.fixture
def answering(context: RecordingContext) -> Answering:
    made = Answering(context.workdir)
    made.figures = [{"ch4": gas(9.0, 1.0)}, {"ch4": gas(12.0, 2.0)}, {"ch4": gas(-1.0, 8.0)}]
    return made


def run(context: RecordingContext, count: int = 0, **values: Any) -> dict[str, OutputValue]:
    context.passed["flights"] = [InputValue(text="never read")] * count
    return execute(registry()["campaign"], sent(**values), context)


def table(made: dict[str, OutputValue]) -> pd.DataFrame:
    assert made["rates"].file is not None
    return pd.read_csv(made["rates"].file, keep_default_na=False)


def read(value: OutputValue) -> Any:
    assert value.file is not None
    return json.loads(value.file.read_text(encoding="utf-8"))


# ---- the whole, with flights that are really calculated


def test_the_true_rate_lies_in_the_interval_of_the_mean(context: RecordingContext, flights: list[Path]) -> None:
    context.passed["flights"] = [InputValue(file=path, media_type="text/csv") for path in flights]
    made = execute(registry()["campaign"], sent(label=("monday", "tuesday")), context)
    rates = table(made)
    assert list(rates["label"]) == ["monday", "tuesday", "flight 3"]
    assert list(rates["state"]) == ["successful"] * 3 and set(rates["gas"]) == {"ch4"}
    assert list(rates["job_id"]) == ["job-1", "job-2", "job-3"]
    mean = combine_rates(rates["emission_rate"].tolist(), rates["standard_uncertainty"].tolist())
    assert mean.interval95[0] < TRUE_RATE < mean.interval95[1]
    assert made["emission_rate"] == OutputValue(text=repr(mean.emission_rate), unit="kg/h")
    assert made["uncertainty"] == OutputValue(text=repr(mean.standard_uncertainty), unit="kg/h")
    # Three flights together are surer than each of them, which is what a campaign is for.
    assert mean.standard_uncertainty < rates["standard_uncertainty"].min()
    summary = read(made["summary"])
    assert summary["flights"] == 3 and summary["failed"] == [] and summary["versions"]
    assert summary["means"] == [{"configuration": 1, "gas": "ch4", **mean.to_dict()}]


def test_flights_are_lines_on_a_map(context: RecordingContext, flights: list[Path]) -> None:
    context.addresses = {f"{PLACE}/{path.name}": path for path in flights}
    context.outputs = frozenset({"map"})
    made = execute(registry()["campaign"], sent(flight_url=tuple(context.addresses)), context)
    layer = read(made["map"])
    assert [one["properties"]["label"] for one in layer["features"]] == ["1.csv", "2.csv", "3.csv"]
    for feature in layer["features"]:
        assert feature["geometry"]["type"] == "LineString" and len(feature["geometry"]["coordinates"]) > 10
        assert feature["properties"]["ch4_rate"] > 0 and feature["properties"]["ch4_uncertainty"] > 0
        assert "ch4_flags" in feature["properties"]


# ---- what is asked for


def test_flights_are_handed_on_unread(answering: Answering) -> None:
    run(answering, 3, gases="ch4", label="upwind farm")
    assert [process for process, _ in answering.asked] == ["gas_flux"] * 3
    assert [request.label for _, request in answering.asked] == ["upwind farm", "flight 2", "flight 3"]
    for index, (_, request) in enumerate(answering.asked):
        assert request.inputs == {"flight": [PassedOn("flights", index)], "gases": ["ch4"]}
        assert request.outputs == ("figures", "footprint")


def test_addresses_are_handed_on_unfetched(answering: Answering) -> None:
    urls = (
        f"{PLACE}/a%20b.csv?key=1",
        "https://example.org/wfs?request=GetFeature&typeName=1",
        f"{PLACE}/c/",
        "no address",
    )
    urls += ("https://example.org/wfs?request=GetFeature&typeName=2", "https://[/x")
    answering.outputs = frozenset({"emission_rate"})
    run(answering, flight_url=urls)
    assert {process for process, _ in answering.asked} == {"gas_flux_from_url"}
    assert [list(request.inputs["flight_url"]) for _, request in answering.asked] == [[url] for url in urls]
    assert all(request.outputs == ("figures",) for _, request in answering.asked)
    # Two that end alike are told apart by their number.
    labels = [request.label for _, request in answering.asked]
    assert labels == ["a b.csv", "flight 2", "c", "no address", "flight 5", "flight 6"]


def test_every_flight_is_calculated_with_every_configuration(answering: Answering) -> None:
    answering.figures = [{"ch4": gas(float(number), 1.0)} for number in range(1, 7)]
    texts = ("kriging: {below: constant}", "kriging: {below: none}")
    made = run(answering, 2, configuration=texts, configuration_url=f"{PLACE}/third.yaml")
    assert [request.label for _, request in answering.asked] == [
        f"flight {flight}, configuration {number}" for number in (1, 2, 3) for flight in (1, 2)
    ]
    given = [{**request.inputs, "flight": 0} for _, request in answering.asked]
    assert given[0] == given[1] == {"flight": 0, "configuration": [texts[0]]}
    assert given[2] == given[3] == {"flight": 0, "configuration": [texts[1]]}
    assert given[4] == given[5] == {"flight": 0, "configuration_url": [f"{PLACE}/third.yaml"]}
    assert made["emission_rate"].text == "1.5"
    summary = read(made["summary"])
    assert (summary["flights"], summary["configurations"]) == (2, 3)
    assert [(one["configuration"], one["emission_rate"]) for one in summary["means"]] == [(1, 1.5), (2, 3.5), (3, 5.5)]
    assert list(table(made)["configuration"]) == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("count", "values", "at_fault", "message"),
    [
        (0, {}, "flights", "at least one flight"),
        (1, {"flight_url": PLACE}, "flight_url", "not some by each"),
        (1, {"label": ("a", "b")}, "label", "2 labels came for 1 flights"),
        (1, {"label": "a" * 101}, "label", "at most 100 characters"),
        (1, {"configuration": ("{}", "krigin: {}")}, "configuration", "configuration 2 of 2: .*krigin"),
        (1, {"configuration": ("{}",) * 20, "configuration_url": PLACE}, "configuration_url", "at most 20 .*21 came"),
        (67, {"configuration": ("{}",) * 3}, "flights", "67 flights times 3 configurations; at most 200"),
        (201, {}, "flights", "at most 200 values are taken, 201 came"),
    ],
)
def test_what_makes_no_campaign_is_refused_before_any_job(
    answering: Answering, count: int, values: dict[str, Any], at_fault: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        run(answering, count, **values)
    assert caught.value.parameter == at_fault
    assert answering.asked == []


def test_kinds_of_refusals(answering: Answering) -> None:
    with pytest.raises(MissingInput):
        run(answering)
    with pytest.raises(TooLarge):
        run(answering, 101, configuration=("{}", "{}"))
    answering.outputs = frozenset({"rates"})
    assert len(table(run(answering, 100, configuration=("{}", "{}")))) == MOST_FLIGHTS
    assert len(answering.asked) == MOST_FLIGHTS


# ---- what comes of it


def test_a_failed_flight_is_told_and_left_out(answering: Answering) -> None:
    answering.figures[1] = "flight: the column ch4 is missing"
    made = run(answering, 3)
    rates = table(made)
    assert list(rates["state"]) == ["successful", "failed", "successful"]
    assert rates["error"][1] == "flight: the column ch4 is missing" and rates["emission_rate"][1] == ""
    assert rates["flags"][0] == "light_wind few_transects"
    expected = combine_rates([9.0, -1.0], [1.0, 8.0])
    assert float(made["emission_rate"].text or "") == expected.emission_rate
    summary = read(made["summary"])
    assert summary["means"][0]["flights"] == 2
    assert summary["failed"] == [
        {"label": "flight 2", "configuration": 1, "job_id": "job-1", "error": "flight: the column ch4 is missing"}
    ]
    assert len(read(made["map"])["features"]) == 2


def test_a_cancelled_flight_is_told_apart_from_a_failed_one(answering: Answering) -> None:
    answering.figures = [answering.figures[0], "The job was cancelled.", "no transects were found"]
    assert list(table(run(answering, 3))["state"]) == ["successful", "cancelled", "failed"]


def test_a_campaign_without_any_rate_has_no_solution(answering: Answering) -> None:
    answering.figures = ["no plane", "no gas", "no wind", "no more"]
    with pytest.raises(NoSolution, match=r"none of the 4 runs .*flight 1: no plane; .*flight 3: no wind; and 1 more"):
        run(answering, 4)


def test_the_first_configuration_that_gave_a_rate_is_the_first(answering: Answering) -> None:
    answering.figures = ["no plane", {"ch4": gas(4.0, 1.0)}]
    made = run(answering, 1, configuration=("{}", "{}"))
    assert made["emission_rate"].text == "4.0"
    assert [one["configuration"] for one in read(made["summary"])["means"]] == [2]


def test_gases_have_means_of_their_own(answering: Answering) -> None:
    answering.figures = [{"ch4": gas(9.0, 1.0), "co2": gas(200.0, 30.0)}, {"co2": gas(300.0, 30.0)}]
    made = run(answering, 2)
    means = read(made["summary"])["means"]
    assert [(one["gas"], one["flights"]) for one in means] == [("ch4", 1), ("co2", 2)]
    assert means[1]["emission_rate"] == pytest.approx(250.0)
    assert made["emission_rate"].text == "9.0"
    assert list(table(made)["gas"]) == ["ch4", "co2", "co2"]


@pytest.mark.parametrize("name", ["map", "chart"])
def test_only_what_was_asked_for_is_made(answering: Answering, name: str) -> None:
    answering.outputs = frozenset({name, "emission_rate"})
    made = run(answering, 2)
    assert ("map" in made, "chart" in made) == (name == "map", name == "chart")


def test_progress_rises(answering: Answering) -> None:
    run(answering, 2)
    fractions = [fraction for fraction, _ in answering.told]
    assert fractions == sorted(fractions) and answering.told[0] == (0.0, "Calculating 2 flights")


def test_the_chart_is_a_picture_that_grows_with_the_flights(answering: Answering) -> None:
    sizes = []
    for count in (2, 40):
        chart = run(answering, count, label="50 $ & a long name that nobody can read to its end")["chart"]
        assert chart.file is not None and chart.media_type == "image/png"
        sizes.append(Image.open(io.BytesIO(chart.file.read_bytes())).size)
    assert sizes[0][0] == sizes[1][0] == 1012 and sizes[1][1] > sizes[0][1] + 800


def test_the_chart_shows_rates_intervals_and_mean() -> None:
    rows = [ForestRow("a", 9.0, 1.0, (7.0, 11.0)), ForestRow("b", 12.0, 2.0, (8.5, 16.0))]
    mean = combine_rates([9.0, 12.0], [1.0, 2.0])
    axes = figure_forest("ch4", [ForestGroup(None, rows, mean), ForestGroup(2, rows, mean)]).axes[0]
    lines = [tuple(line.get_xdata()) for line in axes.lines]
    for row in rows:
        assert lines.count(row.interval95) == 2 and lines.count((row.emission_rate,)) == 2
    assert len(axes.patches) == 2
    corners = axes.patches[0].get_path().vertices[:, 0]
    assert (corners.min(), corners.max()) == pytest.approx(mean.interval95)
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("9.0 ± 1.0") == 2 and texts.count("weighted mean") == 2 and "configuration 2" in texts


# ---- around it


def test_the_flights_are_passed_on_and_the_rest_is_not() -> None:
    said = declaration(registry()["campaign"])
    assert registry()["campaign"].passes_on == {"flights"}
    flights = said.input("flights")
    assert flights is not None and (flights.min_occurs, flights.max_occurs) == (0, 200)
    assert flights.formats == declaration(registry()["gas_flux"]).input("flight").formats  # type: ignore[union-attr]
    names = [item.identifier for item in said.outputs]
    assert names == ["rates", "emission_rate", "uncertainty", "summary", "map", "chart"]


class Needing(Campaign):
    """A process that can't do without what it passes on."""

    identifier = "needing"

    def declare_inputs(self) -> list[Any]:
        inputs = super().declare_inputs()
        inputs[0].min_occurs = 2
        return inputs


def test_values_that_are_passed_on_are_counted(answering: Answering) -> None:
    answering.passed["flights"] = [InputValue()]
    with pytest.raises(MissingInput) as caught:
        execute(Needing(), {}, answering)
    assert caught.value.parameter == "flights"
    answering.passed["flights"] *= 2
    assert execute(Needing(), {}, answering)


def test_a_plain_service_says_that_it_cannot_spread(tmp_path: Path) -> None:
    process = Campaign()
    process.set_workdir(str(tmp_path))
    request = WPSRequest()
    request.inputs = {"flights": [object(), object()]}
    context = _PlainContext(process, request, None)
    assert context.passed_on("flights") == 2 and context.passed_on("other") == 0
    with pytest.raises(GasFluxError, match="run gas_flux for each by itself"):
        context.run_each("gas_flux", [])
