"""The fake provider's OpenAI bodies, against the SDK's own types."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from prompt_history.examples.provider import Provider

REFUND = "I am sorry about that. The refund goes back to your card within five working days."
REFUND_JA = "ご不便をおかけし申し訳ございません。返金は五営業日以内にカードへ戻ります。"
ORDER = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
CHAT_TOOLS = [{"type": "function", "function": {"name": "order_status", "parameters": ORDER}}]
TOOLS = [{"type": "function", "name": "order_status", "parameters": ORDER, "strict": True}]
TICKET = {
    "$defs": {"Urgency": {"type": "string", "enum": ["low", "high"]}},
    "type": "object",
    "properties": {"order_id": {"type": "string"}, "urgency": {"$ref": "#/$defs/Urgency"}},
    "required": ["order_id", "urgency"],
}


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


async def chat(speaker: Any, text: str = "A refund, please.", **kwargs: Any) -> Any:
    return await speaker.call("chat.completions.create", **{"model": "gpt-x", "messages": asked(text), **kwargs})


async def respond(speaker: Any, question: str = "A refund, please.", **kwargs: Any) -> Any:
    return await speaker.call("responses.create", **{"model": "gpt-x", "input": question, **kwargs})


def streamed_text(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


async def test_chat(openai_speaker: Any) -> None:
    completion = await chat(openai_speaker)
    choice = completion.choices[0]
    assert (choice.message.content, choice.finish_reason) == (REFUND, "stop")
    assert completion.model == "gpt-x-2026-11-01"
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (13, 21, 34)


@pytest.mark.parametrize(("question", "text"), [("A refund, please.", REFUND), ("返金をお願いします", REFUND_JA)])
async def test_chat_stream_says_the_same(openai_speaker: Any, question: str, text: str) -> None:
    chunks = await chat(openai_speaker, question, stream=True)
    assert streamed_text(chunks) == text
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert [chunk.usage for chunk in chunks if chunk.usage] == []


async def test_chat_stream_tells_its_usage_only_when_asked(openai_speaker: Any) -> None:
    plain = await chat(openai_speaker)
    chunks = await chat(openai_speaker, stream=True, stream_options={"include_usage": True})
    assert (chunks[-1].choices, chunks[-1].usage) == ([], plain.usage)


async def test_choices(openai_speaker: Any) -> None:
    completion = await chat(openai_speaker, n=2)
    assert [choice.message.content for choice in completion.choices] == [REFUND, f"2. {REFUND}"]
    chunks = await chat(openai_speaker, n=2, stream=True)
    second = [chunk.choices[0] for chunk in chunks if chunk.choices[0].index == 1]
    assert "".join(choice.delta.content or "" for choice in second) == f"2. {REFUND}"


async def test_chat_calls_a_tool_that_fits_and_answers_from_its_result(openai_speaker: Any) -> None:
    question = asked("Where is my order 1042?")
    completion = await chat(openai_speaker, messages=question, tools=CHAT_TOOLS)
    message = completion.choices[0].message
    (call,) = message.tool_calls
    assert (message.content, completion.choices[0].finish_reason) == (None, "tool_calls")
    assert (call.function.name, json.loads(call.function.arguments)) == ("order_status", {"order_id": "1042"})
    answer = {"role": "tool", "tool_call_id": call.id, "content": '{"status": "on its way"}'}
    history = [*question, message.model_dump(exclude_none=True), answer]
    completion = await chat(openai_speaker, messages=history, tools=CHAT_TOOLS)
    assert completion.choices[0].message.content == "I looked it up: status on its way."


async def test_chat_streams_tool_calls(openai_speaker: Any) -> None:
    chunks = await chat(openai_speaker, "Where is my order 1042?", tools=CHAT_TOOLS, stream=True)
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert (deltas[0].index, deltas[0].function.name, deltas[0].type) == (0, "order_status", "function")
    assert json.loads("".join(delta.function.arguments for delta in deltas)) == {"order_id": "1042"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("none", []),
        ("auto", []),
        ("required", ["order_status"]),
        ({"type": "function", "function": {"name": "order_status"}}, ["order_status"]),
    ],
)
async def test_chat_obeys_the_tool_choice(openai_speaker: Any, choice: Any, called: list[str]) -> None:
    completion = await chat(openai_speaker, "Good morning.", tools=CHAT_TOOLS, tool_choice=choice)
    calls = completion.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls] == called


async def test_chat_answers_with_json_that_fits_the_schema(openai_speaker: Any) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "ticket", "schema": TICKET}}
    completion = await chat(openai_speaker, "Order 1042: urgency high", response_format=wanted)
    assert json.loads(completion.choices[0].message.content) == {"order_id": "1042", "urgency": "high"}


async def test_responses(openai_speaker: Any) -> None:
    response = await respond(openai_speaker, instructions="Be brief.", metadata={"session_id": "s"}, temperature=0.5)
    assert (response.output_text, response.status) == (REFUND, "completed")
    assert (response.instructions, response.metadata, response.temperature) == (
        "Be brief.",
        {"session_id": "s"},
        0.5,
    )


async def test_responses_stream_says_the_same(openai_speaker: Any) -> None:
    events = await respond(openai_speaker, stream=True, reasoning={"effort": "low"})
    plain = await respond(openai_speaker, reasoning={"effort": "low"})
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert list(dict.fromkeys(event.type for event in events)) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.completed",
    ]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == events[-1].response.output_text == plain.output_text


async def test_responses_call_functions(openai_speaker: Any) -> None:
    text = "Where is my order 1042?"
    response = await respond(openai_speaker, text, tools=TOOLS)
    (call,) = response.output
    assert (call.type, call.name, json.loads(call.arguments)) == (
        "function_call",
        "order_status",
        {"order_id": "1042"},
    )
    events = await respond(openai_speaker, text, tools=TOOLS, stream=True)
    deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert "".join(deltas) == call.arguments
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "on its way"}
    history = [*asked(text), call.model_dump(exclude_none=True), result]
    response = await respond(openai_speaker, input=history, tools=TOOLS)
    assert response.output_text == "I looked it up: on its way."


async def test_responses_with_a_schema(openai_speaker: Any) -> None:
    wanted = {"format": {"type": "json_schema", "name": "ticket", "schema": TICKET, "strict": True}}
    response = await respond(openai_speaker, "Order 1042: urgency high", text=wanted)
    assert json.loads(response.output_text) == {"order_id": "1042", "urgency": "high"}


@pytest.mark.parametrize(("behaviour", "reason"), [("length", "length"), ("refusal", "stop")])
async def test_chat_that_ends_otherwise(openai_speaker: Any, behaviour: str, reason: str) -> None:
    completion = await chat(openai_speaker, model=behaviour)
    assert completion.choices[0].finish_reason == reason
    assert (completion.choices[0].message.refusal is not None) == (behaviour == "refusal")
    chunks = await chat(openai_speaker, model=behaviour, stream=True)
    assert chunks[-1].choices[0].finish_reason == reason


@pytest.mark.parametrize("behaviour", ["length", "refusal"])
async def test_responses_that_end_otherwise(openai_speaker: Any, behaviour: str) -> None:
    response = await respond(openai_speaker, model=behaviour)
    events = await respond(openai_speaker, model=behaviour, stream=True)
    status = {"length": "incomplete", "refusal": "completed"}[behaviour]
    assert (response.status, events[-1].response.status) == (status, status)
    if behaviour == "refusal":
        assert response.output[0].content[0].refusal == events[-1].response.output[0].content[0].refusal


async def test_embeddings(openai_speaker: Any) -> None:
    made = await openai_speaker.call(
        "embeddings.create", model="embed-x", input=["返金", "refund"], encoding_format="float", dimensions=4
    )
    assert [(item.index, len(item.embedding)) for item in made.data] == [(0, 4), (1, 4)]
    assert made.data[0].embedding != made.data[1].embedding


def test_embeddings_in_base64_are_the_same_numbers(provider: Provider) -> None:
    with openai.OpenAI() as client:  # the strict client refuses the base64 that the SDK itself asks for
        packed = client.embeddings.create(model="embed-x", input="返金")
        plain = client.embeddings.create(model="embed-x", input="返金", encoding_format="float")
    # Older versions of the SDK ask for base64 only where there is numpy.
    assert provider.requests[0].body.get("encoding_format") in ("base64", None)
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding)


@pytest.mark.parametrize("stream", [False, True])
def test_azure(provider: Provider, stream: bool) -> None:
    with openai.AzureOpenAI(
        azure_endpoint=provider.url, api_version="2024-10-21", _strict_response_validation=True
    ) as client:
        result: Any = client.chat.completions.create(
            model="desk", messages=[{"role": "user", "content": "A refund, please."}], stream=stream
        )
        text = streamed_text(list(result)) if stream else result.choices[0].message.content
    assert text == REFUND
    assert provider.requests[0].path == "/openai/deployments/desk/chat/completions?api-version=2024-10-21"


async def test_an_error_event_in_mid_stream(openai_speaker: Any) -> None:
    with pytest.raises(openai.APIError, match="had an error while it was answering"):
        await chat(openai_speaker, model="error-in-stream", stream=True)
    events = await respond(openai_speaker, model="error-in-stream", stream=True)
    assert (events[-1].type, events[-1].code) == ("error", "server_error")
