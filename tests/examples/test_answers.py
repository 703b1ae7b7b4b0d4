"""What the fake model says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt_history.examples.answers import Said, Tool, ToolCall, Turn, fit, say, words

ORDER = Tool("order_status", {"type": "object", "properties": {"order_id": {"type": "string"}}})
WEATHER = Tool("getWeather", {"type": "object", "properties": {"city": {"type": "string"}}})


@given(st.text())
def test_a_streamed_text_is_the_whole_text(text: str) -> None:
    assert "".join(words(text)) == text


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What is  new?", "You asked: “What is new?” Let me look into it; you will hear from us today."),
        ("在庫はありますか", "「在庫はありますか」についてですね。担当の者が確認し、本日中にご連絡いたします。"),
        ("Thanks!", "You are welcome. Is there anything else I can do for you?"),
    ],
)
def test_an_answer_is_in_the_language_of_the_question(question: str, text: str) -> None:
    assert say(Turn(question)) == Said(text)


def test_every_tool_that_fits_is_called_unless_only_one_may_be() -> None:
    question = "How is the weather in Oslo, and where is order 77?"
    both = [ToolCall("order_status", {"order_id": "A-1"}), ToolCall("getWeather", {"city": "Oslo"})]
    assert say(Turn(question, tools=[ORDER, WEATHER])) == Said(None, both)
    assert say(Turn(question, tools=[ORDER, WEATHER], parallel=False)) == Said(None, both[:1])


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": 3}, 3),
        ({"enum": ["red", "blue"]}, "blue"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 42),
        ({"type": ["number", "null"], "maximum": 10}, 10.0),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
        ({"type": "object", "properties": {"note": {"type": "null"}}}, {"note": None}),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}}, "The blue one, 42"),
    ],
)
def test_a_value_fits_its_schema(schema: dict[str, Any], value: Any) -> None:
    assert fit(schema, "The blue one, 42") == value
