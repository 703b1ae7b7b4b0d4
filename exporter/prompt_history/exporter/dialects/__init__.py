"""The attribute conventions of other instrumentations, read as attributes of a record.

A dialect is a function from a span to attributes in today's semantic conventions, or to `None` for a span that it does
not know. Order matters: the first that knows a span reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from opentelemetry.sdk.trace import ReadableSpan

from .semconv import read as semconv

Dialect: TypeAlias = Callable[[ReadableSpan], "dict[str, Any] | None"]

DIALECTS: Sequence[Dialect] = (semconv,)


def read_span(span: ReadableSpan) -> dict[str, Any] | None:
    """Attributes of the record of `span`, with `prompt_history.kind`; `None` for a span that is no LLM span."""
    for dialect in DIALECTS:
        found = dialect(span)
        if found is not None:
            return found
    return None
