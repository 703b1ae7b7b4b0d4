"""A streamed response, put together again, is the response that the same call would have had without streaming."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompt_history.instrumentation.wire import FORMATS

Bodies = Callable[..., Any]
STREAMING = sorted(name for name, wire in FORMATS.items() if wire.assemble)


def assemble(name: str, chunks: list[Any]) -> Any:
    wire = FORMATS[name]
    assert wire.assemble is not None
    return wire.assemble(chunks)


def test_the_chunks_make_the_response(chunks_file: Path, body: Bodies) -> None:
    name, case = chunks_file.parent.name, chunks_file.name.split(".")[0]
    chunks = body(name, case, "chunks")
    before = copy.deepcopy(chunks)
    assert assemble(name, chunks) == body(name, case, "response")
    assert chunks == before


def test_every_beginning_of_a_stream_is_read(chunks_file: Path, body: Bodies) -> None:
    name, case = chunks_file.parent.name, chunks_file.name.split(".")[0]
    wire, chunks = FORMATS[name], body(name, case, "chunks")
    whole = json.dumps(wire.output_messages(body(name, case, "response")))
    for length in range(len(chunks)):
        response = assemble(name, chunks[:length])
        json.dumps(wire.output_messages(response))
        wire.finish_reasons(response)
        wire.usage(response)
    assert json.dumps(wire.output_messages(assemble(name, chunks))) == whole


def test_a_responses_stream_without_its_end_has_the_same_output(body: Bodies) -> None:
    chunks = body("openai.responses", "everything_streamed", "chunks")
    response = body("openai.responses", "everything_streamed", "response")
    assert assemble("openai.responses", chunks[:-1])["output"] == response["output"]
    chunks[-1]["response"]["output"] = None
    assert assemble("openai.responses", chunks) == response


def test_a_responses_stream_that_lost_its_item_events_has_the_same_texts(body: Bodies) -> None:
    chunks = body("openai.responses", "everything_streamed", "chunks")
    kept = [c for c in chunks if not c["type"].endswith((".done", ".completed")) or c["type"].endswith("text.done")]
    wire = FORMATS["openai.responses"]
    [message] = wire.output_messages(assemble(wire.name, kept))
    assert [part.get("content", part.get("arguments")) for part in message["parts"]] == [
        "Look it up.\n\nThen answer.",
        {"city": "東京"},
        "It is sunny.",
        "select 1",
        None,
    ]
    assert message["parts"][2]["annotations"] == chunks[-1]["response"]["output"][2]["content"][0]["annotations"]
    assert message["parts"][4]["server_tool_call"]["code"] == "print(1)"


def test_a_failing_stream_keeps_the_error() -> None:
    responses = [
        {"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}},
        {"type": "error", "code": "server_error", "message": "sorry", "param": None},
    ]
    assert assemble("openai.responses", responses) == {
        "id": "r",
        "status": "failed",
        "output": [],
        "error": {"code": "server_error", "message": "sorry"},
    }
    assert FORMATS["openai.responses"].finish_reasons(assemble("openai.responses", responses)) == ["error"]
    messages = [
        {"type": "message_start", "message": {"type": "message", "role": "assistant", "content": [], "usage": {}}},
        {"type": "error", "error": {"type": "overloaded_error"}},
    ]
    assert assemble("anthropic.messages", messages) == {
        "type": "message",
        "role": "assistant",
        "content": [],
        "usage": {},
        "error": {"type": "overloaded_error"},
    }


def test_arguments_that_were_cut_off_are_kept_as_text() -> None:
    events = [
        {"type": "message_start", "message": {"type": "message", "content": []}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"a": "b'}},
    ]
    assert assemble("anthropic.messages", events)["content"] == [
        {"type": "tool_use", "id": "t", "name": "f", "input": '{"a": "b'}
    ]


def test_beta_events_of_anthropic() -> None:
    events = [
        {"type": "message_start", "message": {"type": "message", "content": [], "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "compaction", "content": None}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "compaction_delta", "content": "short"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "mystery", "beam": "a"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "beam_delta", "beam": "b", "width": 3}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 2},
            "context_management": {"applied_edits": []},
        },
    ]
    assert assemble("anthropic.messages", events) == {
        "type": "message",
        "content": [{"type": "compaction", "content": "short"}, {"type": "mystery", "beam": "ab", "width": 3}],
        "usage": {"input_tokens": 1, "output_tokens": 2},
        "stop_reason": "end_turn",
        "context_management": {"applied_edits": []},
    }


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        # One index for all calls, told apart by their ids.
        (
            [
                {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"index": 0, "id": "b", "type": "function", "function": {"name": "f", "arguments": "[]"}},
            ],
            [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "b", "type": "function", "function": {"name": "f", "arguments": "[]"}},
            ],
        ),
        # No index; the name once more with each piece of another one.
        (
            [
                {"id": "a", "function": {"name": "f", "arguments": "{}"}},
                {"id": "b", "function": {"name": "g", "arguments": ""}},
            ],
            [
                {"id": "a", "function": {"name": "f", "arguments": "{}"}},
                {"id": "b", "function": {"name": "g", "arguments": ""}},
            ],
        ),
        (
            [
                {"index": 1, "id": "b", "function": {"name": "g", "arguments": "["}},
                {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}},
                {"index": 1, "id": "b", "function": {"name": "g", "arguments": "]"}},
                {"index": 0, "id": "", "function": {"name": None, "arguments": "}"}},
            ],
            [
                {"id": "a", "function": {"name": "f", "arguments": "{}"}},
                {"id": "b", "function": {"name": "g", "arguments": "[]"}},
            ],
        ),
    ],
)
def test_tool_calls_as_other_providers_stream_them(deltas: list[Any], calls: list[Any]) -> None:
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [delta]}}]} for delta in deltas]
    assert assemble("openai.chat", chunks)["choices"][0]["message"]["tool_calls"] == calls


def test_content_that_turns_from_a_list_to_text_is_kept() -> None:
    parts = [{"type": "thinking", "thinking": "hm"}]
    chunks = [{"choices": [{"index": 0, "delta": {"content": content}}]} for content in (parts, "391", "!")]
    assert assemble("openai.chat", chunks)["choices"][0]["message"]["content"] == [*parts, "391", "!"]
    chunks = [{"choices": [{"index": 0, "delta": {"content": content}}]} for content in ("391", parts)]
    assert assemble("openai.chat", chunks)["choices"][0]["message"]["content"] == ["391", *parts]


def test_a_stream_tells_no_usage_that_it_does_not_have(body: Bodies) -> None:
    chunks = body("openai.chat", "japanese", "chunks")[:-1]
    assert "usage" not in assemble("openai.chat", chunks)


@pytest.mark.parametrize("name", STREAMING)
def test_no_chunks_make_no_messages(name: str) -> None:
    wire = FORMATS[name]
    response = assemble(name, [])
    assert (response, wire.output_messages(response), wire.finish_reasons(response)) == ({}, [], [])


_KEYS = (
    "type index choices delta content text role finish_reason logprobs tool_calls function name arguments id usage "
    "message content_block partial_json citation signature thinking response output item part output_index "
    "content_index summary_index summary annotation annotations error code object model stop_reason"
)
KEYS = st.sampled_from(_KEYS.split())
_TYPES = (
    "message_start content_block_start content_block_delta message_delta error text_delta input_json_delta "
    "citations_delta signature_delta thinking_delta compaction_delta response.created response.completed "
    "response.output_item.added response.output_item.done response.content_part.added response.content_part.done "
    "response.output_text.delta response.output_text.done response.output_text.annotation.added "
    "response.function_call_arguments.delta response.reasoning_summary_text.delta response.refusal.delta "
    "response.reasoning_summary_part.added chat.completion.chunk message text reasoning"
)
TYPES = st.sampled_from(_TYPES.split())
LEAF = st.none() | st.booleans() | st.integers(-1, 2) | st.floats() | st.text(max_size=3) | TYPES
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=12
)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.sampled_from(STREAMING), st.lists(st.dictionaries(KEYS, VALUE, max_size=5) | VALUE, max_size=8))
def test_any_chunks_are_read(name: str, chunks: list[Any]) -> None:
    wire = FORMATS[name]
    response = assemble(name, chunks)
    for read in (wire.output_messages, wire.finish_reasons, wire.usage):
        json.dumps(read(response))


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(STREAMING), st.data())
def test_any_mutilated_stream_is_read(body: Bodies, name: str, data: st.DataObject) -> None:
    case = {"openai.chat": "parallel_tools"}.get(name, "everything_streamed")
    chunks = body(name, case, "chunks")
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(chunks) - 1))
        chunk = chunks[at]
        for _ in range(data.draw(st.integers(0, 3))):
            inner = [item for item in chunk.values() if isinstance(item, dict) and item]
            chunk = data.draw(st.sampled_from(inner)) if inner else chunk
        if not chunk:
            continue
        key = data.draw(st.sampled_from(sorted(chunk)))
        if data.draw(st.booleans()):
            chunk[key] = data.draw(VALUE)
        else:
            del chunk[key]
    wire = FORMATS[name]
    response = assemble(name, chunks)
    for read in (wire.output_messages, wire.finish_reasons, wire.usage):
        json.dumps(read(response))
