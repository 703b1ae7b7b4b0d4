"""How far the shipper is in each segment, and what it did: two small files that outlive it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prompt_history.exporter.spool.reader import CURSOR, confirmed, segments, writer_of

LEDGER = "ledger.json"


def read_ledger(directory: Path) -> dict[str, int]:
    """What all shippers of this spool did, in records: `shipped`, `duplicates`, `dead`, `retries`, `interrupted`, …

    Empty when nothing was shipped yet.
    """
    try:
        ledger = json.loads((directory / LEDGER).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(ledger, dict):
        return {}
    return {name: count for name, count in ledger.items() if isinstance(count, int)}


@dataclass(slots=True)
class Reading:
    """One segment, as far as it is read."""

    path: Path
    position: int
    """Everything before it was read."""
    open: set[int] = field(default_factory=set)
    """Offsets of the frames before `position` that are not settled."""

    @property
    def writer(self) -> str:
        return writer_of(self.path.name)

    @property
    def confirmed(self) -> int:
        """Everything before it is settled."""
        return min(self.open, default=self.position)


class Progress:
    """The readings and the counters of the leading shipper."""

    def __init__(self, directory: Path) -> None:
        """Takes up where the last leader left off."""
        self._directory = directory
        self._cursor = confirmed(directory)
        self._saved: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._readings: dict[str, Reading] = {}
        self.counts = Counter(read_ledger(directory))
        self.readings()  # or the next save would forget what is confirmed

    def readings(self) -> list[Reading]:
        """All segments that are there now, oldest first."""
        names = segments(self._directory)
        for name in self._readings.keys() - set(names):
            del self._readings[name]
        for name in names:
            if name not in self._readings:
                self._readings[name] = Reading(self._directory / name, self._cursor.pop(name, 0))
        return [self._readings[name] for name in names]

    def forget(self, reading: Reading) -> None:
        """The segment is gone."""
        self._readings.pop(reading.path.name, None)

    def save(self) -> None:
        """Makes readings and counters survive this process. Raises `OSError`."""
        cursor = {name: reading.confirmed for name, reading in self._readings.items() if reading.confirmed}
        state = (cursor, dict(self.counts))
        if state != self._saved:
            # The ledger first: what a crash in between sends again is then counted as duplicate, not as shipped.
            _replace(self._directory / LEDGER, self.counts)
            _replace(self._directory / CURSOR, cursor)
            self._saved = state


def _replace(path: Path, content: Mapping[str, int]) -> None:
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 (a descriptor, for its mode)
        json.dump(content, file)
    new.rename(path)
