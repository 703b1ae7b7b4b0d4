"""A mapping that forgets."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Two generations of at most `limit` (entries, or whatever `size` counts): the older goes when the younger is full.

    Safe among threads without a lock: each step is one operation of a dict, and a lost one costs a second look.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._young: dict[Hashable, tuple[Value, int]] = {}
        self._old: dict[Hashable, tuple[Value, int]] = {}
        self._size = 0

    def get(self, key: Hashable) -> Value | None:
        """The value, or `None` if it was never put or is forgotten. What is asked for is remembered longer."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is None:
                return None
            self.put(key, *found)
        return found[0]

    def put(self, key: Hashable, value: Value, size: int = 1) -> None:
        """Remembers `value`."""
        self._young[key] = (value, size)
        self._size += size
        if self._size > self._limit:
            self._old, self._young, self._size = self._young, {}, 0

    def clear(self) -> None:
        """Forgets everything."""
        self._young, self._old, self._size = {}, {}, 0
