"""What entry points load: the exporter, and the hook that wires a process. Imports nothing that could fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult


def pre_instrument() -> None:
    """Entry point `opentelemetry_pre_instrument`: wires this process, after the SDK is set up. Never raises."""
    try:
        from .wiring import wire

        wire()
    except Exception as error:
        _unwired(error)


class PromptHistoryExporter(SpanExporter):
    """`--traces_exporter prompt_history`: names what we do, and does it where nothing else can.

    Our own calls go straight to the spool, and foreign LLM spans through `HistoryProcessor`. Behind a span processor
    that somebody set up in code, or by `OTEL_CONFIG_FILE`, spans arrive here and are recorded if nobody did before.
    Settings by keyword win over the environment: names as in docs/reference/settings.md, in lower case.
    """

    def __init__(self, **settings: Any) -> None:
        try:
            from .wiring import settings_of, wire

            wire(settings_of(settings))
        except Exception as error:
            _unwired(error)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Always a success: what cannot be kept is counted by the recorder. Never raises."""
        from prompt_history.instrumentation.guard import guard

        with guard("record exported spans"):
            from .wiring import wire

            wired = wire()
            if wired is not None:
                for span in spans:
                    wired.processor.record_foreign(span)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to do: what was recorded is in the spool already."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """True: records are in the spool before a span ends."""
        return True


def _unwired(error: Exception) -> None:
    import logging

    logging.getLogger("prompt_history").warning(
        "Prompt history could not start: %s. The application is unaffected; nothing is recorded.", type(error).__name__
    )
