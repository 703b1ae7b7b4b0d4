"""Histories to read: records as the application side writes them, in the store or still in the spool."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from prompt_history.exporter.config import Config
from prompt_history.exporter.derive import complete
from prompt_history.exporter.spool import Spool
from prompt_history.exporter.stores import Record
from prompt_history.exporter.stores.sqlite import SqliteStore

START = 1795345200000
"""2026-11-22T09:00:00Z, in milliseconds."""

Make = Callable[..., Record]
Keep = Callable[[Iterable[Record]], None]


@pytest.fixture
def make() -> Make:
    """Makes the record of a chat: `make(3, asked="…", said="…", **{"user.id": "u1"})` is the one of minute 3."""

    def make(minute: int, asked: str = "hello", said: str = "hi", **attributes: Any) -> Record:
        def messages(role: str, text: str) -> str:
            return orjson.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}]).decode()

        return {
            "@timestamp": f"{START + 60_000 * minute}.456789",
            "data_stream": {"type": "traces", "dataset": "llm.otel", "namespace": "default"},
            "trace_id": f"{minute + 0xABC:032x}",
            "span_id": f"{minute:02x}c0ffee{minute:08x}",
            "name": "chat gpt-x",
            "kind": "Client",
            "duration": 1_500_000_000,
            "attributes": {
                "prompt_history.schema": 1,
                "prompt_history.kind": "call",
                "prompt_history.outcome": "ok",
                "prompt_history.tries": 1,
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-x",
                "gen_ai.response.model": "gpt-x-2026",
                "gen_ai.usage.input_tokens": 25,
                "gen_ai.usage.output_tokens": 7,
                "gen_ai.input.messages": messages("user", asked),
                "gen_ai.output.messages": messages("assistant", said),
                "prompt_history.input.text": asked,
                **attributes,
            },
            "links": [],
            "status": {"code": "Unset"},
            "resource": {"attributes": {"service.name": "shop"}},
            "scope": {"name": "prompt_history.instrumentation.openai", "version": "0.1.0", "attributes": {}},
        }

    return make


@pytest.fixture
def config(data_directory: Path) -> Config:
    """The settings that the command line sees, too."""
    return Config(dir=data_directory)


@pytest.fixture
def keep(config: Config) -> Keep:
    """Puts records into the store, as the shipper does."""

    def keep(records: Iterable[Record]) -> None:
        store = SqliteStore(config.database)
        outcome = store.write([complete(record) for record in records])
        store.close()
        assert not outcome.rejected

    return keep


@pytest.fixture
def spool(config: Config) -> Keep:
    """Puts records into the spool, as an application does."""

    def spool(records: Iterable[Record]) -> None:
        writer = Spool(config.spool)
        for record in records:
            assert writer.append(orjson.dumps(record))
        writer.close()

    return spool
