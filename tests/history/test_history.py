"""Records are found again, wherever they are at the moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prompt_history.exporter.config import Config
from prompt_history.exporter.derive import complete
from prompt_history.exporter.shipper import Shipper
from prompt_history.exporter.stores import Record, StoreUnreachable
from prompt_history.exporter.stores.sqlite import SqliteStore
from prompt_history.history import Ambiguous, Filters, Found, History, NotFound, queries

Make = Callable[..., Record]
Keep = Callable[[Iterable[Record]], None]


@pytest.fixture
def leader(config: Config) -> Iterator[Shipper]:
    """A shipper that leads and does not ship."""
    shipper = Shipper(config.spool, SqliteStore(config.database), complete=complete)
    assert shipper.try_lead()
    yield shipper
    shipper.resign()


def ids(found: Iterable[Found]) -> list[str]:
    return [one.record["span_id"] for one in found]


def test_nothing_there_is_an_empty_history(config: Config) -> None:
    with History.open(config) as history:
        assert history.log() == []
        assert history.search("anything") == []
        statistics = history.statistics()
        with pytest.raises(NotFound, match="'@'"):
            history.get("@")
    assert (statistics.calls, statistics.stored_bytes, statistics.oldest) == (0, 0, None)
    assert not config.dir.exists()


def test_records_come_newest_first_and_in_pages(config: Config, make: Make, keep: Keep) -> None:
    records = [make(minute) for minute in range(10)]
    keep(records[5:] + records[:5])
    with History.open(config) as history:
        first = history.log(limit=4)
        second = history.log(limit=4, before=first[-1].key)
        third = history.log(limit=4, before=second[-1].key)
    assert [one.record for one in first + second + third] == [complete(one) for one in records[::-1]]
    assert [len(page) for page in (first, second, third)] == [4, 4, 2]
    assert first[0].id == f"{records[9]['trace_id']}-{records[9]['span_id']}"


def test_what_only_the_spool_has_is_found_at_once_and_shipped(config: Config, make: Make, spool: Keep) -> None:
    spool([make(1, asked="返金をお願いします")])
    with History.open(config) as history:
        assert ids(history.search("返金")) == ids(history.log()) == [make(1)["span_id"]]
        assert history.statistics().waiting == 0
    assert config.database.exists()


def test_what_another_shipper_has_not_shipped_yet_is_read_from_the_spool(
    config: Config, make: Make, keep: Keep, spool: Keep, leader: Shipper
) -> None:
    keep([make(1), make(3), make(5)])
    spool([make(2, asked="返金"), make(3), make(4)])
    with History.open(config) as history:
        assert [one.record for one in history.log()] == [
            complete(make(minute)) if minute != 2 else complete(make(2, asked="返金")) for minute in (5, 4, 3, 2, 1)
        ]
        assert ids(history.search("返金")) == [make(2)["span_id"]]
        assert ids(history.log(limit=2)) == [make(minute)["span_id"] for minute in (5, 4)]
        assert history.get(make(2)["span_id"]).record["span_id"] == make(2)["span_id"]
        statistics = history.statistics()
        assert (statistics.calls, statistics.waiting) == (5, 2)
        leader.ship_once()
        assert len(history.log()) == 5
        assert history.statistics().calls == 5
        history.refresh()
        assert history.statistics().waiting == 0


def test_a_spool_that_cannot_be_shipped_is_still_read(config: Config, make: Make, spool: Keep, tmp_path: Path) -> None:
    spool([make(1)])
    blocked = tmp_path / "file"
    blocked.write_text("")
    with History(blocked / "history.db", config.spool) as history:
        history.refresh()
        assert ids(history.log()) == [make(1)["span_id"]]


FILTERED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"user": "u1"}, {"user.id": "u1"}),
    ({"session": "s1"}, {"session.id": "s1"}),
    ({"conversation": "c1"}, {"gen_ai.conversation.id": "c1"}),
    ({"model": "gpt-y"}, {"gen_ai.request.model": "gpt-y"}),
    ({"model": "gpt-y-2026"}, {"gen_ai.response.model": "gpt-y-2026"}),
    ({"provider": "anthropic"}, {"gen_ai.provider.name": "anthropic"}),
    ({"operation": "embeddings"}, {"gen_ai.operation.name": "embeddings"}),
    ({"outcome": "cancelled"}, {"prompt_history.outcome": "cancelled"}),
    ({"error": True}, {"prompt_history.outcome": "error", "error.type": "timeout"}),
    ({"prompt": "refund"}, {"gen_ai.prompt.name": "refund", "gen_ai.prompt.version": "7"}),
    ({"prompt": "refund@7"}, {"gen_ai.prompt.name": "refund", "gen_ai.prompt.version": "7"}),
    ({"tool": "weather"}, {"prompt_history.tools.called": ["map", "weather"]}),
    ({"error": True, "user": "u1"}, {"prompt_history.outcome": "error", "user.id": "u1"}),
]


@pytest.mark.parametrize(("filters", "attributes"), FILTERED)
def test_filters(filters: dict[str, Any], attributes: dict[str, Any], config: Config, make: Make, keep: Keep) -> None:
    other = (
        {"gen_ai.prompt.name": "refund", "gen_ai.prompt.version": "8"} if filters.get("prompt") == "refund@7" else {}
    )
    keep([make(1, **other), make(2, **attributes), make(3, **{"prompt_history.tools.called": ["other"]})])
    with History.open(config) as history:
        assert ids(history.log(Filters(**filters))) == [make(2)["span_id"]]
        assert ids(history.search("hello", Filters(**filters))) == [make(2)["span_id"]]


def test_filters_of_time_latency_and_service(config: Config, make: Make, keep: Keep) -> None:
    keep(
        [make(1), make(2) | {"duration": 2_000_000_000}, make(3) | {"resource": {"attributes": {"service.name": "a"}}}]
    )
    start = int(make(2)["@timestamp"].split(".")[0])
    with History.open(config) as history:
        assert ids(history.log(Filters(slow=2.0))) == [make(2)["span_id"]]
        assert ids(history.log(Filters(service="a"))) == [make(3)["span_id"]]
        assert ids(history.log(Filters(since=start))) == [make(3)["span_id"], make(2)["span_id"]]
        assert ids(history.log(Filters(until=start))) == [make(1)["span_id"]]


def test_a_record_is_named_in_many_ways(config: Config, make: Make, keep: Keep) -> None:
    keep([make(minute) for minute in range(5)])
    wanted = make(2)
    span, trace = wanted["span_id"], wanted["trace_id"]
    with History.open(config) as history:
        for name in (span, span[:2], span[:8].upper(), f"{trace}-{span}", f"{trace}-{span[:3]}", trace, "@~2", " @~2 "):
            assert history.get(name).record == complete(wanted), name
        assert history.get("@").record == complete(make(4))
        with pytest.raises(Ambiguous) as ambiguous:
            history.get("0")
        assert ambiguous.value.args[1] == [f"{one['trace_id']}-{one['span_id']}" for one in map(make, (4, 3, 2, 1, 0))]
        for name in ("ffff", "@~5", "refund", "", "@~", "%", "0'"):
            with pytest.raises(NotFound):
                history.get(name)


@pytest.mark.parametrize("many", [1, 5000])
def test_every_word_must_have_been_said_in_the_call(
    many: int, config: Config, make: Make, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_MANY", many)  # from which on a word counts as common, and is asked for otherwise
    keep([make(1, asked="refund please", said="契約 is over"), make(2, asked="refund"), make(3, asked="契約")])
    with History.open(config) as history:
        assert ids(history.search("refund 契約")) == [make(1)["span_id"]]
        assert ids(history.search("refund")) == [make(2)["span_id"], make(1)["span_id"]]
        assert ids(history.search("約", limit=1)) == [make(3)["span_id"]]
        assert ids(history.search('"refund please"')) == [make(1)["span_id"]]
        assert history.search('"please refund"') == []


def test_text_without_words_is_found_as_it_is(config: Config, make: Make, keep: Keep) -> None:
    keep([make(1, asked='100% "?!"'), make(2, asked="100")])
    with History.open(config) as history:
        assert ids(history.search('"?!"')) == ids(history.search("%")) == [make(1)["span_id"]]
        assert history.search("_") == []


def test_statistics(config: Config, make: Make, keep: Keep) -> None:
    keep(
        [
            make(1, **{"session.id": "a", "user.id": "u"}),
            make(2, **{"session.id": "a", "prompt_history.outcome": "error"}),
            make(3, **{"session.id": "b", "prompt_history.kind": "evaluation", "prompt_history.number": 1}),
        ]
    )
    with History.open(config) as history:
        found = history.statistics()
    assert (found.calls, found.sessions, found.users, found.errors, found.waiting) == (2, 2, 1, 1, 0)
    assert found.newest is not None
    assert found.oldest is not None
    assert found.newest - found.oldest == 120_000
    assert found.raw_bytes == 3 * complete(make(1))["attributes"]["prompt_history.content.bytes"]
    assert found.stored_bytes > 0


def test_tail_shows_the_last_ones_and_then_each_new_one_once(
    config: Config, make: Make, keep: Keep, spool: Keep, leader: Shipper
) -> None:
    keep([make(minute) for minute in range(4)])
    stop = threading.Event()
    with History.open(config) as history:
        follow = history.tail(Filters(), 2, stop)
        assert ids([next(follow), next(follow)]) == [make(2)["span_id"], make(3)["span_id"]]
        spool([make(9)])
        assert ids([next(follow)]) == [make(9)["span_id"]]
        leader.ship_once()
        keep([make(5)])
        assert ids([next(follow)]) == [make(5)["span_id"]]
        stop.set()
        assert list(follow) == []


def test_a_file_that_is_no_history_is_said_so(config: Config, make: Make, keep: Keep) -> None:
    config.dir.mkdir()
    config.database.write_text("this is no database, and long enough to be seen as none")
    with pytest.raises(StoreUnreachable, match=r"history\.db cannot be read"), History.open(config) as history:
        history.log()
