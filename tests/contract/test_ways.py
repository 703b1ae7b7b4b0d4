"""Every way to make a call leaves one record and one span, and gives the application what it would get without us."""

from __future__ import annotations

import json
from typing import Any

import pytest
from calls import WAYS, Way, client

from prompt_history.examples.provider import Provider
from prompt_history.instrumentation.wire.parameters import request_body


def made(way: Way, provider: Provider) -> Any:
    found = client(way.sdk, provider.url, asynchronous=way.asynchronous)
    if not way.offered(found):
        pytest.skip("this version of the SDK does not offer it")
    return found


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.sdk}-{way.name}")
def test_one_record_that_equals_what_was_sent_and_seen(way: Way, provider: Provider, recorded: Any) -> None:
    text = way.run(made(way, provider))

    attributes = recorded.attributes()
    (request,) = provider.requests
    assert request_body(attributes) == request.body
    assert attributes["prompt_history.request.format"] == way.format
    assert attributes["prompt_history.outcome"] == "ok"
    assert attributes["prompt_history.tries"] == 1
    (answer,) = json.loads(attributes["gen_ai.output.messages"])
    assert [part["content"] for part in answer["parts"]] == [text]
    assert attributes.get("gen_ai.request.stream") is (True if way.streamed else None)
    assert attributes.get("prompt_history.stream.complete") is (
        True if way.streamed or "streaming_response" in way.name else None
    )
    assert ("gen_ai.response.time_to_first_chunk" in attributes) is way.streamed


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.sdk}-{way.name}")
def test_the_span_has_what_the_record_has(way: Way, provider: Provider, recorded: Any) -> None:
    way.run(made(way, provider))

    span, record = recorded.span(), recorded.record()
    assert span.name == record["name"] == f"chat {record['attributes']['gen_ai.request.model']}"
    assert f"{span.context.trace_id:032x}" == record["trace_id"]
    assert f"{span.context.span_id:016x}" == record["span_id"]
    assert span.end_time - span.start_time == record["duration"]
    ours = json.loads(json.dumps(dict(span.attributes)))
    assert ours.pop("prompt_history.recorded") is True
    assert ours.items() <= record["attributes"].items()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.sdk}-{way.name}")
def test_the_application_gets_the_same_with_and_without_us(way: Way, provider: Provider, recorded: Any) -> None:
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    with suppress_instrumentation():
        plain = way.run(made(way, provider))
    assert recorded.records() == []

    assert way.run(made(way, provider)) == plain
    assert len(recorded.records()) == 1
