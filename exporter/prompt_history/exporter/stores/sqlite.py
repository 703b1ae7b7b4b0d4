"""The embedded store: one SQLite file, written by the shipper, readable by others meanwhile."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from . import Outcome, Record, Rejected, StoreUnreachable
from .rows import Piece, put_together, search_text, taken_apart
from .schema import COLUMNS, MEMORY, opened

__all__ = ["MEMORY", "SqliteStore", "load"]

MEMO_BYTES = 8 * 1024 * 1024

_INSERT = f"INSERT OR IGNORE INTO record ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"


class SqliteStore:
    """History in one file of mode 0600, created with its directory when the first record comes.

    `MEMORY` as path keeps it in memory. May be used by one thread at a time, and again after a fork.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._inherited: list[sqlite3.Connection] = []
        self._known: dict[tuple[str, str], tuple[int, bool]] = {}
        self._known_bytes = 0
        self._data_version = -1

    def write(self, records: Sequence[Record]) -> Outcome:
        """Keeps `records` in one transaction, on disk when it returns. Raises `StoreUnreachable`."""
        try:
            with self._transaction() as connection:
                return self._write(connection, records)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreUnreachable(f"{self.path} cannot be written: {error}.") from error

    def close(self) -> None:
        """Lets go of the file; the next write opens it again."""
        if self._connection is not None and self._pid == os.getpid():
            self._connection.close()
        self._connection = None
        self._forget()

    @property
    def is_open(self) -> bool:
        """Whether anything was written through it."""
        return self._connection is not None

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of this process, opened if need be. Raises `sqlite3.Error`, `OSError`, `StoreUnreachable`."""
        if self._connection is not None and self._pid != os.getpid():
            # SQLite forbids even closing what came through a fork: it would delete the parent's log.
            self._inherited.append(self._connection)
            self._connection = None
            self._forget()
        if self._connection is None:
            self._connection = opened(self.path)
            self._pid = os.getpid()
        return self._connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version != self._data_version:  # somebody else wrote, and may have deleted messages
                self._forget()
                self._data_version = version
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            self._forget()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _write(self, connection: sqlite3.Connection, records: Sequence[Record]) -> Outcome:
        rejected: list[Rejected] = []
        duplicates = 0
        for position, record in enumerate(records):
            try:
                columns, pieces = taken_apart(record)
            except (ValueError, TypeError, AttributeError) as error:
                reason = str(error) if type(error) is ValueError else type(error).__name__
                rejected.append(Rejected(position, reason))
                continue
            cursor = connection.execute(_INSERT, [columns[name] for name in COLUMNS])
            if not cursor.rowcount:
                duplicates += 1
                continue
            row = cursor.lastrowid
            links = [(row, piece.field, piece.position, *self._message(connection, piece)) for piece in pieces]
            connection.executemany("INSERT INTO record_message VALUES (?, ?, ?, ?, ?)", links)
        return Outcome(rejected=tuple(rejected), duplicates=duplicates)

    def _message(self, connection: sqlite3.Connection, piece: Piece) -> tuple[int, bool]:
        """Row of the message, and whether the record at hand is the one that says it."""
        key = (piece.scope, piece.text)
        found = self._known.get(key)
        if found is not None and (found[1] or not piece.indexed):
            return found[0], piece.fresh
        digest = hashlib.sha256(piece.text.encode()).digest()
        row = connection.execute(
            "SELECT id, indexed FROM message WHERE scope = ? AND sha256 = ?", (piece.scope, digest)
        ).fetchone()
        created = row is None
        if created:
            values = (piece.scope, digest, piece.text, piece.indexed)
            cursor = connection.execute(
                "INSERT INTO message (scope, sha256, text, indexed) VALUES (?, ?, ?, ?)", values
            )
            row = (cursor.lastrowid, False)
        message, indexed = row
        if piece.indexed and not indexed:
            connection.execute(
                "INSERT INTO message_text (rowid, text) VALUES (?, ?)", (message, search_text(piece.text))
            )
            connection.execute("UPDATE message SET indexed = 1 WHERE id = ? AND NOT indexed", (message,))
        self._remember(key, (message, bool(indexed or piece.indexed)))
        return message, piece.fresh or created

    def _remember(self, key: tuple[str, str], found: tuple[int, bool]) -> None:
        self._known_bytes += len(key[1])
        if self._known_bytes > MEMO_BYTES:
            self._forget()
            self._known_bytes = len(key[1])
        self._known[key] = found

    def _forget(self) -> None:
        self._known.clear()
        self._known_bytes = 0


def load(connection: sqlite3.Connection, rows: Sequence[int], *, content: bool = True) -> list[Record]:
    """The records in `rows` of `record`, in that order; without `content`, those fields are null."""
    marks = ",".join("?" * len(rows))
    rests = dict(connection.execute(f"SELECT id, rest FROM record WHERE id IN ({marks})", rows))
    pieces: dict[int, list[tuple[int, int, str]]] = {row: [] for row in rows}
    if content:
        query = (
            "SELECT record, field, position, text FROM record_message JOIN message ON message.id = message "
            f"WHERE record IN ({marks}) ORDER BY record, field, position"
        )
        with closing(connection.execute(query, rows)) as cursor:
            for row, field, position, text in cursor:
                pieces[row].append((field, position, text))
    return [put_together(rests[row], pieces[row]) for row in rows if row in rests]
