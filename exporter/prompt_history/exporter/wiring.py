"""Puts the parts of this process together: once, from the settings."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from opentelemetry import trace

from prompt_history.instrumentation import contract

from .config import Config, ConfigError, content_wanted, exporter_named
from .processor import HistoryProcessor
from .recorder import SpoolRecorder
from .redaction import keep_content
from .spool import Spool

log = logging.getLogger("prompt_history")


@dataclass(slots=True)
class Wired:
    """What runs in this process."""

    recorder: SpoolRecorder
    processor: HistoryProcessor
    attached: bool = False
    """Whether the tracer provider has the processor."""


_wired: Wired | None = None
_settled = False


def settings_of(given: Mapping[str, Any]) -> Config:
    """The settings of the environment, `given` over them. A wrong value is warned of, and its default used."""
    config = Config.from_env(on_error=_warn)
    known = {setting.name: setting for setting in fields(Config)}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            _warn(ConfigError(f"{name} is no setting of prompt_history; known: {', '.join(sorted(known))}."))
            continue
        try:
            found[name] = known[name].metadata["parse"](value) if isinstance(value, str) else value
        except (ValueError, KeyError):
            _warn(ConfigError(f"{name} is {value!r}; allowed: {known[name].metadata['allowed']}."))
    return replace(config, **found)


def wire(config: Config | None = None) -> Wired | None:
    """Wires the process if the settings ask for it, once. Returns what runs, or `None`.

    Only who names the exporter `prompt_history`, or makes one (and gives its settings here), gets records; who merely
    has the package installed gets spans with metadata, and content on them only with `PROMPT_HISTORY_CONTENT=on`.
    """
    global _wired, _settled
    if not _settled:
        _settled = True
        exporter = config is not None or exporter_named()
        config = config or settings_of({})
        content, on_spans = content_wanted(config, exporter=exporter)
        redact = keep_content if content else None
        if exporter:
            recorder = _recorder(config)
            _wired = Wired(recorder, HistoryProcessor(recorder, redact))
        contract.install(
            contract.Installed(
                recorder=_wired.recorder if _wired is not None else None,
                redact=redact,
                content_on_spans=on_spans,
                media=config.media,
                native_spans=config.native_spans == "keep",
                baggage_keys=config.baggage_keys,
            )
        )
    if _wired is not None and not _wired.attached:
        _wired.attached = _attach(_wired.processor)
    return _wired


def _recorder(config: Config) -> SpoolRecorder:
    spool = Spool(
        config.spool,
        durability=config.durability,
        max_bytes=config.spool_max_bytes,
        when_full=config.when_full,
        block_ms=config.block_ms,
    )
    from .shipper import ApplicationShipper

    shipper = ApplicationShipper.from_config(config)
    return SpoolRecorder(config, spool, shipper.wake if shipper is not None else None)


def _attach(processor: HistoryProcessor) -> bool:
    add = getattr(trace.get_tracer_provider(), "add_span_processor", None)
    if add is None:  # no SDK, or not yet; our own calls are recorded all the same
        return False
    add(processor)
    return True


def _warn(error: ConfigError) -> None:
    log.warning("%s The default is used.", error)
