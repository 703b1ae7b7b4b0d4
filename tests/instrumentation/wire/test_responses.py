"""What a record has of a response."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompt_history.instrumentation.model import dig
from prompt_history.instrumentation.wire import FORMATS

Bodies = Callable[..., Any]


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", **more, "content": content}


@pytest.mark.parametrize(
    ("name", "case", "messages", "reasons"),
    [
        (
            "openai.chat",
            "plain",
            [{"role": "assistant", "parts": [text("Hello.")], "finish_reason": "stop"}],
            ["stop"],
        ),
        (
            "openai.chat",
            "refusal",
            [
                {
                    "role": "assistant",
                    "parts": [{"type": "refusal", "content": "I'm sorry, I can't help with that."}],
                    "content_form": "null",
                    "finish_reason": "stop",
                }
            ],
            ["stop"],
        ),
        (
            "openai.chat",
            "parallel_tools",
            [
                {
                    "role": "assistant",
                    "parts": [
                        {"type": "tool_call", "id": "call_4", "name": "get_weather", "arguments": {"city": "Rome"}},
                        {
                            "type": "tool_call",
                            "id": "call_5",
                            "name": "get_weather",
                            "arguments": {"city": "Oslo"},
                            "arguments_text": '{"city": "Oslo"}',
                        },
                    ],
                    "content_form": "null",
                    "finish_reason": "tool_calls",
                }
            ],
            ["tool_call"],
        ),
        (
            "openai.responses",
            "string",
            [
                {
                    "role": "assistant",
                    "parts": [
                        text(
                            "こんにちは！",
                            provider_type="output_text",
                            annotations=[],
                            logprobs=[],
                            item={"id": "msg_1", "status": "completed"},
                        )
                    ],
                    "finish_reason": "completed",
                }
            ],
            ["stop"],
        ),
        ("openai.responses", "continued", [{"role": "assistant", "parts": [], "finish_reason": "failed"}], ["error"]),
        ("openai.responses", "conversation", [{"role": "assistant", "parts": [], "finish_reason": "queued"}], []),
        (
            "anthropic.messages",
            "plain",
            [{"role": "assistant", "parts": [text("Hello.")], "content_form": "list", "finish_reason": "end_turn"}],
            ["stop"],
        ),
        (
            "anthropic.messages",
            "tools",
            [
                {
                    "role": "assistant",
                    "parts": [text("No.")],
                    "content_form": "list",
                    "finish_reason": "refusal",
                    "stop_details": {"type": "refusal", "category": "cyber"},
                }
            ],
            ["content_filter"],
        ),
        ("openai.embeddings", "list", [], []),
    ],
)
def test_output(name: str, case: str, messages: list[Any], reasons: list[str], body: Bodies) -> None:
    response = body(name, case, "response")
    assert FORMATS[name].output_messages(response) == messages
    assert FORMATS[name].finish_reasons(response) == reasons


def test_each_choice_keeps_what_it_has(body: Bodies) -> None:
    response = body("openai.chat", "choices_logprobs", "response")
    first, second = (choice["logprobs"] for choice in response["choices"])
    wire = FORMATS["openai.chat"]
    assert wire.output_messages(response) == [
        {"role": "assistant", "parts": [text("Red.")], "logprobs": first, "finish_reason": "stop"},
        {"role": "assistant", "parts": [text("Deep blue")], "logprobs": second, "finish_reason": "length"},
    ]
    assert wire.finish_reasons(response) == ["stop", "length"]


@pytest.mark.parametrize(
    ("name", "response", "reasons"),
    [
        (
            "openai.chat",
            {"choices": [{"finish_reason": "function_call"}, {"finish_reason": None}, {}]},
            ["tool_call", "error", "error"],
        ),
        (
            "openai.responses",
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}, "output": []},
            ["content_filter"],
        ),
        ("openai.responses", {"status": "in_progress", "output": []}, ["error"]),
        ("openai.responses", {"status": "in_progress", "background": True, "output": []}, []),
        ("openai.responses", {"output": []}, ["error"]),
        *(
            ("anthropic.messages", {"content": [], "stop_reason": reason}, [word])
            for reason, word in (
                ("tool_use", "tool_call"),
                ("stop_sequence", "stop"),
                ("max_tokens", "length"),
                ("pause_turn", "pause_turn"),
                (None, "error"),
            )
        ),
        *((name, {"error": {"message": "no"}}, []) for name in sorted(FORMATS)),
    ],
)
def test_finish_reasons(name: str, response: Any, reasons: list[str]) -> None:
    assert FORMATS[name].finish_reasons(response) == reasons


@pytest.mark.parametrize(
    ("name", "case", "attributes"),
    [
        (
            "openai.chat",
            "structured",
            {
                "gen_ai.response.id": "chatcmpl-1",
                "gen_ai.response.model": "gpt-x-2026-05-01",
                "gen_ai.usage.input_tokens": 120,
                "gen_ai.usage.output_tokens": 80,
                "gen_ai.usage.cache_read.input_tokens": 64,
                "gen_ai.usage.cache_write.input_tokens": 32,
                "gen_ai.usage.reasoning.output_tokens": 70,
                "openai.response.service_tier": "default",
                "openai.response.system_fingerprint": "fp_1",
            },
        ),
        (
            "openai.responses",
            "string",
            {
                "gen_ai.response.id": "resp_1",
                "gen_ai.response.model": "gpt-x-2026-05-01",
                "gen_ai.usage.input_tokens": 36,
                "gen_ai.usage.output_tokens": 87,
                "gen_ai.usage.cache_read.input_tokens": 4,
                "gen_ai.usage.cache_write.input_tokens": 8,
                "gen_ai.usage.reasoning.output_tokens": 64,
                "openai.response.service_tier": "default",
            },
        ),
        (
            "anthropic.messages",
            "plain",
            {
                "gen_ai.response.id": "msg_1",
                "gen_ai.response.model": "claude-x",
                "gen_ai.usage.input_tokens": 1112,
                "gen_ai.usage.output_tokens": 20,
                "gen_ai.usage.cache_read.input_tokens": 1000,
                "gen_ai.usage.cache_write.input_tokens": 100,
            },
        ),
        ("openai.embeddings", "list", {"gen_ai.response.model": "emb-3", "gen_ai.usage.input_tokens": 8}),
    ],
)
def test_attributes(name: str, case: str, attributes: dict[str, Any], body: Bodies) -> None:
    wire, response = FORMATS[name], body(name, case, "response")
    found = {attribute: dig(response, path) for attribute, path in wire.response.items()}
    found = {attribute: value for attribute, value in found.items() if value is not None}
    assert {**found, **wire.usage(response)} == attributes


@pytest.mark.parametrize(
    "counts", [None, {}, 5, {"cache_read_input_tokens": 5}, {"input_tokens": None}, {"input_tokens": "3"}]
)
def test_no_count_is_made_up(counts: Any) -> None:
    assert FORMATS["anthropic.messages"].usage({"usage": counts}) == {}
    assert FORMATS["anthropic.messages"].usage({"usage": {"input_tokens": 3, "cache_read_input_tokens": None}}) == {
        "gen_ai.usage.input_tokens": 3
    }


def test_every_response_on_file_is_read(response_file: Path) -> None:
    wire, response = FORMATS[response_file.parent.name], json.loads(response_file.read_text("utf-8"))
    for message in wire.output_messages(response):
        assert isinstance(message["role"], str)
        assert all(isinstance(part["type"], str) for part in message["parts"])


_KEYS = "choices message content output type role status usage input_tokens finish_reason stop_reason"
KEYS = st.sampled_from(_KEYS.split())
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["message", "text", "incomplete", "assistant", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(FORMATS)), st.dictionaries(KEYS, VALUE, max_size=5))
def test_any_response_is_read(name: str, response: dict[str, Any]) -> None:
    wire = FORMATS[name]
    for read in (wire.output_messages, wire.finish_reasons, wire.usage):
        json.dumps(read(response))
