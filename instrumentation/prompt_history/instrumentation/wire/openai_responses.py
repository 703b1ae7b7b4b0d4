"""OpenAI's Responses.

https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..model import Body, Message, Parameter, Part, WireFormat, dig
from .deltas import finished, fold
from .identity import identity, output_type, text
from .kinds import MISSING, Kind, Kinds, Nested, audio_format, data_uri, json_text, value
from .parts import (
    content_messages,
    faithful,
    items_of,
    read_definitions,
    read_instructions,
    unwhole,
    write_definitions,
    write_instructions,
)

CONTENT = Kinds(
    Kind("input_text", "text", (value("content", "text", str),)),
    Kind("output_text", "text", (value("content", "text", str),)),
    Kind("text", "text", (value("content", "text", str),)),
    Kind("refusal", "refusal", (value("content", "refusal", str),)),
    Kind("input_image", "blob", (data_uri("image_url"),), modality="image"),
    Kind("input_image", "uri", (value("uri", "image_url", str),), modality="image"),
    Kind("input_image", "file", (value("file_id", "file_id", str),), modality="image"),
    Kind("input_file", "file", (value("file_id", "file_id", str),), modality="document"),
    Kind("input_file", "blob", (data_uri("file_data", bare=True),), modality="document"),
    Kind("input_file", "uri", (value("uri", "file_url", str),), modality="document"),
    Kind(
        "input_audio",
        "blob",
        (value("content", "input_audio.data", str), audio_format("input_audio.format")),
        modality="audio",
    ),
)
"""What stands in the list under `content` of a message."""


class _Reasoning:
    """A reasoning item: its `content` here is the text of its summary, or of the reasoning where there is none."""

    provider, part = "reasoning", "reasoning"

    def read(self, item: Part) -> Part | None:
        rest = dict(item)
        if "content" in rest:
            rest["reasoning_text"] = rest.pop("content")
        lines = _texts(rest.get("summary")) or _texts(rest.get("reasoning_text"))
        return {"type": self.part, "content": "\n\n".join(lines), **rest}

    def write(self, part: Part) -> Part:
        item = {key: kept for key, kept in part.items() if key != "content"}
        if "reasoning_text" in item:
            item["content"] = item.pop("reasoning_text")
        return item


def _texts(entries: Any) -> list[str]:
    return [
        entry["text"]
        for entry in items_of(entries)
        if isinstance(entry, Mapping) and isinstance(entry.get("text"), str)
    ]


_IDS = (value("id", "call_id", optional=True), value("item_id", "id", optional=True))
_NAME = value("name", "name", str)

ITEMS = Kinds(
    Kind("function_call", "tool_call", (*_IDS, _NAME, json_text("arguments"))),
    Kind("custom_tool_call", "tool_call", (*_IDS, _NAME, value("arguments", "input"))),
    *(
        Kind(f"{call}_output", "tool_call_response", (*_IDS, value("response", "output", optional=True)))
        for call in (
            "function_call",
            "custom_tool_call",
            "computer_call",
            "local_shell_call",
            "shell_call",
            "apply_patch_call",
        )
    ),
    _Reasoning(),
    *(
        Nested(f"{tool}_call", "server_tool_call", "id", tool)
        for tool in ("web_search", "file_search", "code_interpreter", "image_generation")
    ),
    *(
        Nested(f"{tool}_call", "server_tool_call", "call_id", tool)
        for tool in ("computer", "local_shell", "shell", "apply_patch", "tool_search")
    ),
    *(Nested(kind, "server_tool_call", "id") for kind in ("mcp_call", "mcp_approval_request")),
    Nested("mcp_list_tools", "server_tool_call", "id", "mcp_list_tools"),
    Nested("tool_search_output", "server_tool_call_response", "call_id"),
)
"""What stands in `input` and `output` beside messages."""

_ROLES = {
    **dict.fromkeys(("tool_call", "server_tool_call", "reasoning", "compaction"), "assistant"),
    **dict.fromkeys(("tool_call_response", "server_tool_call_response"), "tool"),
}
_read_content, _write_content = content_messages(CONTENT)
_INPUT = "input"
"""`content_form` of the message whose text is the whole `input`."""


def _is_message(item: Mapping[str, Any]) -> bool:
    return bool(item.get("type", "message") == "message")


def _read(item: Any) -> Message:
    if _is_message(item):
        return _read_content(item)
    part = ITEMS.read(item)
    role = _ROLES.get(part["type"], item.get("role"))
    return {"role": role if isinstance(role, str) else "user", "parts": [part]}


def write_message(message: Message) -> Any:
    """Inverse of `read_message`."""
    if (item := unwhole(message)) is not MISSING:
        return item
    parts = message["parts"]
    if len(parts) == 1 and len(message) == 2 and parts[0]["type"] != "text":
        return ITEMS.write(parts[0])
    return _write_content(message)


_read_faithfully = faithful(_read, write_message)


def read_message(item: Any) -> Message:
    """The semconv message of an item of `input`. Never raises."""
    if type(item) is dict and len(item) == 2:
        role, content = item.get("role"), item.get("content")
        if type(role) is str and type(content) is str:
            return {"role": role, "parts": [{"type": "text", "content": content}]}
    return _read_faithfully(item)


def read_input(given: Any) -> list[Message]:
    """The messages of `input`. Raises TypeError for what is neither a string nor a list."""
    if isinstance(given, str):
        return [{"role": "user", "parts": [{"type": "text", "content": given}], "content_form": _INPUT}]
    if not isinstance(given, (list, tuple)):
        raise TypeError("the input is a string or a list")
    return [read_message(item) for item in given]


def write_input(messages: list[Message]) -> Any:
    """Inverse of `read_input`."""
    if len(messages) == 1 and messages[0].get("content_form") == _INPUT:
        return messages[0]["parts"][0]["content"]
    return [write_message(message) for message in messages]


def output_messages(response: Body) -> list[Message]:
    """One message with the parts of all output items. Never raises.

    The first part of an output message has what else that has under `item`: its id, status, phase.
    """
    if not isinstance(response.get("output"), (list, tuple)):
        return []
    parts: list[Part] = []
    for item in response["output"]:
        parts += _output_parts(item)
    message: Message = {"role": "assistant", "parts": parts}
    reason = dig(response, "incomplete_details.reason") or response.get("status")
    if isinstance(reason, str):
        message["finish_reason"] = reason
    return [message]


def _output_parts(item: Any) -> list[Part]:
    if not isinstance(item, dict) or not _is_message(item) or not isinstance(item.get("content"), list):
        return read_message(item)["parts"] if isinstance(item, dict) else [{"type": "generic", "value": item}]
    parts = [CONTENT.read(part) for part in item["content"]]
    rest = {key: kept for key, kept in item.items() if key not in ("type", "role", "content") and kept is not None}
    if parts and rest:
        parts[0]["item"] = rest
    return parts


_FINISH = {"completed": "stop", "max_output_tokens": "length", "failed": "error"}


def finish_reasons(response: Body) -> list[str]:
    """Why the response ended; none while it has not been worked on. Never raises."""
    status = response.get("status")
    if not isinstance(response.get("output"), (list, tuple)) or status == "queued":
        return []
    if status == "in_progress":
        return [] if response.get("background") is True else ["error"]
    reason = dig(response, "incomplete_details.reason") if status == "incomplete" else status
    return [_FINISH.get(reason, reason) if isinstance(reason, str) and reason else "error"]


_GROWING = {
    "response.output_text": ("content", "content_index", "text", "output_text"),
    "response.refusal": ("content", "content_index", "refusal", "refusal"),
    "response.reasoning_text": ("content", "content_index", "text", "reasoning_text"),
    "response.reasoning_summary_text": ("summary", "summary_index", "text", "summary_text"),
    "response.function_call_arguments": ("", "", "arguments", ""),
    "response.mcp_call_arguments": ("", "", "arguments", ""),
    "response.custom_tool_call_input": ("", "", "input", ""),
    "response.code_interpreter_call_code": ("", "", "code", ""),
}
"""Event without `.delta` or `.done`: list of the item that has the text, the event's key for the place in it, key of
the text, type of what stands in the list."""
_PARTS = {
    "response.content_part": ("content", "content_index"),
    "response.reasoning_summary_part": ("summary", "summary_index"),
}
"""Event without `.added` or `.done`: list of the item, the event's key for the place in it."""
_LAST = frozenset(("response.completed", "response.incomplete", "response.failed", "response.cancelled"))


def assemble(events: Iterable[Body]) -> Body:
    """The response that the events are of: the one that the last event has, else made from their pieces.

    Never raises.
    """
    known = [event for event in events if isinstance(event, Mapping)]
    for event in reversed(known):
        kind, response = event.get("type"), event.get("response")
        if isinstance(kind, str) and kind in _LAST and isinstance(response, Mapping):
            if isinstance(response.get("output"), list):
                return response
            break
    return _built(known)


def _built(events: list[Mapping[str, Any]]) -> Body:
    body: dict[str, Any] = {}
    items: dict[int, dict[str, Any]] = {}
    for event in events:
        kind = event.get("type")
        if not isinstance(kind, str):
            continue
        if isinstance(response := event.get("response"), Mapping):
            body.update(response)
        elif kind == "error":
            body["error"] = {key: event[key] for key in ("code", "message", "param") if event.get(key) is not None}
            body["status"] = "failed"
        elif kind in ("response.output_item.added", "response.output_item.done"):
            if isinstance(item := event.get("item"), Mapping):
                items[_number(event, "output_index")] = _copied(item)
        else:
            _grow(items.setdefault(_number(event, "output_index"), {}), kind, event)
    built = [_finished_item(items[index]) for index in sorted(items) if items[index]]
    if built or body:
        given = body.get("output")
        body["output"] = built or (given if isinstance(given, list) else [])
    return body


def _grow(item: dict[str, Any], event_kind: str, event: Mapping[str, Any]) -> None:
    kind, _, step = event_kind.rpartition(".")
    if kind in _GROWING:
        place, index, key, part_type = _GROWING[kind]
        target = _entry(item, place, _number(event, index), part_type) if place else item
        if step == "delta" and isinstance(event.get("delta"), str):
            fold(target, {key: event["delta"]})
        elif step == "done" and isinstance(event.get(key), str):
            target[key] = event[key]
    elif kind in _PARTS and isinstance(part := event.get("part"), Mapping):
        place, index = _PARTS[kind]
        entry = _entry(item, place, _number(event, index), "")
        entry.clear()
        entry.update(_copied(part))
    elif event_kind == "response.output_text.annotation.added":
        fold(_entry(item, "content", _number(event, "content_index"), "output_text"), _annotation(event))


def _annotation(event: Mapping[str, Any]) -> dict[str, Any]:
    return {"annotations": [event["annotation"]]} if event.get("annotation") is not None else {}


def _entry(item: dict[str, Any], place: str, index: int, part_type: str) -> dict[str, Any]:
    """The entry of a list of the item, which is made where an event of it was missed."""
    if "type" not in item:
        item["type"] = "message" if part_type in ("output_text", "refusal") else "reasoning"
    entries = item.get(place)
    if type(entries) is not dict:
        given = items_of(entries)
        entries = item[place] = {at: entry for at, entry in enumerate(given) if isinstance(entry, dict)}
    entry: dict[str, Any] = entries.setdefault(index, {"type": part_type} if part_type else {})
    return entry


def _copied(given: Mapping[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = {}
    fold(copied, given)
    return copied


def _finished_item(item: dict[str, Any]) -> dict[str, Any]:
    for place in ("content", "summary"):
        if type(entries := item.get(place)) is dict:
            item[place] = [entries[index] for index in sorted(entries)]
    item.setdefault("type", "message")
    if item["type"] == "message":
        item.setdefault("role", "assistant")
    found: dict[str, Any] = finished(item)
    return found


def _number(event: Mapping[str, Any], key: str) -> int:
    number = event.get(key)
    return number if type(number) is int else 0


def derived(request: Body) -> dict[str, Any]:
    """Who and what the request is for, and whether the provider holds a part of it. Never raises."""
    found = identity(request)
    conversation = request.get("conversation")
    if name := text(conversation) or text(dig(conversation, "id")):
        found["gen_ai.conversation.id"] = name
    found.update(_prompt(request.get("prompt")))
    found.update(output_type(dig(request, "text.format")))
    found["prompt_history.input.complete"] = not (
        any(request.get(key) is not None for key in ("previous_response_id", "conversation", "prompt"))
        or any(
            isinstance(item, Mapping) and item.get("type") == "item_reference"
            for item in items_of(request.get("input"))
        )
    )
    return found


def _prompt(prompt: Any) -> dict[str, Any]:
    """Name, version and variables of a prompt that is stored at the provider."""
    if not isinstance(prompt, Mapping):
        return {}
    found: dict[str, Any] = {}
    for attribute, key in (("gen_ai.prompt.name", "id"), ("gen_ai.prompt.version", "version")):
        if given := text(prompt.get(key)):
            found[attribute] = given
    variables = prompt.get("variables")
    for key, given in variables.items() if isinstance(variables, Mapping) else ():
        shown = text(given) or text(dig(given, "text"))
        if shown is not None and text(key):
            found[f"gen_ai.prompt.variable.{key}"] = shown
    return found


# A tool of the application has the shape of the semantic conventions, those of the provider have a type.
_TOOLS = Kinds()

RESPONSES = WireFormat(
    name="openai.responses",
    operation="chat",
    parameters=(
        Parameter("gen_ai.request.model", ("model",), str),
        Parameter("gen_ai.request.temperature", ("temperature",), float),
        Parameter("gen_ai.request.top_p", ("top_p",), float),
        Parameter("gen_ai.request.max_tokens", ("max_output_tokens",), int),
        Parameter("gen_ai.request.stream", ("stream",), bool, only=True),
        Parameter("gen_ai.request.reasoning.level", ("reasoning.effort",), str),
        Parameter("gen_ai.request.previous_response.id", ("previous_response_id",), str),
        Parameter("openai.request.service_tier", ("service_tier",), str, never="auto"),
    ),
    response={
        "gen_ai.response.id": "id",
        "gen_ai.response.model": "model",
        "gen_ai.usage.input_tokens": "usage.input_tokens",
        "gen_ai.usage.output_tokens": "usage.output_tokens",
        "gen_ai.usage.cache_read.input_tokens": "usage.input_tokens_details.cached_tokens",
        "gen_ai.usage.cache_write.input_tokens": "usage.input_tokens_details.cache_write_tokens",
        "gen_ai.usage.reasoning.output_tokens": "usage.output_tokens_details.reasoning_tokens",
        "openai.response.service_tier": "service_tier",
    },
    messages="input",
    read_messages=read_input,
    write_messages=write_input,
    read_message=read_message,
    write_message=write_message,
    output_messages=output_messages,
    assemble=assemble,
    system="instructions",
    read_system=read_instructions(CONTENT),
    write_system=write_instructions(CONTENT),
    tools="tools",
    read_tools=read_definitions(_TOOLS),
    write_tools=write_definitions(_TOOLS),
    finish_reasons=finish_reasons,
    constant={"openai.api.type": "responses"},
    derived=derived,
)
