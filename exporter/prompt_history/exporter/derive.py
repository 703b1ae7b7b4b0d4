"""What of a record follows from the rest of it: the shipper adds it, off the application's way."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from prompt_history.instrumentation.text import text_of

from .messages import (
    CONTENT_FIELDS,
    SYSTEM_ROLES,
    Message,
    items,
    loads,
    messages,
    new_from,
    parsed,
    role_of,
)
from .stores import Record
from .thread import canonical, hashes

MAX_BYTES = 16 * 1024 * 1024
PREVIEW = 300
"""Characters of a text that lists show."""
_MARK_BYTES = 100
"""More than the mark takes."""
_TRIES = 8


def complete(record: Record) -> Record:
    """`record` with everything that can be derived from it; what it says already stays.

    `record` itself is not changed. Damaged content leaves out what depends on it. Never raises on a record that
    came from JSON.
    """
    attributes = record.get("attributes")
    if not isinstance(attributes, dict):
        return record
    asked = messages(attributes.get(CONTENT_FIELDS[0]))
    answer = items(attributes.get(CONTENT_FIELDS[1]))
    found = _output(answer) | _system(attributes, asked) | _tools(attributes) | _thread(attributes, asked, answer)
    if "prompt_history.input.text" not in attributes:
        found["prompt_history.input.text"] = input_text(asked)
    derived = {name: value for name, value in found.items() if name not in attributes}
    merged = attributes | derived | _content(attributes)
    for side in ("input", "output"):
        text = merged.get(f"prompt_history.{side}.text")
        if isinstance(text, str):
            merged.setdefault(f"prompt_history.{side}.preview", text[:PREVIEW])
    completed = record | {"attributes": {name: value for name, value in merged.items() if value not in ("", [])}}
    large = merged.get("prompt_history.content.bytes", 0) > MAX_BYTES // 8  # the texts for search repeat it, escaped
    return fit(completed) if large else completed


def input_text(asked: Sequence[Message]) -> str:
    """The text that is new in a request; system messages only when there is nothing else."""
    new = asked[new_from([role_of(message) for message in asked]) :]
    said = [message for message in new if role_of(message) not in SYSTEM_ROLES] or new
    return "\n".join([text for message in said if (text := text_of(parsed(message)))])


def output_text(answer: Sequence[dict[str, Any]]) -> str:
    """What the model says and calls, and at the end what it thought."""
    said = [text_of(message, reasoning=False) for message in answer]
    parts = [part for message in answer for part in _parts(message)]
    thought = [text_of([part]) for part in parts if part.get("type") == "reasoning"]
    return "\n".join([text for text in said + thought if text])


def _output(answer: Sequence[dict[str, Any]]) -> dict[str, Any]:
    parts = [part for message in answer for part in _parts(message)]
    names = [part.get("name") for part in parts if part.get("type") in ("tool_call", "server_tool_call")]
    refused = any(part.get("type") == "refusal" for part in parts)
    return ({"prompt_history.refusal": True} if refused else {}) | {
        "prompt_history.output.text": output_text(answer),
        "prompt_history.tools.called": list(dict.fromkeys(name for name in names if isinstance(name, str))),
    }


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    parts = message.get("parts")
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _system(attributes: dict[str, Any], asked: Sequence[Message]) -> dict[str, Any]:
    """Text and hash of the system instructions, wherever the API has them: a field or messages of that role.

    Where they are messages, only the first call of a conversation has their text: they come back with every other.
    """
    instructions = loads(attributes.get(CONTENT_FIELDS[2]))
    repeated = False
    if not instructions:
        roles = [role_of(message) for message in asked]
        system = [message for message, role in zip(asked, roles, strict=True) if role in SYSTEM_ROLES]
        instructions = [_parts(parsed(message)) for message in system]
        repeated = new_from(roles) > 0
    if not instructions:
        return {}
    found = {"prompt_history.system.hash": _short_hash(instructions)}
    return found if repeated else found | {"prompt_history.system.text": text_of(instructions)}


def _tools(attributes: dict[str, Any]) -> dict[str, Any]:
    definitions = loads(attributes.get(CONTENT_FIELDS[3]))
    return {"prompt_history.tools.hash": _short_hash(definitions)} if definitions else {}


def _thread(attributes: dict[str, Any], asked: Sequence[Message], answer: Sequence[Message]) -> dict[str, Any]:
    if not asked or not answer:
        return {}
    choices = attributes.get("gen_ai.request.choice.count")
    one = answer[:1] if isinstance(choices, int) and choices > 1 else answer
    head, tail = hashes(asked, one)
    return {"prompt_history.thread.tail": tail} | ({"prompt_history.thread.head": head} if head else {})


def _content(attributes: dict[str, Any]) -> dict[str, Any]:
    """Size and hash of the content as it is stored; the hash of truncated content is of the whole, and stays."""
    size, digest = _measured(attributes)
    if not size:
        return {}
    found: dict[str, Any] = {"prompt_history.content.bytes": size}
    if not attributes.get("prompt_history.content.truncated"):
        found["prompt_history.content.sha256"] = digest
    return found


def _measured(attributes: dict[str, Any]) -> tuple[int, str]:
    fields = [attributes.get(name) for name in CONTENT_FIELDS]
    encoded = [text.encode("utf-8", "replace") if isinstance(text, str) else b"" for text in fields]
    digest = hashlib.sha256()
    for data in encoded:
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return sum(map(len, encoded)), digest.hexdigest()


def _short_hash(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()[:16]


def fit(record: Record, limit: int = MAX_BYTES) -> Record:
    """`record`, its longest content cut until its JSON has at most `limit` bytes.

    Cut content ends with a mark; `prompt_history.content.truncated` is set, and `prompt_history.content.sha256` is
    that of the whole. A record that fits is returned as it is.
    """
    excess = len(orjson.dumps(record)) - limit
    if excess <= 0:
        return record
    attributes = dict(record["attributes"])
    _, digest = _measured(attributes)
    attributes |= {"prompt_history.content.truncated": True}
    if not record["attributes"].get("prompt_history.content.truncated"):
        attributes["prompt_history.content.sha256"] = digest
    cut = record | {"attributes": attributes}
    for _ in range(len(attributes) + _TRIES):
        excess = len(orjson.dumps(cut)) - limit
        if excess <= 0:
            break
        name = max(attributes, key=lambda name: len(value) if isinstance(value := attributes[name], str) else 0)
        attributes[name] = _cut(attributes[name], excess)
    return cut


def _cut(text: str, excess: int) -> str:
    """`text` about `excess` bytes of JSON shorter, if it has as many: inside its longest string where it is JSON."""
    value = loads(text) if text[:1] in ("[", "{") else None
    places = [] if value is None else _strings(value)
    if places:
        container, key = max(places, key=lambda place: len(place[0][place[1]]))
        longest = container[key]
        escaped = len(orjson.dumps(orjson.dumps(longest).decode()))
        if escaped > excess + 4 * _MARK_BYTES:
            container[key] = _shortened(longest, excess * len(longest.encode()) // escaped)
            return orjson.dumps(value).decode()
    return _shortened(text, excess * len(text.encode()) // len(orjson.dumps(text)))


def _shortened(text: str, excess: int) -> str:
    data = text.encode()
    kept = data[: max(0, len(data) - excess - _MARK_BYTES)].decode("utf-8", "ignore")
    return f"{kept}…[cut: {len(data) - len(kept.encode())} bytes]"


def _strings(value: Any) -> list[tuple[Any, Any]]:
    """Every string in `value`, as container and key."""
    found: list[tuple[Any, Any]] = []
    places = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in places:
        if isinstance(item, str):
            found.append((value, key))
        else:
            found += _strings(item)
    return found
