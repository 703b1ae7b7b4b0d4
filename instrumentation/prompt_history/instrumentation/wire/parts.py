"""Messages, system instructions and tools as parts and back, without loss; and what becomes of media in them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..model import Message, Part
from .kinds import MISSING, Kinds

_ODD = (TypeError, ValueError, KeyError, AttributeError, IndexError, RecursionError)
"""What reading a body of an unexpected shape can raise."""


def read_content(kinds: Kinds, content: Any) -> tuple[list[Part], str | None]:
    """The parts of a message's `content`, and its `content_form`. Raises TypeError for what is no content."""
    if isinstance(content, str):
        return [{"type": "text", "content": content}], None
    if isinstance(content, (list, tuple)):
        return [kinds.read(item) for item in content], "list"
    if content is None:
        return [], "null"
    raise TypeError("content is a string, a list or null")


def write_content(kinds: Kinds, parts: list[Part], form: str | None) -> Any:
    """Inverse of `read_content`; `MISSING` for no content at all."""
    if form == "list":
        return [kinds.write(part) for part in parts]
    if form == "null":
        return None
    return parts[0]["content"] if parts else MISSING


def whole(item: Any) -> Message:
    """A message that has `item` untouched: for what has no other shape that could be given back."""
    role = item.get("role") if isinstance(item, dict) else None
    return {"role": role if isinstance(role, str) else "user", "parts": [{"type": "generic", "value": item}]}


def unwhole(message: Message) -> Any:
    """Inverse of `whole`; `MISSING` for any other message."""
    parts = message["parts"]
    if len(parts) == 1 and len(message) == 2 and parts[0]["type"] == "generic" and parts[0].keys() == {"type", "value"}:
        return parts[0]["value"]
    return MISSING


def faithful(read: Callable[[Any], Message], write: Callable[[Message], Any]) -> Callable[[Any], Message]:
    """`read`, or `whole` for an item that `write` would not give back exactly. What it returns never raises."""

    def read_faithfully(item: Any) -> Message:
        try:
            message = read(item)
            if write(message) == item:
                return message
        except _ODD:
            pass  # not lost: the item is kept as it is
        return whole(item)

    return read_faithfully


class Messages(NamedTuple):
    """Reading and writing one message, each other's inverse."""

    read: Callable[[Any], Message]
    write: Callable[[Message], Any]


def content_messages(kinds: Kinds) -> Messages:
    """Messages that are a role, their content and whatever else they have. `read` raises for other shapes."""

    def read(item: Any) -> Message:
        rest = dict(item)
        message: Message = {"role": _text(rest.pop("role")), "parts": []}
        if "content" in rest:
            message["parts"], form = read_content(kinds, rest.pop("content"))
            if form is not None:
                message["content_form"] = form
        message.update(rest)
        return message

    def write(message: Message) -> Any:
        item = {key: kept for key, kept in message.items() if key not in ("parts", "content_form")}
        content = write_content(kinds, message["parts"], message.get("content_form"))
        if content is not MISSING:
            item["content"] = content
        return item

    return Messages(read, write)


def read_list(read: Callable[[Any], Message]) -> Callable[[Any], list[Message]]:
    """Reads the messages of a request. What it returns raises TypeError for what is no list."""

    def read_messages(items: Any) -> list[Message]:
        if not isinstance(items, (list, tuple)):
            raise TypeError("messages are a list")
        return [read(item) for item in items]

    return read_messages


def write_list(write: Callable[[Message], Any]) -> Callable[[list[Message]], Any]:
    """Inverse of `read_list`."""
    return lambda messages: [write(message) for message in messages]


def read_definitions(kinds: Kinds) -> Callable[[Any], list[Part]]:
    """Reads tool definitions. What it returns raises TypeError for what is no list, or an empty one."""

    def read_tools(tools: Any) -> list[Part]:
        if not isinstance(tools, (list, tuple)) or not tools:
            raise TypeError("tools are a list")
        return [_faithful_part(kinds, tool) for tool in tools]

    return read_tools


def write_definitions(kinds: Kinds) -> Callable[[list[Part]], Any]:
    """Inverse of `read_definitions`."""
    return lambda tools: [kinds.write(tool) for tool in tools]


def read_instructions(kinds: Kinds) -> Callable[[Any], list[Part]]:
    """Reads system instructions: a string or a list of parts, of which the first one has the `content_form` then.

    What it returns raises TypeError for other shapes and for an empty list.
    """

    def read_system(system: Any) -> list[Part]:
        if isinstance(system, str):
            return [{"type": "text", "content": system}]
        if not isinstance(system, (list, tuple)) or not system:
            raise TypeError("system instructions are a string or a list")
        parts = [_faithful_part(kinds, item) for item in system]
        if "content_form" in parts[0]:
            parts[0] = {"type": "generic", "value": system[0]}
        parts[0]["content_form"] = "list"
        return parts

    return read_system


def write_instructions(kinds: Kinds) -> Callable[[list[Part]], Any]:
    """Inverse of `read_instructions`."""

    def write_system(parts: list[Part]) -> Any:
        if not parts:
            return []
        first = dict(parts[0])
        if first.pop("content_form", None) is None:
            return first.get("content")
        return [kinds.write(part) for part in (first, *parts[1:])]

    return write_system


def reference_media(message: Message, media: str) -> Message:
    """`message` with media as the policy has it: the message itself for `keep` and where there is none.

    `reference` puts `size` (decoded bytes) and `sha256` (hex; of the text if it is no base64) in the place of
    `content`, `drop` nothing at all. Media inside tool results and parts that no row knows are found as well.
    """
    parts = message["parts"]
    if media == "keep" or all(part["type"] in _TEXTUAL for part in parts):
        return message
    return {**message, "parts": [_without_media(part, media) for part in parts]}


_TEXTUAL = frozenset(("text", "reasoning", "refusal", "tool_call", "uri", "file", "compaction"))


def _without_media(part: Part, media: str) -> Part:
    if part["type"] == "blob" and isinstance(part.get("content"), str):
        rest = {key: kept for key, kept in part.items() if key != "content"}
        return {**rest, **_reference(part["content"], media)}
    if part["type"] in _TEXTUAL:
        return part
    return {key: _replaced(kept, media) for key, kept in part.items()}


def _replaced(found: Any, media: str, key: str = "") -> Any:
    if isinstance(found, dict):
        holds = "data" if key == "input_audio" else _MEDIA_KEYS.get(str(found.get("type")))
        if isinstance(found.get(holds), str):
            rest = {name: kept for name, kept in found.items() if name != holds}
            return {**rest, **_reference(found[holds], media)}
        return {name: _replaced(kept, media, name) for name, kept in found.items()}
    if isinstance(found, list):
        return [_replaced(item, media) for item in found]
    if isinstance(found, str) and found.startswith("data:"):
        head, marker, content = found.partition(";base64,")
        if marker:
            return {"mime_type": head[5:], **_reference(content, media)}
    return found


_MEDIA_KEYS = {"base64": "data", "image_generation_call": "result"}
"""Provider type: the key that has base64."""


def _reference(content: str, media: str) -> Part:
    if media == "drop":
        return {}
    try:
        data = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        data = content.encode("utf-8", "surrogatepass")
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _faithful_part(kinds: Kinds, item: Any) -> Part:
    try:
        part = kinds.read(item)
        if kinds.write(part) == item:
            return part
    except _ODD:
        pass  # not lost: the item is kept as it is
    return {"type": "generic", "value": item}


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError("a role is a string")
    return found


def items_of(found: Any) -> Iterable[Any]:
    """The items of a list; nothing for what is no list."""
    return found if isinstance(found, (list, tuple)) else ()
