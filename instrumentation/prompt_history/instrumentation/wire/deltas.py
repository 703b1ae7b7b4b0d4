"""Folds the pieces of a streamed response into the whole that they were cut from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NEVER_CUT = frozenset(("role", "id", "type", "index", "format"))
"""Keys whose text comes in one piece, by some providers again with each chunk."""


class Pieces(list[str]):
    """A text that is still arriving."""


def fold(target: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Adds `delta` to `target`: texts grow, objects and lists are folded, of anything else the last one counts."""
    for key, value in delta.items():
        known = target.get(key)
        if known is None:
            target[key] = _started(key, value)
        elif value is None:
            continue
        elif type(known) is Pieces and isinstance(value, str):
            if key != "name" or known != [value]:  # some providers repeat the name with each piece of arguments
                known.append(value)
        elif isinstance(known, dict) and isinstance(value, Mapping):
            fold(known, value)
        elif type(known) is list and isinstance(value, list):
            _extend(known, value)
        elif type(known) is list and isinstance(value, str):
            known.append(value)
        elif type(known) is Pieces and isinstance(value, list):
            target[key] = ["".join(known), *value]
        elif value != "":
            target[key] = value


def finished(value: Any) -> Any:
    """`value` with its texts joined."""
    if type(value) is Pieces:
        return "".join(value)
    if isinstance(value, dict):
        return {key: finished(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finished(item) for item in value]
    return value


def _started(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return value if key in _NEVER_CUT else Pieces((value,))
    if isinstance(value, Mapping):
        started: dict[str, Any] = {}
        fold(started, value)
        return started
    if isinstance(value, list):
        items: list[Any] = []
        _extend(items, value)
        return items
    return value


def _extend(known: list[Any], items: list[Any]) -> None:
    for item in items:
        entry = _same(known, item) if isinstance(item, Mapping) and item.get("index") is not None else None
        if entry is None:
            known.append(_started("index", item))
        else:
            fold(entry, item)


def _same(known: list[Any], item: Mapping[str, Any]) -> dict[str, Any] | None:
    """The entry that `item` continues: that of its index, unless it says that it is another one."""
    for entry in reversed(known):
        if isinstance(entry, dict) and entry.get("index") == item["index"]:
            other = item.get("id") and entry.get("id") and item["id"] != entry["id"]
            return None if other else entry
    return None
