"""Added CPU of a call on the application's thread: bare SDK, ours, and peers, side by side in one run.

Every candidate is a process pinned to one core; they take turns in random order, so that what the machine does besides
hits all alike. A figure is the median over the rounds; a ratio is the median of the ratios within a round.
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

CANDIDATES = ("bare", "ours", "opentelemetry", "openinference")
CALLS = {"small chat": 20, "50 kB history, one new message": 5, "50 kB never seen": 5, "stream": 3}
GATES = {
    "small chat": {"bare": 0.30, "openinference": 0.75},
    "50 kB history, one new message": {"bare": 0.08, "openinference": 0.50},
}
"""Scenario: the most that our added CPU may be, as a part of the whole of bare, and of what openinference adds."""
CHUNK_GATE = 0.05
"""The most that a chunk of a stream may cost more, as a part of what it costs bare."""


class Worker:
    def __init__(self, candidate: str, directory: str) -> None:
        environment = {
            **os.environ,
            "PROMPT_HISTORY_DIR": directory,
            "PROMPT_HISTORY_SHIPPER": "none",
            "OTEL_TRACES_EXPORTER": "prompt_history",
        }
        script = Path(__file__).with_name("overhead_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), candidate],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self._process.pid, {max(os.sched_getaffinity(0))})
        if self._answer() != "ready":
            raise SystemExit(f"The candidate {candidate} did not start; is its package installed? (make bench does)")

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def run(self, scenario: str, calls: int) -> float:
        assert self._process.stdin is not None
        print(scenario, calls, file=self._process.stdin, flush=True)
        return float(self._answer())

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def measure(rounds: int, candidates: tuple[str, ...]) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = {name: {candidate: [] for candidate in candidates} for name in CALLS}
    with tempfile.TemporaryDirectory() as directory:
        workers = {candidate: Worker(candidate, directory) for candidate in candidates}
        for _ in range(rounds):
            for scenario, calls in CALLS.items():
                for candidate in random.sample(candidates, len(candidates)):
                    found[scenario][candidate].append(workers[candidate].run(scenario, calls))
        for worker in workers.values():
            worker.stop()
    return found


def summary(found: dict[str, dict[str, list[float]]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for scenario, by_candidate in found.items():
        bare = by_candidate["bare"]
        for candidate, values in by_candidate.items():
            if candidate == "bare":
                rows.append({"scenario": scenario, "candidate": "bare", "µs per call": round(statistics.median(bare))})
                continue
            added = [value - base for value, base in zip(values, bare, strict=True)]
            row: dict[str, object] = {
                "scenario": scenario,
                "candidate": candidate,
                "µs per call": round(statistics.median(values)),
                "added µs": round(statistics.median(added)),
                "added ÷ bare": round(statistics.median(a / b for a, b in zip(added, bare, strict=True)), 3),
            }
            if candidate == "ours" and "openinference" in by_candidate:
                theirs = [v - b for v, b in zip(by_candidate["openinference"], bare, strict=True)]
                row["added ÷ openinference"] = round(statistics.median(added) / statistics.median(theirs), 3)
            rows.append(row)
    return rows


def per_chunk(rows: list[dict[str, object]]) -> float:
    """What a chunk costs more with us, as a part of what it costs bare: a stream less a small call, by its chunks."""
    by = {(row["scenario"], row["candidate"]): row for row in rows}

    def cost(candidate: str, column: str) -> float:
        return float(str(by["stream", candidate][column])) - float(str(by["small chat", candidate][column]))

    return round(cost("ours", "added µs") / cost("bare", "µs per call"), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--candidates", default=",".join(CANDIDATES))
    parser.add_argument("--no-write", action="store_true")
    given = parser.parse_args()
    rows = summary(measure(given.rounds, tuple(given.candidates.split(","))))
    for row in rows:
        print(row)
    chunk = per_chunk(rows)
    print(f"a chunk of a stream: {chunk} × bare")
    rows.append({"scenario": "one chunk of a stream", "candidate": "ours", "added ÷ bare": chunk})
    missed = [] if chunk <= CHUNK_GATE else [f"a chunk of a stream: {chunk} of bare, at most {CHUNK_GATE}"]
    missed += [
        f"{row['scenario']}: {row[f'added ÷ {of}']} of {of}, at most {limit}"
        for row in rows
        if row["candidate"] == "ours"
        for of, limit in GATES.get(str(row["scenario"]), {}).items()
        if f"added ÷ {of}" in row and float(str(row[f"added ÷ {of}"])) > limit
    ]
    print("\n".join(missed) or "every gate is met")
    if not given.no_write:
        write("overhead", f"python benchmarks/overhead.py --rounds {given.rounds}", rows)


if __name__ == "__main__":
    main()
