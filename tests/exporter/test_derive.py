"""What the shipper adds to a record."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt_history.exporter.derive import complete, fit
from prompt_history.exporter.messages import CONTENT_FIELDS, split

IN, OUT, SYSTEM, TOOLS = CONTENT_FIELDS


def text(content: str, **keys: Any) -> dict[str, Any]:
    return {"type": "text", "content": content, **keys}


def message(role: str, *parts: Any, **keys: Any) -> dict[str, Any]:
    return {"role": role, "parts": [text(part) if isinstance(part, str) else part for part in parts], **keys}


def call(name: str, arguments: Any, **keys: Any) -> dict[str, Any]:
    return {"type": "tool_call", "id": "t1", "name": name, "arguments": arguments, **keys}


def result(response: Any) -> dict[str, Any]:
    return {"type": "tool_call_response", "id": "t1", "response": response}


def record(**content: Any) -> dict[str, Any]:
    names = {"asked": IN, "said": OUT, "system": SYSTEM, "tools": TOOLS}
    attributes = {names[key]: orjson.dumps(value).decode() for key, value in content.items()}
    return {"trace_id": "1" * 32, "attributes": {"prompt_history.kind": "call", **attributes}}


def derived(given: dict[str, Any]) -> dict[str, Any]:
    """What `complete` adds, without the prefix."""
    before = given["attributes"]
    after = complete(given)["attributes"]
    return {name.removeprefix("prompt_history."): value for name, value in after.items() if before.get(name) != value}


def test_everything_that_can_be_derived() -> None:
    asked = [
        message("user", "what is the weather in 大阪?"),
        message("assistant", call("weather", {"city": "大阪"})),
        message("tool", result({"sky": "clear\nand blue"})),
    ]
    said = [message("assistant", {"type": "reasoning", "content": "easy"}, "It is clear.", call("map", {"zoom": 3}))]
    given = record(asked=asked, said=said, system=[text("Be brief.")], tools=[{"name": "weather"}])
    untouched = copy.deepcopy(given)
    hashed = hashlib.sha256()
    for name in CONTENT_FIELDS:
        data = given["attributes"][name].encode()
        hashed.update(len(data).to_bytes(8, "big") + data)
    found = derived(given)
    assert {name: value for name, value in found.items() if not name.startswith("thread.")} == {
        "input.text": '{"sky":"clear\nand blue"}',
        "input.preview": '{"sky":"clear\nand blue"}',
        "output.text": 'It is clear.\nmap {"zoom":3}\neasy',
        "output.preview": 'It is clear.\nmap {"zoom":3}\neasy',
        "system.text": "Be brief.",
        "system.hash": hashlib.sha256(b'[{"content":"Be brief.","type":"text"}]').hexdigest()[:16],
        "tools.hash": hashlib.sha256(b'[{"name":"weather"}]').hexdigest()[:16],
        "tools.called": ["map"],
        "content.bytes": sum(len(given["attributes"][name].encode()) for name in CONTENT_FIELDS),
        "content.sha256": hashed.hexdigest(),
    }
    assert found["thread.head"] != found["thread.tail"]
    assert given == untouched
    assert complete(complete(given)) == complete(given)


def test_a_text_that_was_indexed_before_is_not_there() -> None:
    given = record(asked=[message("user", "hi")], system=[text("Be brief.")])
    given["attributes"]["prompt_history.system.text"] = ""
    assert "prompt_history.system.text" not in complete(given)["attributes"]
    assert complete(given)["attributes"]["prompt_history.system.hash"]


def test_new_text_is_what_follows_the_last_answer_that_was_replied_to() -> None:
    history = [message("user", "one"), message("assistant", "two"), message("user", "three"), message("user", "four")]
    prefill = message("assistant", "five")
    assert derived(record(asked=history))["input.text"] == "three\nfour"
    assert derived(record(asked=[*history, prefill]))["input.text"] == "three\nfour\nfive"
    assert derived(record(asked=[prefill]))["input.text"] == "five"


def test_system_instructions_among_the_messages() -> None:
    start = [message("system", "Be brief."), message("user", "hi")]
    found = derived(record(asked=start, said=[message("assistant", "yes")]))
    assert (found["input.text"], found["system.text"]) == ("hi", "Be brief.")
    again = derived(record(asked=[*start, message("assistant", "yes"), message("user", "more")]))
    assert again["system.hash"] == found["system.hash"]
    assert "system.text" not in again


def test_previews_have_300_characters() -> None:
    found = derived(record(asked=[message("user", "返" * 400)], said=[message("assistant", "a" * 299)]))
    assert (found["input.preview"], found["output.preview"]) == ("返" * 300, "a" * 299)


QUESTION = message("user", "hi")
ANSWER = [
    message("assistant", {"type": "reasoning", "content": "hm"}, "Let me ", "see.", call("f", '{"a": 1, "b": 2}'))
]


F = call("f", {"b": 2, "a": 1})


@pytest.mark.parametrize(
    "sent_back",
    [
        ANSWER,
        [message("assistant", "Let me see.", F)],
        [message("assistant", "Let me "), message("assistant", "see."), message("assistant", F)],
        [message("assistant", text("Let me see.", annotations=[], id="msg_1"), {**F, "status": "done"})],
        [message("assistant", text("Let me see.", cache_control={"type": "ephemeral"}), F, finish_reason="stop")],
        [message("assistant", {"type": "reasoning", "content": "", "signature": "x"}, "Let me see.", F)],
    ],
)
def test_a_call_continues_the_one_whose_answer_it_sends_back(sent_back: list[dict[str, Any]]) -> None:
    first = derived(record(asked=[message("system", "It is 9:00"), QUESTION], said=ANSWER))
    reply = message("tool", result("ok"))
    second = derived(
        record(
            asked=[message("system", "It is 9:01"), QUESTION, *sent_back, reply], said=[message("assistant", "done")]
        )
    )
    assert "thread.head" not in first
    assert second["thread.head"] == first["thread.tail"]
    assert second["thread.tail"] != second["thread.head"]


@pytest.mark.parametrize(
    "other",
    [
        [message("assistant", "Let me see?", call("f", {"a": 1, "b": 2}))],
        [message("assistant", "Let me see.", call("f", {"a": 1, "b": 3}))],
        [message("assistant", "Let me see.", call("g", {"a": 1, "b": 2}))],
        [message("assistant", "Let me see.")],
    ],
)
def test_a_call_does_not_continue_another_answer(other: list[dict[str, Any]]) -> None:
    first = derived(record(asked=[QUESTION], said=ANSWER))
    second = derived(record(asked=[QUESTION, *other, message("user", "go on")], said=ANSWER))
    assert second["thread.head"] != first["thread.tail"]


def test_a_tool_answer_is_the_same_as_text_and_as_one_text_part() -> None:
    def tail(response: Any) -> Any:
        return derived(record(asked=[QUESTION, message("tool", result(response))], said=ANSWER))["thread.tail"]

    assert tail("ok") == tail([text("ok", cache_control={"type": "ephemeral"})])
    assert tail('{"a": 1}') == tail({"a": 1})
    assert tail("ok") != tail("no")


def test_of_several_choices_the_first_is_continued() -> None:
    several = record(asked=[QUESTION], said=[message("assistant", "a"), message("assistant", "b")])
    several["attributes"]["gen_ai.request.choice.count"] = 2
    one = derived(record(asked=[QUESTION, message("assistant", "a"), QUESTION], said=ANSWER))
    assert one["thread.head"] == derived(several)["thread.tail"]


@pytest.mark.parametrize(
    "damaged", ["", "[", "null", "7", '"text"', "{}", "[1,null]", '[{"role":5,"parts":7}]', "[" * 900]
)
def test_damaged_content_leaves_out_what_depends_on_it(damaged: str) -> None:
    given = record(said=[message("assistant", "fine")])
    given["attributes"] |= {IN: damaged, SYSTEM: damaged, TOOLS: damaged}
    found = complete(given)["attributes"]
    assert found["prompt_history.output.text"] == "fine"
    given["attributes"] |= {OUT: damaged}
    assert complete(given)["attributes"]["prompt_history.kind"] == "call"


def test_a_deep_value_is_no_content() -> None:
    deep = "[" * 300 + "]" * 300
    assert complete({"attributes": {IN: deep, OUT: deep}})["attributes"][IN] == deep


def test_records_without_content_stay_as_they_are() -> None:
    assert complete(record()) == record()
    assert complete({"attributes": None}) == {"attributes": None}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "role", "parts", "content",
        "name", "arguments", "response", "id"]) | st.text(max_size=3), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


@given(st.fixed_dictionaries({}, optional=dict.fromkeys((*CONTENT_FIELDS, "prompt_history.input.text"), json_values)))
def test_complete_never_raises(attributes: dict[str, Any]) -> None:
    as_text = {name: orjson.dumps(value).decode() for name, value in attributes.items()}
    for given_attributes in (attributes, as_text):
        complete({"attributes": given_attributes})


@given(st.lists(json_values, max_size=4), st.lists(json_values, min_size=1, max_size=3))
def test_split_gives_the_items_or_nothing(items: list[Any], more: list[Any]) -> None:
    for value in (items, items + more, items + more + more):
        for written in (orjson.dumps(value).decode(), json.dumps(value), json.dumps(value, separators=(",", ":"))):
            pieces = split(written)
            if pieces is not None:
                assert "[" + ",".join(pieces) + "]" == written
                assert [orjson.loads(piece) for piece in pieces] == orjson.loads(written)
    assert split(orjson.dumps(more).decode()) is not None


@pytest.mark.parametrize("written", ["]", "", "[", "[]", "[1,2", "[1]]", "1]", '["a"] ', "[1, 2]", "[1,]"])
def test_split_of_what_is_no_such_array(written: str) -> None:
    assert split("[1]") == ("1",)
    assert split(written) is None


def test_a_record_that_fits_is_the_same_record() -> None:
    given = record(asked=[QUESTION])
    assert fit(given) is given


@pytest.mark.parametrize("content", ["返" * 400_000, '"\\' * 300_000, "a\n" * 500_000])
def test_a_record_is_cut_to_fit(content: str) -> None:
    given = record(asked=[message("user", content), message("user", "short")], said=[message("assistant", "fine")])
    whole = complete(given)["attributes"]["prompt_history.content.sha256"]
    before = copy.deepcopy(given)
    cut = fit(given, limit=200_000)
    assert given == before
    assert 150_000 < len(orjson.dumps(cut)) <= 200_000
    kept = orjson.loads(cut["attributes"][IN])
    assert kept[1] == message("user", "short")
    start, mark, rest = kept[0]["parts"][0]["content"].partition("…[cut: ")
    assert content.startswith(start)
    assert rest == f"{len(content.encode()) - len(start.encode())} bytes]"
    assert mark
    attributes = complete(cut)["attributes"]
    assert attributes["prompt_history.content.truncated"] is True
    assert attributes["prompt_history.content.sha256"] == whole
    assert attributes["prompt_history.content.bytes"] < 200_000


def test_a_record_of_many_large_fields_is_cut_to_fit() -> None:
    given = record(asked=[message("user", "a" * 9_000)] * 9, said=[message("assistant", "b" * 60_000)])
    given["attributes"]["prompt_history.input.text"] = "c" * 90_000
    cut = fit(given, limit=50_000)
    assert len(orjson.dumps(cut)) <= 50_000
    assert complete(cut)["attributes"]["prompt_history.content.truncated"] is True
