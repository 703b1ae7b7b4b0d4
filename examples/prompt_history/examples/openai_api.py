"""The OpenAI API as the fake provider speaks it: chat completions, Responses, embeddings."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, TypeAlias

from .answers import Said, Tool, ToolCall, Turn, content_text, say, tokens, words

Json: TypeAlias = dict[str, Any]

CREATED = 1_795_345_200
"""Time stamp of every response: nothing that the provider says depends on when it was asked."""

ERROR_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def error(status: int, message: str) -> Json:
    """The body of a failed request."""
    kind = ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    code = {404: "model_not_found", 429: "rate_limit_exceeded"}.get(status)
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


# Chat completions


def chat(body: Json, serial: str, behaviour: str, azure: bool) -> Json:
    """The response to a chat completion request."""
    said = _chat_said(body, behaviour)
    choices = [_choice(body, said, index, serial, behaviour, azure) for index in range(body.get("n") or 1)]
    response: Json = {
        "id": f"chatcmpl-{serial}",
        "object": "chat.completion",
        "created": CREATED,
        "model": snapshot(body),
        "choices": choices,
        "usage": _chat_usage(body, said, len(choices)),
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
    }
    if azure:
        response["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": _unfiltered()}]
    if behaviour == "null-choices":
        response |= {"choices": None, "usage": None}
    return response


def chat_stream(body: Json, serial: str, behaviour: str, azure: bool) -> Iterator[Json]:
    """The chunks of a streamed chat completion. The usage comes last, and only if it is asked for."""
    said = _chat_said(body, behaviour)
    count = body.get("n") or 1
    with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    base: Json = {
        "id": f"chatcmpl-{serial}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": snapshot(body),
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
    } | ({"usage": None} if with_usage else {})
    if behaviour == "null-choices":
        yield {**base, "choices": None}
        return
    if azure:
        yield {
            **base,
            "choices": [],
            "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _unfiltered()}],
        }
    for delta in _deltas(said, serial, behaviour):
        for index in range(count):
            own = {**delta, "content": f"{index + 1}. "} if index and "role" in delta else delta
            yield {**base, "choices": [_delta_choice(index, own, None)]}
    for index in range(count):
        yield {**base, "choices": [_delta_choice(index, {}, _finish_reason(said, behaviour))]}
    if with_usage:
        yield {**base, "choices": [], "usage": _chat_usage(body, said, count)}


def _chat_said(body: Json, behaviour: str) -> Said:
    messages: Sequence[Json] = body.get("messages") or []
    trailing = list(takewhile(lambda message: message.get("role") == "tool", reversed(messages)))
    choice = body.get("tool_choice")
    turn = Turn(
        question=_question(messages),
        results=[content_text(message.get("content")) for message in reversed(trailing)],
        tools=[
            Tool(tool["function"]["name"], tool["function"].get("parameters") or {})
            for tool in body.get("tools") or []
            if tool.get("type") == "function"
        ],
        forced=_forced(choice.get("function") if isinstance(choice, Mapping) else choice),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=_schema((body.get("response_format") or {}), "json_schema"),
    )
    return say(turn, behaviour)


def _question(messages: Sequence[Json]) -> str:
    for message in reversed(messages):
        if message.get("role") == "user":
            return content_text(message.get("content"))
    return ""


def _forced(choice: Any) -> str | bool | None:
    if isinstance(choice, Mapping):
        return str(choice.get("name"))
    return {"required": True, "none": False}.get(choice)


def _schema(wanted: Mapping[str, Any], holder: str | None) -> Mapping[str, Any] | None:
    if wanted.get("type") == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}}
    if wanted.get("type") != "json_schema":
        return None
    schema: Mapping[str, Any] = (wanted[holder] if holder else wanted)["schema"]
    return schema


def _choice(body: Json, said: Said, index: int, serial: str, behaviour: str, azure: bool) -> Json:
    text = f"{index + 1}. {said.text}" if index and said.text else said.text
    refused = behaviour == "refusal"
    message: Json = {
        "role": "assistant",
        "content": None if refused else text,
        "refusal": text if refused else None,
        "annotations": [],
    }
    if said.calls:
        message["tool_calls"] = [
            {"id": _call_id(serial, position), "type": "function", "function": _function(call)}
            for position, call in enumerate(said.calls)
        ]
    choice: Json = {
        "index": index,
        "message": message,
        "logprobs": None,
        "finish_reason": _finish_reason(said, behaviour),
    }
    return {**choice, "content_filter_results": _unfiltered()} if azure else choice


def _delta_choice(index: int, delta: Json, finish_reason: str | None) -> Json:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _deltas(said: Said, serial: str, behaviour: str) -> Iterator[Json]:
    key = "refusal" if behaviour == "refusal" else "content"
    yield {"role": "assistant", "content": None if said.calls else "", "refusal": None}
    for word in words(said.text or ""):
        yield {key: word}
    for position, call in enumerate(said.calls):
        function = _function(call)
        opening = {"name": call.name, "arguments": ""}
        yield {
            "tool_calls": [
                {
                    "index": position,
                    "id": _call_id(serial, position),
                    "type": "function",
                    "function": opening,
                }
            ]
        }
        for piece in _pieces(function["arguments"]):
            yield {"tool_calls": [{"index": position, "function": {"arguments": piece}}]}


def _finish_reason(said: Said, behaviour: str) -> str:
    if behaviour == "length":
        return "length"
    return "tool_calls" if said.calls else "stop"


def _function(call: ToolCall) -> Json:
    return {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}


def _call_id(serial: str, position: int) -> str:
    return f"call_{serial}{position}"


def _pieces(text: str, size: int = 7) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _chat_usage(body: Json, said: Said, choices: int) -> Json:
    asked = _billed(body.get("messages"), body.get("tools"))
    spoken = _spoken(said) * choices
    return {
        "prompt_tokens": asked,
        "completion_tokens": spoken,
        "total_tokens": asked + spoken,
        "prompt_tokens_details": {"cached_tokens": asked // 1024 * 1024, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _billed(*parts: Any) -> int:
    return sum(tokens(json.dumps(part, ensure_ascii=False)) for part in parts if part)


def _spoken(said: Said) -> int:
    return tokens(said.text or "") + sum(tokens(_function(call)["arguments"]) + 5 for call in said.calls)


def _unfiltered() -> Json:
    return {kind: {"filtered": False, "severity": "safe"} for kind in ("hate", "self_harm", "violence")}


def snapshot(body: Json) -> str:
    """The dated name by which the provider calls the model that was asked for."""
    return f"{body.get('model')}-2026-11-01"


# Responses

ECHOED = (
    "instructions",
    "max_output_tokens",
    "metadata",
    "previous_response_id",
    "safety_identifier",
    "temperature",
    "top_p",
    "user",
)
"""What a response repeats of its request."""
UNSAID: Mapping[str, Json] = {
    "message": {"content": []},
    "function_call": {"arguments": ""},
    "reasoning": {"summary": []},
}
"""What an item of the output says when it opens."""


def response(body: Json, serial: str, behaviour: str) -> Json:
    """The response to a Responses request."""
    said = _response_said(body, behaviour)
    return _response(body, serial, behaviour, _output(body, said, serial, behaviour), said)


def response_stream(body: Json, serial: str, behaviour: str) -> Iterator[Json]:
    """The events of a streamed response, numbered."""
    for number, event in enumerate(_response_events(body, serial, behaviour)):
        yield {**event, "sequence_number": number}


def _response_events(body: Json, serial: str, behaviour: str) -> Iterator[Json]:
    said = _response_said(body, behaviour)
    output = _output(body, said, serial, behaviour)
    started = _response(body, serial, "in-progress", [], None)
    yield {"type": "response.created", "response": started}
    yield {"type": "response.in_progress", "response": started}
    for index, item in enumerate(output):
        place = {"item_id": item["id"], "output_index": index}
        opened = {**item, **UNSAID[item["type"]], "status": "in_progress"}
        yield {"type": "response.output_item.added", "output_index": index, "item": opened}
        yield from _item_events(item, place)
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    final = _response(body, serial, behaviour, output, said)
    yield {"type": f"response.{final['status']}", "response": final}


def _item_events(item: Json, place: Json) -> Iterator[Json]:
    if item["type"] == "function_call":
        kind = "response.function_call_arguments"
        for piece in _pieces(item["arguments"]):
            yield {"type": f"{kind}.delta", **place, "delta": piece}
        yield {"type": f"{kind}.done", **place, "name": item["name"], "arguments": item["arguments"]}
    elif item["type"] == "reasoning":
        for index, part in enumerate(item["summary"]):
            yield from _part_events("reasoning_summary", {**place, "summary_index": index}, part)
    else:
        for index, part in enumerate(item["content"]):
            yield from _part_events("content", {**place, "content_index": index}, part)


def _part_events(holder: str, place: Json, part: Json) -> Iterator[Json]:
    key = "refusal" if part["type"] == "refusal" else "text"
    kind = {"summary_text": "reasoning_summary_text", "output_text": "output_text"}.get(part["type"], "refusal")
    extra: Json = {"logprobs": []} if kind == "output_text" else {}
    yield {"type": f"response.{holder}_part.added", **place, "part": {**part, key: ""}}
    for word in words(part[key]):
        yield {"type": f"response.{kind}.delta", **place, "delta": word, **extra}
    yield {"type": f"response.{kind}.done", **place, key: part[key], **extra}
    yield {"type": f"response.{holder}_part.done", **place, "part": part}


def _response_said(body: Json, behaviour: str) -> Said:
    given = body.get("input") or ""
    items: Sequence[Json] = [{"role": "user", "content": given}] if isinstance(given, str) else given
    trailing = takewhile(lambda item: item.get("type") == "function_call_output", reversed(items))
    turn = Turn(
        question=_question(items),
        results=[content_text(item.get("output")) for item in reversed(list(trailing))],
        tools=[
            Tool(tool["name"], tool.get("parameters") or {})
            for tool in body.get("tools") or []
            if tool.get("type") == "function"
        ],
        forced=_forced(body.get("tool_choice")),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=_schema((body.get("text") or {}).get("format") or {}, None),
    )
    return say(turn, behaviour)


def _output(body: Json, said: Said, serial: str, behaviour: str) -> list[Json]:
    output: list[Json] = []
    if body.get("reasoning"):
        thought = {"type": "summary_text", "text": "The customer wants a short and friendly answer."}
        item: Json = {"id": f"rs_{serial}", "type": "reasoning", "summary": [thought]}
        if "reasoning.encrypted_content" in (body.get("include") or []):
            item["encrypted_content"] = base64.b64encode(f"sealed {serial}".encode()).decode()
        output.append(item)
    for position, call in enumerate(said.calls):
        output.append(
            {
                "id": f"fc_{serial}{position}",
                "type": "function_call",
                "status": "completed",
                "call_id": _call_id(serial, position),
                **_function(call),
            }
        )
    if said.text is not None:
        part: Json = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        if behaviour == "refusal":
            part = {"type": "refusal", "refusal": said.text}
        state = "incomplete" if behaviour == "length" else "completed"
        message: Json = {"id": f"msg_{serial}", "type": "message", "role": "assistant", "status": state}
        output.append({**message, "content": [part]})
    return output


def _response(body: Json, serial: str, behaviour: str, output: list[Json], said: Said | None) -> Json:
    status = {"in-progress": "in_progress", "length": "incomplete"}.get(behaviour, "completed")
    tools = [
        {"description": None, "strict": True, **tool}
        for tool in body.get("tools") or []
        if tool.get("type") == "function"
    ]
    return {
        "id": f"resp_{serial}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "model": snapshot(body),
        "output": output,
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": tools,
        "text": body.get("text") or {"format": {"type": "text"}},
        "truncation": body.get("truncation") or "disabled",
        **{key: body.get(key) for key in ECHOED},
        "usage": None if said is None else _response_usage(body, said),
    }


def _response_usage(body: Json, said: Said) -> Json:
    asked = _billed(body.get("instructions"), body.get("input"), body.get("tools"))
    thought = 12 if body.get("reasoning") else 0
    spoken = _spoken(said) + thought
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": asked // 1024 * 1024, "cache_write_tokens": 0},
        "output_tokens": spoken,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": asked + spoken,
    }


# Embeddings


def embeddings(body: Json) -> Json:
    """The response to an embedding request: one unit vector for each input, the same for the same input."""
    given = body.get("input")
    inputs: list[Any] = given if isinstance(given, list) else [given]
    if inputs and isinstance(inputs[0], int):
        inputs = [inputs]
    size = body.get("dimensions") or 16
    encode = _base64 if body.get("encoding_format") == "base64" else list
    asked = _billed(*inputs)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": encode(_vector(item, size))}
            for index, item in enumerate(inputs)
        ],
        "model": body.get("model"),
        "usage": {"prompt_tokens": asked, "total_tokens": asked},
    }


def _vector(item: Any, size: int) -> list[float]:
    digest = hashlib.shake_256(json.dumps(item).encode()).digest(size)
    raw = [byte - 127.5 for byte in digest]
    length = math.sqrt(sum(value * value for value in raw))
    return [value / length for value in raw]


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
