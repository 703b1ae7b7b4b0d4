"""From the spool to the store: confirmed is what the store has, and nothing else."""

from __future__ import annotations

import base64
import errno
import json
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from prompt_history.exporter.config import Config
from prompt_history.exporter.shipper import ApplicationShipper, Shipper, read_ledger, start_thread
from prompt_history.exporter.shipper.process import environment
from prompt_history.exporter.spool import START, Spool, confirmed, pending, segments, unconfirmed
from prompt_history.exporter.spool.frame import header
from prompt_history.exporter.stores import Outcome, Record, Rejected, StoreUnreachable


def record(number: int, **more: Any) -> Record:
    return {"trace_id": "t", "span_id": f"s{number}", **more}


def payload(number: int, **more: Any) -> bytes:
    return json.dumps(record(number, **more)).encode()


class FakeStore:
    """Keeps each span id once, and behaves as the records say."""

    def __init__(self) -> None:
        self.kept: dict[str, Record] = {}
        self.batches: list[list[str]] = []
        self.away: Exception | None = None
        self.later: set[str] = set()
        self.arrived = threading.Event()

    def write(self, records: Sequence[Record]) -> Outcome:
        ids = [one["span_id"] for one in records]
        self.batches.append(ids)
        if self.away is not None:
            raise self.away
        if any(one.get("poison") for one in records):
            raise ZeroDivisionError("quotes a prompt")
        rejected = [Rejected(i, "mapping") for i, one in enumerate(records) if one.get("bad")]
        later = [i for i, one in enumerate(records) if one["span_id"] in self.later]
        kept = [one for i, one in enumerate(records) if i not in later and not one.get("bad")]
        duplicates = sum(one["span_id"] in self.kept for one in kept)
        self.kept |= {one["span_id"]: one for one in kept}
        self.arrived.set()
        return Outcome(later=later, rejected=rejected, duplicates=duplicates)

    def close(self) -> None: ...


def completed(one: Record) -> Record:
    if one.get("incomplete"):
        raise LookupError("quotes a prompt")
    return {**one, "completed": True}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(directory: Path) -> Spool:
    return Spool(directory)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def shipper(directory: Path, store: FakeStore) -> Iterator[Shipper]:
    shipper = Shipper(directory, store, complete=completed, batch_records=10)
    yield shipper
    shipper.resign()


def successor(shipper: Shipper, directory: Path, store: FakeStore) -> Shipper:
    """Another process, as far as the files can tell."""
    shipper.resign()
    return Shipper(directory, store, complete=completed)


def letters(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "dead-letters.ndjson").read_text().splitlines()]


def test_ships_what_is_there_and_confirms_it(directory: Path, spool: Spool, store: FakeStore, shipper: Shipper) -> None:
    for number in range(25):
        spool.append(payload(number))
    assert shipper.ship_once() == 25
    assert [len(batch) for batch in store.batches] == [10, 10, 5]
    assert list(store.kept.values()) == [record(number, completed=True) for number in range(25)]
    assert not list(pending(directory))
    assert shipper.ship_once() == 0
    spool.append(payload(25))
    assert shipper.ship_once() == 1
    assert read_ledger(directory) == {"shipped": 26}


def test_batches_are_bounded_by_bytes(directory: Path, spool: Spool, store: FakeStore) -> None:
    shipper = Shipper(directory, store, complete=completed, batch_bytes=1000)
    for number, size in enumerate((400, 400, 400, 5000, 10)):
        spool.append(payload(number, text="x" * size))
    shipper.ship_once()
    assert store.batches == [["s0", "s1"], ["s2"], ["s3"], ["s4"]]


def test_a_segment_goes_when_all_is_confirmed_and_its_writer_is_gone(
    directory: Path, spool: Spool, shipper: Shipper
) -> None:
    spool.append(payload(1))
    shipper.ship_once()
    (name,) = segments(directory)
    assert confirmed(directory) == {name: (directory / name).stat().st_size}
    spool.close()
    assert shipper.ship_once() == 0
    assert segments(directory) == []
    assert confirmed(directory) == {}


def test_a_frame_that_comes_just_before_the_removal_is_not_lost(
    directory: Path, spool: Spool, store: FakeStore, shipper: Shipper, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(payload(1))
    write = store.write

    def last_words(records: Sequence[Record]) -> Outcome:
        if not store.batches:
            spool.append(payload(2))
            spool.close()
        return write(records)

    monkeypatch.setattr(store, "write", last_words)
    shipper.ship_once()
    shipper.ship_once()
    assert sorted(store.kept) == ["s1", "s2"]
    assert segments(directory) == []


def test_the_cursor_survives_a_restart(directory: Path, spool: Spool, store: FakeStore, shipper: Shipper) -> None:
    spool.append(payload(1))
    shipper.ship_once()
    spool.append(payload(2))
    shipper = successor(shipper, directory, store)
    assert shipper.ship_once() == 1
    assert store.batches == [["s1"], ["s2"]]
    assert read_ledger(directory) == {"shipped": 2}


def test_what_the_store_wants_later_comes_later(
    directory: Path, spool: Spool, store: FakeStore, shipper: Shipper
) -> None:
    for number in range(4):
        spool.append(payload(number))
    store.later = {"s1", "s2"}
    assert shipper.ship_once() == 2
    assert isinstance(shipper.trouble, StoreUnreachable)
    assert [json.loads(frame.payload)["span_id"] for _, frame in pending(directory)] == ["s1", "s2", "s3"]
    spool.append(payload(4))
    assert shipper.ship_once() == 1, "the others go on"
    store.later = set()
    assert shipper.ship_once() == 2
    assert shipper.trouble is None
    assert sorted(store.kept) == ["s0", "s1", "s2", "s3", "s4"]
    assert not unconfirmed(directory)
    assert read_ledger(directory) == {"shipped": 5, "retries": 4}


def test_a_restart_sends_again_and_the_store_counts_it(
    directory: Path, spool: Spool, store: FakeStore, shipper: Shipper
) -> None:
    for number in range(3):
        spool.append(payload(number))
    store.later = {"s0"}
    shipper.ship_once()
    store.later = set()
    assert successor(shipper, directory, store).ship_once() == 3
    assert read_ledger(directory) == {"shipped": 3, "duplicates": 2, "retries": 1}


@pytest.mark.parametrize("error", [StoreUnreachable("away"), ConnectionResetError(), OSError(errno.ENOSPC, "full")])
def test_nothing_is_lost_while_the_store_is_away(
    directory: Path, spool: Spool, store: FakeStore, shipper: Shipper, error: Exception
) -> None:
    store.away = error
    for number in range(25):
        spool.append(payload(number))
    for _ in range(3):
        assert shipper.ship_once() == 0
    assert shipper.trouble is error
    assert confirmed(directory) == {}
    store.away = None
    assert shipper.ship_once() == 25
    assert store.batches == [[f"s{n}" for n in range(10)]] * 4 + [
        [f"s{n}" for n in range(10, 20)],
        [f"s{n}" for n in range(20, 25)],
    ], "what was confirmed was sent once, and only one batch is held in memory"
    assert read_ledger(directory) == {"shipped": 25, "retries": 30}


def test_an_outage_is_told_once(
    spool: Spool, store: FakeStore, shipper: Shipper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "prompt_history")
    spool.append(payload(1))
    for error in (StoreUnreachable("the database is away"), OSError(errno.EIO, "quotes a prompt")):
        store.away = error
        shipper.ship_once()
        shipper.ship_once()
        store.away = None
        shipper.ship_once()
        spool.append(payload(2))
    assert caplog.messages == [
        "Prompt history cannot reach its store; records wait in the spool. the database is away",
        "Prompt history reaches its store again.",
        "Prompt history cannot reach its store; records wait in the spool. OSError EIO",
        "Prompt history reaches its store again.",
    ]


def test_the_delay_grows_up_to_half_a_minute(spool: Spool, store: FakeStore, shipper: Shipper) -> None:
    spool.append(payload(1))
    store.away = StoreUnreachable("away")
    longest = []
    for _ in range(12):
        shipper.ship_once()
        longest.append(max(shipper.delay() for _ in range(200)))
    assert longest[0] < 0.5 < longest[3] < longest[11] <= 30
    assert longest[11] > 25
    store.away = None
    shipper.ship_once()
    assert shipper.delay() <= 0.2


def test_what_can_never_be_kept_is_a_dead_letter(
    directory: Path, spool: Spool, store: FakeStore, shipper: Shipper
) -> None:
    bodies = [payload(0), payload(1, bad=True), b"\xf0 no JSON", b"[1]", payload(4, incomplete=True), payload(5)]
    for body in bodies:
        spool.append(body)
    (name,) = segments(directory)
    offsets = [frame.offset for _, frame in pending(directory)]
    assert shipper.ship_once() == 2
    assert sorted(store.kept) == ["s0", "s5"]
    assert sorted(letters(directory), key=lambda letter: letter["offset"]) == [
        {"reason": "mapping", "segment": name, "offset": offsets[1], "record": record(1, bad=True)},
        {
            "reason": "JSONDecodeError",
            "segment": name,
            "offset": offsets[2],
            "raw": base64.b64encode(bodies[2]).decode(),
        },
        {"reason": "TypeError", "segment": name, "offset": offsets[3], "record": [1]},
        {"reason": "LookupError", "segment": name, "offset": offsets[4], "record": record(4, incomplete=True)},
    ]
    assert stat.S_IMODE((directory / "dead-letters.ndjson").stat().st_mode) == 0o600
    assert read_ledger(directory) == {"shipped": 2, "dead": 4}
    assert not unconfirmed(directory)


def test_a_record_that_the_store_cannot_bear_does_not_stop_its_neighbours(
    directory: Path, spool: Spool, store: FakeStore, shipper: Shipper
) -> None:
    for number in range(5):
        spool.append(payload(number, poison=number == 2))
    assert shipper.ship_once() == 4
    assert sorted(store.kept) == ["s0", "s1", "s3", "s4"]
    assert [(letter["reason"], letter["record"]["span_id"]) for letter in letters(directory)] == [
        ("ZeroDivisionError", "s2")
    ]
    assert not unconfirmed(directory)


def test_no_record_is_confirmed_before_its_dead_letter_is_written(
    directory: Path, spool: Spool, store: FakeStore, shipper: Shipper
) -> None:
    (directory / "dead-letters.ndjson").mkdir(parents=True)
    spool.append(b"no JSON")
    spool.append(payload(1))
    assert shipper.ship_once() == 1, "the neighbour goes on"
    assert isinstance(shipper.trouble, OSError)
    assert unconfirmed(directory)
    (directory / "dead-letters.ndjson").rmdir()
    assert shipper.ship_once() == 0
    assert [letter["reason"] for letter in letters(directory)] == ["JSONDecodeError"]
    assert not unconfirmed(directory)


def test_a_cursor_that_cannot_be_written_costs_a_resend_only(
    directory: Path, spool: Spool, store: FakeStore, shipper: Shipper
) -> None:
    spool.append(payload(1))
    (directory / "cursor.new").mkdir()
    assert shipper.ship_once() == 1
    (directory / "cursor.new").rmdir()
    assert shipper.ship_once() == 0
    assert confirmed(directory) != {}
    assert read_ledger(directory).keys() == {"shipped", "not saved: OSError EISDIR"}
    assert len(store.batches) == 1


def write_segment(directory: Path, content: bytes, number: int = 1) -> str:
    """The file of a writer that is gone."""
    directory.mkdir(exist_ok=True)
    name = f"{number:020d}-7-abcdef00.seg"
    (directory / name).write_bytes(content)
    return name


def frame(body: bytes, kind: int = 1) -> bytes:
    return header(kind, body) + body


def test_damage_is_kept_apart_and_counted(directory: Path, store: FakeStore, shipper: Shipper) -> None:
    future = frame(b"future", 9)
    name = write_segment(directory, b"damage" + frame(payload(1)) + future + frame(payload(2)) + b"rest")
    assert shipper.ship_once() == 2
    end = 6 + len(frame(payload(1)))
    kept = {path.name: path.read_bytes() for path in (directory / "quarantine").iterdir()}
    after = end + len(future) + len(frame(payload(2)))
    assert kept == {f"{name}.0": b"damage", f"{name}.{end}": future, f"{name}.{after}": b"rest"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (directory / "quarantine").iterdir()} == {0o600}
    assert segments(directory) == []
    assert read_ledger(directory) == {"shipped": 2, "damaged": 2, "unknown": 1}


@pytest.mark.parametrize(("tail", "torn"), [(frame(b"torn")[:-1], 1), (b"\xf5P", 1), (bytes(5000), 0)])
def test_a_torn_tail_is_counted_and_goes(
    directory: Path, store: FakeStore, shipper: Shipper, tail: bytes, torn: int
) -> None:
    write_segment(directory, frame(payload(1)) + tail)
    assert shipper.ship_once() == 1
    assert segments(directory) == []
    assert not (directory / "quarantine").exists()
    assert read_ledger(directory) == {"shipped": 1} | ({"torn": 1} if torn else {})


def test_a_half_written_frame_of_a_living_writer_waits(
    directory: Path, spool: Spool, store: FakeStore, shipper: Shipper
) -> None:
    spool.append(payload(1))
    (name,) = segments(directory)
    whole = frame(payload(2))
    with (directory / name).open("ab", buffering=0) as file:
        file.write(whole[:20])
        assert shipper.ship_once() == 1
        assert shipper.ship_once() == 0
        file.write(whole[20:])
    assert shipper.ship_once() == 1
    assert read_ledger(directory) == {"shipped": 2}


def test_a_call_under_way_is_not_shipped_while_its_writer_lives(
    directory: Path, spool: Spool, store: FakeStore, shipper: Shipper
) -> None:
    spool.append(payload(1), START)
    spool.append(payload(2))
    spool.close()
    spool.append(payload(3))
    assert shipper.ship_once() == 2
    assert sorted(store.kept) == ["s2", "s3"]
    assert len(segments(directory)) == 2, "the start must not be forgotten"
    shipper = successor(shipper, directory, store)
    assert shipper.ship_once() == 1, "again, as it stands behind the start"
    spool.append(payload(1))
    assert shipper.ship_once() == 1
    assert "prompt_history.outcome" not in store.kept["s1"].get("attributes", {})
    spool.close()
    shipper.ship_once()
    assert segments(directory) == []
    assert read_ledger(directory) == {"shipped": 3, "duplicates": 1}


def test_a_call_whose_writer_died_is_interrupted(directory: Path, store: FakeStore, shipper: Shipper) -> None:
    start = {**record(1), "name": "chat m", "attributes": {"gen_ai.request.model": "m"}}
    write_segment(directory, frame(json.dumps(start).encode(), START) + frame(payload(2), START), 1_000_002)
    write_segment(directory, frame(payload(2)), 1_000_003)
    assert shipper.ship_once() == 2
    assert store.kept["s2"] == record(2, completed=True)
    assert store.kept["s1"] == {
        "@timestamp": "1.2",
        "data_stream": {"type": "traces", "dataset": "llm.otel", "namespace": "default"},
        "trace_id": "t",
        "span_id": "s1",
        "name": "chat m",
        "kind": "Client",
        "duration": 0,
        "links": [],
        "status": {"code": "Unset"},
        "resource": {"attributes": {}},
        "scope": {"name": "prompt_history.exporter", "version": "", "attributes": {}},
        "attributes": {
            "prompt_history.schema": 1,
            "prompt_history.kind": "call",
            "gen_ai.request.model": "m",
            "prompt_history.outcome": "interrupted",
        },
        "completed": True,
    }
    assert segments(directory) == []
    assert read_ledger(directory) == {"shipped": 2, "interrupted": 1}


def test_another_writers_record_does_not_settle_a_start(directory: Path, store: FakeStore, shipper: Shipper) -> None:
    write_segment(directory, frame(payload(1), START))
    (directory / f"{2:020d}-8-00000000.seg").write_bytes(frame(payload(1)))
    shipper.ship_once()
    assert read_ledger(directory) == {"shipped": 1, "duplicates": 1, "interrupted": 1}


def test_a_start_without_ids_is_a_dead_letter(directory: Path, store: FakeStore, shipper: Shipper) -> None:
    write_segment(directory, frame(b"{}", START) + frame(payload(1)))
    assert shipper.ship_once() == 1
    assert [letter["reason"] for letter in letters(directory)] == ["KeyError"]
    assert segments(directory) == []


def test_one_leads_and_the_other_waits(directory: Path, spool: Spool, store: FakeStore, shipper: Shipper) -> None:
    other = Shipper(directory, store, complete=completed)
    assert shipper.try_lead()
    assert not other.try_lead()
    spool.append(payload(1))
    assert other.ship_once() == 0
    assert store.batches == []
    assert not other.drain(0.05)
    shipper.resign()
    assert other.drain(5)
    assert not shipper.try_lead()
    other.resign()
    spool.append(payload(2))
    assert shipper.ship_once() == 1
    assert store.batches == [["s1"], ["s2"]], "a new leader takes up where the last one left off"


def test_a_leader_whose_directory_was_removed_leads_in_the_new_one(
    directory: Path, store: FakeStore, shipper: Shipper
) -> None:
    assert shipper.try_lead()
    (directory / "shipper.lock").unlink()
    other = Shipper(directory, store, complete=completed)
    assert other.try_lead()
    assert not shipper.try_lead()
    other.resign()
    assert shipper.try_lead()


def test_a_segment_that_vanishes_stops_nothing(directory: Path, store: FakeStore, shipper: Shipper) -> None:
    name = write_segment(directory, frame(payload(1)))
    store.away = StoreUnreachable("away")
    shipper.ship_once()
    store.away = None
    (directory / name).unlink()
    write_segment(directory, frame(payload(2)), 2)
    assert shipper.ship_once() == 2, "what was read is sent all the same"


def test_draining_keeps_to_its_time(directory: Path, spool: Spool, store: FakeStore) -> None:
    def slow(one: Record) -> Record:
        time.sleep(0.01)
        return one

    shipper = Shipper(directory, store, complete=slow, batch_records=5)
    for number in range(1000):
        spool.append(payload(number))
    began = time.monotonic()
    assert not shipper.drain(0.2)
    assert time.monotonic() - began < 2
    assert 0 < len(store.kept) < 1000


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    stop = threading.Event()
    yield stop
    stop.set()


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def test_a_woken_thread_ships_soon(spool: Spool, store: FakeStore, shipper: Shipper, stop: threading.Event) -> None:
    thread = start_thread(shipper, stop)
    assert thread.daemon
    spool.append(payload(1))
    shipper.wake()
    assert store.arrived.wait(2)
    store.arrived.clear()
    spool.append(payload(2))
    assert store.arrived.wait(2), "also what another process wrote, who cannot wake it"
    stop.set()
    shipper.wake()
    thread.join(5)
    assert not thread.is_alive()


def test_the_store_comes_back(spool: Spool, store: FakeStore, shipper: Shipper, stop: threading.Event) -> None:
    store.away = StoreUnreachable("away")
    thread = start_thread(shipper, stop)
    for number in range(100):
        spool.append(payload(number))
        shipper.wake()
    assert within(5, lambda: len(store.batches) > 2)
    store.away = None
    assert within(10, lambda: len(store.kept) == 100)
    stop.set()
    thread.join(5)
    assert sum(map(len, store.batches)) - len(store.kept) == 10 * (len(store.batches) - 10), "nothing confirmed again"


def test_an_application_has_one_thread(directory: Path, spool: Spool, store: FakeStore) -> None:
    made: list[Shipper] = []

    def make() -> Shipper:
        made.append(Shipper(directory, store, complete=completed))
        return made[-1]

    application = ApplicationShipper.of(directory, make)
    for number in range(20):
        spool.append(payload(number))
        application.wake()
    assert application.drain(5)
    assert len(store.kept) == 20
    assert len(made) == 1
    application.stop()
    spool.append(payload(20))
    assert application.drain(5), "another one starts"
    application.stop()


def test_a_thread_that_cannot_start_is_counted(
    directory: Path, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    application = ApplicationShipper.of(directory, lambda: Shipper(directory, store, complete=completed))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    application.wake()
    assert application.counts == {"not started": 1}


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_ships_itself_when_its_parent_does_not(directory: Path, tmp_path: Path) -> None:
    class FileStore(FakeStore):
        def write(self, records: Sequence[Record]) -> Outcome:
            with (tmp_path / "kept").open("a") as file:
                file.writelines(f"{os.getpid()} {one['span_id']}\n" for one in records)
            return Outcome()

    spool = Spool(directory)
    application = ApplicationShipper.of(directory, lambda: Shipper(directory, FileStore(), complete=completed))
    spool.append(payload(1))
    assert application.drain(5)
    child = os.fork()
    if child == 0:
        try:
            spool.append(payload(2))
            application.wake()
            os._exit(0 if within(15, lambda: not unconfirmed(directory)) else 1)
        finally:
            os._exit(2)
    application.stop()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (tmp_path / "kept").read_text().split() == [str(os.getpid()), "s1", str(child), "s2"] or (
        tmp_path / "kept"
    ).read_text().split() == [str(os.getpid()), "s1", str(os.getpid()), "s2"]


def test_which_shipper_an_application_has(tmp_path: Path) -> None:
    assert ApplicationShipper.from_config(Config(dir=tmp_path, shipper="none")) is None
    for choice in ("auto", "thread", "process"):
        assert ApplicationShipper.from_config(Config(dir=tmp_path, shipper=choice)) is not None  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_the_environment_of_the_shipper_process(tmp_path: Path) -> None:
    hooks = tmp_path / "auto_instrumentation"
    hooks.mkdir()
    (hooks / "sitecustomize.py").touch()
    given = {"PYTHONPATH": f"{hooks}{os.pathsep}/app", "HOME": "/home/u", "PROMPT_HISTORY_DIR": "elsewhere"}
    assert environment(Config(dir=tmp_path, store="sqlite:/x.db"), given) == {
        "PYTHONPATH": "/app",
        "HOME": "/home/u",
        "OTEL_SDK_DISABLED": "true",
        "PROMPT_HISTORY_DIR": str(tmp_path),
        "PROMPT_HISTORY_STORE": "sqlite:/x.db",
    }
