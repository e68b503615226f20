"""Parameters from inputs, configuration and defaults."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from gasflux_core.errors import InputError, InputFaults, TooLarge
from gasflux_core.kriging import KrigingParameters
from gasflux_core.pipeline import Settings
from processes.base import Inputs
from processes.gas_flux import SETTINGS
from processes.inputs import (
    configuration_input,
    configuration_url_input,
    gases_input,
    read_configuration_input,
    read_gases,
    read_settings,
    read_stage_parameters,
    setting_inputs,
    stage_settings,
)
from tests.processes.conftest import RecordingContext

CONFIGURATION = json.dumps(
    {"gases": ["co2"], "kriging": {"roughness_length": 0.1}, "transects": {"pattern": "curtain"}}
)


def sent(values: Mapping[str, str | list[str]], section: str | None = None) -> Inputs:
    literals = setting_inputs(stage_settings(section) if section else SETTINGS)
    known = {
        one.identifier: one for one in (*literals, gases_input(), configuration_input(), configuration_url_input())
    }
    items = {}
    for identifier, texts in values.items():
        items[identifier] = []
        for text in [texts] if isinstance(texts, str) else texts:
            one = known[identifier].clone()
            one.data = text
            items[identifier].append(one)
    return Inputs(items)


def settings_of(values: Mapping[str, str]) -> Settings:
    inputs = sent(values)
    return read_settings(inputs, SETTINGS, read_configuration_input(inputs))


def test_nothing_sent_gives_the_defaults() -> None:
    assert settings_of({}) == Settings()


def test_the_configuration_wins_over_the_defaults() -> None:
    settings = settings_of({"configuration": CONFIGURATION})
    assert settings.kriging.roughness_length == 0.1
    assert settings.transects.pattern == "curtain"


def test_an_input_wins_over_the_configuration() -> None:
    settings = settings_of({"configuration": CONFIGURATION, "roughness_length": "0.5"})
    assert settings.kriging.roughness_length == 0.5
    assert settings.transects.pattern == "curtain"


@pytest.mark.parametrize("empty", ["", "None"])
def test_an_empty_input_leaves_the_configuration(empty: str) -> None:
    assert settings_of({"configuration": CONFIGURATION, "roughness_length": empty}).kriging.roughness_length == 0.1


def test_a_default_sent_on_purpose_wins_over_the_configuration() -> None:
    default = str(Settings().kriging.roughness_length)
    settings = settings_of({"configuration": CONFIGURATION, "roughness_length": default})
    assert settings == settings_of({"pattern": "curtain"})


def test_a_stage_reads_its_own_section_of_the_same_configuration() -> None:
    inputs = sent({"configuration": CONFIGURATION, "below": "none"}, "kriging")
    found = read_stage_parameters(inputs, "kriging", KrigingParameters, read_configuration_input(inputs))
    assert (found.roughness_length, found.below) == (0.1, "none")


def test_a_fault_names_the_input_it_came_by() -> None:
    configured = json.dumps({"kriging": {"roughness_length": -1}})
    with pytest.raises(InputFaults, match=r"kriging\.roughness_length") as caught:
        settings_of({"configuration": configured})
    assert caught.value.parameter == "configuration"


@pytest.mark.parametrize(
    ("values", "gases"),
    [
        ({}, ("ch4",)),
        ({"gases": "CO2"}, ("co2",)),
        ({"gases": ["ch4", "co2", "ch4"]}, ("ch4", "co2")),
        ({"gases": "ch4, co2,"}, ("ch4", "co2")),
        ({"configuration": CONFIGURATION}, ("co2",)),
        ({"configuration": CONFIGURATION, "gases": "n2o"}, ("n2o",)),
    ],
)
def test_gases(values: dict[str, str | list[str]], gases: tuple[str, ...]) -> None:
    inputs = sent(values)
    assert read_gases(inputs, read_configuration_input(inputs)) == gases


def test_too_many_gases_are_refused() -> None:
    inputs = sent({"gases": ",".join(f"c{n}h4" for n in range(1, 22))})
    with pytest.raises(TooLarge, match="at most 20") as caught:
        read_gases(inputs, read_configuration_input(inputs))
    assert caught.value.parameter == "gases"


def test_a_configuration_comes_from_an_address(context: RecordingContext) -> None:
    path = context.workdir / "fetched"
    path.write_text(CONFIGURATION)
    context.addresses["http://example.org/c.yaml"] = path
    inputs = sent({"configuration_url": "http://example.org/c.yaml"})
    assert read_configuration_input(inputs, context).sections["kriging"] == {"roughness_length": 0.1}
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8") as caught:
        read_configuration_input(inputs, context)
    assert caught.value.parameter == "configuration_url"


def test_one_configuration_is_enough(context: RecordingContext) -> None:
    inputs = sent({"configuration": CONFIGURATION, "configuration_url": "http://example.org/c.yaml"})
    with pytest.raises(InputError, match="not both"):
        read_configuration_input(inputs, context)
