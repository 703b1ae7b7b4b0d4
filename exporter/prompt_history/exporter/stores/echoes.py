"""Texts of a record that only repeat what its content says: they need not be kept.

`prompt_history.input.text` and its like are there for stores that search texts. Where such a text is exactly what
follows from the content, the embedded store keeps how it follows; else the text itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from prompt_history.instrumentation.text import text_of

from ..derive import input_text, output_text
from ..messages import CONTENT_FIELDS, SYSTEM_ROLES, items, loads, messages, new_from, parsed, role_of

_IN, _OUT, _SYSTEM, _ = CONTENT_FIELDS


def _new_and_system(attributes: dict[str, Any]) -> str:
    """What is new in the request, system messages included."""
    asked = messages(attributes.get(_IN))
    new = asked[new_from([role_of(message) for message in asked]) :]
    return "\n".join([text for message in new if (text := text_of(parsed(message)))])


def _system_messages(attributes: dict[str, Any]) -> str:
    asked = messages(attributes.get(_IN))
    said = [text_of(parsed(message)) for message in asked if role_of(message) in SYSTEM_ROLES]
    return "\n".join([text for text in said if text])


# Files name a way by its position: ways are added at the end, and none is changed.
_WAYS: dict[str, Sequence[Callable[[dict[str, Any]], str]]] = {
    "prompt_history.input.text": (lambda found: input_text(messages(found.get(_IN))), _new_and_system),
    "prompt_history.output.text": (lambda found: output_text(items(found.get(_OUT))),),
    "prompt_history.system.text": (lambda found: text_of(loads(found.get(_SYSTEM)) or []), _system_messages),
}


def way_of(name: str, attributes: dict[str, Any]) -> int | None:
    """How the text under `name` follows from the content; `None` when it does not."""
    text = attributes[name]
    for number, way in enumerate(_WAYS.get(name, ()) if text else ()):
        if way(attributes) == text:
            return number
    return None


def restored(attributes: dict[str, Any]) -> None:
    """Replaces in `attributes` every `{"echo": way}` by its text."""
    for name, ways in _WAYS.items():
        value = attributes.get(name)
        if isinstance(value, dict) and value.keys() == {"echo"}:
            attributes[name] = ways[value["echo"]](attributes)
