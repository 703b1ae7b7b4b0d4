"""What the spool holds and the store has not yet: shipped when nobody else does, else read where it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import orjson

from prompt_history.exporter.derive import complete
from prompt_history.exporter.spool import RECORD, pending, segments
from prompt_history.exporter.stores import Record
from prompt_history.exporter.stores.sqlite import MEMORY, SqliteStore

DRAIN_SECONDS = 1.0
_BATCH = 100


def drained(spool: Path, database: Path, seconds: float = DRAIN_SECONDS) -> bool:
    """Whether the store has all that the spool holds, after shipping for `seconds` at most if nobody else does."""
    if not segments(spool):
        return True
    import logging

    from prompt_history.exporter.shipper import Shipper

    log, silent = logging.getLogger("prompt_history"), logging.NullHandler()
    log.addHandler(silent)  # a store that takes nothing may still be read; if not, whoever reads says so
    store = SqliteStore(database)
    shipper = Shipper(spool, store, complete=complete, batch_records=_BATCH)
    try:
        # Nobody waits for another shipper: it may be slow, and what it has not shipped yet can be read.
        return shipper.try_lead() and shipper.drain(seconds)
    except OSError:
        return False  # no right to write there: then it is read where it is
    finally:
        shipper.resign()
        store.close()
        log.removeHandler(silent)


def waiting(spool: Path, disk: sqlite3.Connection | None) -> sqlite3.Connection | None:
    """The records of the spool that are not on `disk`, as a store in memory; `None` when there are none."""
    store = SqliteStore(MEMORY)
    for batch in _batches(spool, disk):
        store.write(batch)
    if not store.is_open:
        return None
    return store.connection


def _batches(spool: Path, disk: sqlite3.Connection | None) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for _, frame in pending(spool):
        if frame.kind != RECORD:
            continue
        try:
            record = orjson.loads(frame.payload)
        except ValueError:
            continue  # the shipper makes it a dead letter, and counts it
        if isinstance(record, dict) and not _on_disk(disk, record):
            batch.append(complete(record))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _on_disk(disk: sqlite3.Connection | None, record: Record) -> bool:
    if disk is None:
        return False
    query = "SELECT 1 FROM record WHERE span_id = ? AND trace_id = ?"
    try:
        return disk.execute(query, (record.get("span_id"), record.get("trace_id"))).fetchone() is not None
    except sqlite3.Error:
        return False  # an id of a type that is none, or a damaged file: reading that file says so
