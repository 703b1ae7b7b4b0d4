"""Keeps what a benchmark found, with what made it: docs/ takes its tables from there."""

from __future__ import annotations

import json
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).with_name("results")
PACKAGES = (
    "opentelemetry-sdk",
    "openai",
    "opentelemetry-instrumentation-genai-openai",
    "openinference-instrumentation-openai",
    "wrapt",
    "orjson",
)


def write(name: str, command: str, rows: list[dict[str, object]]) -> None:
    """Writes `results/<name>.json`: rows, command, commit, interpreter and versions."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    found = {
        "command": command,
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "versions": {package: known for package in PACKAGES if (known := _version(package))},
        "rows": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
