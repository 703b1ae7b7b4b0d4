"""The Anthropic API as the fake provider speaks it: messages and the counting of their tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from .answers import Said, Tool, Turn, content_text, say, tokens, words

Json: TypeAlias = dict[str, Any]

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
THOUGHT = "The customer wants a short and friendly answer."
UNSAID: Mapping[str, Json] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}
"""What a block says when it opens."""


def error(status: int, message: str) -> Json:
    """The body of a failed request."""
    kind = ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def message(body: Json, serial: str, behaviour: str) -> Json:
    """The response to a messages request."""
    said = _said(body, behaviour)
    return {
        **_opening(body, serial),
        "content": _blocks(body, said, serial),
        "stop_reason": _stop_reason(said, behaviour),
        "usage": _usage(body, _spoken(said)),
    }


def message_stream(body: Json, serial: str, behaviour: str) -> Iterator[Json]:
    """The events of a streamed message."""
    said = _said(body, behaviour)
    yield {"type": "message_start", "message": _opening(body, serial)}
    yield {"type": "ping"}
    for index, block in enumerate(_blocks(body, said, serial)):
        yield {"type": "content_block_start", "index": index, "content_block": _empty(block)}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": _stop_reason(said, behaviour), "stop_sequence": None},
        "usage": {"output_tokens": _spoken(said)},
    }
    yield {"type": "message_stop"}


def count_tokens(body: Json) -> Json:
    """The response to a request that only counts tokens."""
    return {"input_tokens": _asked(body)}


def _opening(body: Json, serial: str) -> Json:
    return {
        "id": f"msg_{serial}",
        "type": "message",
        "role": "assistant",
        "model": f"{body.get('model')}-20261101",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(body, 1),
    }


def _said(body: Json, behaviour: str) -> Said:
    messages: Sequence[Json] = body.get("messages") or []
    last = messages[-1].get("content") if messages else ""
    blocks: Sequence[Json] = last if isinstance(last, list) else []
    choice: Mapping[str, Any] = body.get("tool_choice") or {}
    turn = Turn(
        question=_question(messages),
        results=[content_text(block.get("content")) for block in blocks if block["type"] == "tool_result"],
        tools=[Tool(tool["name"], tool["input_schema"]) for tool in body.get("tools") or [] if "input_schema" in tool],
        forced={"any": True, "none": False, "tool": choice.get("name")}.get(choice.get("type", "auto")),
        parallel=not choice.get("disable_parallel_tool_use"),
        schema=_schema(body),
    )
    return say(turn, behaviour)


def _question(messages: Sequence[Json]) -> str:
    for item in reversed(messages):
        text = content_text(item.get("content"))
        if item.get("role") == "user" and text:
            return text
    return ""


def _schema(body: Json) -> Mapping[str, Any] | None:
    wanted = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    schema: Mapping[str, Any] | None = wanted.get("schema")
    return schema


def _blocks(body: Json, said: Said, serial: str) -> list[Json]:
    blocks: list[Json] = []
    if (body.get("thinking") or {}).get("type") in ("enabled", "adaptive"):
        blocks.append({"type": "thinking", "thinking": THOUGHT, "signature": f"sig{serial}=="})
    if said.text is not None:
        blocks.append({"type": "text", "text": said.text})
    for position, call in enumerate(said.calls):
        block: Json = {"type": "tool_use", "id": f"toolu_{serial}{position}", "name": call.name}
        blocks.append({**block, "input": call.arguments})
    return blocks


def _empty(block: Json) -> Json:
    return {**block, **UNSAID[block["type"]]}


def _deltas(block: Json) -> Iterator[Json]:
    if block["type"] == "thinking":
        for word in words(block["thinking"]):
            yield {"type": "thinking_delta", "thinking": word}
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif block["type"] == "text":
        for word in words(block["text"]):
            yield {"type": "text_delta", "text": word}
    else:
        text = json.dumps(block["input"], ensure_ascii=False)
        for start in range(0, len(text), 7):
            yield {"type": "input_json_delta", "partial_json": text[start : start + 7]}


def _stop_reason(said: Said, behaviour: str) -> str:
    if behaviour in ("length", "refusal"):
        return {"length": "max_tokens", "refusal": "refusal"}[behaviour]
    return "tool_use" if said.calls else "end_turn"


def _usage(body: Json, spoken: int) -> Json:
    asked = _asked(body)
    cached = asked // 2 if '"cache_control"' in json.dumps(body) else 0
    return {
        "input_tokens": asked - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": spoken,
        "service_tier": "standard",
    }


def _asked(body: Json) -> int:
    parts = (body.get("system"), body.get("messages"), body.get("tools"))
    return sum(tokens(json.dumps(part, ensure_ascii=False)) for part in parts if part)


def _spoken(said: Said) -> int:
    return tokens(said.text or "") + sum(tokens(json.dumps(call.arguments)) + 5 for call in said.calls)
