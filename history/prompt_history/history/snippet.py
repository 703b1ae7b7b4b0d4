"""Where in a record the words of a query stand, and the text around the first of them."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from prompt_history.exporter.messages import CONTENT_FIELDS, loads
from prompt_history.exporter.stores import Record
from prompt_history.exporter.stores.words import CJK, folded
from prompt_history.instrumentation.text import text_of

AROUND = 60
"""Characters before and behind a hit."""
_WORDS = re.compile(r"[^\W_]+")
_CJK_START = re.compile(f"[{CJK}]")
_TEXTS = ("input", "output", "system")


class Snippet(NamedTuple):
    """A piece of text on one line."""

    field: str
    """input, output, system or tools."""
    text: str
    hits: list[tuple[int, int]]
    """Begin and end of each hit in `text`."""


def snippet(record: Record, query: str) -> Snippet | None:
    """The text around the first hit of `query` in what the record says; `None` when it cannot be told."""
    pattern = _pattern(query)
    if pattern is None:
        return None
    for field, text in _texts(record["attributes"]):
        plain, places = _with_places(text)
        if (first := pattern.search(plain)) is not None:
            begin = max(0, places[first.start()] - AROUND)
            end = min(len(text), places[first.end()] + AROUND)
            window = " ".join(text[begin:end].split())
            start, stop = "…" if begin else "", "…" if end < len(text) else ""
            shown = f"{start}{window}{stop}"
            plain, places = _with_places(shown)
            hits = [(places[hit.start()], places[hit.end()]) for hit in pattern.finditer(plain)]
            return Snippet(field, shown, hits)
    return None


def _texts(attributes: dict[str, Any]) -> list[tuple[str, str]]:
    """What is new in the call comes first."""
    derived = [(side, attributes.get(f"prompt_history.{side}.text")) for side in _TEXTS]
    found = [(side, text) for side, text in derived if isinstance(text, str)]
    for side, name in zip((*_TEXTS, "tools"), CONTENT_FIELDS, strict=True):
        content = attributes.get(name)
        if isinstance(content, str):
            value = loads(content)
            messages = value if isinstance(value, list) else []
            found.append((side, "\n".join(text_of(item) for item in messages) if messages else content))
    return found


def _pattern(query: str) -> re.Pattern[str] | None:
    """Matches any word of `query` in folded text."""
    words = []
    for typed in folded(query).replace('"', " ").split():
        runs = _WORDS.findall(typed)
        if runs:
            before = "" if _CJK_START.match(runs[0][0]) else r"(?<![^\W_])"
            behind = "" if _CJK_START.match(runs[-1][-1]) else r"(?![^\W_])"
            words.append(before + r"[\W_]*".join(map(re.escape, runs)) + behind)
    return re.compile("|".join(words)) if words else None


def _with_places(text: str) -> tuple[str, range | list[int]]:
    """`text` folded, and for each character of it (and its end) where in `text` it comes from."""
    plain = folded(text)
    if len(plain) == len(text):
        return plain, range(len(text) + 1)
    parts: list[str] = []
    places: list[int] = []
    at = 0
    while at < len(text):
        end = at + 1
        while end < len(text) and text[end] in "ﾞﾟ\u3099\u309a":
            end += 1
        part = folded(text[at:end])
        parts.append(part)
        places += [at] * len(part)
        at = end
    return "".join(parts), [*places, len(text)]
