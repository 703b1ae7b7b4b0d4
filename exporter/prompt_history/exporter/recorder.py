"""Makes the record of each finished call and puts it into the spool, before the call's span ends."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource

from prompt_history.instrumentation.contract import Call
from prompt_history.instrumentation.guard import failures
from prompt_history.instrumentation.semconv import CONTENT_FIELDS

from .config import Config
from .record import SCHEMA, Place, legal, timestamp
from .spool import Spool


class SpoolRecorder:
    """The `Recorder` of a process: finished call → record → spool. Wakes the shipper."""

    def __init__(self, config: Config, spool: Spool, wake: Callable[[], None] | None = None) -> None:
        self.place = Place(config.namespace)
        self._spool = spool
        self._wake = wake
        self._always = {
            name: value for name, value in (("user.id", config.user_id), ("session.id", config.session_id)) if value
        }
        self._resource: Resource | None = None
        self._lock = threading.Lock()

    def record(self, call: Call) -> bool:
        """Whether the call is in the spool. Never raises for content; counts what is lost."""
        return self.keep(self._document(call))

    def keep(self, document: dict[str, Any]) -> bool:
        """Whether the record is in the spool: it then survives `kill -9`."""
        try:
            payload = orjson.dumps(document)
        except orjson.JSONEncodeError:
            failures["hostile attribute"] += 1
            payload = orjson.dumps(_mended(document))
        kept = self._spool.append(payload, fallback=lambda: orjson.dumps(_without_content(_mended(document))))
        if self._wake is not None:
            self._wake()
        return kept

    def _document(self, call: Call) -> dict[str, Any]:
        span = call.span
        context = span.get_span_context()
        parent = call.parent if call.parent is not None and call.parent.is_valid else None
        trace_id, span_id = context.trace_id, context.span_id
        if not context.is_valid or (parent is not None and span_id == parent.span_id):
            # No SDK, or a provider that makes no spans: the record needs ids of its own.
            trace_id = parent.trace_id if parent is not None else secrets.randbits(128) or 1
            span_id = secrets.randbits(64) or 1
        attributes: dict[str, Any] = {"prompt_history.schema": SCHEMA, **self._always}
        if (others := getattr(span, "attributes", None)) is not None:
            for name in others:
                if name not in call.attributes and (found := legal(others[name])) is not None:
                    attributes[name] = found
        attributes.update(call.attributes)
        document: dict[str, Any] = {
            "@timestamp": timestamp(call.start),
            "data_stream": self.place.stream(),
            "trace_id": f"{trace_id:032x}",
            "span_id": f"{span_id:016x}",
            "name": call.name,
            "kind": "Client",
            "duration": call.duration,
            "attributes": attributes,
            "links": [],
            "status": _status(call),
            "resource": self.place.resource(getattr(span, "resource", None) or self._own_resource()),
            "scope": self.place.scope(*call.scope),
        }
        if context.trace_state:
            document["trace_state"] = context.trace_state.to_header()
        if parent is not None:
            document["parent_span_id"] = f"{parent.span_id:016x}"
        return document

    def _own_resource(self) -> Resource:
        """For a span that does not tell: of the tracer provider, else as a provider would have made it."""
        found = getattr(trace.get_tracer_provider(), "resource", None)
        if found is not None:
            return found  # type: ignore[no-any-return]
        with self._lock:
            if self._resource is None:
                self._resource = Resource.create()
        return self._resource


def _status(call: Call) -> dict[str, str]:
    if call.error is None or call.attributes.get("prompt_history.outcome") != "error":
        return {"code": "Unset"}
    return {"message": call.error, "code": "Error"}


def _without_content(document: dict[str, Any]) -> dict[str, Any]:
    attributes = {name: value for name, value in document["attributes"].items() if name not in CONTENT_FIELDS}
    return {**document, "attributes": {**attributes, "prompt_history.content.truncated": True}}


def _mended(document: Mapping[str, Any]) -> dict[str, Any]:
    """The record with attributes that JSON can hold."""
    from prompt_history.instrumentation.content import storable

    return {key: value if isinstance(value, orjson.Fragment) else storable(value) for key, value in document.items()}
