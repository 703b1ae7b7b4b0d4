"""Which parameters become attributes, and what stays beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prompt_history.instrumentation.model import Parameter, WireFormat
from prompt_history.instrumentation.semconv import ATTRIBUTES, PROMPT_VARIABLE
from prompt_history.instrumentation.wire import FORMATS
from prompt_history.instrumentation.wire.parameters import read_parameters

MODEL = "gen_ai.request.model"


@pytest.mark.parametrize(
    ("name", "body", "attributes", "extra"),
    [
        (
            "openai.chat",
            {
                "model": "gpt-x",
                "messages": [{"role": "user", "content": "hi"}],
                "temperature": 0.2,
                "top_p": 1,
                "frequency_penalty": 0.0,
                "presence_penalty": -1,
                "max_completion_tokens": 9,
                "seed": -3,
                "n": 2,
                "stream": True,
                "stop": ["a", "b"],
                "reasoning_effort": "low",
                "service_tier": "flex",
                "tools": [{"type": "function", "function": {"name": "f"}}],
                "logit_bias": {"1": 2},
            },
            {
                MODEL: "gpt-x",
                "gen_ai.request.temperature": 0.2,
                "gen_ai.request.top_p": 1.0,
                "gen_ai.request.frequency_penalty": 0.0,
                "gen_ai.request.presence_penalty": -1.0,
                "gen_ai.request.max_tokens": 9,
                "gen_ai.request.seed": -3,
                "gen_ai.request.choice.count": 2,
                "gen_ai.request.stream": True,
                "gen_ai.request.stop_sequences": ["a", "b"],
                "gen_ai.request.reasoning.level": "low",
                "openai.request.service_tier": "flex",
            },
            {"logit_bias": {"1": 2}},
        ),
        # A value read from a later path, or beside another one, also stays where it was.
        ("openai.chat", {"max_tokens": 5}, {"gen_ai.request.max_tokens": 5}, {"max_tokens": 5}),
        (
            "openai.chat",
            {"max_tokens": 5, "max_completion_tokens": 6},
            {"gen_ai.request.max_tokens": 6},
            {"max_tokens": 5, "max_completion_tokens": 6},
        ),
        (
            "openai.chat",
            {"max_completion_tokens": None, "max_tokens": 5},
            {"gen_ai.request.max_tokens": 5},
            {"max_completion_tokens": None, "max_tokens": 5},
        ),
        ("openai.chat", {"stop": "a"}, {"gen_ai.request.stop_sequences": ["a"]}, {"stop": "a"}),
        # The values that say nothing.
        (
            "openai.chat",
            {"n": 1, "stream": False, "service_tier": "auto"},
            {},
            {"n": 1, "stream": False, "service_tier": "auto"},
        ),
        # The values that are no attribute of a store.
        *(
            ("openai.chat", {key: value}, {}, {key: value})
            for key, value in (
                ("model", None),
                ("model", ""),
                ("temperature", float("inf")),
                ("temperature", True),
                ("temperature", 2**53 + 1),
                ("seed", 2**63),
                ("seed", 1.0),
                ("stop", []),
                ("stop", ["a", None]),
                ("messages", []),
                ("messages", {}),
                ("tools", None),
            )
        ),
        (
            "openai.responses",
            {"reasoning": {"effort": "high", "summary": "auto"}, "instructions": "x", "previous_response_id": "r"},
            {"gen_ai.request.reasoning.level": "high", "gen_ai.request.previous_response.id": "r"},
            {"reasoning": {"summary": "auto"}},
        ),
        ("openai.responses", {"reasoning": {"effort": "high"}}, {"gen_ai.request.reasoning.level": "high"}, {}),
        ("openai.responses", {"reasoning": {}, "instructions": None}, {}, {"reasoning": {}, "instructions": None}),
        (
            "anthropic.messages",
            {"max_tokens": 5, "top_k": 3, "stop_sequences": ["x"], "output_config": {"effort": "max"}, "system": "s"},
            {
                "gen_ai.request.max_tokens": 5,
                "gen_ai.request.top_k": 3,
                "gen_ai.request.stop_sequences": ["x"],
                "gen_ai.request.reasoning.level": "max",
            },
            {},
        ),
        (
            "openai.embeddings",
            {"model": "e", "input": "x", "dimensions": 3, "encoding_format": "float"},
            {MODEL: "e", "gen_ai.embeddings.dimension.count": 3, "gen_ai.request.encoding_formats": ["float"]},
            {"encoding_format": "float"},
        ),
    ],
)
def test_parameters(name: str, body: dict[str, Any], attributes: dict[str, Any], extra: dict[str, Any]) -> None:
    assert read_parameters(FORMATS[name], body) == (attributes, extra)


@pytest.mark.parametrize(
    ("name", "body", "attributes"),
    [
        ("openai.chat", {}, {"prompt_history.input.complete": True}),
        (
            "openai.chat",
            {"user": "u", "safety_identifier": "h", "metadata": {"session_id": "s", "user_id": "m"}},
            {"user.id": "h", "session.id": "s", "prompt_history.input.complete": True},
        ),
        (
            "openai.chat",
            {"metadata": {"user_id": "m"}, "response_format": {"type": "json_object"}},
            {"user.id": "m", "gen_ai.output.type": "json", "prompt_history.input.complete": True},
        ),
        (
            "openai.chat",
            {"modalities": ["text", "audio"], "user": ""},
            {"gen_ai.output.type": "speech", "prompt_history.input.complete": True},
        ),
        (
            "openai.responses",
            {"conversation": {"id": "c"}, "text": {"format": {"type": "text"}}},
            {
                "gen_ai.conversation.id": "c",
                "gen_ai.output.type": "text",
                "prompt_history.input.complete": False,
            },
        ),
        ("openai.responses", {"previous_response_id": "r"}, {"prompt_history.input.complete": False}),
        (
            "openai.responses",
            {"input": [{"type": "item_reference", "id": "m"}]},
            {"prompt_history.input.complete": False},
        ),
        (
            "openai.responses",
            {
                "prompt": {
                    "id": "p",
                    "version": "2",
                    "variables": {"a": "1", "b": {"type": "input_text", "text": "t"}, "c": {}},
                }
            },
            {
                "gen_ai.prompt.name": "p",
                "gen_ai.prompt.version": "2",
                "gen_ai.prompt.variable.a": "1",
                "gen_ai.prompt.variable.b": "t",
                "prompt_history.input.complete": False,
            },
        ),
        (
            "anthropic.messages",
            {"metadata": {"user_id": "u"}, "output_config": {"format": {"type": "json_schema"}}},
            {"user.id": "u", "gen_ai.output.type": "json", "prompt_history.input.complete": True},
        ),
        ("anthropic.messages", {"thread": {"type": "continue"}}, {"prompt_history.input.complete": False}),
        ("openai.embeddings", {"user": "u"}, {"user.id": "u", "prompt_history.input.complete": True}),
    ],
)
def test_derived(name: str, body: dict[str, Any], attributes: dict[str, Any]) -> None:
    assert FORMATS[name].derived(body) == attributes


def test_every_attribute_is_in_the_table(
    request_file: Path, recorded: Callable[..., Any], body: Callable[..., Any]
) -> None:
    wire = FORMATS[request_file.parent.name]
    given = body(wire.name, request_file.name.split(".")[0], "request")
    python = {"keyword": str, "text": str, "keyword[]": list, "long": int, "double": float, "boolean": bool}
    for name, value in {**recorded(wire, given), **wire.derived(given), **wire.constant}.items():
        kind = "keyword" if name.startswith(PROMPT_VARIABLE) else ATTRIBUTES[name]
        assert type(value) is python[kind], name


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_the_tables_of_a_format_name_known_attributes(name: str) -> None:
    wire = FORMATS[name]
    named = {*wire.response, *wire.constant, *(parameter.attribute for parameter in wire.parameters)}
    assert named <= set(ATTRIBUTES)
    assert wire.name == name


def test_a_parameter_lies_at_most_two_keys_deep() -> None:
    wire = WireFormat(
        name="deep",
        operation="chat",
        parameters=(Parameter(MODEL, ("a.b.c",), str),),
        response={},
        messages="messages",
        read_messages=lambda value: [],
        write_messages=lambda messages: None,
    )
    with pytest.raises(ValueError, match="at most two keys"):
        read_parameters(wire, {})
