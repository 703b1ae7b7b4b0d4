"""What we cost a process that never calls a model, and how long the command line takes to start.

Processes are run one after the other in random order; a figure is the median of their CPU time (user and system), and
of their peak memory. A ratio is of `python -c pass`, or of `opentelemetry-instrument` without us.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from results import write

BIN = Path(sys.executable).parent
INSTRUMENT = [str(BIN / "opentelemetry-instrument"), "--metrics_exporter", "none", "--logs_exporter", "none"]
OURS = "openai_prompt_history,anthropic_prompt_history,groq_prompt_history"
"""Instrumentors of ours, for the run without them."""


def commands(directory: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    python, cli = [sys.executable, "-c", "pass"], [str(BIN / "prompt-history")]
    history = {"PROMPT_HISTORY_DIR": directory}
    off = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": OURS, "OTEL_TRACES_EXPORTER": "none"}
    return {
        "python -c pass": (python, {}),
        "opentelemetry-instrument without us": ([*INSTRUMENT, *python], off),
        "opentelemetry-instrument with us": ([*INSTRUMENT, "--traces_exporter", "prompt_history", *python], history),
        "prompt-history --version": ([*cli, "--version"], {}),
        "prompt-history log, empty": ([*cli, "log"], history),
    }


def run(command: list[str], more: dict[str, str]) -> tuple[float, float]:
    """CPU milliseconds and peak memory in MB of one process."""
    process = subprocess.Popen(command, env={**os.environ, **more}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1000, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        known = commands(directory)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in known}
        for _ in range(rounds):
            for name in random.sample(list(known), len(known)):
                found[name].append(run(*known[name]))
    cpu = {name: statistics.median(one for one, _ in runs) for name, runs in found.items()}
    memory = {name: statistics.median(one for _, one in runs) for name, runs in found.items()}
    rows: list[dict[str, object]] = [
        {
            "process": name,
            "CPU ms": round(cpu[name]),
            "÷ python": round(cpu[name] / cpu["python -c pass"], 1),
            "memory MB": round(memory[name], 1),
        }
        for name in known
    ]
    plain, ours = "opentelemetry-instrument without us", "opentelemetry-instrument with us"
    rows.append(
        {
            "process": "what we add to opentelemetry-instrument",
            "CPU ms": round(cpu[ours] - cpu[plain]),
            "memory MB": round(memory[ours] - memory[plain], 1),
        }
    )
    for row in rows:
        print(row)
    write("startup", f"python benchmarks/startup.py --rounds {rounds}", rows)


if __name__ == "__main__":
    main()
