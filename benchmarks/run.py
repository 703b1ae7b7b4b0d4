"""Runs every benchmark, writes its results, and makes the tables in the docs anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS = ("overhead", "process", "startup", "history")


def main() -> int:
    for name in BENCHMARKS:
        print(f"\n=== {name}", flush=True)
        subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=True)
    return subprocess.run([sys.executable, str(HERE.parent / "docs" / "generate.py")], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
