"""Runs the whole suite on this interpreter, then on the oldest and the newest that the machine has.

The oldest interpreter gets the oldest dependencies that are supported, with the sources as they are; the newest gets
the newest dependencies, with the wheel that users get. What each leg was, and what was left out and why, is told at
the end.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Command: TypeAlias = Sequence[str | Path]

ROOT = Path(__file__).resolve().parents[2]
OLDEST, NEWEST = 10, 14
"""Minor versions of Python 3 that are looked for."""
FLOORS = """\
opentelemetry-api==1.34.0
opentelemetry-sdk==1.34.0
opentelemetry-instrumentation==0.55b0
opentelemetry-distro==0.55b0
opentelemetry-exporter-otlp==1.34.0
wrapt==1.17.0
orjson==3.10.0
click==8.2.0
rich==13.7.0
openai==1.40.0
anthropic==0.50.0
groq==0.13.0
httpx<0.28
"""
"""The oldest supported version of each dependency. (openai 1.40 does not know the httpx that came after it.)"""
TOLD = ("opentelemetry-sdk", "wrapt", "openai", "anthropic")


class CannotSetUp(Exception):
    """An environment could not be made. The text says which step failed."""


@dataclass(frozen=True)
class Leg:
    """One run of the suite."""

    name: str
    python: Path
    constraints: str = ""
    sources: bool = True
    """Whether the package is installed in place; otherwise as the wheel that users get."""
    tests: Sequence[str] = ()

    @property
    def environment(self) -> Path:
        """The virtual environment; below `.venv`-something, so that `make clean` finds it."""
        return ROOT / f".venv-{self.name}"


@dataclass(frozen=True)
class Result:
    """What became of a leg."""

    name: str
    verdict: str
    """`passed`, `FAILED` or `SKIPPED`."""
    about: str


def interpreters() -> dict[int, Path]:
    """The Python 3 interpreters of this machine that start, by their minor version."""
    return {
        minor: found
        for minor in range(OLDEST, NEWEST + 1)
        if (found := next((path for path in _candidates(minor) if _minor(path) == minor), None))
    }


def _candidates(minor: int) -> Iterator[Path]:
    on_path = shutil.which(f"python3.{minor}")
    if on_path:
        yield Path(on_path)
    versions = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    yield from sorted(versions.glob(f"3.{minor}.*/bin/python3"), reverse=True)


def _minor(python: Path) -> int | None:
    ask = "import sys; print(sys.version_info.minor)"
    ran = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    return int(ran.stdout) if ran.returncode == 0 else None


def uv() -> str | None:
    """The `uv` command: from the PATH, else installed beside this interpreter; `None` where neither is to be had."""
    found = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if found is None and importlib.util.find_spec("pip"):
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "uv"], check=False)
        found = shutil.which("uv", path=str(Path(sys.executable).parent))
    return found


def set_up(leg: Leg, uv: str | None) -> Path:
    """Makes the environment of `leg` and returns its interpreter. Raises `CannotSetUp`."""
    python = leg.environment / "bin" / "python"
    install: Command
    if uv:
        _step("create its environment", [uv, "venv", "--quiet", "--clear", "--python", leg.python, leg.environment])
        install = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        _step("create its environment", [leg.python, "-m", "venv", "--clear", leg.environment])
        install = [python, "-m", "pip", "install", "--quiet"]
        _step("update pip", [*install, "--upgrade", "pip"])
    constraints = leg.environment / "constraints.txt"
    constraints.write_text(leg.constraints)
    wanted = ["--editable", "."] if leg.sources else ["."]
    sdks = ["openai", "anthropic", "groq"] if leg.constraints else ["--group", "sdks"]
    _step("install the package", [*install, "--constraint", constraints, *wanted, *sdks, "--group", "test"])
    return python


def _step(doing: str, command: Command) -> None:
    try:
        subprocess.run(command, cwd=ROOT, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotSetUp(f"could not {doing}") from error


def test(name: str, python: Path, arguments: Sequence[str]) -> Result:
    """Runs the suite with `python`; its output goes straight to ours."""
    print(f"\n=== {name}: {_versions(python)}", flush=True)
    started = time.monotonic()
    # The environment's own commands come first: tests start them by name.
    environ = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    ran = subprocess.run([python, "-m", "pytest", "-q", "-n", "auto", *arguments], cwd=ROOT, env=environ, check=False)
    verdict = "passed" if ran.returncode == 0 else "FAILED"
    ended = "" if ran.returncode in (0, 1) else f", pytest ended with {ran.returncode}"
    return Result(name, verdict, f"{_versions(python)}, {time.monotonic() - started:.0f} s{ended}")


def _versions(python: Path) -> str:
    ask = (
        "import sys, importlib.metadata as m; print('Python', sys.version.split()[0], end='')\n"
        "for name in sys.argv[1:]: print(',', name, m.version(name), end='')"
    )
    ran = subprocess.run([python, "-c", ask, *TOLD], capture_output=True, text=True, check=False)
    return ran.stdout


def run(leg: Leg, uv: str | None) -> Result:
    """Sets up and tests one leg. An interpreter that cannot be set up is a failure in CI, elsewhere it is skipped."""
    started = time.monotonic()
    try:
        python = set_up(leg, uv)
    except CannotSetUp as error:
        verdict = "FAILED" if os.environ.get("CI") == "true" else "SKIPPED"
        return Result(leg.name, verdict, f"{leg.python} is there, but {error}")
    print(f"\n=== {leg.name}: set up in {time.monotonic() - started:.0f} s", flush=True)
    return test(leg.name, python, leg.tests)


def legs(found: dict[int, Path]) -> Iterator[Leg | Result]:
    """The legs beyond this interpreter, or why there is none."""
    if OLDEST in found:
        yield Leg("oldest", found[OLDEST], FLOORS)
    else:
        yield Result("oldest", "SKIPPED", f"there is no python3.{OLDEST} on the PATH or under pyenv")
    newest = max(found, default=0)
    if newest > sys.version_info.minor:
        yield Leg("newest", found[newest], sources=False, tests=["-m", "not slow"])
    else:
        yield Result("newest", "SKIPPED", "there is no newer Python 3 than the one that runs this")


def main() -> int:
    """0 if every leg that could run has passed."""
    results = [test("this", Path(sys.executable), [])]
    tool = uv()
    for leg in legs(interpreters()):
        results.append(leg if isinstance(leg, Result) else run(leg, tool))
    print()
    for result in results:
        loud = "!!! " if result.verdict == "SKIPPED" else ""
        print(f"{loud}{result.name:<8}{result.verdict:<9}{result.about}", flush=True)
    return int(any(result.verdict == "FAILED" for result in results))


if __name__ == "__main__":
    raise SystemExit(main())
