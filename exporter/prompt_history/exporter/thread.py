"""What makes one call the continuation of another: hashes over the core of a conversation.

Providers return an answer in one message or in several items, and applications send it back with other ids, status or
cache marks: the hash sees who said what, which tools were called how, and what they returned. Nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import orjson

from .messages import SYSTEM_ROLES, Memo, Message, loads, new_from, parsed, role_of

Core: TypeAlias = tuple[str, bytes]
"""Type of a part, and what of it counts."""

_MEDIA = frozenset(("blob", "uri", "file"))
_PROVIDER_KEYS = frozenset(
    ("id", "status", "annotations", "signature", "cache_control", "content_form", "provider_type", "logprobs")
)


def hashes(input_messages: Sequence[Message], output_messages: Sequence[Message]) -> tuple[str | None, str]:
    """Hash of the conversation that this call continues, if it does, and hash of it with this call's answer."""
    said = [_message(message) for message in input_messages]
    start = new_from([role for role, _ in said])
    running = _Running()
    running.add(said[:start])
    head = running.digest() if start else None
    running.add(said[start:])
    running.add(_message(message) for message in output_messages)
    return head, running.digest()


class _Running:
    """A hash that does not see where one message ends and the next of the same role begins."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._last: tuple[str, str] | None = None

    def add(self, messages: Iterable[tuple[str, tuple[Core, ...]]]) -> None:
        for role, parts in messages:
            if role in SYSTEM_ROLES:
                continue
            for kind, core in parts:
                if kind != "text" or self._last != (role, kind):
                    self._hash.update(f"\0{role}\0{kind}\0".encode())
                self._hash.update(core)
                self._last = (role, kind)

    def digest(self) -> str:
        return self._hash.hexdigest()[:32]


_remembered = Memo(lambda text: _parts(parsed(text)))


def _message(message: Message) -> tuple[str, tuple[Core, ...]]:
    return _remembered(message) if isinstance(message, str) else _parts(message)


def _parts(message: dict[str, Any]) -> tuple[str, tuple[Core, ...]]:
    parts = message.get("parts")
    cores = [_core(part) for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    role = role_of(message)
    return "assistant" if role == "model" else role, tuple([core for core in cores if core is not None])


def _core(part: dict[str, Any]) -> Core | None:
    kind = part.get("type")
    if kind == "reasoning":
        return None
    if kind == "text":
        text = part.get("content")
        return ("text", canonical(text)[1:-1]) if isinstance(text, str) and text else None
    if kind == "tool_call":
        return kind, canonical([part.get("id"), part.get("name"), _parsed(part.get("arguments"))])
    if kind == "tool_call_response":
        return kind, canonical([part.get("id"), _response(part.get("response"))])
    if kind in _MEDIA:
        reference = next((part[key] for key in ("sha256", "uri", "file_id", "content") if part.get(key)), None)
        return "media", canonical([kind, reference])
    return str(kind), canonical(_stripped(part))


def _response(value: Any) -> Any:
    """A tool's answer: text is the same as a list of one text part."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return _parsed(value)
    texts = [item.get("content", item.get("text")) for item in value]
    if all(item.get("type") == "text" for item in value) and all(isinstance(text, str) for text in texts):
        return _parsed("".join(texts))
    return [_stripped(item) for item in value]


def _parsed(value: Any) -> Any:
    """JSON in a string is the same as the value: streams give one, plain responses the other."""
    parsed = loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else None
    return value if parsed is None else parsed


def _stripped(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in _PROVIDER_KEYS}


def canonical(value: Any) -> bytes:
    """`value` as JSON with sorted keys."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
