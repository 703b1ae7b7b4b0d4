"""The embedded store keeps every record exactly, each message once."""

from __future__ import annotations

import multiprocessing
import os
import random
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prompt_history.exporter.derive import complete
from prompt_history.exporter.messages import CONTENT_FIELDS
from prompt_history.exporter.stores import Outcome, Record, Rejected, StoreUnreachable
from prompt_history.exporter.stores.rows import FIELDS, search_text
from prompt_history.exporter.stores.schema import reader
from prompt_history.exporter.stores.sqlite import MEMORY, SqliteStore, load
from prompt_history.exporter.stores.words import match_query

IN, OUT, SYSTEM, TOOLS = CONTENT_FIELDS


def record(number: int = 1, **attributes: Any) -> Record:
    written = {
        name: orjson.dumps(value).decode() if isinstance(value, list) and name in CONTENT_FIELDS else value
        for name, value in attributes.items()
    }
    return {
        "@timestamp": f"{1795345200000 + number}.456",
        "data_stream": {"type": "traces", "dataset": "llm.otel", "namespace": "default"},
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "name": "chat gpt-x",
        "kind": "Client",
        "duration": 1_000_000 * number,
        "attributes": {"prompt_history.kind": "call", **written},
        "links": [],
        "status": {"code": "Unset"},
        "resource": {"attributes": {"service.name": "shop"}},
    }


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def called(arguments: Any) -> dict[str, Any]:
    return {"role": "assistant", "parts": [{"type": "tool_call", "id": "t1", "name": "find", "arguments": arguments}]}


def stored(store: SqliteStore) -> list[Record]:
    rows = [row for (row,) in store.connection.execute("SELECT id FROM record ORDER BY id")]
    return load(store.connection, rows)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "new" / "history.db")
    yield store
    store.close()


def conversation(turns: int, user: str) -> list[Record]:
    """The calls of one conversation: each sends everything again."""
    messages: list[Any] = [said("system", "Be brief.")]
    calls = []
    for turn in range(turns):
        messages = [*messages, said("user", f"question {turn} of {user}")]
        answer = said("assistant", f"answer {turn} to {user}")
        content = {IN: messages, OUT: [answer], SYSTEM: [{"type": "text", "content": "shared"}]}
        calls.append(complete(record(abs(hash((user, turn))) % 10**9, **content, **{"user.id": user})))
        messages = [*messages, answer]
    return calls


def test_records_come_back_to_the_byte(store: SqliteStore) -> None:
    records = conversation(3, "u1") + conversation(3, "u2")
    assert store.write(records) == Outcome()
    assert [orjson.dumps(one) for one in stored(store)] == [orjson.dumps(one) for one in records]


def test_each_message_is_kept_once_for_a_user_and_system_prompts_once_for_all(store: SqliteStore) -> None:
    store.write(conversation(10, "u1") + conversation(10, "u2"))
    counted = dict(
        store.connection.execute("SELECT scope, count(*) FROM message WHERE text LIKE '{%' GROUP BY scope").fetchall()
    )
    assert counted == {"": 2, "u1": 20, "u2": 20}  # the system message and the instructions; ten turns of two each


def test_texts_that_follow_from_the_content_are_not_kept_beside_it(store: SqliteStore) -> None:
    thought = {"type": "reasoning", "content": "hm"}
    answer = {"role": "assistant", "parts": [thought, *said("", "fine")["parts"]]}
    derived = complete(record(1, **{IN: [said("system", "s"), said("user", "u")], OUT: [answer]}))
    written = complete(record(2, **{IN: [said("system", "s"), said("user", "u")], "prompt_history.input.text": "s\nu"}))
    other = complete(record(3, **{IN: [said("user", "u")], "prompt_history.input.text": "something else"}))
    store.write([derived, written, other])
    assert stored(store) == [derived, written, other]
    kept = [text for (text,) in store.connection.execute("SELECT text FROM message WHERE text NOT LIKE '{%'")]
    assert kept == ["something else"]


def test_writing_twice_changes_nothing(store: SqliteStore) -> None:
    records = conversation(2, "u1")
    store.write(records)
    assert store.write(records) == Outcome(duplicates=2)
    assert store.write([*records, record(7)]) == Outcome(duplicates=2)
    assert stored(store) == [*records, record(7)]


def test_records_of_other_kinds_share_ids(store: SqliteStore) -> None:
    evaluations = [
        record(1, **{"prompt_history.kind": "evaluation", "prompt_history.number": number}) for number in (1, 2)
    ]
    assert store.write([record(1), *evaluations]) == Outcome()
    assert stored(store) == [record(1), *evaluations]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"trace_id": None}, "trace_id is missing"),
        ({"@timestamp": "yesterday"}, "@timestamp is not <milliseconds>.<nanoseconds>"),
        ({"@timestamp": 5}, "@timestamp is not <milliseconds>.<nanoseconds>"),
        ({"name": "\ud800"}, "not JSON"),
        ({"attributes": 7}, "AttributeError"),
    ],
)
def test_what_can_never_be_kept_is_rejected_alone(store: SqliteStore, broken: dict[str, Any], reason: str) -> None:
    outcome = store.write([record(1), record(2) | broken, record(3)])
    assert outcome == Outcome(rejected=(Rejected(1, reason),))
    assert stored(store) == [record(1), record(3)]


def test_half_a_character_in_content_is_rejected_alone(store: SqliteStore) -> None:
    outcome = store.write([record(1, **{IN: '["\ud800"]'}), record(2)])
    assert [one.position for one in outcome.rejected] == [0]
    assert stored(store) == [record(2)]


def test_files_are_for_their_user_alone(store: SqliteStore) -> None:
    before = os.umask(0)
    try:
        store.write([record()])
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.path.parent.iterdir()}
    assert modes == {"history.db": 0o600, "history.db-wal": 0o600, "history.db-shm": 0o600}
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


def test_nothing_is_created_before_the_first_record(store: SqliteStore) -> None:
    assert not store.path.parent.exists()
    assert reader(store.path) is None


def test_readers_see_what_was_written_while_the_writer_writes(store: SqliteStore) -> None:
    store.write([record(1)])
    connection = reader(store.path)
    assert connection is not None
    store.connection.execute("BEGIN IMMEDIATE")
    assert load(connection, [1]) == [record(1)]
    store.connection.execute("ROLLBACK")
    store.write([record(2)])
    assert load(connection, [1, 2]) == [record(1), record(2)]
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM record")
    connection.close()


def test_a_store_goes_on_after_it_was_closed(store: SqliteStore) -> None:
    store.write([record(1)])
    store.close()
    store.write([record(2)])
    assert stored(store) == [record(1), record(2)]


def test_an_unusable_file_is_an_unreachable_store(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_text("this is no database, and long enough to be seen as none")
    with pytest.raises(StoreUnreachable, match=r"history\.db cannot be written"):
        SqliteStore(path).write([record()])
    with pytest.raises(StoreUnreachable, match=r"history\.db cannot be read"):
        reader(path)


def test_a_file_of_a_newer_version_is_left_alone(store: SqliteStore) -> None:
    store.write([record()])
    store.connection.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(StoreUnreachable, match="schema 99"):
        store.write([record(2)])
    with pytest.raises(StoreUnreachable, match="schema 99"):
        reader(store.path)


def test_a_failed_batch_leaves_nothing_and_can_be_sent_again(store: SqliteStore) -> None:
    store.write([record(1)])
    store.connection.execute("ALTER TABLE record_message RENAME TO gone")
    content = record(2, **{IN: [said("user", "hi")]})
    with pytest.raises(StoreUnreachable):
        store.write([content])
    store.connection.execute("ALTER TABLE gone RENAME TO record_message")
    assert stored(store) == [record(1)]
    assert store.write([content]) == Outcome()
    assert stored(store) == [record(1), content]


def test_messages_that_another_process_deleted_are_kept_again(store: SqliteStore) -> None:
    content = {IN: [said("user", "hello")]}
    store.write([record(1, **content)])
    other = sqlite3.connect(store.path)
    with other:
        for row, text in other.execute("SELECT id, text FROM message WHERE indexed").fetchall():
            # How a message is taken out of the index: with the text that was put in.
            values = (row, search_text(text))
            other.execute("INSERT INTO message_text (message_text, rowid, text) VALUES ('delete', ?, ?)", values)
        for table in ("record_message", "message", "record"):
            other.execute(f"DELETE FROM {table}")
    assert hits(store, "hello") == []
    other.execute("INSERT INTO message_text (message_text) VALUES ('integrity-check')")
    other.close()
    store.write([record(2, **content)])
    assert stored(store) == [record(2, **content)]
    assert hits(store, "hello") == [f"{2:016x}"]


def hits(store: SqliteStore, word: str) -> list[str]:
    query = (
        "SELECT span_id FROM record WHERE id IN (SELECT record FROM record_message WHERE fresh AND message IN "
        "(SELECT rowid FROM message_text WHERE message_text MATCH ?)) ORDER BY id"
    )
    return [span for (span,) in store.connection.execute(query, (match_query(word),))]


def test_a_word_is_found_where_it_was_said_and_not_where_it_was_sent_again(store: SqliteStore) -> None:
    calls = conversation(5, "u1")
    store.write(calls)
    assert hits(store, "question") == [call["span_id"] for call in calls]
    assert hits(store, '"question 2"') == [calls[2]["span_id"]]
    assert hits(store, '"answer 4"') == [calls[4]["span_id"]]
    assert hits(store, "shared") == [calls[0]["span_id"]]
    assert hits(store, "text") == []


def test_a_history_that_nobody_recorded_is_found_where_it_first_appears(store: SqliteStore) -> None:
    late = record(1, **{IN: [said("user", "vanished"), said("assistant", "yes"), said("user", "and?")]})
    store.write([late])
    assert hits(store, "vanished") == [late["span_id"]]


def test_the_same_question_again_is_found_again(store: SqliteStore) -> None:
    store.write([record(number, **{IN: [said("user", "same question")]}) for number in (1, 2)])
    assert hits(store, "same") == [f"{1:016x}", f"{2:016x}"]


@pytest.mark.parametrize(
    ("attributes", "word"),
    [
        ({IN: '[{"role": "user", "parts": [{"type": "text", "content": "escaped\\nvalue"}]}]'}, "value"),
        ({IN: "[cut in the mid"}, "mid"),
        ({"prompt_history.input.text": "only text"}, "text"),
        ({OUT: [called({"q": "a"})]}, "q"),
        ({OUT: [called('{"q": "a\\nb"}')]}, "b"),
        ({TOOLS: [{"name": "weather", "description": "looks at the sky"}]}, "sky"),
        ({OUT: [{"role": "assistant", "parts": [{"type": "reasoning", "content": "hmm"}]}]}, "hmm"),
    ],
)  # fmt: skip
def test_every_stored_word_is_found(store: SqliteStore, attributes: dict[str, Any], word: str) -> None:
    store.write([record(1, **attributes)])
    assert hits(store, word) == [f"{1:016x}"]


VOCABULARY = (
    *(
        "返金",
        "契約",
        "東京都",
        "大阪",
        "領収書",
        "解約",
        "見積もり",
        "プロンプト",
        "キャンセル",
        "ﾄﾗﾌﾞﾙ",
        "お問い合わせ",
        "税",
    ),
    *("refund", "invoice", "Kubernetes", "gpt-5", "order_id", "naïve", "8812", "deploy", "rollback", "tokyo"),
)


def test_planted_words_of_both_languages_are_found(store: SqliteStore) -> None:
    chance = random.Random(20261124)
    planted = {}
    for number in range(1, 201):
        words = chance.sample(VOCABULARY, 3)
        content = "これは".join(words) if chance.random() < 0.5 else " and ".join(words)
        planted[f"{number:016x}"] = content
        side, role = (IN, "user") if chance.random() < 0.5 else (OUT, "assistant")
        store.write([record(number, **{side: [said(role, content)]})])
    for word in VOCABULARY:
        assert hits(store, word) == [span for span, content in planted.items() if word in content], word


attribute_names = st.sampled_from(
    [*FIELDS, "user.id", "gen_ai.usage.input_tokens", "gen_ai.response.finish_reasons", "prompt_history.outcome", "x"]
)
attribute_values = (
    st.text() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(st.text(), max_size=3) | st.none()
)  # fmt: skip
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system"])},
        optional={
            "parts": st.lists(st.dictionaries(st.text(max_size=3), st.text() | st.integers(0, 9) | st.floats(0, 1)))
        },
    ),
    max_size=4,
)
contents = messages.map(lambda value: orjson.dumps(value).decode()) | st.text()
records = st.builds(
    lambda number, attributes, content: record(number) | {"attributes": attributes | content},
    st.integers(0, 10**12),
    st.dictionaries(attribute_names, attribute_values, max_size=6),
    st.dictionaries(st.sampled_from(CONTENT_FIELDS), contents, max_size=4),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
@given(st.lists(records, max_size=4, unique_by=lambda one: one["span_id"]), st.booleans())
def test_any_record_comes_back_to_the_byte(given_records: list[Record], completed: bool) -> None:
    store = SqliteStore(MEMORY)
    try:
        written = [orjson.loads(orjson.dumps(one)) for one in given_records]
        if completed:
            written = [complete(one) for one in written]
        expected = [orjson.dumps(one) for one in written]
        assert store.write(written) == Outcome()
        assert [orjson.dumps(one) for one in stored(store)] == expected
        store.connection.execute("INSERT INTO message_text (message_text) VALUES ('integrity-check')")
    finally:
        store.close()


def _write_in_child(store: SqliteStore, numbers: range) -> None:
    for number in numbers:
        store.write([record(number, **{IN: [said("user", f"word{number % 7}")]})])


@pytest.mark.slow
def test_forked_processes_write_through_the_same_object(store: SqliteStore) -> None:
    store.write([record(10**6)])
    fork = multiprocessing.get_context("fork")
    ranges = [range(start, start + 50) for start in (0, 100, 200)]
    children = [fork.Process(target=_write_in_child, args=(store, numbers)) for numbers in ranges]
    for child in children:
        child.start()
    for number in range(300, 350):
        store.write([record(number)])
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert len(stored(store)) == 201
    assert store.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
