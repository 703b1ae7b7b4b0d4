"""Turns content into redacted JSON, once for each text that this process has not seen lately.

A conversation is sent again with every turn: what was redacted and serialised before is looked up, so that the
cost of a call follows its new text.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from .contract import Media, Redact, Redacted
from .guard import failed, failures
from .model import Body, Message, WireFormat
from .recent import Recent
from .text import text_of
from .wire.parts import reference_media

MEMO_BYTES = 8 * 1024 * 1024
"""Of each of the two generations of fragments that a process remembers."""
_SURROGATE = re.compile("[\ud800-\udfff]")
SYSTEM_ROLES = ("system", "developer")
WITHHELD = "[WITHHELD redaction failed]"

Key: TypeAlias = tuple[str, str, Any]

_SEARCHED = ("gen_ai.input.messages", "gen_ai.system_instructions")
"""Fields whose text this process gives to the record; the shipper derives that of the others."""


class Fragment:
    """One message, system prompt or tool list as it is stored: redacted and serialised."""

    __slots__ = ("counts", "indexed", "json", "role", "text", "tokens", "withheld")

    def __init__(self, value: Any, redacted: Redacted, *, searched: bool, withheld: bool = False) -> None:
        self.role: str = value.get("role", "") if isinstance(value, dict) else ""
        self.json = serialised(value).decode()
        self.text = (value["parts"][0]["content"] if _is_text(value) else text_of(value)) if searched else ""
        self.counts = redacted.counts
        self.tokens = redacted.tokens
        self.withheld = withheld
        self.indexed = False
        """Whether a record that was kept has this text under `prompt_history.input.text`."""

    def size(self) -> int:
        """Bytes that it takes, roughly."""
        return len(self.json) + len(self.text) + 300


memo: Recent[Fragment] = Recent(MEMO_BYTES)


class Content:
    """The content of one call, for its record and its span."""

    __slots__ = ("_media", "_redact", "counts", "fresh", "tokens", "withheld")

    def __init__(self, redact: Redact, media: Media = "reference") -> None:
        self._redact = redact
        self._media = media
        self.counts: dict[str, int] = {}
        self.tokens: dict[str, None] = {}
        self.withheld = False
        self.fresh: list[Fragment] = []
        """Fragments whose text this record is the first to have."""

    def request(self, wire: WireFormat, body: Body) -> dict[str, str]:
        """Attributes: the messages, system instructions and tools of a request, and the text that is new in it.

        What is of a shape that cannot be given back is left out here, and stays in the extra parameters.
        """
        found: dict[str, str] = {}
        messages = self._messages(wire, body.get(wire.messages))
        if messages is not None:
            found["gen_ai.input.messages"] = "[" + ",".join([fragment.json for fragment in messages]) + "]"
            found.update(self._texts(messages))
        if wire.system and (value := body.get(wire.system)) is not None:
            fragment = self._whole("gen_ai.system_instructions", wire, value, wire.read_system)
            if fragment is not None:
                found["gen_ai.system_instructions"] = fragment.json
                found["prompt_history.system.text"] = "" if fragment.indexed else fragment.text
        if wire.tools and (value := body.get(wire.tools)) is not None:
            fragment = self._whole("gen_ai.tool.definitions", wire, value, wire.read_tools)
            if fragment is not None:
                found["gen_ai.tool.definitions"] = fragment.json
        return found

    def response(self, wire: WireFormat, body: Body) -> dict[str, str]:
        """Attributes: the messages of a response."""
        messages = [self._redacted("gen_ai.output.messages", message) for message in wire.output_messages(body)]
        if not messages:
            return {}
        return {"gen_ai.output.messages": "[" + ",".join([fragment.json for fragment in messages]) + "]"}

    def unread(self, text: str) -> dict[str, str]:
        """Attributes: a response that is not the JSON that the API promises."""
        message = {"role": "assistant", "parts": [{"type": "generic", "value": text}]}
        return {"gen_ai.output.messages": "[" + self._redacted("gen_ai.output.messages", message).json + "]"}

    def value(self, field: str, value: Any) -> Any:
        """`value` without what the policy removes; `WITHHELD` when that fails."""
        try:
            redacted = self._redact(field, value)
        except Exception as error:
            failed("redact " + field, error)
            self.withheld = True
            return WITHHELD
        self._note(redacted.counts, redacted.tokens)
        return redacted.value

    def json(self, field: str, value: Any) -> str:
        """`value`, redacted, as JSON text."""
        return serialised(self.value(field, plain(value))).decode()

    def summary(self) -> dict[str, Any]:
        """Attributes: what was removed or replaced so far."""
        found: dict[str, Any] = {}
        if self.counts:
            found["prompt_history.redaction.count"] = sum(self.counts.values())
            found["prompt_history.redaction.kinds"] = sorted(self.counts)
        if self.tokens:
            found["prompt_history.redaction.tokens"] = list(self.tokens)
        if self.withheld:
            found["prompt_history.redaction.withheld"] = True
        return found

    def kept(self) -> None:
        """To be called when the record is kept: later records need not repeat its text."""
        for fragment in self.fresh:
            fragment.indexed = True

    def _messages(self, wire: WireFormat, value: Any) -> list[Fragment] | None:
        if value is None:
            return None
        if wire.read_message is not None and isinstance(value, (list, tuple)):
            return [self._message(wire, wire.read_message, item) for item in value]
        try:
            messages = wire.read_messages(plain(value))
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
        return [self._redacted("gen_ai.input.messages", message) for message in messages]

    def _message(self, wire: WireFormat, read: Callable[[Any], Message], item: Any) -> Fragment:
        key = _key(wire, item)
        fragment = memo.get(key)
        if fragment is None:
            fragment = self._redacted("gen_ai.input.messages", read(plain(item)))
            if not fragment.withheld:
                memo.put(key, fragment, fragment.size())
        else:
            self._note(fragment.counts, fragment.tokens)
        return fragment

    def _whole(self, field: str, wire: WireFormat, value: Any, read: Callable[[Any], list[Any]]) -> Fragment | None:
        data = value if isinstance(value, str) else serialised(plain(value))
        key = (wire.name, field, data)
        fragment = memo.get(key)
        if fragment is not None:
            self._note(fragment.counts, fragment.tokens)
        else:
            try:
                parts = read(value if isinstance(value, str) else orjson.loads(data))
            except (ValueError, TypeError, KeyError, AttributeError):
                return None
            fragment = self._redacted(field, parts)
            if not fragment.withheld:
                memo.put(key, fragment, fragment.size())
        if not fragment.indexed:
            self.fresh.append(fragment)
        return fragment

    def _redacted(self, field: str, value: Any) -> Fragment:
        searched = field in _SEARCHED
        try:
            if isinstance(value, dict) and not _is_text(value):
                value = reference_media(value, self._media)
            redacted = self._redact(field, value)
            fragment = Fragment(redacted.value, redacted, searched=searched)
        except Exception as error:
            failed("redact " + field, error)
            self.withheld = True
            part = {"type": "text", "content": WITHHELD}
            withheld = {"role": value.get("role", ""), "parts": [part]} if isinstance(value, dict) else [part]
            return Fragment(withheld, Redacted(None), searched=False, withheld=True)
        self._note(fragment.counts, fragment.tokens)
        return fragment

    def _note(self, counts: Mapping[str, int], tokens: Iterable[str]) -> None:
        for kind, count in counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
        for token in tokens:
            self.tokens[token] = None

    def _texts(self, messages: Sequence[Fragment]) -> dict[str, str]:
        """What comes after the last assistant message that a non-assistant one follows, then what no record has yet.

        Messages of the system are text of their own; where there is nothing else they are the input.
        """
        last = len(messages) - 1
        while last >= 0 and messages[last].role == "assistant":
            last -= 1
        while last >= 0 and messages[last].role != "assistant":
            last -= 1
        new = [*messages[last + 1 :], *[fragment for fragment in messages[: last + 1] if not fragment.indexed]]
        self.fresh += [fragment for fragment in new if not fragment.indexed]
        said = [fragment for fragment in new if fragment.role not in SYSTEM_ROLES]
        found = {"prompt_history.input.text": _joined(said or new)}
        if said and len(said) < len(messages) and messages[0].role in SYSTEM_ROLES:
            system = [fragment for fragment in messages if fragment.role in SYSTEM_ROLES and not fragment.indexed]
            found["prompt_history.system.text"] = _joined(system)
        return found


def _joined(fragments: Iterable[Fragment]) -> str:
    return "\n".join([fragment.text for fragment in fragments if fragment.text])


def _key(wire: WireFormat, item: Any) -> Key:
    if type(item) is dict and len(item) == 2 and type(text := item.get("content")) is str:
        role = item.get("role")
        if type(role) is str:
            return (wire.name, role, text)
    data = serialised(item)
    return (wire.name, "", data if len(data) < 1024 else hashlib.blake2b(data, digest_size=20).digest())


def _is_text(value: Any) -> bool:
    """Whether a message has one part, of text and nothing else: as most have."""
    if type(value) is not dict or len(parts := value.get("parts", ())) != 1:
        return False
    part = parts[0]
    return len(part) == 2 and part.get("type") == "text" and type(part.get("content")) is str


def plain(value: Any) -> Any:
    """`value` as JSON values, apart from the application's objects."""
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return orjson.loads(serialised(value))


def serialised(value: Any) -> bytes:
    """`value` as JSON. What JSON or a store cannot hold becomes text: counted. Never consumes an iterator."""
    try:
        data = orjson.dumps(value)
    except TypeError:
        try:
            data = orjson.dumps(value, default=_default, option=orjson.OPT_NON_STR_KEYS)
        except (TypeError, ValueError, RecursionError):
            failures["hostile value"] += 1
            return orjson.dumps(storable(value))
    if b"null" in data and (mended := storable(value)) != value:
        failures["hostile value"] += 1
        return orjson.dumps(mended)
    return data


def _default(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_unset=True, by_alias=True, warnings=False)
    if isinstance(value, Mapping):
        return dict(value)
    return f"<{type(value).__qualname__}>"


def storable(value: Any, depth: int = 0) -> Any:
    """`value` with lone surrogates as U+FFFD, integers beyond 64 bits and NaN or infinity as text, at most 200 deep."""
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth > 200:
        return "…"
    if isinstance(value, Mapping):
        return {storable(str(key)): storable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable(item, depth + 1) for item in value]
    return storable(_default(value), depth + 1)
