"""Records the LLM spans that other instrumentations made, unless the call is recorded already."""

from __future__ import annotations

from typing import Any

import orjson
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from prompt_history.instrumentation.content import Content
from prompt_history.instrumentation.contract import Redact
from prompt_history.instrumentation.guard import guard
from prompt_history.instrumentation.recent import Recent

from .dialects import read_span
from .dialects.semconv import CONTENT
from .record import SCHEMA, span_document
from .recorder import SpoolRecorder

OUR_SCOPES = "prompt_history."
REMEMBERED = 10_000
"""Spans, open and recent, whose place in their trace is known: two generations of this many."""


class HistoryProcessor(SpanProcessor):
    """Foreign LLM span → record, for any dialect; our own spans are recorded by the engine.

    A foreign span of an inference is no record when a call of ours is above or below it in its trace, or has the same
    `gen_ai.response.id`: it is the same call, seen by a framework, or by the SDK itself.
    """

    def __init__(self, recorder: SpoolRecorder, redact: Redact | None) -> None:
        self._recorder = recorder
        self._redact = redact
        self._parents: Recent[int | None] = Recent(REMEMBERED)
        self._ours: Recent[bool] = Recent(REMEMBERED)
        self._above_ours: Recent[bool] = Recent(REMEMBERED)
        self._responses: Recent[bool] = Recent(REMEMBERED)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Remembers where the span stands. Never raises."""
        with guard("place a span"):
            context = span.context
            if context is None:
                return
            parent = span.parent.span_id if span.parent is not None else None
            self._parents.put(context.span_id, parent)
            if _ours(span):
                self._ours.put(context.span_id, True)
                while parent is not None and not self._above_ours.get(parent):
                    self._above_ours.put(parent, True)
                    parent = self._parents.get(parent)

    def on_end(self, span: ReadableSpan) -> None:
        """Records a foreign LLM span. Never raises: what a processor raises would reach the application."""
        with guard("record a span of another instrumentation"):
            if _ours(span):
                response = (span.attributes or {}).get("gen_ai.response.id")
                if response is not None:
                    self._responses.put(response, True)
                return
            self.record_foreign(span)

    def record_foreign(self, span: ReadableSpan) -> None:
        """Records `span` if it is an LLM span that no record has yet."""
        if not span.attributes or _ours(span) or span.attributes.get("prompt_history.recorded"):
            return
        found = read_span(span)
        if found is None or span.context is None:
            return
        identity = ("recorded", span.context.span_id)
        if self._responses.get(identity) or (found["prompt_history.kind"] == "call" and self._same_call(span, found)):
            return
        self._responses.put(identity, True)
        content = Content(self._redact) if self._redact is not None else None
        attributes = {"prompt_history.schema": SCHEMA, **_redacted(found, content)}
        document = span_document(span, attributes, self._recorder.place)
        if content is not None:
            document["name"] = content.value("name", document["name"])
        if "message" in document["status"]:
            if content is None:
                del document["status"]["message"]
            else:
                document["status"]["message"] = content.value("status.message", document["status"]["message"])
        if content is not None:
            attributes.update(content.summary())
        self._recorder.keep(document)

    def _same_call(self, span: ReadableSpan, found: dict[str, Any]) -> bool:
        assert span.context is not None
        if self._above_ours.get(span.context.span_id) or self._responses.get(found.get("gen_ai.response.id")):
            return True
        parent = span.parent.span_id if span.parent is not None else None
        for _ in range(100):
            if parent is None:
                return False
            if self._ours.get(parent):
                return True
            parent = self._parents.get(parent)
        return False

    def shutdown(self) -> None:
        """Nothing to do: what was recorded is in the spool already."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """True: records are in the spool before this is called."""
        return True


def _redacted(found: dict[str, Any], content: Content | None) -> dict[str, Any]:
    if content is None:
        return {name: value for name, value in found.items() if name not in CONTENT}
    attributes: dict[str, Any] = {}
    for name, value in found.items():
        if name not in CONTENT:
            attributes[name] = value if name.startswith("prompt_history.") else content.value(name, value)
            continue
        try:
            parsed = orjson.loads(value)
        except orjson.JSONDecodeError:  # cut by a length limit, or no JSON at all: kept as the text that it is
            attributes[name] = content.value(name, value)
        else:
            redacted = content.value(name, parsed)
            attributes[name] = value if redacted == parsed else orjson.dumps(redacted).decode()
    return attributes


def _ours(span: ReadableSpan) -> bool:
    scope = span.instrumentation_scope
    return scope is not None and scope.name.startswith(OUR_SCOPES)
