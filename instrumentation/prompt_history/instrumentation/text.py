"""The words of content: what people read in lists and search for. Knows no ids, no types and no media."""

from __future__ import annotations

import re
from typing import Any

import orjson

MAX_DEPTH = 200
_NOT_TEXT = frozenset(
    (
        *("type", "role", "id", "item_id", "call_id", "item", "status", "finish_reason"),
        *("mime_type", "modality", "sha256", "size", "signature", "encrypted_content"),
        *("content_form", "provider_type", "arguments_text", "cache_control"),
    )
)
_ESCAPE = re.compile(r'\\(["\\/nrtbf])')
_ESCAPED = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "r": "\n", "t": "\t", "b": " ", "f": " "}


def text_of(value: Any, *, reasoning: bool = True) -> str:
    """The words of a message, of a list of parts or of a list of tools, a line each. Never raises on JSON values."""
    lines: list[str] = []
    _collect(value.get("parts", value) if isinstance(value, dict) else value, lines, reasoning, 0)
    return "\n".join([line for line in lines if line])


def _collect(value: Any, lines: list[str], reasoning: bool, depth: int) -> None:
    if isinstance(value, str):
        lines.append(value)
    elif depth > MAX_DEPTH:
        return
    elif isinstance(value, list):
        for item in value:
            _collect(item, lines, reasoning, depth + 1)
    elif isinstance(value, dict):
        kind = value.get("type")
        if kind == "text" and len(value) == 2:
            _collect(value.get("content"), lines, reasoning, depth + 1)
        elif kind == "reasoning":
            if reasoning:  # a summary beside it says the same
                _collect(value.get("content"), lines, reasoning, depth + 1)
        else:
            _collect_fields(value, kind, lines, reasoning, depth)


def _collect_fields(value: dict[str, Any], kind: Any, lines: list[str], reasoning: bool, depth: int) -> None:
    called = "arguments" in value and isinstance(value.get("name"), str)
    if called:
        lines.append(f"{value['name']} {json_words(value['arguments'])}".rstrip())
    for key, item in value.items():
        if key in _NOT_TEXT or (kind == "blob" and key == "content") or (called and key in ("name", "arguments")):
            continue
        if key == "response" and not isinstance(item, list):
            lines.append(json_words(item))
        else:
            _collect(item, lines, reasoning, depth + 1)


def json_words(value: Any) -> str:
    """`value` as JSON for reading and for search: escapes are undone, so that no word grows an `n` in front."""
    try:
        if isinstance(value, str):
            if value[:1] not in ("{", "["):
                return value
            value = orjson.loads(value)
        if value is None or value == {}:
            return ""
        return _ESCAPE.sub(lambda match: _ESCAPED[match[1]], orjson.dumps(value).decode())
    except (ValueError, TypeError):  # no JSON, or too deep to be written: as it is, or not at all
        return value if isinstance(value, str) else ""
