"""Where history lives. A store keeps records; the shipper is its one writer, the history its reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

Record: TypeAlias = dict[str, Any]
"""The JSON document of one call, as in docs/reference/record.md."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that the store can never keep."""

    position: int
    """In the batch."""
    reason: str
    """Quotes no content."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch. Positions in neither list are kept for good."""

    later: Sequence[int] = ()
    """Positions to send again."""
    rejected: Sequence[Rejected] = field(default_factory=tuple)
    duplicates: int = 0
    """How many the store had already: kept, and counted."""


class StoreUnreachable(Exception):
    """Nothing of the batch is known to be kept; send it all again. The text names the store and quotes no content."""


class Store(Protocol):
    """The writing side of a store."""

    def write(self, records: Sequence[Record]) -> Outcome:
        """Keeps `records`; keeping one twice changes nothing. Raises `StoreUnreachable`."""
        ...

    def close(self) -> None: ...
