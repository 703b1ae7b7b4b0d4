"""Request parameters as attributes, and the request body that a record's attributes stand for."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..model import Body, Parameter, WireFormat

EXTRA = "prompt_history.request.extra"
FORMAT = "prompt_history.request.format"
MESSAGES = "gen_ai.input.messages"
SYSTEM = "gen_ai.system_instructions"
TOOLS = "gen_ai.tool.definitions"
_LARGEST_EXACT = 2**53
_NO: Any = object()
"""Stands for a value that is no attribute."""


class _Rule(NamedTuple):
    """One path of a parameter."""

    attribute: str
    key: str
    inner: str
    """Key inside the object under `key`; empty: the value is under `key` itself."""
    rank: int
    """0 for the path at which the parameter is written back."""
    kind: int
    only: Any
    never: Any
    others: tuple[tuple[str, str], ...]
    """The other paths of the parameter."""


class _Table(NamedTuple):
    wire: WireFormat
    """Kept, so that its id, under which the table is, stays its own."""
    flat: dict[str, _Rule]
    nested: dict[str, tuple[_Rule, ...]]
    text: frozenset[str]
    """Keys whose value is content when it is a string."""
    items: frozenset[str]
    """Keys whose value is content when it is a list and not empty."""


_TEXT, _WHOLE, _NUMBER, _TRUTH, _TEXTS = range(5)
_KINDS = {str: _TEXT, int: _WHOLE, float: _NUMBER, bool: _TRUTH, list: _TEXTS}
_JSON = frozenset((str, int, float, bool, list, dict, type(None)))
_tables: dict[int, _Table] = {}


def read_parameters(wire: WireFormat, body: Body) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attributes of the parameters of a request, and the rest of it as it is, without what is read as content.

    A value leaves the rest only where `request_body` puts it back exactly. Never raises.
    """
    table = _tables.get(id(wire)) or _compiled(wire)
    attributes: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    flat, nested = table.flat, table.nested
    for key, value in body.items():
        rule = flat.get(key) if type(key) is str else None
        if rule is not None:
            found = _attribute(rule, value)
            if found is _NO or (rule.rank and rule.attribute in attributes):
                extra[key] = value
            else:
                attributes[rule.attribute] = found
                if rule.rank or found != value or (rule.others and _stands(rule.others, body)):
                    extra[key] = value
        elif key in nested and isinstance(value, dict) and value:
            _read_inner(nested[key], key, value, body, attributes, extra)
        elif not _is_content(table, key, value):
            extra[key] = value
    return attributes, extra


def request_body(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON body of the request that a record with these attributes is of, ready to be sent again.

    Content may be JSON text or parsed. Raises LookupError for a wire format that is not known, ValueError for
    content that is not what a record has.
    """
    from . import FORMATS

    wire = FORMATS[attributes.get(FORMAT, "")]
    body = dict(_parsed(attributes.get(EXTRA)) or {})
    for attribute, key, write in (
        (MESSAGES, wire.messages, wire.write_messages),
        (SYSTEM, wire.system, wire.write_system),
        (TOOLS, wire.tools, wire.write_tools),
    ):
        if key is not None and key not in body and (content := _parsed(attributes.get(attribute))) is not None:
            body[key] = _written(write, content)
    extra = dict(body)
    for parameter in wire.parameters:
        value = attributes.get(parameter.attribute)
        paths = [_split(path) for path in parameter.paths]
        if value is not None and not _stands(paths, extra):
            _write(body, *paths[0], list(value) if isinstance(value, (list, tuple)) else value)
    return body


def _is_content(table: _Table, key: Any, value: Any) -> bool:
    if isinstance(value, str):
        return key in table.text
    return key in table.items and isinstance(value, (list, tuple)) and len(value) > 0


def _read_inner(
    rules: tuple[_Rule, ...],
    key: str,
    value: dict[str, Any],
    body: Body,
    attributes: dict[str, Any],
    extra: dict[str, Any],
) -> None:
    rest = dict(value)
    for rule in rules:
        found = _attribute(rule, value.get(rule.inner))
        if found is _NO or (rule.rank and rule.attribute in attributes):
            continue
        attributes[rule.attribute] = found
        if not (rule.rank or found != value[rule.inner] or _stands(rule.others, body)):
            del rest[rule.inner]
    if rest:
        extra[key] = rest


def _attribute(rule: _Rule, value: Any) -> Any:
    """`value` as an attribute, or `_NO`."""
    kind = type(value)
    if kind not in _JSON:
        value = _exact(value)
        kind = type(value)
    if rule.kind == _TEXT:
        fits = kind is str and value != ""
    elif rule.kind == _NUMBER:
        if kind is int and -_LARGEST_EXACT <= value <= _LARGEST_EXACT:
            value = float(value)
        fits = type(value) is float and math.isfinite(value)
    elif rule.kind == _WHOLE:
        fits = kind is int and -(2**63) <= value < 2**63
    elif rule.kind == _TRUTH:
        fits = kind is bool
    elif kind is str and value:
        return [value]
    else:
        fits = kind is list and value and all(type(item) is str for item in value)
        value = list(value) if fits else value
    if not fits or (rule.only is not None and value != rule.only) or (rule.never is not None and value == rule.never):
        return _NO
    return value


def _exact(value: Any) -> Any:
    """A subclass of a JSON type, such as a member of an enumeration, as that type."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else value


def _compiled(wire: WireFormat) -> _Table:
    flat: dict[str, _Rule] = {}
    nested: dict[str, tuple[_Rule, ...]] = {}
    for parameter in wire.parameters:
        paths = [_split(path) for path in parameter.paths]
        for rank, (key, inner) in enumerate(paths):
            others = tuple(path for path in paths if path != (key, inner))
            kind = _KINDS[_declared(parameter)]
            rule = _Rule(parameter.attribute, key, inner, rank, kind, parameter.only, parameter.never, others)
            if inner:
                nested[key] = (*nested.get(key, ()), rule)
            else:
                flat[key] = rule
    text: set[str] = set()
    items: set[str] = set()
    for content, read in (
        (wire.messages, wire.read_messages),
        (wire.system, wire.read_system),
        (wire.tools, wire.read_tools),
    ):
        if content is not None:
            if _reads(read, "text"):
                text.add(content)
            if _reads(read, [{"role": "user", "content": "text"}]):
                items.add(content)
    table = _Table(wire, flat, nested, frozenset(text), frozenset(items))
    _tables[id(wire)] = table
    return table


def _reads(read: Any, value: Any) -> bool:
    """Whether a format takes content of this shape: it raises for any other one, as the body could not be rebuilt."""
    try:
        read(value)
    except (TypeError, ValueError, KeyError, AttributeError):
        return False
    return True


def _declared(parameter: Parameter) -> type:
    types = parameter.type if isinstance(parameter.type, tuple) else (parameter.type,)
    return float if float in types else types[0]


def _split(path: str) -> tuple[str, str]:
    key, _, inner = path.partition(".")
    if "." in inner:
        raise ValueError(f"the path of a parameter has at most two keys: {path}")
    return key, inner


def _stands(paths: Any, body: Mapping[str, Any]) -> bool:
    """Whether something is at one of the paths, or in their way."""
    for key, inner in paths:
        if key in body:
            held = body[key]
            if not inner or not isinstance(held, dict) or inner in held:
                return True
    return False


def _write(body: dict[str, Any], key: str, inner: str, value: Any) -> None:
    body[key] = {**body.get(key, {}), inner: value} if inner else value


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, (str, bytes)) else value


def _written(write: Any, content: Any) -> Any:
    try:
        return write(content)
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        raise ValueError(f"content is not of the shape that a record has: {type(error).__name__}") from None
