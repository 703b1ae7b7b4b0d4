"""How much there is in a history."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from . import ids, queries


@dataclass(frozen=True, slots=True)
class Statistics:
    """How much there is."""

    calls: int
    sessions: int
    users: int
    errors: int
    stored_bytes: int
    """On disk, index included."""
    raw_bytes: int
    """Of content, as it was sent: repeated messages counted each time."""
    waiting: int
    """Records that are not in the store yet; they are counted above."""
    oldest: int | None
    """Milliseconds since the epoch."""
    newest: int | None


def statistics(database: Path, disk: sqlite3.Connection | None, waiting: sqlite3.Connection | None) -> Statistics:
    """Totals of the store at `database` and of what waits for it, each record counted once."""
    new = [] if waiting is None else queries.rows(waiting, [], -1)
    if disk is not None and waiting is not None:
        both = [row for row in new if _known(disk, row.id)]
        new = [row for row in new if row not in both]
        waiting.executemany("DELETE FROM record WHERE id = ?", [(row.row,) for row in both])
    counted = [queries.counts(source) for source in (disk, waiting) if source is not None]
    files = [database.with_name(database.name + suffix) for suffix in ("", "-wal")]
    return Statistics(
        calls=sum(one.calls for one in counted),
        sessions=len(frozenset().union(*(one.sessions for one in counted))),
        users=len(frozenset().union(*(one.users for one in counted))),
        errors=sum(one.errors for one in counted),
        stored_bytes=sum(file.stat().st_size for file in files if file.exists()),
        raw_bytes=sum(one.raw_bytes for one in counted),
        waiting=len(new),
        oldest=min((one.oldest for one in counted if one.oldest is not None), default=None),
        newest=max((one.newest for one in counted if one.newest is not None), default=None),
    )


def _known(connection: sqlite3.Connection, record_id: str) -> bool:
    name = ids.parsed(record_id)
    return name is not None and bool(queries.rows(connection, [ids.condition(name)], 1))
