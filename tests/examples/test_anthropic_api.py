"""The fake provider's Anthropic bodies, against the SDK's own types."""

from __future__ import annotations

from typing import Any, get_args

import anthropic
import pytest
from anthropic.types import StopReason

REFUND = "I am sorry about that. The refund goes back to your card within five working days."
TOOLS = [
    {
        "name": "order_status",
        "input_schema": {"type": "object", "properties": {"order_id": {"type": "string"}}},
    }
]


async def say(speaker: Any, text: str = "A refund, please.", **kwargs: Any) -> Any:
    request = {"model": "claude-x", "max_tokens": 2048, "messages": [{"role": "user", "content": text}]}
    return await speaker.call("messages.create", **{**request, **kwargs})


async def test_message(anthropic_speaker: Any) -> None:
    message = await say(anthropic_speaker)
    assert [block.text for block in message.content] == [REFUND]
    assert (message.model, message.stop_reason) == ("claude-x-20261101", "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (13, 21)


async def test_stream_says_the_same(anthropic_speaker: Any) -> None:
    events = await say(anthropic_speaker, stream=True)
    assert list(dict.fromkeys(event.type for event in events)) == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert "".join(event.delta.text for event in events if event.type == "content_block_delta") == REFUND
    assert (events[-2].delta.stop_reason, events[-2].usage.output_tokens) == ("end_turn", 21)


async def test_thinking_comes_before_the_answer(anthropic_speaker: Any) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    message = await say(anthropic_speaker, thinking=thinking)
    assert [block.type for block in message.content] == ["thinking", "text"]
    events = await say(anthropic_speaker, thinking=thinking, stream=True)
    deltas = [event.delta for event in events if event.type == "content_block_delta" and event.index == 0]
    thought = "".join(delta.thinking for delta in deltas if delta.type == "thinking_delta")
    assert thought == message.content[0].thinking
    assert deltas[-1].type == "signature_delta"


async def test_a_tool_that_fits_is_used(anthropic_speaker: Any) -> None:
    question = {"role": "user", "content": "Where is my order 1042?"}
    message = await say(anthropic_speaker, messages=[question], tools=TOOLS)
    (block,) = message.content
    assert (message.stop_reason, block.name, block.input) == (
        "tool_use",
        "order_status",
        {"order_id": "1042"},
    )
    events = await say(anthropic_speaker, messages=[question], tools=TOOLS, stream=True)
    pieces = [event.delta.partial_json for event in events if event.type == "content_block_delta"]
    assert "".join(pieces) == '{"order_id": "1042"}'
    asked = {"role": "assistant", "content": [block.model_dump(include={"type", "id", "name", "input"})]}
    found = {"type": "tool_result", "tool_use_id": block.id, "content": "on its way"}
    history = [question, asked, {"role": "user", "content": [found]}]
    message = await say(anthropic_speaker, messages=history, tools=TOOLS)
    assert message.content[0].text == "I looked it up: on its way."


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({"type": "none"}, 0),
        ({"type": "auto"}, 0),
        ({"type": "any"}, 1),
        ({"type": "tool", "name": "order_status"}, 1),
    ],
)
async def test_tool_choice(anthropic_speaker: Any, choice: dict[str, str], called: int) -> None:
    message = await say(anthropic_speaker, "Good morning.", tools=TOOLS, tool_choice=choice)
    assert [block.type for block in message.content].count("tool_use") == called


@pytest.mark.parametrize(("behaviour", "reason"), [("length", "max_tokens"), ("refusal", "refusal")])
async def test_a_message_that_ends_otherwise(anthropic_speaker: Any, behaviour: str, reason: str) -> None:
    if reason not in get_args(StopReason):
        pytest.skip(f"this version of the SDK does not know {reason}")
    message = await say(anthropic_speaker, extra_headers={"x-behaviour": behaviour})
    assert message.stop_reason == reason


async def test_structured_output(anthropic_speaker: Any) -> None:
    schema = {"type": "object", "properties": {"order_id": {"type": "string"}}}
    wanted = {"format": {"type": "json_schema", "schema": schema}}
    message = await say(anthropic_speaker, "Order 1042", extra_body={"output_config": wanted})
    assert message.content[0].text == '{"order_id": "1042"}'


async def test_a_cached_prompt_is_billed_as_such(anthropic_speaker: Any) -> None:
    system = [{"type": "text", "text": "Be brief. " * 100, "cache_control": {"type": "ephemeral"}}]
    usage = (await say(anthropic_speaker, system=system)).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens) == (141, 140)


async def test_tokens_are_counted(anthropic_speaker: Any) -> None:
    counted = await anthropic_speaker.call(
        "messages.count_tokens", model="claude-x", messages=[{"role": "user", "content": "A refund, please."}]
    )
    assert counted.input_tokens == 13


async def test_an_error_event_in_mid_stream(anthropic_speaker: Any) -> None:
    with pytest.raises(anthropic.APIStatusError) as raised:
        await say(anthropic_speaker, model="error-in-stream", stream=True)
    assert raised.value.body["error"]["type"] == "overloaded_error"  # type: ignore[index,call-overload]
