"""The law: what a record has of a request is enough to rebuild its body, whatever that was."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prompt_history.instrumentation.model import WireFormat
from prompt_history.instrumentation.wire import FORMATS
from prompt_history.instrumentation.wire.parameters import read_parameters, request_body

Recorded = Callable[[WireFormat, Any], dict[str, Any]]
Canonical = Callable[[Any], Any]

_WORDS = (
    "role content type text parts content_form provider_type modality generic value list null input user tool "
    "assistant message messages image_url url uri source base64 data media_type mime_type file file_id file_data "
    "input_audio format blob tool_calls tool_call function name id call_id item_id arguments arguments_text "
    "tool_use tool_result tool_use_id response function_call function_call_output output reasoning summary "
    "reasoning_text reasoning_content refusal audio server_tool_call web_search_call server_tool_use thinking "
    "input_text output_text input_image input_file custom tools system instructions model temperature stop n "
    "stream max_tokens max_completion_tokens reasoning_effort effort output_config metadata input_schema "
    "parameters description {} [1] data:image/png;base64,AA=="
)
WORDS = st.sampled_from(_WORDS.split())
TEXT = st.text(max_size=5) | WORDS | st.sampled_from(["\ud800", ""])
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | TEXT, inner, max_size=5), max_leaves=20
)
FORMAT = st.sampled_from(sorted(FORMATS))
FILES = sorted((Path(__file__).parents[2] / "bodies").glob("*/*.request.json"))


def holds(wire: WireFormat, body: Any, recorded: Recorded, canonical: Canonical) -> None:
    before = copy.deepcopy(body)
    rebuilt = request_body(recorded(wire, body))
    assert canonical(rebuilt) == canonical(before)
    assert canonical(body) == canonical(before), "reading changed the body of the application"
    wire.derived(body)


def test_every_body_on_file_is_rebuilt(request_file: Path, recorded: Recorded, canonical: Canonical) -> None:
    holds(FORMATS[request_file.parent.name], json.loads(request_file.read_text("utf-8")), recorded, canonical)


def test_content_that_is_parsed_already_is_rebuilt_as_well(
    request_file: Path, recorded: Recorded, canonical: Canonical
) -> None:
    body = json.loads(request_file.read_text("utf-8"))
    attributes = recorded(FORMATS[request_file.parent.name], body)
    parsed = {
        name: json.loads(value) if isinstance(value, str) and value[:1] in "[{" else value
        for name, value in attributes.items()
    }
    assert canonical(request_body(parsed)) == canonical(body)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FORMAT, st.dictionaries(WORDS | TEXT, JSON, max_size=6))
def test_any_json_object_is_rebuilt(recorded: Recorded, canonical: Canonical, name: str, body: dict[str, Any]) -> None:
    holds(FORMATS[name], body, recorded, canonical)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FORMAT, st.lists(JSON, max_size=4), JSON, st.lists(JSON, max_size=3))
def test_any_content_is_rebuilt(
    recorded: Recorded, canonical: Canonical, name: str, messages: list[Any], system: Any, tools: list[Any]
) -> None:
    wire = FORMATS[name]
    keyed = {wire.messages: messages, wire.system: system, wire.tools: tools}
    holds(wire, {key: value for key, value in keyed.items() if key is not None}, recorded, canonical)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(FILES), st.data())
def test_any_mutilated_body_is_rebuilt(
    recorded: Recorded, canonical: Canonical, file: Path, data: st.DataObject
) -> None:
    body = json.loads(file.read_text("utf-8"))
    for _ in range(data.draw(st.integers(1, 4))):
        mutilate(body, data)
    holds(FORMATS[file.parent.name], body, recorded, canonical)


def mutilate(body: Any, data: st.DataObject) -> None:
    """Replaces, removes, renames or adds one thing somewhere inside."""
    at = body
    for _ in range(data.draw(st.integers(0, 5))):
        inner = [
            item for item in (at.values() if isinstance(at, dict) else at) if isinstance(item, (dict, list)) and item
        ]
        if not inner:
            break
        at = data.draw(st.sampled_from(inner))
    keys = list(at) if isinstance(at, dict) else list(range(len(at)))
    if not keys:
        return
    key = data.draw(st.sampled_from(keys))
    change = data.draw(st.sampled_from(("replace", "remove", "rename", "add")))
    if change == "replace":
        at[key] = data.draw(JSON)
    elif change == "remove":
        del at[key]
    elif isinstance(at, dict):
        at[data.draw(WORDS)] = at.pop(key) if change == "rename" else data.draw(JSON)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_items_are_read_alone_as_they_are_together(name: str, body: Callable[..., Any]) -> None:
    wire = FORMATS[name]
    items = body(name, "odd", "request")[wire.messages]
    if wire.read_message is None or wire.write_message is None:
        assert name == "openai.embeddings"
        return
    messages = [wire.read_message(item) for item in items]
    assert messages == wire.read_messages(items)
    assert [wire.write_message(message) for message in messages] == items


def test_a_body_without_its_withheld_content_is_what_is_left() -> None:
    attributes = {"prompt_history.request.format": "openai.chat", "gen_ai.request.model": "gpt-x"}
    assert request_body(attributes) == {"model": "gpt-x"}


def test_what_is_extra_wins_over_an_attribute() -> None:
    attributes = {
        "prompt_history.request.format": "openai.chat",
        "gen_ai.request.stop_sequences": ("a",),
        "gen_ai.request.max_tokens": 5,
        "gen_ai.request.reasoning.level": "high",
        "prompt_history.request.extra": '{"stop":"a","max_tokens":5,"reasoning":null}',
    }
    assert request_body(attributes) == {"stop": "a", "max_tokens": 5, "reasoning": None}


@pytest.mark.parametrize("attributes", [{}, {"prompt_history.request.format": "telepathy"}])
def test_a_format_that_is_not_known_has_no_body(attributes: dict[str, Any]) -> None:
    with pytest.raises(LookupError):
        request_body(attributes)


@pytest.mark.parametrize("content", ["[", "[5]", '[{"role":"user"}]', '{"a":1}'])
def test_content_that_no_record_has_is_refused(content: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        request_body({"prompt_history.request.format": "openai.chat", "gen_ai.input.messages": content})


def test_reading_takes_what_json_calls_equal_types_for_what_they_are() -> None:
    class Model(str):
        pass

    found, extra = read_parameters(FORMATS["openai.chat"], {"model": Model("gpt-x"), "seed": True, "temperature": 1})
    assert (found, extra) == ({"gen_ai.request.model": "gpt-x", "gen_ai.request.temperature": 1.0}, {"seed": True})
    assert type(found["gen_ai.request.model"]) is str
