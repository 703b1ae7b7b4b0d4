"""In-process capture: real SDK → fake provider → span and record."""

from __future__ import annotations

# Before any tracer provider: else, in a forked child, the provider waits for a lock of this module for ever.
import concurrent.futures.thread  # noqa: F401
import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from prompt_history.exporter.config import Config
from prompt_history.exporter.derive import complete
from prompt_history.exporter.processor import HistoryProcessor
from prompt_history.exporter.recorder import SpoolRecorder
from prompt_history.exporter.redaction import keep_content
from prompt_history.exporter.spool import Spool, pending
from prompt_history.instrumentation import contract, load
from prompt_history.instrumentation.content import memo


class Recorded:
    """What one test left: records in the spool, spans at an exporter."""

    def __init__(self, directory: Path, exporter: InMemorySpanExporter, provider: TracerProvider) -> None:
        self.config = Config(dir=directory)
        self.provider = provider
        self._exporter = exporter
        self.spool = Spool(self.config.spool)
        self.recorder = SpoolRecorder(self.config, self.spool)
        self.processor = HistoryProcessor(self.recorder, keep_content)

    def records(self) -> list[dict[str, Any]]:
        """Every record, as the store gets it, in the order of their ends."""
        gc.collect()
        return [complete(json.loads(frame.payload)) for _, frame in pending(self.config.spool)]

    def record(self) -> dict[str, Any]:
        """The one record."""
        (record,) = self.records()
        return record

    def attributes(self) -> dict[str, Any]:
        """The attributes of the one record."""
        found: dict[str, Any] = self.record()["attributes"]
        return found

    def spans(self, scope: str = "") -> list[ReadableSpan]:
        """Finished spans whose scope begins with `scope`."""
        return [
            span
            for span in self._exporter.get_finished_spans()
            if span.instrumentation_scope is not None and span.instrumentation_scope.name.startswith(scope)
        ]

    def span(self) -> ReadableSpan:
        """The one span of ours."""
        (span,) = self.spans("prompt_history.")
        return span


class Forwarding(SimpleSpanProcessor):
    """Passes spans to whichever processor the running test has, as a provider never lets go of one."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        super().__init__(exporter)
        self.target: HistoryProcessor | None = None

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if self.target is not None:
            self.target.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        if self.target is not None:
            self.target.on_end(span)
        super().on_end(span)


@pytest.fixture(scope="session")
def tracing() -> tuple[TracerProvider, InMemorySpanExporter, Forwarding]:
    exporter = InMemorySpanExporter()
    forwarding = Forwarding(exporter)
    provider = TracerProvider(resource=Resource({"service.name": "contract"}))
    provider.add_span_processor(forwarding)
    trace.set_tracer_provider(provider)
    for sdk in ("openai", "anthropic", "groq"):
        getattr(load, sdk)().instrument()
    return provider, exporter, forwarding


@pytest.fixture
def recorded(tracing: tuple[TracerProvider, InMemorySpanExporter, Forwarding], tmp_path: Path) -> Iterator[Recorded]:
    """A process wired as by `opentelemetry-instrument`, with an empty spool and an empty memory."""
    provider, exporter, forwarding = tracing
    exporter.clear()
    memo.clear()
    found = Recorded(tmp_path, exporter, provider)
    before = contract.installed()
    contract.install(
        contract.Installed(recorder=found.recorder, redact=keep_content, baggage_keys=found.config.baggage_keys)
    )
    forwarding.target = found.processor
    yield found
    contract.install(before)
    forwarding.target = None
    assert trace.get_current_span() is trace.INVALID_SPAN, "a call left its span current"
