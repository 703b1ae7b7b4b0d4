"""A record as rows of a relational store, and the record again: each the inverse of the other, to the character.

What filters ask for gets a column. Content goes into messages, each kept once for a user however often it is sent
again; where an item of a field ends is known only if joining the items gives the field again, else it stays whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from prompt_history.instrumentation.text import text_of

from ..messages import CONTENT_FIELDS, SYSTEM_ROLES, loads, new_from, role_of, split
from . import Record
from .echoes import restored, way_of
from .words import index_text

FIELDS = (
    *CONTENT_FIELDS,
    "prompt_history.input.text",
    "prompt_history.output.text",
    "prompt_history.system.text",
    "prompt_history.request.extra",
)
"""Attributes that are kept as messages; a field is known by its position here."""
INPUT, OUTPUT, SYSTEM, TOOLS, INPUT_TEXT, OUTPUT_TEXT, SYSTEM_TEXT, EXTRA = range(len(FIELDS))
SHARED = ""
"""The scope of what is nobody's: system prompts, tools, and messages of records without a user."""
WHOLE = -1
"""The position of a field that is kept in one piece."""

COLUMNS = {
    "service": ("TEXT", "service.name"),
    "user": ("TEXT", "user.id"),
    "session": ("TEXT", "session.id"),
    "conversation": ("TEXT", "gen_ai.conversation.id"),
    "provider": ("TEXT", "gen_ai.provider.name"),
    "model": ("TEXT", "gen_ai.request.model"),
    "response_model": ("TEXT", "gen_ai.response.model"),
    "operation": ("TEXT", "gen_ai.operation.name"),
    "outcome": ("TEXT", "prompt_history.outcome"),
    "error": ("TEXT", "error.type"),
    "prompt": ("TEXT", "gen_ai.prompt.name"),
    "prompt_version": ("TEXT", "gen_ai.prompt.version"),
    "input_tokens": ("INTEGER", "gen_ai.usage.input_tokens"),
    "output_tokens": ("INTEGER", "gen_ai.usage.output_tokens"),
    "cost": ("REAL", "prompt_history.cost.usd"),
    "finish_reasons": ("JSON", "gen_ai.response.finish_reasons"),
    "tools_called": ("JSON", "prompt_history.tools.called"),
    "format": ("TEXT", "prompt_history.request.format"),
    "response_id": ("TEXT", "gen_ai.response.id"),
    "thread_head": ("TEXT", "prompt_history.thread.head"),
    "thread_tail": ("TEXT", "prompt_history.thread.tail"),
    "system_hash": ("TEXT", "prompt_history.system.hash"),
    "tools_hash": ("TEXT", "prompt_history.tools.hash"),
    "stream": ("INTEGER", "gen_ai.request.stream"),
    "tries": ("INTEGER", "prompt_history.tries"),
    "bytes": ("INTEGER", "prompt_history.content.bytes"),
    "redactions": ("INTEGER", "prompt_history.redaction.count"),
}
"""Columns that hold an attribute (of the record, or of its resource): type, attribute."""


class Piece(NamedTuple):
    """Part of a content field."""

    field: int
    position: int
    scope: str
    text: str
    indexed: bool
    """Whether search looks into it: a text field repeats what the messages say."""
    fresh: bool
    """Whether this call is the one that says it, rather than one that sends it again."""


class Rows(NamedTuple):
    columns: dict[str, Any]
    pieces: list[Piece]


def taken_apart(record: Record) -> Rows:
    """The rows of `record`. Raises `ValueError` for one that can never be kept; the text quotes no content."""
    for name in ("trace_id", "span_id"):
        if not isinstance(record.get(name), str):
            raise ValueError(f"{name} is missing")
    attributes = record.get("attributes", {})
    resource = record.get("resource", {}).get("attributes", {})
    contents = {at: attributes[name] for at, name in enumerate(FIELDS) if isinstance(attributes.get(name), str)}
    kept: dict[str, Any] = {}
    for at in list(contents):
        way = way_of(FIELDS[at], attributes)
        kept[FIELDS[at]] = None if way is None else {"echo": way}
        if way is not None:
            del contents[at]
    rest = record | {"attributes": attributes | kept} if kept else record
    ms, ns = instant(record.get("@timestamp"))
    values = {name: _typed(kind, attributes.get(of, resource.get(of))) for name, (kind, of) in COLUMNS.items()}
    columns = values | {
        "trace_id": record["trace_id"],
        "span_id": record["span_id"],
        "kind": _typed("TEXT", attributes.get("prompt_history.kind")) or "call",
        "number": _typed("INTEGER", attributes.get("prompt_history.number")) or 0,
        "ms": ms,
        "ns": ns,
        "duration": _typed("INTEGER", record.get("duration")) or 0,
        "rest": _json(rest),
    }
    return Rows(columns, _pieces(contents, values["user"] or SHARED))


def put_together(rest: str, pieces: Iterable[tuple[int, int, str]]) -> Record:
    """The record of `rest` and its pieces (field, position, text), in the order of both."""
    record: Record = orjson.loads(rest)
    fields: dict[int, list[str]] = {}
    whole: dict[int, bool] = {}
    for field, position, text in pieces:
        fields.setdefault(field, []).append(text)
        whole[field] = position == WHOLE
    for field, texts in fields.items():
        record["attributes"][FIELDS[field]] = texts[0] if whole[field] else "[" + ",".join(texts) + "]"
    if fields:
        restored(record["attributes"])
    return record


def instant(timestamp: object) -> tuple[int, int]:
    """Milliseconds since the epoch and the nanoseconds beyond them, of `"<ms>.<ns>"`. Raises `ValueError`."""
    if isinstance(timestamp, str):
        ms, _, ns = timestamp.partition(".")
        if ms.isdecimal() and len(ms) < 19 and (ns == "" or (ns.isdecimal() and len(ns) < 7)):
            return int(ms), int(ns or 0)
    raise ValueError("@timestamp is not <milliseconds>.<nanoseconds>")


def search_text(text: str) -> str:
    """What the full-text index has of a piece; to take a piece out of the index again, this must be given to it."""
    value = loads(text) if text[:1] in ("[", "{") else None
    return index_text(text if value is None else text_of(value))


def _pieces(contents: dict[int, str], user: str) -> list[Piece]:
    asked = split(contents[INPUT]) if INPUT in contents else None
    start = new_from([role_of(piece) for piece in asked]) if asked else 0
    said = any(field in contents for field in (INPUT, OUTPUT, SYSTEM))
    pieces = []
    for field, text in contents.items():
        text.encode()  # raises a ValueError on half a character
        items = asked if field == INPUT else split(text) if field <= TOOLS else None
        scope = SHARED if field in (SYSTEM, TOOLS, SYSTEM_TEXT) else user
        indexed = field <= TOOLS or (not said and field != EXTRA)
        fresh = field in (INPUT, OUTPUT, INPUT_TEXT, OUTPUT_TEXT)
        if items is None:
            pieces.append(Piece(field, WHOLE, scope, text, indexed, fresh))
            continue
        for at, item in enumerate(items):
            shared = field == INPUT and role_of(item) in SYSTEM_ROLES
            new = fresh and (field != INPUT or at >= start)
            pieces.append(Piece(field, at, SHARED if shared else scope, item, indexed, new))
    return pieces


def _typed(kind: str, value: Any) -> Any:
    """`value` as a column of that type takes it; `None` when it cannot."""
    if value is None:
        return None
    if kind == "TEXT":
        return value if isinstance(value, str) else _json(value)
    if kind == "JSON":
        return _json(value if isinstance(value, list) else [value])
    if isinstance(value, float) and kind == "REAL":
        return value
    return value if isinstance(value, int) and -(2**63) <= value < 2**63 else None


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise ValueError("not JSON") from error
