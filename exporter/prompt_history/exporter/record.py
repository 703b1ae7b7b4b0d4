"""The record: the one place that knows its shape, which is that of the Collector's OTel-mode span documents."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

SCHEMA = 1
"""`prompt_history.schema`: version of the table in docs/reference/record.md."""
KINDS = {kind: kind.name.capitalize() for kind in SpanKind}
STATUSES = {StatusCode.UNSET: "Unset", StatusCode.OK: "Ok", StatusCode.ERROR: "Error"}


def timestamp(nanoseconds: int) -> str:
    """`@timestamp` of nanoseconds since the epoch: `<milliseconds>.<rest in nanoseconds, not padded>`."""
    return f"{nanoseconds // 1_000_000}.{nanoseconds % 1_000_000}"


def document_id(trace_id: str, span_id: str) -> str:
    """`_id` of the record with these hex ids: base64url of both, unpadded."""
    return base64.urlsafe_b64encode(bytes.fromhex(trace_id + span_id)).decode().rstrip("=")


def legal(value: Any) -> Any:
    """`value` as an attribute of a record may be: text, boolean, 64-bit integer, finite double, list of one of these.

    `None` for what cannot be one.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Sequence):
        return [legal(item) for item in value if item is not None]
    return orjson.dumps(value, default=str).decode() if isinstance(value, Mapping) else None


class Place:
    """Where records of this process come from: resource and scope as JSON, made once for each."""

    def __init__(self, namespace: str) -> None:
        self._stream = orjson.Fragment(orjson.dumps({"type": "traces", "dataset": "llm.otel", "namespace": namespace}))
        self._resources: dict[int, tuple[Resource, orjson.Fragment]] = {}
        self._scopes: dict[tuple[str, str | None, str | None], orjson.Fragment] = {}

    def stream(self) -> orjson.Fragment:
        return self._stream

    def resource(self, resource: Resource) -> orjson.Fragment:
        known = self._resources.get(id(resource))
        if known is None or known[0] is not resource:
            attributes = {
                key: found for key, value in resource.attributes.items() if (found := legal(value)) is not None
            }
            document: dict[str, Any] = {"attributes": attributes}
            if resource.schema_url:
                document = {"schema_url": resource.schema_url, **document}
            if len(self._resources) > 100:
                self._resources.clear()
            known = self._resources[id(resource)] = (resource, orjson.Fragment(orjson.dumps(document)))
        return known[1]

    def scope(self, name: str, version: str | None, schema_url: str | None = None) -> orjson.Fragment:
        key = (name, version, schema_url)
        known = self._scopes.get(key)
        if known is None:
            document: dict[str, Any] = {"schema_url": schema_url} if schema_url else {}
            document |= {"name": name, **({"version": version} if version else {}), "attributes": {}}
            if len(self._scopes) > 1000:
                self._scopes.clear()
            known = self._scopes[key] = orjson.Fragment(orjson.dumps(document))
        return known


def span_document(span: ReadableSpan, attributes: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The record of a foreign span that has ended, with `attributes` in place of its own."""
    context = span.context
    assert context is not None
    start = span.start_time or 0
    document: dict[str, Any] = {
        "@timestamp": timestamp(start),
        "data_stream": place.stream(),
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
    }
    if context.trace_state:
        document["trace_state"] = context.trace_state.to_header()
    if span.parent is not None:
        document["parent_span_id"] = f"{span.parent.span_id:016x}"
    document |= {
        "name": span.name,
        "kind": KINDS[span.kind],
        "duration": max((span.end_time or start) - start, 0),
        "attributes": attributes,
        "links": [],
        "status": {"code": STATUSES[span.status.status_code]},
        "resource": place.resource(span.resource),
    }
    for name in ("dropped_attributes", "dropped_events", "dropped_links"):
        if count := getattr(span, name, 0):
            document[f"{name}_count"] = count
    if span.status.description:
        document["status"] = {"message": span.status.description, **document["status"]}
    scope = span.instrumentation_scope
    document["scope"] = place.scope(scope.name, scope.version, scope.schema_url) if scope else place.scope("", None)
    return document
