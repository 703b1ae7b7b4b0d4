"""The history of one data directory."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_history.exporter.stores import StoreUnreachable
from prompt_history.exporter.stores.schema import reader

from . import ids, queries
from .filters import Filters
from .queries import Condition, Found, Key, Said
from .statistics import Statistics, statistics
from .waiting import drained, waiting

if TYPE_CHECKING:
    from prompt_history.exporter.config import Config

__all__ = ["Ambiguous", "Found", "History", "Key", "NotFound", "Statistics"]

_CANDIDATES = 20
_POLL_SECONDS = 0.5
_NO_FILTERS = Filters()


class NotFound(LookupError):
    """No record has that name."""


class Ambiguous(LookupError):
    """More than one record has that name; `args[1]` are their ids."""


class History:
    """Reads the store of a data directory, and what its spool still holds. Nothing there is an empty history.

    Every method raises `StoreUnreachable` when the file cannot be read.
    """

    def __init__(self, database: Path, spool: Path) -> None:
        self._database = database
        self._spool = spool
        self._disk: sqlite3.Connection | None = None
        self._waiting: sqlite3.Connection | None = None

    @classmethod
    def open(cls, config: Config) -> History:
        """The history of `config`, as of now."""
        history = cls(config.database, config.spool)
        history.refresh()
        return history

    def refresh(self) -> None:
        """Looks at the spool again: ships it if nobody else does (for a second at most), else reads it as well."""
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None
        if not drained(self._spool, self._database):
            # The spool is read before the store: what is shipped meanwhile is then in both, and shown once.
            self._waiting = waiting(self._spool, self._on_disk())

    def close(self) -> None:
        for connection in (self._disk, self._waiting):
            if connection is not None:
                connection.close()
        self._disk = self._waiting = None

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def log(
        self, filters: Filters = _NO_FILTERS, limit: int = 20, before: Key | None = None, *, content: bool = True
    ) -> list[Found]:
        """The newest records, newest first; `before` the key of the last one of the page that was seen."""
        conditions: list[Condition] = [filters.where()]
        if before is not None:
            conditions.append(queries.before(before))
        return self._list(conditions, limit, content=content)

    def search(
        self, text: str, filters: Filters = _NO_FILTERS, limit: int = 20, before: Key | None = None
    ) -> list[Found]:
        """The newest records in which every word of `text` was said, newest first."""
        conditions: list[Condition | Said] = [filters.where(), *queries.containing(text)]
        if before is not None:
            conditions.append(queries.before(before))
        return self._list(conditions, limit)

    def get(self, name: str) -> Found:
        """The record of that id, or prefix of one; `@` is the last, `@~2` the one two before it.

        Raises `NotFound`, `Ambiguous`.
        """
        asked = ids.parsed(name)
        if asked is None:
            raise NotFound(f"{name!r} is no id: it has hexadecimal digits, or is @ for the last record.")
        if asked.nth_last is not None:
            found = self._list([], asked.nth_last + 1, content=False)[asked.nth_last :]
        else:
            found = self._list([ids.condition(asked)], _CANDIDATES, content=False)
        exact = [one for one in found if one.id == name]
        if len(found) > 1 and len(exact) != 1:
            raise Ambiguous(f"{name!r} is the beginning of more than one id.", [one.id for one in found])
        if not found:
            raise NotFound(f"No record is named {name!r}.")
        whole = ids.parsed((exact or found)[0].id)
        assert whole is not None
        return self._list([ids.condition(whole)], 1)[0]

    def tail(
        self, filters: Filters = _NO_FILTERS, last: int = 10, stop: threading.Event | None = None
    ) -> Iterator[Found]:
        """The `last` records, oldest first, and then each new one as it comes, until `stop` is set."""
        stop = stop or threading.Event()
        shown: dict[str, None] = {}
        row = self._last_row()
        new = self.log(filters, last)[::-1]
        while True:
            for found in new:
                if found.id not in shown:
                    shown[found.id] = None
                    yield found
            while len(shown) > 10_000:
                del shown[next(iter(shown))]
            if stop.wait(_POLL_SECONDS):
                return
            self.refresh()
            upto = self._last_row()
            new = self._between(filters, row, upto)
            row = upto

    def statistics(self) -> Statistics:
        """Totals of everything."""
        with self._reading():
            return statistics(self._database, self._on_disk(), self._waiting)

    def _list(self, conditions: Sequence[Condition | Said], limit: int, *, content: bool = True) -> list[Found]:
        with self._reading() as sources:
            rows = [(row, source) for source in sources for row in queries.rows(source, conditions, limit)]
            rows.sort(key=lambda item: item[0].key, reverse=True)
            first = {row.id: (row, source) for row, source in reversed(rows)}
            chosen = [first[row_id] for row_id in list(dict.fromkeys(row.id for row, _ in rows))[:limit]]
            found = {
                one.id: one
                for source in sources
                for one in queries.records(source, [row for row, of in chosen if of is source], content=content)
            }
        return [found[row.id] for row, _ in chosen]

    def _between(self, filters: Filters, row: int, upto: int) -> list[Found]:
        """What the store got in rows behind `row` up to `upto`, and all that waits, oldest first."""
        with self._reading() as sources:
            new: list[Found] = []
            for source in sources:
                behind = (row, upto) if source is self._disk else (0, -1)
                conditions: list[Condition] = [filters.where(), ("id > ? AND (id <= ? OR ? < 0)", (*behind, behind[1]))]
                new += queries.records(source, queries.rows(source, conditions, -1))
        return sorted(new, key=lambda found: found.key)

    def _last_row(self) -> int:
        with self._reading() as sources:
            if self._disk is None or self._disk not in sources:
                return 0
            (row,) = self._disk.execute("SELECT coalesce(max(id), 0) FROM record").fetchone()
            return int(row)

    def _on_disk(self) -> sqlite3.Connection | None:
        if self._disk is None:
            self._disk = reader(self._database)
        return self._disk

    @contextmanager
    def _reading(self) -> Iterator[list[sqlite3.Connection]]:
        sources = [source for source in (self._waiting, self._on_disk()) if source is not None]
        try:
            yield sources
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self.close()
            raise StoreUnreachable(f"{self._database} cannot be read: {error}.") from error
