"""What goes to stdout: JSON for programs, text for people, and nothing that a model says to the terminal itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

import click
import orjson

from ..queries import Found

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")
"""Control characters but for tab and line feed, and those that change the direction of what follows."""
_JSON_CONTROL = re.compile(_CONTROL.pattern.replace("\x00-\x08\x0b-\x1f", ""))


def for_people(as_json: bool | None) -> bool:
    """Whether a person reads stdout, or says so."""
    return sys.stdout.isatty() if as_json is None else not as_json


def neutral(text: str) -> str:
    """`text` with control characters made visible: a model's output must not move the cursor or hide anything."""
    return _CONTROL.sub(lambda match: _visible(ord(match[0])), text)


def _visible(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"


def json_line(found: Found, *, indent: bool = False, with_id: bool = True) -> str:
    """The record as JSON, its id in front. Control characters are escaped: it may be printed."""
    record = {"id": found.id, **found.record} if with_id else found.record
    text = orjson.dumps(record, option=orjson.OPT_INDENT_2 if indent else None).decode()
    return _JSON_CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def print_json(records: Iterable[Found]) -> None:
    """One record a line, each out at once."""
    for found in records:
        click.echo(json_line(found))
