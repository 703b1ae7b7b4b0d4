"""Reads the content fields of a record: JSON text in the message shapes of the GenAI semantic conventions.

A conversation comes back longer with every call, so what was split and read before is remembered. Damaged text
never raises: it splits into nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import orjson

from prompt_history.instrumentation.recent import Recent

V = TypeVar("V")

CONTENT_FIELDS = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
)
"""The attributes that hold content as one JSON text each, in the order in which they are hashed."""

MODEL_ROLES = frozenset(("assistant", "model"))
SYSTEM_ROLES = frozenset(("system", "developer"))

MAX_DEPTH = 200
MEMO_BYTES = 8 * 1024 * 1024
RECENT = 32
"""How many conversations `split` remembers."""


class Memo(Generic[V]):
    """What was made of a text, for the texts of late."""

    def __init__(self, make: Callable[[str], V], limit: int = MEMO_BYTES) -> None:
        self._make = make
        self._recent: Recent[V] = Recent(limit)

    def __call__(self, text: str) -> V:
        found = self._recent.get(text)
        if found is None:
            found = self._make(text)
            self._recent.put(text, found, len(text))
        return found


class _Splits:
    """The texts that were split last, each without its closing bracket."""

    def __init__(self) -> None:
        self._pieces: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._size = 0

    def continued_by(self, text: str) -> tuple[str, tuple[str, ...]]:
        """The remembered start of `text` and its pieces; empty when there is none."""
        for start in reversed(self._pieces):
            if text.startswith(start) and text[len(start) : len(start) + 1] in (",", "]"):
                return start, self._pieces[start]
        return "", ()

    def put(self, start: str, pieces: tuple[str, ...], instead_of: str) -> None:
        if len(start) > MEMO_BYTES // 4:
            return
        if self._pieces.pop(instead_of, None) is not None:
            self._size -= len(instead_of)
        if start in self._pieces:
            self._pieces.move_to_end(start)
            return
        self._pieces[start] = pieces
        self._size += len(start)
        while self._size > MEMO_BYTES or len(self._pieces) > RECENT:
            self._size -= len(self._pieces.popitem(last=False)[0])


_splits = _Splits()


def split(text: str) -> tuple[str, ...] | None:
    """The JSON text of each item of the JSON array `text`.

    `None` unless `"[" + ",".join(items) + "]"` is `text` again, to the character, and for the empty array.
    """
    start, known = _splits.continued_by(text) if text.endswith("]") else ("", ())
    rest = text[len(start) :]
    if known and rest == "]":
        return known
    new = _split("[" + rest[1:])
    if new is None:
        return None
    _splits.put(text[:-1], known + new, instead_of=start)
    return known + new


def _split(text: str) -> tuple[str, ...] | None:
    items = loads(text)
    if not isinstance(items, list) or not items:
        return None
    pieces = tuple([orjson.dumps(item).decode() for item in items])
    return pieces if "[" + ",".join(pieces) + "]" == text else None


def loads(text: object) -> Any:
    """The JSON value of `text`; `None` when it is damaged, no string, or too deep to be written again."""
    if not isinstance(text, str):
        return None
    try:
        value = orjson.loads(text)
        if text.count("[") + text.count("{") > MAX_DEPTH:
            orjson.dumps([[[value]]])
    except (ValueError, TypeError):
        return None
    return value


Message: TypeAlias = "str | dict[str, Any]"
"""Parsed, or as JSON text: then what is read from it is remembered."""


def messages(text: object) -> Sequence[Message]:
    """The messages in the JSON array `text`, each as its JSON text where that can be told; else its objects."""
    return (split(text) if isinstance(text, str) else None) or items(text)


def items(text: object) -> list[dict[str, Any]]:
    """The objects in the JSON array `text`; what is no object is left out."""
    value = loads(text)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def parsed(message: Message) -> dict[str, Any]:
    """`message` as an object; an empty one when it is none."""
    value = loads(message) if isinstance(message, str) else message
    return value if isinstance(value, dict) else {}


def role_of(message: Message) -> str:
    return _role(message) if isinstance(message, str) else _role_in(message)


def _role_in(message: dict[str, Any]) -> str:
    role = message.get("role")
    return role if isinstance(role, str) else ""


_role = Memo(lambda text: _role_in(parsed(text)))


def new_from(roles: Sequence[str]) -> int:
    """Where what is new in a conversation starts: after the last model message that another one follows."""
    last = len(roles) - 1
    while last >= 0 and roles[last] in MODEL_ROLES:
        last -= 1
    while last >= 0 and roles[last] not in MODEL_ROLES:
        last -= 1
    return last + 1
