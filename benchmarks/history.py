"""Reading: `log` and `search` over 100,000 records of about 1 kB, half of them Japanese, as a person runs them.

The store is written once through its own writer. A figure is the median wall time of whole processes, in milliseconds,
run in random order beside `python -c pass`.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
from results import write

from prompt_history.exporter.derive import complete
from prompt_history.exporter.stores.sqlite import SqliteStore

CLI = str(Path(sys.executable).parent / "prompt-history")
ENGLISH = ["customer", "refund", "order", "delivery", "invoice", "contract", "payment", "address", "password", "late"]
JAPANESE = ["返金", "契約", "注文", "配送", "請求書", "支払い", "住所", "質問", "回答", "遅延", "更新", "解約", "会員"]


def record(number: int, chance: random.Random) -> dict[str, Any]:
    japanese = number % 2
    words, joint = (JAPANESE, "の") if japanese else (ENGLISH, " ")
    mark = f"unique{number}" if number % 1000 == 7 else ""
    asked = joint.join(chance.choices(words, k=60)) + f" {number} {mark}"
    answered = joint.join(chance.choices(words, k=60))

    def messages(role: str, text: str) -> str:
        return orjson.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}]).decode()

    return {
        "@timestamp": f"{1_790_000_000_000 + number * 1000}.0",
        "data_stream": {"type": "traces", "dataset": "llm.otel", "namespace": "default"},
        "trace_id": f"{chance.getrandbits(128):032x}",
        "span_id": f"{chance.getrandbits(64):016x}",
        "name": "chat gpt-x",
        "kind": "Client",
        "duration": chance.randrange(10**9),
        "attributes": {
            "prompt_history.schema": 1,
            "prompt_history.kind": "call",
            "prompt_history.outcome": "ok",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-x",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 100,
            "user.id": f"u{number % 997}",
            "session.id": f"s{number % 9973}",
            "gen_ai.input.messages": messages("user", asked),
            "gen_ai.output.messages": messages("assistant", answered),
            "prompt_history.input.text": asked,
        },
        "links": [],
        "status": {"code": "Unset"},
        "resource": {"attributes": {"service.name": "shop"}},
        "scope": {"name": "benchmark", "attributes": {}},
    }


def fill(path: Path, count: int) -> float:
    """Writes `count` records; records per second."""
    chance = random.Random(7)
    store = SqliteStore(path)
    started = time.perf_counter()
    for first in range(0, count, 500):
        store.write([complete(record(number, chance)) for number in range(first, min(first + 500, count))])
    store.close()
    return count / (time.perf_counter() - started)


def wall(command: list[str], directory: str) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, "PROMPT_HISTORY_DIR": directory}, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stderr.decode()}")
    return (time.perf_counter() - started) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "log -n 20, piped": [CLI, "log", "-n", "20"],
        "log -n 20 --table": [CLI, "log", "-n", "20", "--table"],
        "log --user": [CLI, "log", "--user", "u77"],
        "search, one hit": [CLI, "search", "unique50007"],
        "search, common English word": [CLI, "search", "refund"],
        "search, common Japanese word": [CLI, "search", "返金"],
        "search, two Japanese words": [CLI, "search", "返金 契約"],
    }
    with tempfile.TemporaryDirectory() as directory:
        rate = fill(Path(directory) / "history.db", given.records)
        size = sum(file.stat().st_size for file in Path(directory).iterdir())
        found: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(given.rounds):
            for name in random.sample(list(commands), len(commands)):
                found[name].append(wall(commands[name], directory))
    base = statistics.median(found["python -c pass"])
    rows: list[dict[str, object]] = [
        {"what": name, "ms": round(statistics.median(times)), "÷ python": round(statistics.median(times) / base, 1)}
        for name, times in found.items()
    ]
    rows.append({"what": f"writing {given.records:,} records", "records per second": round(rate)})
    rows.append({"what": "file", "kB per record": round(size / given.records / 1000, 1)})
    for row in rows:
        print(row)
    write("history", f"python benchmarks/history.py --records {given.records} --rounds {given.rounds}", rows)


if __name__ == "__main__":
    main()
