"""One candidate of overhead.py: a process with one instrumentation, which runs scenarios when told to.

Reads lines `<scenario> <calls>` and answers each with the CPU microseconds per call of the calling thread.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ["OPENAI_API_KEY"] = "benchmark"

WORDS = "the customer asks whether the refund for order 返金の件 has been sent and when it will arrive "


def peer_provider() -> Any:
    """A tracer provider whose spans are made, ended and dropped, as with a perfect exporter."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

    class Dropping(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Dropping()))
    trace.set_tracer_provider(provider)
    return provider


def instrument(candidate: str) -> None:
    if candidate == "bare":
        return
    provider = peer_provider()
    if candidate == "ours":
        from prompt_history.exporter.entry import pre_instrument
        from prompt_history.instrumentation import load

        pre_instrument()
        load.openai().instrument(tracer_provider=provider)
    elif candidate == "opentelemetry":
        os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "span_only"
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

        OpenAIInstrumentor().instrument(tracer_provider=provider)
    elif candidate == "openinference":
        from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInference

        OpenInference().instrument(tracer_provider=provider)


def client() -> Any:
    import httpx2
    import openai

    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-x-2026",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": WORDS * 3},
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 30, "completion_tokens": 60, "total_tokens": 90},
    }
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x-2026"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *[{"content": "token "}] * 98, {}]
    events = [
        {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}]}
        for delta in deltas
    ]
    events.append({**chunk, "choices": [], "usage": answer["usage"]})
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    body = json.dumps(answer).encode()

    def respond(request: Any) -> Any:
        if b'"stream":true' in request.content:
            return httpx2.Response(200, text=stream, headers={"content-type": "text/event-stream"})
        return httpx2.Response(200, content=body, headers={"content-type": "application/json"})

    return openai.OpenAI(
        base_url="http://provider.test/v1",
        http_client=httpx2.Client(transport=httpx2.MockTransport(respond)),
    )


def numbers() -> Iterator[int]:
    number = int.from_bytes(os.urandom(4), "big")
    while True:
        number += 1
        yield number


def scenarios(openai: Any) -> dict[str, Callable[[], Callable[[], None]]]:
    """Scenario: a function that prepares a call, outside the measurement, and returns it."""
    number = numbers()
    create = openai.chat.completions.create
    history = [
        {"role": ("user", "assistant")[turn % 2], "content": f"turn {turn}: " + WORDS * 10} for turn in range(50)
    ]

    def small() -> Callable[[], None]:
        messages = [{"role": "user", "content": f"{next(number)} {WORDS}"}]
        return lambda: create(model="gpt-x", messages=messages, temperature=0.2)

    def next_turn() -> Callable[[], None]:
        messages = [*history, {"role": "user", "content": f"{next(number)} {WORDS}"}]
        return lambda: create(model="gpt-x", messages=messages)

    def unseen() -> Callable[[], None]:
        mark = next(number)
        messages = [{**message, "content": f"{mark} {message['content']}"} for message in history]
        return lambda: create(model="gpt-x", messages=messages)

    def stream() -> Callable[[], None]:
        messages = [{"role": "user", "content": f"{next(number)} {WORDS}"}]

        def call() -> None:
            for _ in create(model="gpt-x", messages=messages, stream=True, stream_options={"include_usage": True}):
                pass

        return call

    return {
        "small chat": small,
        "50 kB history, one new message": next_turn,
        "50 kB never seen": unseen,
        "stream": stream,
    }


def main() -> None:
    instrument(sys.argv[1])
    prepared = scenarios(client())
    for prepare in prepared.values():
        for _ in range(5):
            prepare()()
    print("ready", flush=True)
    for line in sys.stdin:
        scenario, _, count = line.strip().rpartition(" ")
        calls = [prepared[scenario]() for _ in range(int(count))]
        started = time.thread_time_ns()
        for call in calls:
            call()
        print((time.thread_time_ns() - started) / 1000 / len(calls), flush=True)


if __name__ == "__main__":
    main()
