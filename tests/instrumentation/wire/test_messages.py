"""What messages look like in a record: whole values, for each wire format."""

from __future__ import annotations

from typing import Any

import pytest

from prompt_history.instrumentation.wire import FORMATS

CALL = {"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}}


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", **more, "content": content}


def one(*parts: Any, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"role": role, "parts": list(parts), **more}


def chat_call(arguments: Any, **more: Any) -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}, **more}


CHAT = [
    ({"role": "user", "content": "こんにちは"}, one(text("こんにちは"))),
    ({"role": "user", "content": "x", "name": "n"}, one(text("x"), name="n")),
    ({"role": "assistant", "content": None}, one(role="assistant", content_form="null")),
    ({"role": "assistant"}, one(role="assistant")),
    ({"role": "user", "content": [{"type": "text", "text": "x"}]}, one(text("x"), content_form="list")),
    (
        {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]},
        one(text("x", cache_control={"type": "ephemeral"}), content_form="list"),
    ),
    (
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://e.com/a", "detail": "low"}}]},
        one(
            {"type": "uri", "modality": "image", "uri": "https://e.com/a", "image_url": {"detail": "low"}},
            content_form="list",
        ),
    ),
    (
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
        one({"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AA=="}, content_form="list"),
    ),
    (
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]},
        one({"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "AA=="}, content_form="list"),
    ),
    (
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]},
        one({"type": "file", "modality": "document", "file_id": "f"}, content_form="list"),
    ),
    (
        {
            "role": "user",
            "content": [
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}}
            ],
        },
        one(
            {
                "type": "blob",
                "modality": "document",
                "mime_type": "application/pdf",
                "content": "AA==",
                "file": {"filename": "a.pdf"},
            },
            content_form="list",
        ),
    ),
    (
        {"role": "assistant", "content": None, "tool_calls": [chat_call('{"a":1}')]},
        one(CALL, role="assistant", content_form="null"),
    ),
    (
        {"role": "assistant", "content": "x", "tool_calls": [chat_call('{"a": 1}', index=0)]},
        one(text("x"), {**CALL, "arguments_text": '{"a": 1}', "index": 0}, role="assistant"),
    ),
    (
        {"role": "assistant", "tool_calls": [chat_call("{"), chat_call("5"), chat_call({"a": 1})]},
        one({**CALL, "arguments": "{"}, {**CALL, "arguments": "5"}, {**CALL, "arguments_text": None}, role="assistant"),
    ),
    (
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "{}"}}]},
        one({**CALL, "provider_type": "custom", "arguments": "{}"}, role="assistant"),
    ),
    (
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a":1}'}},
        one(
            {"type": "tool_call", "provider_type": "function_call", "name": "f", "arguments": {"a": 1}},
            role="assistant",
            content_form="null",
        ),
    ),
    (
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "x"}]},
        one({"type": "tool_call_response", "id": "c", "response": [{"type": "text", "text": "x"}]}, role="tool"),
    ),
    (
        {"role": "assistant", "content": None, "refusal": "no", "annotations": []},
        one({"type": "refusal", "content": "no"}, role="assistant", content_form="null", annotations=[]),
    ),
    (
        {"role": "assistant", "content": "x", "reasoning_content": "r", "reasoning": "s"},
        one(
            {"type": "reasoning", "content": "r"},
            {"type": "reasoning", "content": "s", "provider_type": "reasoning"},
            text("x"),
            role="assistant",
        ),
    ),
    (
        {"role": "assistant", "audio": {"id": "a"}},
        one({"type": "file", "provider_type": "audio", "modality": "audio", "file_id": "a"}, role="assistant"),
    ),
    (
        {"role": "user", "content": [{"type": "hologram", "beam": 1}]},
        one({"type": "hologram", "beam": 1}, content_form="list"),
    ),
    ({"role": "user", "content": ["x"]}, one({"type": "generic", "value": "x"}, content_form="list")),
    # What could not be given back from parts is kept whole.
    ({"role": "user", "content": {"a": 1}}, one({"type": "generic", "value": {"role": "user", "content": {"a": 1}}})),
    ("x", one({"type": "generic", "value": "x"})),
]

RESPONSES = [
    ({"role": "user", "content": "x"}, one(text("x"))),
    (
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]},
        one(text("x"), content_form="list", type="message"),
    ),
    (
        {"role": "assistant", "id": "m", "content": [{"type": "output_text", "text": "x", "annotations": []}]},
        one(text("x", provider_type="output_text", annotations=[]), role="assistant", content_form="list", id="m"),
    ),
    (
        {
            "role": "user",
            "content": [{"type": "input_image", "image_url": "https://e.com/a", "detail": "auto", "file_id": None}],
        },
        one(
            {"type": "uri", "modality": "image", "uri": "https://e.com/a", "detail": "auto", "file_id": None},
            content_form="list",
        ),
    ),
    (
        {
            "type": "function_call",
            "id": "i",
            "call_id": "c",
            "name": "f",
            "arguments": '{"a":1}',
            "status": "completed",
        },
        one({**CALL, "item_id": "i", "status": "completed"}, role="assistant"),
    ),
    (
        {"type": "function_call_output", "call_id": "c", "output": "x"},
        one({"type": "tool_call_response", "id": "c", "response": "x"}, role="tool"),
    ),
    (
        {
            "type": "reasoning",
            "id": "r",
            "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
        },
        one(
            {
                "type": "reasoning",
                "content": "a\n\nb",
                "id": "r",
                "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
            },
            role="assistant",
        ),
    ),
    (
        {"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search", "query": "q"}},
        one(
            {
                "type": "server_tool_call",
                "id": "w",
                "name": "web_search",
                "server_tool_call": {
                    "type": "web_search_call",
                    "status": "completed",
                    "action": {"type": "search", "query": "q"},
                },
            },
            role="assistant",
        ),
    ),
    (
        {"type": "mcp_call", "id": "m", "name": "t", "arguments": "{}"},
        one(
            {
                "type": "server_tool_call",
                "id": "m",
                "name": "t",
                "server_tool_call": {"type": "mcp_call", "arguments": "{}"},
            },
            role="assistant",
        ),
    ),
    ({"type": "item_reference", "id": "m"}, one({"type": "item_reference", "id": "m"})),
    (
        {"type": "compaction", "encrypted_content": "g"},
        one({"type": "compaction", "encrypted_content": "g"}, role="assistant"),
    ),
    ({"type": "function_call"}, one({"type": "function_call"})),
]

ANTHROPIC = [
    ({"role": "user", "content": "x"}, one(text("x"))),
    (
        {
            "role": "user",
            "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}],
        },
        one({"type": "blob", "modality": "image", "content": "AA==", "mime_type": "image/png"}, content_form="list"),
    ),
    (
        {"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": "u"}, "title": "t"}]},
        one({"type": "uri", "modality": "document", "uri": "u", "title": "t"}, content_form="list"),
    ),
    (
        {
            "role": "user",
            "content": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}}],
        },
        one(text("d", provider_type="document", source={"media_type": "text/plain"}), content_form="list"),
    ),
    (
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t", "signature": "s"},
                {"type": "redacted_thinking", "data": "d"},
            ],
        },
        one(
            {"type": "reasoning", "content": "t", "signature": "s"},
            {"type": "redacted_thinking", "data": "d"},
            role="assistant",
            content_form="list",
        ),
    ),
    (
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}]},
        one(CALL, role="assistant", content_form="list"),
    ),
    (
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "x", "is_error": True}]},
        one({"type": "tool_call_response", "id": "c", "response": "x", "is_error": True}, content_form="list"),
    ),
    (
        {
            "role": "assistant",
            "content": [
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
                {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
            ],
        },
        one(
            {
                "type": "server_tool_call",
                "id": "s",
                "name": "web_search",
                "server_tool_call": {"type": "server_tool_use", "input": {"query": "q"}},
            },
            {
                "type": "server_tool_call_response",
                "id": "s",
                "server_tool_call_response": {"type": "web_search_tool_result", "content": []},
            },
            role="assistant",
            content_form="list",
        ),
    ),
]


@pytest.mark.parametrize(
    ("name", "item", "message"),
    [
        (name, item, message)
        for name, cases in (("openai.chat", CHAT), ("openai.responses", RESPONSES), ("anthropic.messages", ANTHROPIC))
        for item, message in cases
    ],
)
def test_message(name: str, item: Any, message: dict[str, Any]) -> None:
    wire = FORMATS[name]
    assert wire.read_message is not None
    assert wire.write_message is not None
    assert wire.read_message(item) == message
    assert wire.write_message(message) == item


@pytest.mark.parametrize(
    ("name", "given", "messages"),
    [
        ("openai.responses", "x", [one(text("x"), content_form="input")]),
        ("openai.embeddings", "x", [one(text("x"))]),
        ("openai.embeddings", ["x", "y"], [one(text("x"), text("y"), content_form="list")]),
        ("openai.embeddings", [1, 2], [one({"type": "generic", "value": [1, 2]})]),
        (
            "openai.embeddings",
            [[1, 2], [3]],
            [one({"type": "generic", "value": [1, 2]}, {"type": "generic", "value": [3]}, content_form="list")],
        ),
    ],
)
def test_input(name: str, given: Any, messages: list[Any]) -> None:
    assert FORMATS[name].read_messages(given) == messages
    assert FORMATS[name].write_messages(messages) == given


@pytest.mark.parametrize(
    ("name", "system", "parts"),
    [
        ("openai.responses", "x", [text("x")]),
        ("anthropic.messages", "x", [text("x")]),
        (
            "anthropic.messages",
            [{"type": "text", "text": "x", "cache_control": None}, {"type": "text", "text": "y"}],
            [text("x", cache_control=None, content_form="list"), text("y")],
        ),
        ("anthropic.messages", [5], [{"type": "generic", "value": 5, "content_form": "list"}]),
    ],
)
def test_system(name: str, system: Any, parts: list[Any]) -> None:
    assert FORMATS[name].read_system(system) == parts
    assert FORMATS[name].write_system(parts) == system


FUNCTION = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    ("name", "tool", "definition"),
    [
        (
            "openai.chat",
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
            },
            {**FUNCTION, "function": {"strict": True}},
        ),
        (
            "openai.chat",
            {"type": "custom", "custom": {"name": "f", "format": {"type": "text"}}},
            {"type": "custom", "name": "f", "custom": {"format": {"type": "text"}}},
        ),
        ("openai.responses", {**FUNCTION, "strict": True}, {**FUNCTION, "strict": True}),
        ("openai.responses", {"type": "web_search"}, {"type": "web_search"}),
        ("anthropic.messages", {"name": "f", "description": "d", "input_schema": {"type": "object"}}, FUNCTION),
        (
            "anthropic.messages",
            {"type": "custom", "name": "f", "input_schema": {}},
            {"type": "function", "provider_type": "custom", "name": "f", "parameters": {}},
        ),
        (
            "anthropic.messages",
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        ),
        ("openai.chat", 5, {"type": "generic", "value": 5}),
    ],
)
def test_tool(name: str, tool: Any, definition: dict[str, Any]) -> None:
    assert FORMATS[name].read_tools([tool]) == [definition]
    assert FORMATS[name].write_tools([definition]) == [tool]


@pytest.mark.parametrize("given", [None, 5, {}, True])
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_shape_that_is_no_content_is_refused(name: str, given: Any) -> None:
    wire = FORMATS[name]
    with pytest.raises(TypeError):
        wire.read_messages(given)
    for key, read in ((wire.system, wire.read_system), (wire.tools, wire.read_tools)):
        if key is not None:
            with pytest.raises(TypeError):
                read(given)
            with pytest.raises(TypeError):
                read([])
