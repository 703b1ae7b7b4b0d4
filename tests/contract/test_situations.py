"""The odd cases, which are the ones that are looked up."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from typing import Any

import pytest
from calls import CHAT, MESSAGES, QUESTION

from prompt_history.examples.provider import Provider
from prompt_history.exporter.redaction import keep_content
from prompt_history.instrumentation import contract, load
from prompt_history.instrumentation.contract import Redacted
from prompt_history.instrumentation.wire.parameters import request_body


def test_a_call_that_fails_keeps_its_prompt(openai_client: Any, provider: Provider, recorded: Any) -> None:
    import openai

    with pytest.raises(openai.NotFoundError):
        openai_client.chat.completions.create(**{**CHAT, "model": "fail-404"})

    record = recorded.record()
    attributes = record["attributes"]
    assert request_body(attributes) == provider.requests[0].body
    assert attributes["prompt_history.outcome"] == "error"
    assert attributes["error.type"] == "NotFoundError"
    assert record["status"]["code"] == "Error"
    assert record["status"]["message"].startswith("NotFoundError: Error code: 404")
    assert "gen_ai.output.messages" not in attributes
    span = recorded.span()
    assert (span.status.status_code.name, span.status.description) == ("ERROR", record["status"]["message"])


def test_a_retried_call_is_one_record_with_the_number_of_tries(
    openai_client: Any, provider: Provider, recorded: Any
) -> None:
    openai_client.chat.completions.create(**{**CHAT, "model": "flaky-429"})

    assert len(provider.requests) == 2
    assert recorded.attributes()["prompt_history.tries"] == 2


def test_the_tries_of_a_call_that_fails_in_the_end(provider: Provider, recorded: Any) -> None:
    import openai

    with openai.OpenAI(max_retries=1) as client, pytest.raises(openai.APIStatusError):
        client.chat.completions.create(**{**CHAT, "model": "fail-503"}, timeout=20)

    assert len(provider.requests) == 2
    told = "x-stainless-retry-count" in provider.requests[1].headers  # by openai 1.46 and later
    assert recorded.attributes().get("prompt_history.tries") == (2 if told else None)


def test_a_stream_left_early(openai_client: Any, provider: Provider, recorded: Any) -> None:
    with openai_client.chat.completions.create(**CHAT, stream=True) as stream:
        seen = [next(stream).choices[0].delta.content or "", next(stream).choices[0].delta.content or ""]

    attributes = recorded.attributes()
    assert attributes["prompt_history.outcome"] == "abandoned"
    assert attributes["prompt_history.stream.complete"] is False
    (answer,) = json.loads(attributes["gen_ai.output.messages"])
    assert "".join(part["content"] for part in answer["parts"]) == "".join(seen)


def test_a_stream_never_read(openai_client: Any, recorded: Any) -> None:
    openai_client.chat.completions.create(**CHAT, stream=True)
    gc.collect()

    attributes = recorded.attributes()
    assert attributes["prompt_history.outcome"] == "abandoned"
    assert "gen_ai.output.messages" not in attributes


@pytest.mark.parametrize("close", ["close", "response"])
def test_a_stream_closed(openai_client: Any, recorded: Any, close: str) -> None:
    stream = openai_client.chat.completions.create(**CHAT, stream=True)
    next(stream)
    (stream if close == "close" else stream.response).close()

    assert len(recorded.spans("prompt_history.")) == 1
    assert recorded.attributes()["prompt_history.outcome"] == "abandoned"


def test_a_stream_that_breaks(provider: Provider, recorded: Any) -> None:
    import openai

    with openai.OpenAI() as client, pytest.raises(Exception, match=r"onnection") as raised:
        list(client.chat.completions.create(**{**CHAT, "model": "cut-stream"}, stream=True))

    attributes = recorded.attributes()
    assert attributes["prompt_history.outcome"] == "error"
    assert attributes["prompt_history.stream.complete"] is False
    assert attributes["error.type"] == raised.type.__qualname__  # of the SDK's, or of httpx in older versions
    assert json.loads(attributes["gen_ai.output.messages"])[0]["parts"][0]["content"]


def test_an_error_event_in_a_stream(provider: Provider, recorded: Any) -> None:
    import openai

    with openai.OpenAI() as client, pytest.raises(openai.APIError):
        list(client.chat.completions.create(**{**CHAT, "model": "error-in-stream"}, stream=True))

    assert recorded.attributes()["prompt_history.outcome"] == "error"


async def test_a_cancelled_call(provider: Provider, recorded: Any) -> None:
    import openai

    async with openai.AsyncOpenAI() as client:
        task = asyncio.create_task(client.chat.completions.create(**{**CHAT, "model": "hang"}))
        await asyncio.to_thread(provider.wait_for, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    attributes = recorded.attributes()
    assert attributes["prompt_history.outcome"] == "cancelled"
    assert attributes["error.type"] == "CancelledError"
    assert request_body(attributes) == provider.requests[0].body


async def test_a_stream_cancelled_while_it_waits(provider: Provider, recorded: Any) -> None:
    import openai

    first = asyncio.Event()

    async def read() -> None:
        async for _ in await client.chat.completions.create(**{**CHAT, "model": "hang-stream"}, stream=True):
            first.set()

    async with openai.AsyncOpenAI() as client:
        task = asyncio.create_task(read())
        await first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    attributes = recorded.attributes()
    assert attributes["prompt_history.outcome"] == "cancelled"
    assert attributes["prompt_history.stream.complete"] is False


def test_azure(provider: Provider, recorded: Any) -> None:
    import openai

    with openai.AzureOpenAI(azure_endpoint=provider.url, api_version="2026-06-01") as client:
        client.chat.completions.create(**CHAT)

    attributes = recorded.attributes()
    assert attributes["gen_ai.provider.name"] == "azure.ai.openai"
    assert request_body(attributes) == provider.requests[0].body


def test_embeddings(openai_client: Any, provider: Provider, recorded: Any) -> None:
    openai_client.embeddings.create(
        model="text-embedding-x", input=["返金の手続き", "refund"], dimensions=8, encoding_format="float"
    )

    attributes = recorded.attributes()
    assert recorded.record()["name"] == "embeddings text-embedding-x"
    assert attributes["gen_ai.operation.name"] == "embeddings"
    assert attributes["prompt_history.input.text"] == "返金の手続き\nrefund"
    assert "gen_ai.output.messages" not in attributes
    assert request_body(attributes) == provider.requests[0].body


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_what_is_no_model_call_leaves_nothing(sdk: str, request: pytest.FixtureRequest, recorded: Any) -> None:
    client = request.getfixturevalue(f"{sdk}_client")
    with pytest.raises(Exception, match="Error code"):
        client.models.retrieve("nothing")

    assert recorded.records() == []
    assert recorded.spans("prompt_history.") == []


def test_the_anthropic_sdk_makes_no_span_of_its_own(anthropic_client: Any, recorded: Any) -> None:
    anthropic_client.messages.create(**MESSAGES)

    assert [span.instrumentation_scope.name for span in recorded.spans()] == [
        "prompt_history.instrumentation.anthropic"
    ]
    assert len(recorded.records()) == 1


def test_a_native_span_that_is_kept_makes_no_second_record(
    provider: Provider, recorded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import anthropic

    if not hasattr(anthropic.Anthropic, "open_telemetry"):
        pytest.skip("this version of the SDK makes no spans")
    with anthropic.Anthropic(open_telemetry={"traces": {"enabled": True}}) as client:
        client.messages.create(**MESSAGES)

    assert len(recorded.spans()) == 2
    assert recorded.record()["scope"]["name"] == "prompt_history.instrumentation.anthropic"


def test_without_a_redactor_there_is_no_content(openai_client: Any, recorded: Any) -> None:
    contract.install(contract.installed()._replace(redact=None))
    openai_client.chat.completions.create(**CHAT)

    text = json.dumps(recorded.record(), ensure_ascii=False) + str(dict(recorded.span().attributes))
    assert "refund" not in text
    assert recorded.attributes()["gen_ai.usage.input_tokens"] > 0


def test_content_in_the_record_alone(openai_client: Any, recorded: Any) -> None:
    contract.install(contract.installed()._replace(content_on_spans=False))
    openai_client.chat.completions.create(**CHAT, user="u1")

    assert "refund" not in str(dict(recorded.span().attributes))
    assert "refund" in recorded.attributes()["gen_ai.input.messages"]


def test_redaction_reaches_every_place_before_the_span(provider: Provider, recorded: Any) -> None:
    import openai

    def masked(field: str, value: Any) -> Redacted:
        changed = json.loads(json.dumps(value).replace("secret", "[MASKED]"))
        return Redacted(changed, {"SECRET": 1} if changed != value else {}, ("[MASKED]",) if changed != value else ())

    contract.install(contract.installed()._replace(redact=masked))
    with openai.OpenAI(max_retries=0) as client, pytest.raises(openai.APIStatusError):
        client.chat.completions.create(
            model="fail-500",
            messages=[
                {"role": "system", "content": "secret"},
                {"role": "user", "content": [{"type": "text", "text": "secret"}]},
            ],
            tools=[{"type": "function", "function": {"name": "find", "description": "secret"}}],
            user="secret",
            extra_body={"other": "secret", "metadata": {"note": "secret"}},
        )

    assert b"secret" in provider.requests[0].raw
    assert "secret" not in json.dumps(recorded.record())
    assert "secret" not in recorded.span().to_json()
    attributes = recorded.attributes()
    assert attributes["prompt_history.redaction.kinds"] == ["SECRET"]
    assert attributes["prompt_history.redaction.tokens"] == ["[MASKED]"]


def test_redaction_that_fails_withholds_content_and_keeps_the_rest(
    openai_client: Any, recorded: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("PROMPT_HISTORY_STRICT")

    def broken(field: str, value: Any) -> Redacted:
        raise RuntimeError(f"cannot redact {value}")

    contract.install(contract.installed()._replace(redact=broken))
    with caplog.at_level(logging.DEBUG, "prompt_history"):
        assert openai_client.chat.completions.create(**CHAT).choices

    attributes = recorded.attributes()
    assert attributes["prompt_history.redaction.withheld"] is True
    assert attributes["gen_ai.usage.input_tokens"] > 0
    assert "refund" not in json.dumps(recorded.record())
    assert caplog.records
    assert "refund" not in caplog.text


@pytest.mark.parametrize(
    "place",
    [
        "exchange.read_parameters",
        "content.Content.request",
        "content.Content.response",
        "exchange.Exchange._outcome",
        "stainless.DecoderTap",
        "stainless.observe",
        "exchange.Exchange._end_span",
        "exchange.Exchange._record",
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_bug_of_ours_never_reaches_the_application(
    place: str,
    stream: bool,
    openai_client: Any,
    recorded: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delenv("PROMPT_HISTORY_STRICT")

    def bug(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("refund")

    monkeypatch.setattr(f"prompt_history.instrumentation.{place}", bug)
    with caplog.at_level(logging.DEBUG, "prompt_history"):
        made = openai_client.chat.completions.create(**CHAT, stream=stream)
        assert list(made) if stream else made.choices

    assert "refund" not in caplog.text
    if place not in ("exchange.Exchange._record",) and not (stream and place == "stainless.observe"):
        attributes = recorded.attributes()
        assert attributes["gen_ai.operation.name"] == "chat"


def test_a_record_although_the_trace_is_not_sampled(
    provider: Provider, recorded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openai
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    monkeypatch.setattr(recorded.provider, "sampler", ALWAYS_OFF)
    for patcher in [load.openai()._patcher]:
        monkeypatch.setattr(patcher._tracer, "sampler", ALWAYS_OFF)
    with openai.OpenAI() as client:
        client.chat.completions.create(**CHAT)

    assert recorded.spans("prompt_history.") == []
    record = recorded.record()
    assert request_body(record["attributes"]) == provider.requests[0].body
    assert record["resource"]["attributes"]["service.name"] == "contract"


def test_a_record_without_a_tracer_provider(provider: Provider, recorded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import openai
    from opentelemetry.trace import NoOpTracer

    monkeypatch.setattr(load.openai()._patcher, "_tracer", NoOpTracer())
    with openai.OpenAI() as client:
        client.chat.completions.create(**CHAT)
        client.chat.completions.create(**CHAT)

    first, second = recorded.records()
    assert first["span_id"] != second["span_id"]
    assert first["trace_id"] != second["trace_id"]
    assert "parent_span_id" not in first


def test_the_call_is_a_child_of_the_span_around_it_and_the_parent_of_spans_inside(
    openai_client: Any, recorded: Any
) -> None:
    from opentelemetry import trace

    with trace.get_tracer("app").start_as_current_span("parent") as parent:
        stream = openai_client.chat.completions.create(**CHAT, stream=True)
        for _ in stream:
            assert trace.get_current_span() is parent

    record = recorded.record()
    assert record["parent_span_id"] == f"{parent.get_span_context().span_id:016x}"
    assert record["trace_id"] == f"{parent.get_span_context().trace_id:032x}"


def test_baggage_on_the_list_becomes_attributes_and_no_other(openai_client: Any, recorded: Any) -> None:
    from opentelemetry import baggage, context

    held = baggage.set_baggage("user.id", "u" * 1000, baggage.set_baggage("other", "x"))
    token = context.attach(held)
    try:
        openai_client.chat.completions.create(**CHAT)
    finally:
        context.detach(token)

    attributes = recorded.attributes()
    assert attributes["user.id"] == "u" * 256
    assert "other" not in attributes


def test_what_others_put_on_our_span_is_in_the_record(openai_client: Any, recorded: Any, monkeypatch: Any) -> None:
    start = recorded.processor.on_start

    def stamped(span: Any, parent_context: Any = None) -> None:
        span.set_attribute("tenant.id", "t1")
        start(span, parent_context)

    monkeypatch.setattr(recorded.processor, "on_start", stamped)
    openai_client.chat.completions.create(**CHAT)

    assert recorded.attributes()["tenant.id"] == "t1"


def test_undone_for_cached_clients_too(provider: Provider, recorded: Any) -> None:
    import openai

    with openai.OpenAI() as client:
        raw = client.chat.completions.with_raw_response
        load.openai().uninstrument()
        try:
            client.chat.completions.create(**CHAT)
            raw.create(**CHAT)
            assert recorded.records() == []
        finally:
            load.openai().instrument()
        client.chat.completions.create(**CHAT)
    assert len(recorded.records()) == 1


def test_only_the_text_that_is_new_is_searchable_but_every_record_has_the_whole_prompt(
    openai_client: Any, recorded: Any
) -> None:
    talk: list[dict[str, Any]] = [{"role": "system", "content": "You help."}, *QUESTION]
    answer = openai_client.chat.completions.create(model="gpt-x", messages=talk).choices[0].message.content
    talk += [{"role": "assistant", "content": answer}, {"role": "user", "content": "返金はいつですか"}]
    openai_client.chat.completions.create(model="gpt-x", messages=talk)

    first, second = (record["attributes"] for record in recorded.records())
    assert first["prompt_history.input.text"] == "Where is my refund?"
    assert first["prompt_history.system.text"] == "You help."
    assert second["prompt_history.input.text"] == f"返金はいつですか\n{answer}"
    assert "prompt_history.system.text" not in second
    assert [message["parts"][0]["content"] for message in json.loads(second["gen_ai.input.messages"])] == [
        message["content"] for message in talk
    ]
    assert second["prompt_history.thread.head"] == first["prompt_history.thread.tail"]


def test_values_that_json_or_a_store_cannot_hold(provider: Provider, recorded: Any, monkeypatch: Any) -> None:
    import openai

    from prompt_history.instrumentation.guard import failures

    before = failures["hostile value"]
    with openai.OpenAI() as client:
        client.chat.completions.create(**CHAT, extra_body={"big": 2**70, "nested": {"deep": [2**65]}})

    extra = json.loads(recorded.attributes()["prompt_history.request.extra"])
    assert extra == {"big": str(2**70), "nested": {"deep": [str(2**65)]}}
    assert failures["hostile value"] > before


def test_media_by_reference(openai_client: Any, provider: Provider, recorded: Any) -> None:
    image = "data:image/png;base64,iVBORw0KGgo="
    content = [{"type": "text", "text": "what is this"}, {"type": "image_url", "image_url": {"url": image}}]
    openai_client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": content}])

    (message,) = json.loads(recorded.attributes()["gen_ai.input.messages"])
    blob = message["parts"][1]
    assert {name: blob[name] for name in ("type", "modality", "mime_type", "size")} == {
        "type": "blob",
        "modality": "image",
        "mime_type": "image/png",
        "size": 8,
    }
    assert len(blob["sha256"]) == 64
    assert "iVBOR" not in json.dumps(recorded.record())
    contract.install(contract.installed()._replace(media="keep", redact=keep_content))


def test_only_new_text_is_redacted(openai_client: Any, recorded: Any) -> None:
    seen: list[str] = []

    def noting(field: str, value: Any) -> Redacted:
        if field == "gen_ai.input.messages":
            seen.append(json.dumps(value))
        return Redacted(value)

    contract.install(contract.installed()._replace(redact=noting))
    talk = [{"role": "user", "content": f"message {number}"} for number in range(50)]
    openai_client.chat.completions.create(model="gpt-x", messages=talk)
    seen.clear()
    openai_client.chat.completions.create(model="gpt-x", messages=[*talk, {"role": "user", "content": "one more"}])

    assert seen == [json.dumps({"role": "user", "parts": [{"type": "text", "content": "one more"}]})]
