"""Running processes one after the other, as a client would."""

from __future__ import annotations

from pathlib import Path

from processes import registry
from processes.base import execute
from processes.declaration import InputValue, OutputValue
from tests.processes.conftest import RecordingContext

Given = str | Path | OutputValue | tuple[str, ...]


def value(one: str | Path | OutputValue) -> InputValue:
    if isinstance(one, OutputValue):
        return InputValue(text=one.text, file=one.file, media_type=one.media_type)
    return InputValue(file=one) if isinstance(one, Path) else InputValue(text=one)


def sent(**inputs: Given) -> dict[str, list[InputValue]]:
    """Values as a client sends them: texts, files, or what another process gave back."""
    return {
        name: [value(one) for one in (given if isinstance(given, tuple) else (given,))]
        for name, given in inputs.items()
    }


class Runner:
    """Runs processes, each in a folder of its own, with one configuration for all."""

    def __init__(self, folder: Path, configuration: str) -> None:
        self.folder = folder
        self.configuration = configuration
        self.runs = 0

    def run(
        self,
        process: str,
        outputs: frozenset[str] | None = None,
        **inputs: Given,
    ) -> dict[str, OutputValue]:
        self.runs += 1
        workdir = self.folder / f"{self.runs:02d}_{process}"
        workdir.mkdir()
        values = sent(**inputs)
        values["configuration"] = [InputValue(text=self.configuration)]
        self.context = RecordingContext(workdir, outputs)
        return execute(registry()[process], values, self.context)

    def chain(self, flight: Path, gases: tuple[str, ...]) -> dict[str, dict[str, OutputValue]]:
        """Every stage, one after the other, as a client would call them, by stage or by stage and gas."""
        made = {"flight_table": self.run("flight_table", flight=flight, gases=gases)}
        made["wind"] = self.run("wind", table=made["flight_table"]["table"])
        made["transects"] = self.run("transects", table=made["wind"]["table"])
        made["background"] = self.run("background", table=made["transects"]["table"], gases=gases)
        made["flight_plane"] = self.run("flight_plane", table=made["background"]["table"])
        plane = made["flight_plane"]["plane"]
        made["flux_density"] = self.run("flux_density", table=made["flight_plane"]["table"], plane=plane, gases=gases)
        table = made["flux_density"]["table"]
        for gas in gases:
            variogram = self.run("variogram", table=table, plane=plane, gas=gas)
            kriged = self.run("kriging", table=table, plane=plane, gas=gas, variogram=variogram["variogram"])
            made[f"variogram {gas}"], made[f"kriging {gas}"] = variogram, kriged
            made[f"emission_rate {gas}"] = self.run(
                "emission_rate",
                table=table,
                plane=plane,
                gas=gas,
                field=kriged["field"],
                background=made["background"]["figures"],
            )
        return made
