"""One request and its response: one call, with one span, that ends exactly once."""

from __future__ import annotations

import asyncio
import time
from contextvars import ContextVar
from types import TracebackType
from typing import Any

import orjson
from opentelemetry import baggage
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, get_current_span, set_span_in_context

from . import __version__
from .content import Content, storable
from .contract import Call, installed
from .guard import guard
from .model import Body, Request, WireFormat
from .semconv import CONTENT_FIELDS, PROMPT_VARIABLE
from .wire.parameters import read_parameters

SEARCH_FIELDS = ("prompt_history.input.text", "prompt_history.system.text")
"""Attributes of the record alone: a span has the same words in its messages."""
BAGGAGE_LIMIT = 256
ERROR_LIMIT = 8192

current: ContextVar[Exchange | None] = ContextVar("prompt_history_exchange", default=None)
"""The exchange whose request method runs."""


class Exchange:
    """Made before the request method runs; ends when it returned, or when its stream did."""

    __slots__ = (
        "_attributes",
        "_content",
        "_context",
        "_ends",
        "_installed",
        "_name",
        "_parent",
        "_scope",
        "_span",
        "_start",
        "_ticks",
        "_token",
        "body",
        "chunks",
        "first_chunk",
        "streaming",
        "tries",
        "wire",
    )

    def __init__(self, tracer: Tracer, scope: str, request: Request, context: Context) -> None:
        self.wire: WireFormat = request.wire
        self.streaming = False
        """Whether the response is still to come when the request method returns."""
        self.body: Body | bytes | None = None
        """The response, if it is not streamed: parsed, or as it came."""
        self.chunks: list[str | bytes | Body] = []
        """The chunks that the application has read: parsed, or JSON as it came."""
        self.first_chunk: int | None = None
        self.tries: int | None = None
        """HTTP requests made for this call, where the SDK tells."""
        self._ends = [True]
        self._installed = installed()
        self._scope = scope
        self._attributes: dict[str, Any] = {
            "gen_ai.operation.name": request.wire.operation,
            "gen_ai.provider.name": request.provider,
            **request.wire.constant,
        }
        if request.address:
            self._attributes["server.address"] = request.address
        if request.port:
            self._attributes["server.port"] = request.port
        redact = self._installed.redact
        self._content = Content(redact, self._installed.media) if redact else None
        extra: dict[str, Any] = {}
        with guard("read the parameters of a request"):
            found, extra = read_parameters(request.wire, request.body)
            self._attributes.update(found)
        self._context = context
        self._parent = get_current_span(context).get_span_context()
        self._name = self._span_name()
        self._start = time.time_ns()
        self._ticks = time.perf_counter_ns()
        self._span: Span = tracer.start_span(
            self._name,
            context=context,
            kind=SpanKind.CLIENT,
            start_time=self._start,
            attributes={name: self._attributes[name] for name in _AT_START if name in self._attributes},
        )
        with guard("read the content of a request"):
            self._read(request, extra, context)

    def __enter__(self) -> None:
        self._token = (attach(set_span_in_context(self._span, self._context)), current.set(self))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        outer, inner = self._token
        current.reset(inner)
        detach(outer)
        if error is not None or not self.streaming:
            self.end(error)

    def end(self, error: BaseException | None = None, *, abandoned: bool = False) -> None:
        """Ends the call once; later ends do nothing. `abandoned`: the application did not read all of it."""
        try:
            self._ends.pop()  # one operation of the interpreter: of two threads, one gets it
        except IndexError:
            return
        duration = max(time.perf_counter_ns() - self._ticks, 0)
        attributes = self._attributes
        with guard("read a response"):
            self._read_response(attributes)
        description: str | None = None
        with guard("read an outcome"):
            description = self._outcome(attributes, error, abandoned)
            self._summarise(attributes)
        kept = False
        with guard("record a call"):
            kept = self._record(attributes, duration, description)
        with guard("end a span"):
            self._end_span(attributes, duration, description, kept)

    def _span_name(self) -> str:
        name: str = f"{self.wire.operation} {self._attributes.get('gen_ai.request.model', '')}".rstrip()
        return str(self._content.value("name", name)) if self._content else name

    def _read(self, request: Request, extra: dict[str, Any], context: Context) -> None:
        attributes, content = self._attributes, self._content
        if self._installed.baggage_keys and (entries := baggage.get_all(context)):
            for key in self._installed.baggage_keys:
                if isinstance(value := entries.get(key), str) and value:
                    attributes[key] = value[:BAGGAGE_LIMIT]
        for name, given in request.wire.derived(request.body).items():
            if given is True or given is False:
                attributes[name] = given
            elif content is not None:
                attributes[name] = content.value(name, given)
            elif not name.startswith(PROMPT_VARIABLE):
                attributes[name] = storable(given)
        if content is None:
            return
        attributes.update(content.request(request.wire, request.body))
        for field, name in (
            (request.wire.messages, "gen_ai.input.messages"),
            (request.wire.system, "gen_ai.system_instructions"),
            (request.wire.tools, "gen_ai.tool.definitions"),
        ):
            if field is not None and name not in attributes and field in request.body:
                extra[field] = request.body[field]
        if extra:
            attributes["prompt_history.request.extra"] = content.json("prompt_history.request.extra", extra)

    def _read_response(self, attributes: dict[str, Any]) -> None:
        body = self._response_body()
        if body is None:
            return
        if isinstance(body, bytes):
            if self._content:
                attributes.update(self._content.unread(body.decode("utf-8", "replace")))
            return
        for name, keys in _response_table(self.wire):
            value: Any = body
            for key in keys:
                value = value.get(key) if isinstance(value, dict) else None
            if isinstance(value, (str, int, float)) and not isinstance(value, bool):
                attributes[name] = storable(value)
        attributes.update(self.wire.usage(body))
        if reasons := self.wire.finish_reasons(body):
            attributes["gen_ai.response.finish_reasons"] = reasons
        if self._content:
            attributes.update(self._content.response(self.wire, body))

    def _response_body(self) -> Body | bytes | None:
        if self.chunks:
            if self.first_chunk is not None:
                seconds = (self.first_chunk - self._ticks) / 1e9
                self._attributes["gen_ai.response.time_to_first_chunk"] = seconds
            assert self.wire.assemble is not None
            return self.wire.assemble(list(_parsed(self.chunks)))
        if not isinstance(self.body, bytes):
            return self.body
        try:
            body = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return self.body
        return body if isinstance(body, dict) else self.body

    def _outcome(self, attributes: dict[str, Any], error: BaseException | None, abandoned: bool) -> str | None:
        if self.tries is None:
            self.tries = _tries(error)
        if self.tries is not None:
            attributes["prompt_history.tries"] = self.tries
        if self.streaming or self.chunks:
            attributes["prompt_history.stream.complete"] = error is None and not abandoned
        if error is None:
            attributes["prompt_history.outcome"] = "abandoned" if abandoned else "ok"
            return None
        cancelled = isinstance(error, asyncio.CancelledError) or not isinstance(error, Exception)
        attributes["prompt_history.outcome"] = "cancelled" if cancelled else "error"
        attributes["error.type"] = kind = type(error).__qualname__
        text = str(error)[:ERROR_LIMIT] if self._content and not cancelled else ""
        return f"{kind}: {self._content.value('status.message', text)}" if self._content and text else kind

    def _summarise(self, attributes: dict[str, Any]) -> None:
        attributes["prompt_history.kind"] = "call"
        attributes["prompt_history.request.format"] = self.wire.name
        if self._content is not None:
            attributes.update(self._content.summary())

    def _record(self, attributes: dict[str, Any], duration: int, description: str | None) -> bool:
        recorder = self._installed.recorder
        if recorder is None:
            return False
        call = Call(
            span=self._span,
            name=self._name,
            start=self._start,
            duration=duration,
            attributes=attributes,
            error=description,
            scope=(self._scope, __version__),
            parent=self._parent,
        )
        kept = recorder.record(call)
        if kept and self._content:
            self._content.kept()
        return kept

    def _end_span(self, attributes: dict[str, Any], duration: int, description: str | None, kept: bool) -> None:
        span = self._span
        try:
            if span.is_recording():
                hidden = SEARCH_FIELDS if self._installed.content_on_spans else CONTENT_FIELDS
                for name in (*hidden, *_AT_START):
                    attributes.pop(name, None)
                if kept:
                    attributes["prompt_history.recorded"] = True
                span.set_attributes(attributes)
                if description is not None and attributes.get("prompt_history.outcome") == "error":
                    span.set_status(Status(StatusCode.ERROR, description))
        finally:
            span.end(self._start + duration)


_AT_START = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "server.address",
    "server.port",
)
"""What samplers decide by."""


_response_tables: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {}


def _response_table(wire: WireFormat) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Attribute and the keys on the way to its value, made once for each format."""
    known = _response_tables.get(wire.name)
    if known is None:
        known = tuple((name, tuple(path.split("."))) for name, path in wire.response.items())
        _response_tables[wire.name] = known
    return known


def _parsed(chunks: list[Any]) -> Any:
    for chunk in chunks:
        if not isinstance(chunk, (str, bytes)):
            yield chunk
            continue
        try:
            body = orjson.loads(chunk)
        except orjson.JSONDecodeError:
            continue
        if isinstance(body, dict):
            yield body


def _tries(error: BaseException | None) -> int | None:
    """How many HTTP requests a failed call made, from the header in which Stainless SDKs count their retries."""
    request = getattr(error, "request", None)
    count = request.headers.get("x-stainless-retry-count") if request is not None else None
    return int(count) + 1 if count is not None and count.isdecimal() else None
