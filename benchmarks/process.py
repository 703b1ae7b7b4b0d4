"""An asyncio service that calls a model all the time: event-loop lag and CPU of the whole process, shipper included.

Each candidate is a process of its own that makes the same number of calls at the same rate; rounds go in random order,
a figure is the median over the rounds. Lag is how late a timer of 2 ms fires, at its 99th percentile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from results import write

CANDIDATES = {
    "bare": None,
    "ours, nobody ships": "none",
    "ours, shipper in a thread": "thread",
    "ours, shipper in a process": "process",
}
RATE = 40
"""Calls per second."""
SECONDS = 5
WORDS = "the customer asks whether the refund for order 返金の件 has been sent and when it will arrive "


async def service(candidate: str) -> dict[str, float]:
    import httpx2
    import openai

    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-x-2026",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": WORDS * 3}}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 60, "total_tokens": 90},
    }
    body = json.dumps(answer).encode()

    async def respond(request: Any) -> Any:
        return httpx2.Response(200, content=body, headers={"content-type": "application/json"})

    transport = httpx2.MockTransport(respond)
    client = openai.AsyncOpenAI(base_url="http://provider.test/v1", http_client=httpx2.AsyncClient(transport=transport))
    lags: list[float] = []
    done = asyncio.Event()

    async def clock() -> None:
        while not done.is_set():
            due = time.perf_counter() + 0.002
            await asyncio.sleep(0.002)
            lags.append(time.perf_counter() - due)

    async def call(number: int) -> None:
        history = [{"role": "user", "content": f"{number} {turn} {WORDS * 5}"} for turn in range(4)]
        await client.chat.completions.create(model="gpt-x", messages=history)

    for number in range(20):
        await call(-number)
    await asyncio.sleep(0.5)
    started = resource.getrusage(resource.RUSAGE_SELF)
    timer = asyncio.create_task(clock())
    calls = []
    for number in range(RATE * SECONDS):
        calls.append(asyncio.create_task(call(number)))
        await asyncio.sleep(1 / RATE)
    await asyncio.gather(*calls)
    done.set()
    await timer
    ended = resource.getrusage(resource.RUSAGE_SELF)
    cpu = ended.ru_utime + ended.ru_stime - started.ru_utime - started.ru_stime
    ordered = sorted(lags)
    return {
        "p99": ordered[int(len(ordered) * 0.99)] * 1000,
        "max": ordered[-1] * 1000,
        "cpu": cpu * 1e6 / (RATE * SECONDS),
        "memory": ended.ru_maxrss / 1024,
    }


def worker(candidate: str) -> None:
    os.environ["OPENAI_API_KEY"] = "benchmark"
    if candidate != "bare":
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider

        from prompt_history.exporter.entry import pre_instrument
        from prompt_history.instrumentation import load

        trace.set_tracer_provider(TracerProvider())
        pre_instrument()
        load.openai().instrument()
    print(json.dumps(asyncio.run(service(candidate))))


def run(candidate: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        environment = {
            **os.environ,
            "PROMPT_HISTORY_DIR": directory,
            "PROMPT_HISTORY_SHIPPER": CANDIDATES[candidate] or "none",
            "OTEL_TRACES_EXPORTER": "prompt_history",
        }
        command = [sys.executable, __file__, "--worker", candidate]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found: dict[str, float] = json.loads(done.stdout)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--worker")
    given = parser.parse_args()
    if given.worker:
        worker(given.worker)
        return
    found: dict[str, list[dict[str, float]]] = {candidate: [] for candidate in CANDIDATES}
    for _ in range(given.rounds):
        for candidate in random.sample(list(CANDIDATES), len(CANDIDATES)):
            found[candidate].append(run(candidate))

    def middle(candidate: str, key: str) -> float:
        return statistics.median(one[key] for one in found[candidate])

    rows: list[dict[str, object]] = [
        {
            "candidate": candidate,
            "lag p99 ms": round(middle(candidate, "p99"), 2),
            "lag max ms": round(middle(candidate, "max"), 1),
            "CPU µs per call": round(middle(candidate, "cpu")),
            "memory MB": round(middle(candidate, "memory")),
        }
        for candidate in CANDIDATES
    ]
    for row in rows:
        print(row)
    write("process", f"python benchmarks/process.py --rounds {given.rounds}", rows)


if __name__ == "__main__":
    main()
