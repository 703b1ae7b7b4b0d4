"""The embedded store's file: its tables, and how it is opened for writing and for reading."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from . import StoreUnreachable
from .rows import COLUMNS as ATTRIBUTE_COLUMNS
from .rows import FIELDS

VERSION = 1
"""Of the schema, kept as `user_version`."""
BUSY_SECONDS = 10
MEMORY = Path(":memory:")

COLUMNS = {
    "trace_id": "TEXT NOT NULL",
    "span_id": "TEXT NOT NULL",
    "kind": "TEXT NOT NULL",
    "number": "INTEGER NOT NULL",
    "ms": "INTEGER NOT NULL",
    "ns": "INTEGER NOT NULL",
    "duration": "INTEGER NOT NULL",
    **{name: "TEXT" if kind == "JSON" else kind for name, (kind, _) in ATTRIBUTE_COLUMNS.items()},
    "rest": "TEXT NOT NULL",
}

SCHEMA = f"""
-- One row a record: what filters ask for, and as JSON the rest of it. Fields that are null there are kept as messages;
-- those that are an echo follow from them.
CREATE TABLE record (
  id INTEGER PRIMARY KEY,
  {", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())},
  UNIQUE (span_id, trace_id, kind, number)
);
CREATE INDEX record_time ON record (ms, trace_id, span_id);
CREATE INDEX record_user ON record (user, ms) WHERE user IS NOT NULL;
CREATE INDEX record_session ON record (session, ms) WHERE session IS NOT NULL;
CREATE INDEX record_conversation ON record (conversation, ms) WHERE conversation IS NOT NULL;
CREATE INDEX record_error ON record (ms) WHERE outcome = 'error';
-- Each message once for a user; '' is the scope of what is nobody's.
CREATE TABLE message (
  id INTEGER PRIMARY KEY,
  scope TEXT NOT NULL,
  sha256 BLOB NOT NULL,
  text TEXT NOT NULL,
  indexed INTEGER NOT NULL,
  UNIQUE (scope, sha256)
);
CREATE TABLE field (id INTEGER PRIMARY KEY, attribute TEXT NOT NULL);
-- Which messages make up a field of a record, in order; position -1: the message is the whole field.
-- fresh: this record is the one that says it, others send it again.
CREATE TABLE record_message (
  record INTEGER NOT NULL REFERENCES record,
  field INTEGER NOT NULL REFERENCES field,
  position INTEGER NOT NULL,
  message INTEGER NOT NULL REFERENCES message,
  fresh INTEGER NOT NULL,
  PRIMARY KEY (record, field, position)
) WITHOUT ROWID;
CREATE INDEX record_message_fresh ON record_message (message, record, field) WHERE fresh;
-- The words of messages (rowid = message.id), as prompt_history.exporter.stores.words splits them.
CREATE VIRTUAL TABLE message_text USING fts5 (text, content = '', tokenize = 'unicode61');
"""


def opened(path: Path) -> sqlite3.Connection:
    """A connection for the writer; creates what is missing. Raises `StoreUnreachable`, `sqlite3.Error`, `OSError`."""
    if path != MEMORY:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # its log files take its mode
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA page_size = 8192")  # of a new file: a record takes about two kilobytes
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # the spool lets go of what is confirmed
        connection.execute("BEGIN IMMEDIATE")
        if not _version(connection, path):
            for statement in _statements(SCHEMA):
                connection.execute(statement)
            connection.executemany("INSERT INTO field VALUES (?, ?)", list(enumerate(FIELDS)))
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _statements(script: str) -> Iterator[str]:
    """`executescript` would commit what is under way."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(connection: sqlite3.Connection, path: Path) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in (0, VERSION):
        raise StoreUnreachable(
            f"{path} has schema {version}, this version of prompt-history knows {VERSION}: update it."
        )
    return int(version)


def reader(path: Path) -> sqlite3.Connection | None:
    """A read-only connection to the store at `path`; `None` when there is none yet.

    Raises `StoreUnreachable`.
    """
    if not path.exists():
        return None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS, check_same_thread=False
        )
        try:
            if not _version(connection, path):
                connection.close()
                return None
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise StoreUnreachable(f"{path} cannot be read: {error}.") from error
    return connection
