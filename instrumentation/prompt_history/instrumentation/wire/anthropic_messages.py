"""Anthropic's messages, of the beta as well.

https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from ..model import Body, Message, Parameter, WireFormat, dig
from .deltas import Pieces, finished, fold
from .identity import identity, output_type, text
from .kinds import MISSING, Kind, Kinds, Nested, value
from .parts import (
    content_messages,
    faithful,
    read_definitions,
    read_instructions,
    read_list,
    unwhole,
    write_definitions,
    write_instructions,
    write_list,
)

_ID = value("id", "id", optional=True)
_MEDIA = (("image", "image"), ("document", "document"))
_BASE64 = (value("content", "source.data", str), value("mime_type", "source.media_type", str))

CONTENT = Kinds(
    Kind("text", "text", (value("content", "text", str),)),
    *(Kind(kind, "blob", _BASE64, {"source.type": "base64"}, modality) for kind, modality in _MEDIA),
    *(
        Kind(kind, "uri", (value("uri", "source.url", str),), {"source.type": "url"}, modality)
        for kind, modality in _MEDIA
    ),
    *(
        Kind(kind, "file", (value("file_id", "source.file_id", str),), {"source.type": "file"}, modality)
        for kind, modality in _MEDIA
    ),
    Kind("document", "text", (value("content", "source.data", str),), {"source.type": "text"}),
    Kind("thinking", "reasoning", (value("content", "thinking", str),)),
    Kind("tool_use", "tool_call", (_ID, value("name", "name", str), value("arguments", "input"))),
    Kind(
        "tool_result",
        "tool_call_response",
        (value("id", "tool_use_id", optional=True), value("response", "content", optional=True)),
    ),
    *(Nested(kind, "server_tool_call", "id") for kind in ("server_tool_use", "mcp_tool_use")),
    *(
        Nested(f"{tool}_tool_result", "server_tool_call_response", "tool_use_id")
        for tool in (
            "web_search",
            "web_fetch",
            "code_execution",
            "bash_code_execution",
            "text_editor_code_execution",
            "tool_search",
            "mcp",
        )
    ),
)
"""What stands in the list under `content`, and in that of the system instructions."""

_TOOL = (
    value("name", "name", str),
    value("description", "description", str, optional=True),
    value("parameters", "input_schema", dict),
)
TOOLS = Kinds(Kind(None, "function", _TOOL), Kind("custom", "function", _TOOL))
"""Tools of the application; those of the provider have a type and a name already."""

_read, _write = content_messages(CONTENT)


def write_message(message: Message) -> Any:
    """Inverse of `read_message`."""
    item = unwhole(message)
    return _write(message) if item is MISSING else item


_read_faithfully = faithful(_read, write_message)


def read_message(item: Any) -> Message:
    """The semconv message of an item of `messages`. Never raises."""
    if type(item) is dict and len(item) == 2:
        role, content = item.get("role"), item.get("content")
        if type(role) is str and type(content) is str:
            return {"role": role, "parts": [{"type": "text", "content": content}]}
    return _read_faithfully(item)


_KEPT = ("stop_sequence", "stop_details", "container", "context_management")
"""What a message keeps of the response, beside its content."""


def output_messages(response: Body) -> list[Message]:
    """The one message of the response. Never raises."""
    if not isinstance(response.get("content"), (list, tuple, str)):
        return []
    role = text(response.get("role")) or "assistant"
    message = read_message({"role": role, "content": response["content"]})
    if isinstance(reason := response.get("stop_reason"), str):
        message["finish_reason"] = reason
    message.update({key: response[key] for key in _KEPT if response.get(key) is not None})
    return [message]


_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
}


def finish_reasons(response: Body) -> list[str]:
    """Why the one message ended. Never raises."""
    if "content" not in response:
        return []
    reason = response.get("stop_reason")
    return [_FINISH.get(reason, reason) if isinstance(reason, str) and reason else "error"]


_READ_TOKENS = ("cache_read_input_tokens", "cache_creation_input_tokens")


def usage(response: Body) -> dict[str, int]:
    """All tokens of the input: Anthropic counts those of its cache apart. Never raises."""
    counts = response.get("usage")
    if not isinstance(counts, Mapping) or type(total := counts.get("input_tokens")) is not int:
        return {}
    total += sum(count for key in _READ_TOKENS if type(count := counts.get(key)) is int)
    return {"gen_ai.usage.input_tokens": total}


def assemble(events: Iterable[Body]) -> Body:
    """The message that the events are of, also when the last ones are missing. Never raises."""
    body: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    inputs: dict[int, list[str]] = {}
    for event in events:
        if not isinstance(event, Mapping):
            continue
        kind = event.get("type")
        if kind == "content_block_delta":
            index = _index(event)
            block = blocks.get(index)
            if block is None:
                block = blocks[index] = {}
            _fold_delta(block, inputs, index, event.get("delta"))
        elif kind == "content_block_start" and isinstance(given := event.get("content_block"), Mapping):
            started = blocks[_index(event)] = {}
            fold(started, given)
            if isinstance(served := dig(given, "to.model"), str):
                body["model"] = served  # after a fallback another model answers than the stream began with
        elif kind == "message_start" and isinstance(message := event.get("message"), Mapping):
            body.update(message)
        elif kind == "message_delta":
            _merge_message(body, event)
        elif kind == "error":
            body["error"] = event.get("error")
    if blocks or "type" in body:
        body["content"] = [_finished_block(blocks[index], inputs.get(index)) for index in sorted(blocks)]
    return body


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("index")
    return index if type(index) is int else 0


def _fold_delta(block: dict[str, Any], inputs: dict[int, list[str]], index: int, delta: Any) -> None:
    if not isinstance(delta, Mapping):
        return
    kind = delta.get("type")
    if kind == "text_delta" and type(known := block.get("text")) is Pieces and type(delta.get("text")) is str:
        known.append(delta["text"])
    elif kind == "text_delta" or kind == "thinking_delta":
        fold(block, {key: piece for key, piece in delta.items() if key in ("text", "thinking")})
    elif kind == "input_json_delta":
        if isinstance(piece := delta.get("partial_json"), str):
            inputs.setdefault(index, []).append(piece)
    elif kind == "citations_delta":
        fold(block, {"citations": [delta.get("citation")]})
    elif kind == "signature_delta" or kind == "compaction_delta":
        block.update({key: whole for key, whole in delta.items() if key != "type"})
    else:
        fold(block, {key: piece for key, piece in delta.items() if key != "type"})


def _merge_message(body: dict[str, Any], event: Mapping[str, Any]) -> None:
    delta = event.get("delta")
    if isinstance(delta, Mapping):
        body.update({key: given for key, given in delta.items() if given is not None})
    for key, given in event.items():
        if key == "usage" and isinstance(given, Mapping):
            known = body.get("usage")
            counts = {name: count for name, count in given.items() if count is not None}
            body["usage"] = {**known, **counts} if isinstance(known, Mapping) else counts
        elif key not in ("type", "delta", "usage") and given is not None:
            body[key] = given


def _finished_block(block: dict[str, Any], pieces: list[str] | None) -> dict[str, Any]:
    found: dict[str, Any] = finished(block)
    if pieces and (given := "".join(pieces)):
        try:
            found["input"] = orjson.loads(given)
        except orjson.JSONDecodeError:
            found["input"] = given
    return found


def derived(request: Body) -> dict[str, Any]:
    """Who and what the request is for. Never raises."""
    found = identity(request)
    found.update(output_type(dig(request, "output_config.format") or request.get("output_format")))
    found["prompt_history.input.complete"] = request.get("thread") is None
    return found


MESSAGES = WireFormat(
    name="anthropic.messages",
    operation="chat",
    parameters=(
        Parameter("gen_ai.request.model", ("model",), str),
        Parameter("gen_ai.request.max_tokens", ("max_tokens",), int),
        Parameter("gen_ai.request.temperature", ("temperature",), float),
        Parameter("gen_ai.request.top_p", ("top_p",), float),
        Parameter("gen_ai.request.top_k", ("top_k",), int),
        Parameter("gen_ai.request.stop_sequences", ("stop_sequences",), list),
        Parameter("gen_ai.request.stream", ("stream",), bool, only=True),
        Parameter("gen_ai.request.reasoning.level", ("output_config.effort",), str),
    ),
    response={
        "gen_ai.response.id": "id",
        "gen_ai.response.model": "model",
        "gen_ai.usage.output_tokens": "usage.output_tokens",
        "gen_ai.usage.cache_read.input_tokens": "usage.cache_read_input_tokens",
        "gen_ai.usage.cache_write.input_tokens": "usage.cache_creation_input_tokens",
        "gen_ai.usage.reasoning.output_tokens": "usage.output_tokens_details.thinking_tokens",
    },
    messages="messages",
    read_messages=read_list(read_message),
    write_messages=write_list(write_message),
    read_message=read_message,
    write_message=write_message,
    output_messages=output_messages,
    assemble=assemble,
    system="system",
    read_system=read_instructions(CONTENT),
    write_system=write_instructions(CONTENT),
    tools="tools",
    read_tools=read_definitions(TOOLS),
    write_tools=write_definitions(TOOLS),
    finish_reasons=finish_reasons,
    usage=usage,
    derived=derived,
)
