"""The content of a record as a conversation: who said what, in order. Knows nothing of terminals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from prompt_history.exporter.messages import CONTENT_FIELDS, items, loads
from prompt_history.exporter.stores import Record
from prompt_history.instrumentation.text import json_words, text_of

from .output import neutral


class Turn(NamedTuple):
    """What one role says."""

    role: str
    lines: list[str]


def conversation(record: Record) -> list[Turn]:
    """System instructions, the messages that were sent, and the answer. Damaged content is one turn of raw text."""
    attributes = record["attributes"]
    asked, said, system, tools = (attributes.get(name) for name in CONTENT_FIELDS)
    turns = [Turn("system", [line for part in items(system) for line in _part(part)])] if system else []
    if tools:
        names = [str(tool.get("name") or tool.get("type")) for tool in items(tools)]
        turns.append(Turn("tools", [neutral(", ".join(names))]))
    for content, otherwise in ((asked, "user"), (said, "assistant")):
        turns += _turns(content, otherwise)
    return turns


def _turns(content: Any, otherwise: str) -> Iterator[Turn]:
    if not isinstance(content, str):
        return
    if loads(content) is None:
        yield Turn(otherwise, [neutral(content)])
    for message in items(content):
        parts = message.get("parts")
        parts = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        name = message.get("name")
        role = neutral(str(message.get("role") or otherwise))
        yield Turn(
            f"{role} ({neutral(name)})" if isinstance(name, str) else role,
            [line for part in parts for line in _part(part)],
        )


def _part(part: dict[str, Any]) -> Iterator[str]:
    kind = part.get("type")
    if kind == "text":
        yield neutral(str(part.get("content") or ""))
    elif kind == "tool_call":
        yield neutral(f"→ {part.get('name')}({json_words(part.get('arguments'))})  {part.get('id') or ''}".rstrip())
    elif kind == "tool_call_response":
        response = part.get("response")
        text = text_of(response) if isinstance(response, list) else json_words(response)
        yield neutral(f"← {part.get('id') or ''}  {text}")
    elif kind in ("blob", "uri", "file"):
        yield neutral(f"[{_media(part)}]")
    else:
        yield neutral(f"({kind}) {text_of([part])}".rstrip())


def _media(part: dict[str, Any]) -> str:
    """A picture, sound or file by what is known of it."""
    kind = part.get("modality") or part.get("mime_type") or part.get("type")
    known = [part.get(key) for key in ("mime_type", "uri", "file_id", "size")]
    sha256 = part.get("sha256")
    known.append(f"sha256 {str(sha256)[:16]}" if sha256 else None)
    return " · ".join(str(item) for item in dict.fromkeys([kind, *known]) if item is not None)
