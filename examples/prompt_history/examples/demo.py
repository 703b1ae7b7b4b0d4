"""The demo: the sample application under plain `opentelemetry-instrument`, then a look at its history."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from prompt_history.exporter.config import Config
from prompt_history.history import History, Statistics

from .provider import Provider

INSTRUMENTED = shlex.split(
    "opentelemetry-instrument --traces_exporter prompt_history --metrics_exporter none --logs_exporter none"
)
APPLICATION = ["-m", "prompt_history.examples.support_desk"]
LOOKS = (["log"], ["show", "@"], ["search", "返金"])
"""What a user would type next."""
SECONDS = 50
"""How long the application may take."""


def main(directory: Path | None = None) -> int:
    """Runs the demo. 0 if the history has exactly the calls that the provider saw.

    The history is kept in `directory`, or made in a temporary one that is gone afterwards.
    """
    if directory is not None:
        return run(directory.expanduser().absolute(), f"PROMPT_HISTORY_DIR={shlex.quote(str(directory))}")
    with tempfile.TemporaryDirectory(prefix="prompt-history-demo-") as temporary:
        return run(Path(temporary), None)


def run(directory: Path, kept: str | None) -> int:
    """Runs the demo with its data in `directory`. `kept` is how a shell names it for a look later on."""
    before = _statistics(directory).calls if directory.exists() else 0
    with Provider() as provider:
        environ = environment(directory, provider.environment)
        _title([*INSTRUMENTED, "python", *APPLICATION])
        ran = _run([_script(INSTRUMENTED[0]), *INSTRUMENTED[1:], sys.executable, *APPLICATION], environ)
        calls = len(provider.calls)
        seen = f"The provider saw {_count(calls, 'call')} in {_count(len(provider.requests), 'HTTP request')}"
    if ran != 0:
        return _fail(f"The application ended with exit code {ran}.")
    statistics = _statistics(directory)
    recorded = statistics.calls - before
    print(f"\n{summary(statistics)}")
    if recorded != calls:
        return _fail(f"{seen}, the history has {recorded}.")
    print(f"{seen}: each call was recorded once.")
    for look in LOOKS:
        _title(["prompt-history", *look])
        if (code := _look([_script("prompt-history"), *look], environ)) != 0:
            return _fail(f"`prompt-history {' '.join(look)}` ended with exit code {code}.")
    print(f"\n{_next(kept)}")
    return 0


def environment(directory: Path, provider: Mapping[str, str]) -> dict[str, str]:
    """The environment of the demo's commands: nothing that is set on this machine changes what it shows."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "PROMPT_HISTORY_")) and not name.lower().endswith("_proxy")
    }
    return {
        **inherited,
        **provider,
        "PROMPT_HISTORY_DIR": str(directory),
        "OTEL_SERVICE_NAME": "support-desk",
        "PYTHONIOENCODING": "utf-8",
    }


def summary(statistics: Statistics) -> str:
    """How much there is: calls, sessions, users, errors, bytes."""
    counted = (
        _count(statistics.calls, "call"),
        _count(statistics.sessions, "session"),
        _count(statistics.users, "user"),
        _count(statistics.errors, "error"),
        f"{statistics.raw_bytes / 1000:.1f} kB of prompts and responses",
    )
    return f"recorded {' · '.join(counted)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _statistics(directory: Path) -> Statistics:
    with History.open(Config(dir=directory)) as history:
        return history.statistics()


def _script(name: str) -> str:
    """The console script of this environment, also when that is not on the PATH."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def _title(command: Sequence[str]) -> None:
    print(f"\n$ {' '.join(command)}", flush=True)


def _run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    try:
        return subprocess.run(command, env=environ, check=False, timeout=SECONDS).returncode
    except subprocess.TimeoutExpired:
        return -1


def _look(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs `command` so that it writes for people, also where our own output goes into a file."""
    if sys.stdout.isatty():
        return _run(command, environ)
    ours, theirs = os.openpty()
    plain = {**environ, "COLUMNS": "120", "LINES": "50", "TERM": "dumb"}  # text without escape sequences
    with subprocess.Popen(command, env=plain, stdin=subprocess.DEVNULL, stdout=theirs) as process:
        os.close(theirs)
        print(b"".join(_read(ours)).decode().replace("\r\n", "\n"), end="", flush=True)
    os.close(ours)
    return process.returncode


def _read(terminal: int) -> Iterator[bytes]:
    # Linux reports the end of a terminal's output as an error.
    with suppress(OSError):
        while data := os.read(terminal, 65536):
            yield data


def _fail(why: str) -> int:
    print(f"\nThe demo failed. {why}", file=sys.stderr)
    return 1


def _next(kept: str | None) -> str:
    if kept is not None:
        return f"Look around: {kept} prompt-history log"
    return f"Next, record your own application: {shlex.join(INSTRUMENTED)} python app.py"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, help="keep the history in this directory (default: a temporary one)")
    raise SystemExit(main(parser.parse_args().dir))
