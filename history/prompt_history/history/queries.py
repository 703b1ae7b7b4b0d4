"""Questions to one SQLite store: the file, or records that are still on their way to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from prompt_history.exporter.stores import Record
from prompt_history.exporter.stores.sqlite import load
from prompt_history.exporter.stores.words import match_terms

from .ids import record_id

Condition = tuple[str, Sequence[Any]]
Key = tuple[int, str, str]
"""Milliseconds since the epoch, trace id, span id: what lists are sorted by."""
_AT_ONCE = 500
_MANY = 5000
"""Messages with a word from which on it is quicker to look into the newest records."""


class Found(NamedTuple):
    """A record of the history."""

    id: str
    record: Record
    key: Key


class _Row(NamedTuple):
    row: int
    id: str
    key: Key


def rows(
    connection: sqlite3.Connection,
    conditions: Sequence[Condition | Said],
    limit: int,
    order: str = "ms DESC, trace_id DESC, span_id DESC, kind, number",
) -> list[_Row]:
    """The rows for which all conditions hold, newest first."""
    asked = [one.condition(connection) if isinstance(one, Said) else one for one in conditions]
    where = " AND ".join(f"({text})" for text, _ in asked) or "1"
    values = [value for _, values in asked for value in values]
    query = f"SELECT id, ms, trace_id, span_id, kind, number FROM record WHERE {where} ORDER BY {order} LIMIT ?"
    return [
        _Row(row, record_id(trace, span, kind, number), (ms, trace, span))
        for row, ms, trace, span, kind, number in connection.execute(query, [*values, limit])
    ]


def records(connection: sqlite3.Connection, found: Sequence[_Row], *, content: bool = True) -> list[Found]:
    """The records in `found`."""
    loaded: list[Record] = []
    for at in range(0, len(found), _AT_ONCE):
        loaded += load(connection, [row.row for row in found[at : at + _AT_ONCE]], content=content)
    return [Found(row.id, record, row.key) for row, record in zip(found, loaded, strict=True)]


def before(key: Key) -> Condition:
    return "(ms, trace_id, span_id) < (?, ?, ?)", key


class Said(NamedTuple):
    """Holds where some message that the call is the first to say has the word."""

    term: str
    """As FTS5 expression."""

    def condition(self, connection: sqlite3.Connection) -> Condition:
        """The quicker of two ways to ask, by how many messages have the word."""
        hits = "SELECT rowid FROM message_text WHERE message_text MATCH ?"
        (count,) = connection.execute(f"SELECT count(*) FROM ({hits} LIMIT ?)", (self.term, _MANY)).fetchone()
        if count < _MANY:  # from the messages to their records
            return f"id IN (SELECT record FROM record_message WHERE fresh AND message IN ({hits}))", [self.term]
        # From the newest record on, until enough have it. The + keeps the planner from the other way.
        return (
            "EXISTS (SELECT 1 FROM record_message AS said WHERE said.record = record.id AND said.fresh "
            f"AND +said.message IN ({hits}))",
            [self.term],
        )


def containing(text: str) -> list[Condition | Said]:
    """One condition for each word of `text`.

    Text without any word (punctuation) is looked for as it is, through everything.
    """
    terms = match_terms(text)
    if terms:
        return [Said(term) for term in terms]
    needle = orjson.dumps(text.strip()).decode()[1:-1]
    pattern = "%" + needle.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"
    messages = "SELECT id FROM message WHERE indexed AND text LIKE ? ESCAPE '!'"
    return [(f"id IN (SELECT record FROM record_message WHERE fresh AND message IN ({messages}))", [pattern])]


class Counts(NamedTuple):
    """Of records of kind `call`, but for the bytes."""

    calls: int
    errors: int
    raw_bytes: int
    sessions: frozenset[str]
    users: frozenset[str]
    oldest: int | None
    newest: int | None


def counts(connection: sqlite3.Connection) -> Counts:
    """Totals of the store."""
    numbers = connection.execute(
        "SELECT count(*) FILTER (WHERE kind = 'call'), count(*) FILTER (WHERE kind = 'call' AND outcome = 'error'), "
        "coalesce(sum(bytes), 0), min(ms), max(ms) FROM record"
    ).fetchone()
    sessions, users = (
        frozenset(value for (value,) in connection.execute(f"SELECT DISTINCT {name} FROM record") if value is not None)
        for name in ("session", "user")
    )
    calls, errors, raw, oldest, newest = numbers
    return Counts(calls, errors, raw, sessions, users, oldest, newest)
