"""The chain of stages, run by hand, and the whole calculation give the same figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gasflux_core.io.tables import write_table
from gasflux_core.simulate import SimulationParameters, simulate_flight
from processes.declaration import OutputValue
from tests.processes.chain import Runner
from tests.processes.conftest import RecordingContext

GASES = ("ch4", "co2")


def loaded(output: OutputValue) -> dict[str, Any]:
    assert output.file is not None
    found = json.loads(output.file.read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(name))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, example_flight: Path
) -> tuple[dict[str, dict[str, OutputValue]], dict[str, OutputValue], RecordingContext]:
    """Products of the chain and of gas_flux on the example flight, and what gas_flux told meanwhile."""
    folder = tmp_path_factory.mktemp("chain")
    runner = Runner(folder, json.dumps({"kriging": {"roughness_length": 0.05, "resolution": 500}}))
    chain = runner.chain(example_flight, GASES)
    whole = runner.run("gas_flux", flight=example_flight, gases=GASES)
    return chain, whole, runner.context


def assert_same(found: Any, expected: Any, where: str) -> None:
    if isinstance(expected, Mapping):
        assert found.keys() == expected.keys(), where
        for name, one in expected.items():
            assert_same(found[name], one, f"{where}.{name}")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12), where
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for number, one in enumerate(expected):
            assert_same(found[number], one, f"{where}[{number}]")
    else:
        assert found == expected, where


@pytest.mark.parametrize("gas", GASES)
def test_the_chain_gives_the_figures_of_the_whole(runs: Any, gas: str) -> None:
    chain, whole, _ = runs
    by_chain = loaded(chain[f"emission_rate {gas}"]["figures"])
    by_whole = loaded(whole["figures"])
    ours, theirs = by_chain["gases"][gas], dict(by_whole["gases"][gas])
    # Flags of the flight as a whole are told by the stages that raise them.
    assert set(ours.pop("flags")) <= set(theirs.pop("flags"))
    assert_same(ours, theirs, gas)
    assert_same(by_chain["plane"], by_whole["plane"], "plane")


def test_the_chain_gives_the_literals_of_the_whole(runs: Any) -> None:
    chain, whole, _ = runs
    first = chain[f"emission_rate {GASES[0]}"]
    for name in ("emission_rate", "uncertainty"):
        assert float(first[name].text) == pytest.approx(float(whole[name].text), rel=1e-9)
        assert whole[name].unit == first[name].unit == "kg/h"


def test_the_chain_gives_the_table_of_the_whole(runs: Any) -> None:
    chain, whole, _ = runs
    assert chain["flux_density"]["table"].file.read_text() == whole["table"].file.read_text()


def test_the_literals_are_those_of_the_first_gas(runs: Any) -> None:
    _, whole, _ = runs
    first = loaded(whole["figures"])["gases"][GASES[0]]
    assert float(whole["emission_rate"].text) == first["emission_rate"]
    assert float(whole["uncertainty"].text) == first["standard_uncertainty"]


def test_the_configuration_is_heeded(runs: Any, tmp_path: Path, example_flight: Path) -> None:
    _, whole, _ = runs
    runner = Runner(tmp_path, json.dumps({"kriging": {"resolution": 500}}))
    other = runner.run("gas_flux", frozenset({"emission_rate"}), flight=example_flight)
    assert float(other["emission_rate"].text or "") != pytest.approx(float(whole["emission_rate"].text), rel=1e-6)


def test_progress_rises_and_is_told_in_words(runs: Any) -> None:
    _, _, context = runs
    fractions = [fraction for fraction, _ in context.told]
    assert fractions == sorted(fractions) and fractions[0] == 0 and 0.9 < fractions[-1] <= 1
    assert len(context.told) > 12 and all(text[0].isupper() and len(text) > 5 for _, text in context.told)


def test_the_products_are_what_their_media_types_say(runs: Any) -> None:
    _, whole, _ = runs
    begin = {
        "flux_plane": (b"II", b"MM"),
        "figures": (b"{",),
        "track": (b"{",),
        "footprint": (b"{",),
        "layers": (b"PK",),
        "table": (b"timestamp",),
        "report": (b"<!doctype html", b"<!DOCTYPE html"),
        "preview": (b"\x89PNG",),
    }
    for name, starts in begin.items():
        assert whole[name].file.read_bytes().startswith(starts), name
        assert whole[name].media_type
    assert len({whole[name].file for name in begin}) == len(begin)
    for name in ("track", "footprint"):
        assert loaded(whole[name])["type"] == "FeatureCollection"


def test_every_stage_tells_its_figures(runs: Any) -> None:
    chain, _, _ = runs
    for stage in ("flight_table", "wind", "transects", "background", "flight_plane", "flux_density"):
        figures = loaded(chain[stage]["figures"])
        assert figures and "table" not in figures, stage


def test_the_experimental_semivariogram_is_a_table(runs: Any) -> None:
    chain, _, _ = runs
    lines = chain[f"variogram {GASES[0]}"]["experimental"].file.read_text().splitlines()
    assert lines[0].split(",") == ["direction", "lag", "along_x", "along_z", "semivariance", "pairs"]
    assert len(lines) > 10


@pytest.mark.parametrize(
    ("flight", "configuration"),
    [
        ({"pattern": "spiral", "transects": 5}, {}),
        ({"ground_slope": 0.1, "transects": 5, "width": 100}, {}),
        (
            {"transects": 5, "width": 100, "legs": True},
            {"flight": {"crs": "EPSG:32630"}, "plane": {"distance_limit": 2}},
        ),
    ],
)
def test_other_flights_too(flight: dict[str, Any], configuration: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "flight.csv"
    write_table(simulate_flight(SimulationParameters.check({"seed": 3, **flight})).table, path)
    runner = Runner(tmp_path, json.dumps(configuration))
    chain = runner.chain(path, ("ch4",))["emission_rate ch4"]
    whole = runner.run("gas_flux", frozenset({"figures", "uncertainty"}), flight=path)
    for name in ("emission_rate", "uncertainty"):
        assert float(chain[name].text or "") == pytest.approx(float(whole[name].text or ""), rel=1e-9)
