"""OpenAI's chat completions, which many other providers speak too.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..model import Body, Message, Parameter, Part, WireFormat
from .deltas import Pieces, finished, fold
from .identity import identity, output_type
from .kinds import MISSING, Kind, Kinds, audio_format, data_uri, json_text, value
from .parts import (
    faithful,
    items_of,
    read_content,
    read_definitions,
    read_list,
    unwhole,
    write_content,
    write_definitions,
    write_list,
)

_URLS = ("image", "video", "audio")

CONTENT = Kinds(
    Kind("text", "text", (value("content", "text", str),)),
    Kind("refusal", "refusal", (value("content", "refusal", str),)),
    Kind(
        "input_audio",
        "blob",
        (value("content", "input_audio.data", str), audio_format("input_audio.format")),
        modality="audio",
    ),
    *(Kind(f"{kind}_url", "blob", (data_uri(f"{kind}_url.url"),), modality=kind) for kind in _URLS),
    *(Kind(f"{kind}_url", "uri", (value("uri", f"{kind}_url.url", str),), modality=kind) for kind in _URLS),
    Kind("file", "file", (value("file_id", "file.file_id", str),), modality="document"),
    Kind("file", "blob", (data_uri("file.file_data", bare=True),), modality="document"),
)
"""What stands in the list under `content`."""

_ID, _NAME = value("id", "id", optional=True), value("name", "function.name", str)
TOOL_CALLS = Kinds(
    Kind("function", "tool_call", (_ID, _NAME, json_text("function.arguments"))),
    Kind("custom", "tool_call", (_ID, value("name", "custom.name", str), value("arguments", "custom.input"))),
    Kind(None, "tool_call", (_ID, _NAME, json_text("function.arguments"))),
)
"""What stands in the list under `tool_calls`."""

BESIDE = {
    "audio": Kinds(
        Kind(None, "blob", (value("content", "data", str),), modality="audio", tag="audio"),
        Kind(None, "file", (value("file_id", "id", str),), modality="audio", tag="audio"),
    ),
    "function_call": Kinds(
        Kind(None, "tool_call", (value("name", "name", str), json_text("arguments")), tag="function_call")
    ),
}
"""Objects beside `content` that are parts; `provider_type` has the key."""

_REASONING = ("reasoning_content", "reasoning")
"""Text beside `content`, by the key that other providers use; the first one needs no `provider_type`."""
_TOOL_ROLES = frozenset(("tool", "function"))

TOOLS = Kinds(
    Kind(
        "function",
        "function",
        (
            value("name", "function.name", str),
            value("description", "function.description", str, optional=True),
            value("parameters", "function.parameters", dict, optional=True),
        ),
    ),
    Kind(
        "custom",
        "custom",
        (value("name", "custom.name", str), value("description", "custom.description", str, optional=True)),
    ),
)


def _read(item: Any) -> Message:
    rest = dict(item)
    role = rest.pop("role")
    if not isinstance(role, str):
        raise TypeError("a role is a string")
    parts: list[Part] = []
    message: Message = {"role": role, "parts": parts}
    if role in _TOOL_ROLES:
        parts.append(_read_tool_result(rest))
        message.update(rest)
        return message
    for key in _REASONING:
        if isinstance(rest.get(key), str):
            mark = {} if key == _REASONING[0] else {"provider_type": key}
            parts.append({"type": "reasoning", "content": rest.pop(key), **mark})
    form = None
    if "content" in rest:
        content, form = read_content(CONTENT, rest.pop("content"))
        parts += content
    if form is not None:
        message["content_form"] = form
    if form != "list" and isinstance(rest.get("refusal"), str):
        parts.append({"type": "refusal", "content": rest.pop("refusal")})
    calls = rest.get("tool_calls")
    if isinstance(calls, list) and calls:
        del rest["tool_calls"]
        parts += [TOOL_CALLS.read(call) for call in calls]
    for key, kinds in BESIDE.items():
        if isinstance(rest.get(key), dict):
            parts.append(kinds.read(rest.pop(key)))
    message.update(rest)
    return message


def _read_tool_result(rest: dict[str, Any]) -> Part:
    part: Part = {"type": "tool_call_response"}
    for name, key in (("id", "tool_call_id"), ("response", "content")):
        if key in rest:
            part[name] = rest.pop(key)
    return part


def write_message(message: Message) -> Any:
    """Inverse of `read_message`."""
    if (item := unwhole(message)) is not MISSING:
        return item
    item = {key: kept for key, kept in message.items() if key not in ("parts", "content_form")}
    form = message.get("content_form")
    content: list[Part] = []
    calls: list[Any] = []
    for part in message["parts"]:
        kind, tag = part["type"], part.get("provider_type")
        if tag in BESIDE:
            item[tag] = BESIDE[tag].write(part)
        elif kind == "tool_call":
            calls.append(TOOL_CALLS.write(part))
        elif kind == "reasoning":
            item[tag or _REASONING[0]] = part["content"]
        elif kind == "refusal" and form != "list":
            item["refusal"] = part["content"]
        elif kind == "tool_call_response":
            item.update(
                {key: part[name] for name, key in (("id", "tool_call_id"), ("response", "content")) if name in part}
            )
        else:
            content.append(part)
    if calls:
        item["tool_calls"] = calls
    written = write_content(CONTENT, content, form)
    if written is not MISSING:
        item["content"] = written
    return item


_read_faithfully = faithful(_read, write_message)


def read_message(item: Any) -> Message:
    """The semconv message of an item of `messages`. Never raises."""
    if type(item) is dict and len(item) == 2:
        role, content = item.get("role"), item.get("content")
        if type(role) is str and type(content) is str and role not in _TOOL_ROLES:
            return {"role": role, "parts": [{"type": "text", "content": content}]}
    return _read_faithfully(item)


def output_messages(response: Body) -> list[Message]:
    """One message for each choice, which keeps what else the choice has. Never raises."""
    messages: list[Message] = []
    for position, choice in enumerate(items_of(response.get("choices"))):
        if not isinstance(choice, Mapping):
            continue
        said = choice.get("message")
        given = said if isinstance(said, Mapping) else {}
        if isinstance(given.get("content"), str):  # nearly always; without the nulls it is read the short way
            given = {key: kept for key, kept in given.items() if kept is not None and kept != []}
        read = read_message({"role": "assistant", **given}) if given else {}
        message = {key: kept for key, kept in read.items() if kept is not None and kept != []}
        message.setdefault("role", "assistant")
        message.setdefault("parts", [])
        for key, kept in choice.items():
            if key != "message" and kept is not None and not (key == "index" and kept == position):
                message.setdefault(key, kept)
        messages.append(message)
    return messages


_FINISH = {"tool_calls": "tool_call", "function_call": "tool_call"}


def finish_reasons(response: Body) -> list[str]:
    """One for each choice. Never raises."""
    found = [choice.get("finish_reason") for choice in items_of(response.get("choices")) if isinstance(choice, Mapping)]
    return [_FINISH.get(reason, reason) if isinstance(reason, str) and reason else "error" for reason in found]


def assemble(chunks: Iterable[Body]) -> Body:
    """The completion that the chunks are of, also when the last ones are missing. Never raises."""
    body: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    width = 0
    for chunk in chunks:
        if type(chunk) is dict and len(chunk) == width and _only_grows(choices, chunk):
            continue
        if not isinstance(chunk, Mapping):
            continue
        width = len(chunk)
        for key, given in chunk.items():
            if key == "choices":
                for piece in items_of(given):
                    if isinstance(piece, Mapping):
                        _fold_choice(choices, piece)
            elif (given is not None and given != "") or key not in body:
                body[key] = given
    if not body and not choices:
        return {}
    body.pop("obfuscation", None)
    if body.get("usage", MISSING) is None:
        del body["usage"]
    if body.get("object") == "chat.completion.chunk":
        body["object"] = "chat.completion"
    body["choices"] = [_finished_choice(choices[index]) for index in sorted(choices)]
    return body


_PLAIN = frozenset(("index", "delta", "finish_reason", "logprobs"))


def _only_grows(choices: dict[int, dict[str, Any]], chunk: dict[str, Any]) -> bool:
    """Whether the chunk is, as nearly all are, more text of a choice and nothing else: the text is then added."""
    pieces = chunk.get("choices")
    if type(pieces) is not list or len(pieces) != 1 or chunk.get("usage") is not None:
        return False
    piece = pieces[0]
    if type(piece) is not dict or not piece.keys() <= _PLAIN or piece.get("finish_reason") or piece.get("logprobs"):
        return False
    delta, index = piece.get("delta"), piece.get("index")
    if type(delta) is not dict or len(delta) != 1 or type(index) is not int or index not in choices:
        return False
    more, known = delta.get("content"), choices[index]["message"].get("content")
    if type(more) is not str or type(known) is not Pieces or len(known) < 2:
        return False
    known.append(more)
    return True


def _fold_choice(choices: dict[int, dict[str, Any]], piece: Mapping[str, Any]) -> None:
    index = piece.get("index")
    if type(index) is not int:
        index = 0
    choice = choices.get(index)
    if choice is None:
        choice = choices[index] = {"index": index, "message": {}, "logprobs": None, "finish_reason": None}
    for key, given in piece.items():
        if key == "delta":
            if isinstance(given, Mapping):
                fold(choice["message"], given)
        elif given is None or key == "index":
            continue
        elif key == "logprobs" and isinstance(given, Mapping):
            if choice["logprobs"] is None:
                choice["logprobs"] = {}
            fold(choice["logprobs"], given)
        elif key != "message":
            choice[key] = given


def _finished_choice(choice: dict[str, Any]) -> dict[str, Any]:
    message = finished(choice["message"])
    message.setdefault("role", "assistant")
    message.setdefault("content", None)
    calls = [call for call in items_of(message.get("tool_calls")) if isinstance(call, dict)]
    if calls:
        calls.sort(key=_position)
        message["tool_calls"] = [{key: kept for key, kept in call.items() if key != "index"} for call in calls]
    return {**choice, "message": message, "logprobs": finished(choice["logprobs"])}


def _position(call: dict[str, Any]) -> int:
    index = call.get("index")
    return index if type(index) is int else 0


def derived(request: Body) -> dict[str, Any]:
    """Who and what the request is for. Never raises."""
    found = identity(request)
    if "audio" in items_of(request.get("modalities")):
        found["gen_ai.output.type"] = "speech"
    else:
        found.update(output_type(request.get("response_format")))
    found["prompt_history.input.complete"] = True
    return found


CHAT = WireFormat(
    name="openai.chat",
    operation="chat",
    parameters=(
        Parameter("gen_ai.request.model", ("model",), str),
        Parameter("gen_ai.request.temperature", ("temperature",), float),
        Parameter("gen_ai.request.top_p", ("top_p",), float),
        Parameter("gen_ai.request.frequency_penalty", ("frequency_penalty",), float),
        Parameter("gen_ai.request.presence_penalty", ("presence_penalty",), float),
        Parameter("gen_ai.request.max_tokens", ("max_completion_tokens", "max_tokens"), int),
        Parameter("gen_ai.request.stop_sequences", ("stop",), list),
        Parameter("gen_ai.request.seed", ("seed",), int),
        Parameter("gen_ai.request.choice.count", ("n",), int, never=1),
        Parameter("gen_ai.request.top_k", ("top_k",), int),
        Parameter("gen_ai.request.stream", ("stream",), bool, only=True),
        Parameter("gen_ai.request.reasoning.level", ("reasoning_effort", "reasoning.effort"), str),
        Parameter("openai.request.service_tier", ("service_tier",), str, never="auto"),
    ),
    response={
        "gen_ai.response.id": "id",
        "gen_ai.response.model": "model",
        "gen_ai.usage.input_tokens": "usage.prompt_tokens",
        "gen_ai.usage.output_tokens": "usage.completion_tokens",
        "gen_ai.usage.cache_read.input_tokens": "usage.prompt_tokens_details.cached_tokens",
        "gen_ai.usage.cache_write.input_tokens": "usage.prompt_tokens_details.cache_write_tokens",
        "gen_ai.usage.reasoning.output_tokens": "usage.completion_tokens_details.reasoning_tokens",
        "openai.response.service_tier": "service_tier",
        "openai.response.system_fingerprint": "system_fingerprint",
    },
    messages="messages",
    read_messages=read_list(read_message),
    write_messages=write_list(write_message),
    read_message=read_message,
    write_message=write_message,
    output_messages=output_messages,
    assemble=assemble,
    tools="tools",
    read_tools=read_definitions(TOOLS),
    write_tools=write_definitions(TOOLS),
    finish_reasons=finish_reasons,
    constant={"openai.api.type": "chat_completions"},
    derived=derived,
)
