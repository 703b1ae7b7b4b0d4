"""The record of a call that its process did not live to finish."""

from __future__ import annotations

from typing import Any

from prompt_history.exporter.stores import Record


def interrupted(start: dict[str, Any], segment: str) -> Record:
    """The record that stands for `start`, the content of a start frame in `segment`.

    What a start does not tell: its time is that of the segment, its duration unknown and 0.
    """
    nanoseconds = int(segment.partition("-")[0])
    missing = {
        "@timestamp": f"{nanoseconds // 1_000_000}.{nanoseconds % 1_000_000}",
        "data_stream": {"type": "traces", "dataset": "llm.otel", "namespace": "default"},
        "name": "interrupted call",
        "kind": "Client",
        "duration": 0,
        "links": [],
        "status": {"code": "Unset"},
        "resource": {"attributes": {}},
        "scope": {"name": "prompt_history.exporter", "version": "", "attributes": {}},
    }
    attributes = {"prompt_history.schema": 1, "prompt_history.kind": "call"} | start.get("attributes", {})
    attributes["prompt_history.outcome"] = "interrupted"
    return missing | start | {"attributes": attributes}
