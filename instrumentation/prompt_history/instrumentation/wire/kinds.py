"""Message parts as tables: a row says how a provider and the semantic conventions spell the same part.

What a row does not name stays in the part under its own key, so that writing gives back what was read. Nothing here
knows a provider: the rows are in the modules of the wire formats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple, Protocol

import orjson

from ..model import Part

MISSING: Any = object()
"""Stands for a key that is not there, as `None` is a value."""
_DEFAULT: Any = object()


class Field(NamedTuple):
    """One value of the provider's part, and what becomes of it."""

    path: str
    """Where it stands in the provider's part: `text`, `source.data`."""
    split: Callable[[Any], Part | None]
    """The value as fields of the semconv part; `None`: it is no such part."""
    join: Callable[[Part], Any]
    """Inverse of `split`: takes its fields out of the part. `MISSING` when they are not there."""
    optional: bool = False


def value(name: str, path: str, kind: type = object, *, optional: bool = False) -> Field:
    """A value that is the same in both spellings."""

    def split(found: Any) -> Part | None:
        return {name: found} if isinstance(found, kind) else None

    return Field(path, split, lambda part: part.pop(name, MISSING), optional)


def data_uri(path: str, *, bare: bool = False) -> Field:
    """A `data:` URI with base64 as `mime_type` and `content`; with `bare`, base64 alone is `content`."""

    def split(found: Any) -> Part | None:
        if not isinstance(found, str):
            return None
        if found.startswith("data:"):
            head, marker, content = found.partition(";base64,")
            if marker:
                return {"mime_type": head[5:], "content": content}
        return {"content": found} if bare else None

    def join(part: Part) -> Any:
        if "content" not in part:
            return MISSING
        content = part.pop("content")
        return f"data:{part.pop('mime_type')};base64,{content}" if "mime_type" in part else content

    return Field(path, split, join)


def audio_format(path: str) -> Field:
    """`wav` as `mime_type` `audio/wav`."""

    def split(found: Any) -> Part | None:
        return {"mime_type": f"audio/{found}"} if isinstance(found, str) else None

    def join(part: Part) -> Any:
        mime_type = part.pop("mime_type", MISSING)
        return mime_type.removeprefix("audio/") if isinstance(mime_type, str) else mime_type

    return Field(path, split, join, optional=True)


def json_text(path: str) -> Field:
    """JSON text as `arguments`, parsed.

    `arguments_text` keeps the text where it is not how we would write it, and is null where there was no text but
    the arguments themselves.
    """

    def split(found: Any) -> Part | None:
        if not isinstance(found, str):
            return {"arguments": found, "arguments_text": None}
        try:
            parsed = orjson.loads(found)
            if not isinstance(parsed, (dict, list)):
                return {"arguments": found}
            if orjson.dumps(parsed).decode() == found:
                return {"arguments": parsed}
        except (ValueError, TypeError):
            return {"arguments": found}
        return {"arguments": parsed, "arguments_text": found}

    def join(part: Part) -> Any:
        arguments, text = part.pop("arguments", MISSING), part.pop("arguments_text", MISSING)
        if isinstance(text, str):
            return text
        parsed = text is MISSING and isinstance(arguments, (dict, list))
        return orjson.dumps(arguments).decode() if parsed else arguments

    return Field(path, split, join, optional=True)


class Row(Protocol):
    """A kind of part in both spellings."""

    @property
    def provider(self) -> str | None:
        """The `type` of the provider's part; `None`: it has none."""

    @property
    def part(self) -> str:
        """The `type` of the semconv part."""

    def read(self, item: Part) -> Part | None:
        """The semconv part of the provider's `item`; `None`: it is not of this kind."""

    def write(self, part: Part) -> Part:
        """Inverse of `read`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of part whose fields stand at paths of the provider's part."""

    provider: str | None
    part: str
    fields: tuple[Field, ...]
    where: Mapping[str, str] = field(default_factory=dict)
    """Path: the value that the provider's part must have there."""
    modality: str | None = None
    tag: str | None = None
    """`provider_type` of every such part; else only parts that are not the first of their kind have one."""

    def read(self, item: Part) -> Part | None:
        rest = dict(item)
        rest.pop("type", None)
        for path, expected in self.where.items():
            if _take(rest, path) != expected:
                return None
        part: Part = {"type": self.part}
        if self.tag is not None:
            part["provider_type"] = self.tag
        if self.modality is not None:
            part["modality"] = self.modality
        for path, split, _, optional in self.fields:
            found = _take(rest, path)
            if found is not MISSING:
                fields = split(found)
                if fields is None:
                    return None
                part.update(fields)
            elif not optional:
                return None
        part.update(rest)
        return part

    def write(self, part: Part) -> Part:
        item = dict(part)
        for key in ("type", "provider_type", "modality"):
            item.pop(key, None)
        found = [(path, join(item)) for path, _, join, _ in self.fields]
        if self.provider is not None:
            item["type"] = self.provider
        for path, expected in self.where.items():
            _put(item, path, expected)
        for path, given in found:
            if given is not MISSING:
                _put(item, path, given)
        return item


@dataclass(frozen=True, slots=True)
class Nested:
    """A call of a tool that the provider runs, or its result: what is peculiar to the tool stays together."""

    provider: str
    part: str
    """`server_tool_call` or `server_tool_call_response`: also the field that has the provider's part."""
    id: str
    """The provider's key for `id`."""
    name: str | None = None
    """Name of the tool, where the provider gives none but in the type."""

    def read(self, item: Part) -> Part | None:
        rest = dict(item)
        part: Part = {"type": self.part}
        if self.id in rest:
            part["id"] = rest.pop(self.id)
        if self.part == "server_tool_call":
            name = self.name or rest.pop("name", None)
            if not isinstance(name, str):
                return None
            part["name"] = name
        part[self.part] = rest
        return part

    def write(self, part: Part) -> Part:
        item = dict(part[self.part])
        if "id" in part:
            item[self.id] = part["id"]
        if self.name is None and "name" in part:
            item["name"] = part["name"]
        return item


class Kinds:
    """All kinds of part that stand in one place of a provider's message."""

    def __init__(self, *rows: Row) -> None:
        self._reading: dict[str | None, list[tuple[Row, Any]]] = {}
        self._writing: dict[tuple[str, str | None, Any], Row] = {}
        self._nested: dict[tuple[str, Any], Row] = {}
        for row in rows:
            modality, tag = getattr(row, "modality", None), getattr(row, "tag", None)
            mark = _DEFAULT
            if isinstance(row, Nested):
                self._nested[(row.part, row.provider)] = row
            else:
                if tag is None and (row.part, modality, _DEFAULT) in self._writing:
                    mark = row.provider
                self._writing[(row.part, modality, mark if tag is None else tag)] = row
            self._reading.setdefault(row.provider, []).append((row, mark))

    def read(self, item: Any) -> Part:
        """The semconv part of a provider's part: as it is where no row fits, `generic` where it has no type."""
        if isinstance(item, dict):
            kind = item.get("type")
            known = self._reading.get(kind, ()) if kind is None or isinstance(kind, str) else ()
            for row, mark in known:
                part = row.read(item)
                if part is not None:
                    return part if mark is _DEFAULT else {"type": part["type"], "provider_type": mark, **part}
            if isinstance(kind, str) and kind:
                return dict(item)
        return {"type": "generic", "value": item}

    def write(self, part: Part) -> Any:
        """Inverse of `read`."""
        kind = part["type"]
        if kind == "generic" and part.keys() == {"type", "value"}:
            return part["value"]
        nested = part.get(kind)
        if isinstance(nested, dict) and (inner := self._nested.get((kind, nested.get("type")))):
            return inner.write(part)
        row = self._writing.get((kind, part.get("modality"), part.get("provider_type", _DEFAULT)))
        return dict(part) if row is None else row.write(part)


@cache
def _keys(path: str) -> tuple[str, str]:
    key, _, inner_key = path.partition(".")
    return key, inner_key


def _take(rest: Part, path: str) -> Any:
    """Takes the value at `path` out of `rest`, whose inner objects stay as they are for their owner."""
    key, inner_key = _keys(path)
    if not inner_key:
        return rest.pop(key, MISSING)
    inner = rest.get(key)
    if not isinstance(inner, dict) or inner_key not in inner:
        return MISSING
    left = dict(inner)
    found = left.pop(inner_key)
    if left:
        rest[key] = left
    else:
        del rest[key]
    return found


def _put(item: Part, path: str, given: Any) -> None:
    key, inner_key = _keys(path)
    if not inner_key:
        item[key] = given
    else:
        inner = item.get(key)
        item[key] = {**inner, inner_key: given} if isinstance(inner, dict) else {inner_key: given}
