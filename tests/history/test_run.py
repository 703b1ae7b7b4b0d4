"""`prompt-history run`, and what a process of the command line loads."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from prompt_history.exporter.config import Config
from prompt_history.exporter.stores import Record
from prompt_history.history.cli.run import environment

Make = Callable[..., Record]
Keep = Callable[[Iterable[Record]], None]
COMMAND = str(Path(sys.executable).with_name("prompt-history"))
ONLY_US = {"OTEL_TRACES_EXPORTER": "prompt_history"}
US_AND_OTLP = {"OTEL_TRACES_EXPORTER": "prompt_history,otlp"}
CONSOLE = {"OTEL_TRACES_EXPORTER": "console"}
CONSOLE_AND_US = {"OTEL_TRACES_EXPORTER": "console,prompt_history"}
NONE = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
TRACES_ENDPOINT = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces"}
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({}, ONLY_US | NONE),
        (CONSOLE, CONSOLE_AND_US | NONE),
        ({"OTEL_TRACES_EXPORTER": "none"}, ONLY_US | NONE),
        ({"OTEL_TRACES_EXPORTER": " console, prompt_history "}, CONSOLE_AND_US | NONE),
        ({"OTEL_LOGS_EXPORTER": "console"}, ONLY_US | NONE | {"OTEL_LOGS_EXPORTER": "console"}),
        (ENDPOINT, US_AND_OTLP | ENDPOINT),
        (TRACES_ENDPOINT, US_AND_OTLP | TRACES_ENDPOINT | NONE),
        (ENDPOINT | CONSOLE, ENDPOINT | CONSOLE_AND_US),
    ],
)
def test_the_environment_exports_to_us_and_to_nobody_unasked(given: dict[str, str], made: dict[str, str]) -> None:
    assert environment({**given, "HOME": "/root"}, ["distro"], ["configurator"]) == {**made, "HOME": "/root"}


def test_of_several_distros_the_one_is_named_that_somebody_added() -> None:
    made = environment({}, ["distro", "other_distro"], ["other_configurator", "configurator"])
    assert (made["OTEL_PYTHON_DISTRO"], made["OTEL_PYTHON_CONFIGURATOR"]) == ("other_distro", "other_configurator")
    assert environment({"OTEL_PYTHON_DISTRO": "distro"}, ["distro", "a"], [])["OTEL_PYTHON_DISTRO"] == "distro"


pytestmark = pytest.mark.usefixtures("data_directory")


@pytest.mark.slow
def test_run_gives_the_command_its_arguments_and_its_exit_code() -> None:
    program = (
        "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['OTEL_TRACES_EXPORTER']])); sys.exit(42)"
    )
    for separator in ([], ["--"]):
        command = [COMMAND, "run", *separator, "python", "-c", program, "--version", "-h", "a b"]
        ran = subprocess.run(command, capture_output=True, check=False)
        assert (json.loads(ran.stdout), ran.returncode) == ([["--version", "-h", "a b"], "prompt_history"], 42)
        assert ran.stderr == b""


@pytest.mark.slow
def test_run_leaves_signals_to_the_command() -> None:
    program = (
        "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('ready', flush=True); "
        "signal.pause()"
    )
    with subprocess.Popen([COMMAND, "run", "--", "python", "-c", program], stdout=subprocess.PIPE) as ran:
        assert ran.stdout is not None
        assert ran.stdout.readline() == b"ready\n"
        ran.send_signal(signal.SIGTERM)
        assert ran.wait() == 7


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_is_no_error(make: Make, keep: Keep) -> None:
    keep(make(minute, asked="long " * 3000) for minute in range(50))
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{COMMAND} log -n 50 | head -c 10 && {COMMAND} log | head -c 0"],
        capture_output=True,
        check=False,
    )
    assert (len(ran.stdout), ran.stderr, ran.returncode) == (10, b"", 0)


@pytest.mark.slow
def test_a_terminal_gets_a_table_with_colours_unless_it_wants_none(make: Make, keep: Keep) -> None:
    keep([make(1, asked="返金")])
    for extra, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        ours, theirs = pty.openpty()
        subprocess.run([COMMAND, "log"], stdout=theirs, check=True, env={**os.environ, "TERM": "xterm", **extra})
        os.close(theirs)
        with open(ours, "rb") as screen:  # noqa: PTH123
            try:
                printed = screen.read1(65536).decode()
            except OSError:
                printed = ""
        assert "OUTCOME" in printed
        assert "返金" in printed
        assert ("\x1b[3" in printed) == coloured


FOREIGN = ("wrapt", "opentelemetry", "pydantic", "importlib.metadata", "elasticsearch")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "never"),
    [
        (["--version"], (*FOREIGN, "click", "rich", "orjson", "sqlite3")),
        (["log"], (*FOREIGN, "rich")),
        (["show"], (*FOREIGN, "rich")),
        (["search", "返金"], (*FOREIGN, "rich")),
        (["path"], (*FOREIGN, "rich", "sqlite3")),
        (["log", "--table"], FOREIGN),
        (["search", "返金", "--table"], FOREIGN),
    ],
)
def test_a_verb_loads_what_it_needs(
    arguments: list[str], never: tuple[str, ...], make: Make, spool: Keep, config: Config
) -> None:
    spool([make(1, asked="返金")])
    program = (
        "import sys; from prompt_history.history.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert ran.stdout
    assert set(ran.stderr.split()) & set(never) == set()
