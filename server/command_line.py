"""The command line ``gasflux-wps``: the same calculation and the same words as the service."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gasflux_core.errors import GasFluxError, InputError, NoSolution
from server.jobs_command import add_jobs_commands
from server.keys_command import add_key_commands
from server.languages import LANGUAGES, match_language

if TYPE_CHECKING:
    from gasflux_core.pipeline import Result
    from gasflux_core.pipeline import Settings as StageSettings
    from gasflux_core.terrain import ReadElevation
    from server.settings import Settings

BAD_INPUT = 2
"""Exit status where the input or a setting can't be used."""

NO_SOLUTION = 3
"""Exit status where the data hold no answer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    :returns: the exit status: 0, or :data:`BAD_INPUT`, or :data:`NO_SOLUTION`.
    """
    options = parser().parse_args(arguments)
    try:
        return int(options.command(options) or 0)
    except NoSolution as error:
        return _failed(error, NO_SOLUTION)
    except GasFluxError as error:
        return _failed(error, BAD_INPUT)
    except BrokenPipeError:
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        return _failed(InputError(f"{error.filename}: {error.strerror}"), BAD_INPUT)


def _failed(error: GasFluxError, status: int) -> int:
    where = f"{error.parameter}: " if error.parameter and not error.message.startswith(error.parameter) else ""
    sys.stderr.write(f"gasflux-wps: {where}{error.message}\n")
    return status


def parser() -> argparse.ArgumentParser:
    """The commands and their options; the reference is made from it."""
    program = argparse.ArgumentParser(
        prog="gasflux-wps", description="Turn a drone's gas measurements into an emission rate; serve it over WPS."
    )
    commands = program.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="calculate the emission rate of a flight, without a service")
    run.add_argument("flight", type=Path, metavar="FLIGHT", help="CSV, XLSX, XLS, GeoJSON, GeoPackage, GML or zip")
    run.add_argument(
        "--config", type=Path, metavar="YAML", help="settings, the service's or GasFlux's own YAML or JSON"
    )
    run.add_argument("--gas", nargs="+", action="extend", default=[], metavar="FORMULA", help="gases (default: ch4)")
    run.add_argument("--set", action="append", default=[], metavar="SECTION.NAME=VALUE", dest="assignments",
                     help="set one parameter, over the configuration; may be given again")  # fmt: skip
    run.add_argument("--dem", type=Path, metavar="GEOTIFF",
                     help="terrain model: heights above ground from it, where the flight has none")  # fmt: skip
    run.add_argument("--out", type=Path, metavar="DIR", help="write GeoTIFF, GeoJSON, table, figures and report there")
    run.add_argument("--language", default="en-US", metavar="TAG", help="of the reports: en-US (default) or zh-CN")
    run.add_argument("--json", metavar="FILE", help="write the figures as JSON; - for standard output")
    run.add_argument("--quiet", action="store_true", help="no progress on standard error")
    run.set_defaults(command=_run)

    simulate = commands.add_parser("simulate", help="write a simulated flight of known emission rate")
    simulate.add_argument("flight", type=Path, metavar="FLIGHT.csv", help="where to write the flight")
    simulate.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="assignments",
                          help="set one parameter of the simulation; may be given again")  # fmt: skip
    simulate.set_defaults(command=_simulate)

    serve = commands.add_parser("serve", help="start the service")
    serve.add_argument("--host", help="address to listen on (default: as the settings say)")
    serve.add_argument("--port", type=int, help="port to listen on (default: as the settings say)")
    serve.add_argument("--workers", type=int, help="web worker processes (default: as the settings say)")
    serve.add_argument(
        "--insecure", action="store_true", help="listen on an address that others reach although nobody needs a key"
    )
    _with_settings(serve)
    serve.set_defaults(command=_serve)

    worker = commands.add_parser("worker", help="run accepted jobs without a web server")
    _with_settings(worker)
    worker.set_defaults(command=_worker)

    migrate = commands.add_parser("migrate", help="bring the job table to this version's form")
    _with_settings(migrate)
    migrate.set_defaults(command=_migrate)

    config = commands.add_parser("config", help="show the settings in force and where each comes from")
    config.add_argument("--check", action="store_true", help="only say whether the service could start")
    _with_settings(config)
    config.set_defaults(command=_config)
    add_jobs_commands(commands, _with_settings)
    add_key_commands(commands, _with_settings)

    return program


def _with_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", type=Path, metavar="FILE", help="settings file (default: pywps.cfg)")


# ---- run and simulate: the science without a service


def _run(options: argparse.Namespace) -> None:
    # Before numpy is loaded: on matrices of this size more threads of BLAS only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # The libraries of the calculation take a second to load: only where they are used.
    from gasflux_core.io.tables import read_table
    from gasflux_core.pipeline import run_pipeline

    language = match_language(options.language)
    if language is None:
        raise InputError(f"--language: expected {' or '.join(LANGUAGES)}, got '{options.language:.60}'", "--language")
    settings, gases, notes = _settings_of_run(options)
    if not options.flight.is_file():
        raise InputError(f"there is no file {options.flight}", "flight")
    tell = None if options.quiet else _tell
    result = run_pipeline(read_table(options.flight), gases, settings, tell, notes, elevation=_elevation(options.dem))
    if options.out is not None:
        from processes.declaration import Circumstances
        from processes.file_names import shown_file_name
        from processes.products import Source, write_products

        options.out.mkdir(parents=True, exist_ok=True)
        source = Source(options.flight, shown_file_name(options.flight.name))
        write_products(result, options.out, source=source, circumstances=Circumstances(language, datetime.now(UTC)))
    figures = result.figures()
    if options.json == "-":
        sys.stdout.write(json.dumps(figures, allow_nan=False) + "\n")
        return
    if options.json:
        Path(options.json).write_text(json.dumps(figures, allow_nan=False, indent=1) + "\n", encoding="utf-8")
    _summarise(result, options.out)


def _elevation(path: Path | None) -> ReadElevation | None:
    """What reads a terrain model, where there is one."""
    if path is None:
        return None
    if not path.is_file():
        raise InputError(f"there is no file {path}", "dem")
    from gasflux_core.io.elevation import read_elevation

    return partial(read_elevation, path)


def _settings_of_run(options: argparse.Namespace) -> tuple[StageSettings, tuple[str, ...], tuple[str, ...]]:
    from gasflux_core.configuration import read_configuration
    from gasflux_core.pipeline import check_settings

    sections: dict[str, dict[str, Any]] = {}
    gases: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    if options.config is not None:
        if not options.config.is_file():
            raise InputError(f"there is no file {options.config}", "configuration")
        text = options.config.read_bytes().decode("utf-8", errors="replace")
        configuration = read_configuration(text)
        sections = {name: dict(values) for name, values in configuration.sections.items()}
        gases, notes = configuration.gases, configuration.notes
    for assignment in options.assignments:
        path, value = _assignment(assignment)
        *above, name = path.split(".")
        if not above:
            raise InputError(
                f"--set {assignment}: expected SECTION.NAME=VALUE, such as variogram.model=spherical", "--set"
            )
        values: dict[str, Any] = sections
        for part in above:
            below = values.get(part)
            values[part] = dict(below) if isinstance(below, Mapping) else {}
            values = values[part]
        values[name] = value
    return check_settings(sections), tuple(options.gas) or gases or ("ch4",), notes


def _assignment(text: str) -> tuple[str, Any]:
    from gasflux_core.configuration import parse_mapping

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(f"--set {text}: expected NAME=VALUE", "--set")
    # As in a configuration, so that a value means the same in both.
    return name.strip(), parse_mapping(f"value: {value}", f"--set {name.strip()}")["value"]


def _tell(fraction: float, text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{100 * fraction:3.0f} %  {text}" + ("\n" if fraction >= 1 else ""))
        sys.stderr.flush()


def _summarise(result: Result, folder: Path | None) -> None:
    from gasflux_core.flags import FLAG_TEXTS

    figures = result.figures()
    for gas, found in figures["gases"].items():
        low, high = found["interval95"]
        sys.stdout.write(
            f"{gas}: {found['emission_rate']:.4g} ± {found['standard_uncertainty']:.2g} kg/h"
            f"   (95 % interval {low:.4g} to {high:.4g} kg/h)\n"
        )
        for flag in found["flags"]:
            sys.stdout.write(f"  note: {FLAG_TEXTS.get(flag, flag)}\n")
    for note in figures["notes"]:
        sys.stdout.write(f"note: {note}\n")
    if folder is not None:
        sys.stdout.write(f"files in {folder}\n")


def _simulate(options: argparse.Namespace) -> None:
    from gasflux_core.io.tables import write_table
    from gasflux_core.simulate import SimulationParameters, simulate_flight

    if not options.flight.absolute().parent.is_dir():
        raise InputError(f"there is no folder {options.flight.parent} to write to", "flight")
    parameters = SimulationParameters.check(dict(_assignment(text) for text in options.assignments))
    simulation = simulate_flight(parameters)
    write_table(simulation.table, options.flight)
    for gas, rate in simulation.true_rates.items():
        sys.stdout.write(f"{gas}: {rate:.6g} kg/h true emission rate\n")
    sys.stdout.write(f"{len(simulation.table)} rows in {options.flight}\n")


# ---- the service


def _serve(options: argparse.Namespace) -> None:
    from server.serve import serve

    serve(options.settings, options.host, options.port, options.workers, insecure=options.insecure)


def _worker(options: argparse.Namespace) -> None:
    from server.serve import run_jobs

    run_jobs(options.settings)


def _migrate(options: argparse.Namespace) -> None:
    from server.settings import prepare

    prepare(_settings(options))
    sys.stdout.write("The job table is up to date.\n")


def _config(options: argparse.Namespace) -> None:
    settings = _settings(options)
    for note in settings.notes:
        sys.stderr.write(f"note: {note}\n")
    if options.check:
        from server.settings import prepare

        prepare(settings)
        sys.stdout.write("The service can start with these settings.\n")
        return
    for row in settings.describe():
        sys.stdout.write(f"[{row.section}] {row.key} = {row.value}   ({row.source})\n")


def _settings(options: argparse.Namespace) -> Settings:
    from server.settings import load_settings

    return load_settings(options.settings)
