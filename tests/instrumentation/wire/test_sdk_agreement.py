"""The SDKs agree: the bodies on file are what their types say, and their own accumulators make the same of a stream."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from prompt_history.instrumentation.wire import FORMATS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(int(version("openai").split(".")[0]) < 3, reason="the bodies are of today's API"),
]
FOREIGN = {"odd"}
"""Cases that no API has."""


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None and item != []}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def test_responses_on_file_are_what_the_types_say(response_file: Path) -> None:
    from anthropic.types.beta import BetaMessage
    from openai.types import CreateEmbeddingResponse
    from openai.types.chat import ChatCompletion
    from openai.types.responses import Response

    if response_file.name.split(".")[0] in FOREIGN:
        pytest.skip("no API has it")
    model: Any = {
        "openai.chat": ChatCompletion,
        "openai.responses": Response,
        "openai.embeddings": CreateEmbeddingResponse,
        "anthropic.messages": BetaMessage,
    }[response_file.parent.name]
    model.model_validate(json.loads(response_file.read_text("utf-8")))


@pytest.mark.parametrize("case", ["japanese", "parallel_tools", "choices_logprobs", "refusal", "function_call"])
def test_chat(case: str, body: Callable[..., Any]) -> None:
    from openai.lib.streaming.chat import ChatCompletionStreamState
    from openai.types.chat import ChatCompletionChunk

    chunks = body("openai.chat", case, "chunks")
    if case == "parallel_tools":  # the SDK joins an id that some providers repeat
        for chunk in chunks:
            for choice in chunk["choices"]:
                for call in choice["delta"].get("tool_calls", ()):
                    if call["function"].get("arguments") != "":
                        call.pop("id", None)
                        call["function"].pop("name", None)
    state: Any = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    theirs = state.current_completion_snapshot.model_dump(mode="json", exclude_unset=True)
    ours: Any = FORMATS["openai.chat"].assemble(chunks)  # type: ignore[misc]
    for choice in theirs["choices"]:
        choice["message"].pop("parsed", None)
        for call in choice["message"].get("tool_calls") or ():
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
    assert without_nulls([choice["message"] for choice in ours["choices"]]) == without_nulls(
        [choice["message"] for choice in theirs["choices"]]
    )
    assert without_nulls(ours["usage"]) == without_nulls(theirs["usage"])


def test_anthropic(body: Callable[..., Any]) -> None:
    from anthropic.lib.streaming._messages import accumulate_event
    from anthropic.types import RawMessageStreamEvent
    from pydantic import TypeAdapter

    events = [e for e in body("anthropic.messages", "everything_streamed", "chunks") if e["type"] != "ping"]
    adapter: Any = TypeAdapter(RawMessageStreamEvent)
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        parsed = adapter.validate_python(event)
        snapshot = accumulate_event(event=parsed, current_snapshot=snapshot, json_bufs=buffers)
    ours: Any = FORMATS["anthropic.messages"].assemble(events)  # type: ignore[misc]
    assert without_nulls(ours) == without_nulls(snapshot.model_dump(mode="json", exclude_unset=True, warnings=False))
