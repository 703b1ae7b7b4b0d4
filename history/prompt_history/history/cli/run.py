"""`prompt-history run`: a command under `opentelemetry-instrument`, with settings that send nothing elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from prompt_history.exporter.config import Config

from .exits import COMMAND_NOT_FOUND, FAILURE, Exit

EXPORTER = "prompt_history"
_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@click.command(
    "run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}, no_args_is_help=True
)
@click.argument("command_line", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND [ARGS]...")
def command(command_line: tuple[str, ...]) -> None:
    """Run a command and record its LLM calls: `prompt-history run -- python app.py`.

    Exit code and signals are the command's own. OTEL_* variables that are set are kept, and prompt_history is added
    to OTEL_TRACES_EXPORTER. Without an OTLP endpoint, metrics and logs are exported nowhere.
    """
    Config.from_env()  # a wrong setting ends here, and not in the middle of the application
    program = _program(command_line[0])
    if program is None:
        raise Exit(COMMAND_NOT_FOUND, f"{command_line[0]!r} is no command: it is neither on the PATH nor a file.")
    instrument = Path(sys.executable).with_name("opentelemetry-instrument")
    if not instrument.exists():
        raise Exit(
            FAILURE,
            f"{instrument} is missing: install opentelemetry-prompt-history and its dependencies into one environment.",
        )
    environ = environment(os.environ, _installed("opentelemetry_distro"), _installed("opentelemetry_configurator"))
    sys.stdout.flush()
    # `--`: options of the command are not those of opentelemetry-instrument.
    arguments = [sys.executable, str(instrument), "--", program, *command_line[1:]]
    os.execve(sys.executable, arguments, environ)


def environment(environ: Mapping[str, str], distros: Iterable[str], configurators: Iterable[str]) -> dict[str, str]:
    """`environ`, and what makes OpenTelemetry export to us, and to nobody who was not asked for.

    `distros` and `configurators` are the names of those installed.
    """
    made = dict(environ)
    named = [name.strip() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()]
    if not named and _endpoint(environ, "TRACES"):
        named = [EXPORTER, "otlp"]
    named = [name for name in named if name != "none"]
    if EXPORTER not in named:
        named.append(EXPORTER)
    made["OTEL_TRACES_EXPORTER"] = ",".join(named)
    for signal in ("METRICS", "LOGS"):
        if not _endpoint(environ, signal):
            made.setdefault(f"OTEL_{signal}_EXPORTER", "none")
    for variable, names in (("OTEL_PYTHON_DISTRO", distros), ("OTEL_PYTHON_CONFIGURATOR", configurators)):
        others = sorted(set(names) - {"distro", "configurator"})
        if len(set(names)) > 1:  # OpenTelemetry would take any of them; whoever installed a second one wants it
            made.setdefault(variable, others[0])
    return made


def _endpoint(environ: Mapping[str, str], signal: str) -> bool:
    return bool(environ.get(_ENDPOINT) or environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))


def _program(name: str) -> str | None:
    """The file that `name` runs: of the environment that we are installed in, if it has one of that name."""
    sibling = Path(sys.executable).parent / name
    if os.sep not in name and os.access(sibling, os.X_OK):
        return str(sibling)
    return shutil.which(name)


def _installed(group: str) -> list[str]:
    from importlib.metadata import entry_points

    return [found.name for found in entry_points(group=group)]
