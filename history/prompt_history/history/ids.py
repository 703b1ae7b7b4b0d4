"""How records are named: `trace-span` in hexadecimal, a prefix of the span id, `@` for the last one."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

SHORT = 8
"""Characters of the span id in lists."""
_LAST = re.compile(r"@(?:~(\d{1,9}))?")
_HEX = re.compile(r"[0-9a-f]+")


class Name(NamedTuple):
    """What somebody typed to name a record."""

    nth_last: int | None = None
    """0 is the last record."""
    trace_id: str = ""
    """The beginning of it."""
    span_id: str = ""
    """The beginning of it."""
    rest: str = ""
    """`kind-number` of a record that is no span."""


def record_id(trace_id: str, span_id: str, kind: str, number: int) -> str:
    """The id that `--json` prints."""
    return f"{trace_id}-{span_id}" + (f"-{kind}-{number}" if number else "")


def parsed(text: str) -> Name | None:
    """What `text` names, or `None` when it is no name."""
    text = text.strip()
    if last := _LAST.fullmatch(text):
        return Name(nth_last=int(last[1] or 0))
    first, _, rest = text.partition("-")
    span, _, rest = rest.partition("-")
    first, span = first.lower(), span.lower()
    if not _HEX.fullmatch(first) or not (span == "" or _HEX.fullmatch(span)):
        return None
    if span or len(first) > 16:
        return Name(trace_id=first, span_id=span, rest=rest)
    return Name(span_id=first)


def condition(name: Name) -> tuple[str, list[Any]]:
    """An SQL condition over the columns of `record`, and its parameters."""
    texts, values = ["1"], []
    for column, prefix in (("span_id", name.span_id), ("trace_id", name.trace_id)):
        if prefix:
            texts.append(f"{column} >= ? AND {column} < ?")
            values += [prefix, prefix + "g"]  # the character behind the last hexadecimal digit
    if name.rest:
        texts.append("kind || '-' || number = ?")
        values.append(name.rest)
    return " AND ".join(texts), values
