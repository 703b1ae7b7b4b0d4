"""Shippers that die, and shippers in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from prompt_history.exporter.config import Config
from prompt_history.exporter.shipper import ApplicationShipper, read_ledger, run_process
from prompt_history.exporter.shipper.election import somebody_leads
from prompt_history.exporter.spool import Spool, segments, unconfirmed

pytestmark = pytest.mark.slow

SHIPPER = """
import os, sqlite3, sys, threading
from pathlib import Path
from prompt_history.exporter.shipper import Shipper
from prompt_history.exporter.stores import Outcome

class Store:
    def write(self, records):
        with sqlite3.connect(sys.argv[2], timeout=20) as connection:
            rows = [(record["span_id"], os.getpid()) for record in records]
            new = sum(connection.execute("INSERT OR IGNORE INTO kept VALUES (?, ?)", row).rowcount for row in rows)
        return Outcome(duplicates=len(rows) - new)

    def close(self): ...

Shipper(Path(sys.argv[1]), Store(), complete=lambda record: record, batch_records=20).run(threading.Event())
"""


def record(number: int) -> bytes:
    body = {
        "@timestamp": f"1795345200123.{number}",
        "data_stream": {"type": "traces", "dataset": "llm.otel", "namespace": "default"},
        "trace_id": "d854e17521095c43e32c0655c7bd13c5",
        "span_id": f"{number:016x}",
        "name": "chat m",
        "kind": "Client",
        "duration": 1,
        "attributes": {
            "prompt_history.schema": 1,
            "prompt_history.kind": "call",
            "prompt_history.outcome": "ok",
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hello"}]}]',
        },
        "links": [],
        "status": {"code": "Unset"},
        "resource": {"attributes": {"service.name": "shop"}},
        "scope": {"name": "s", "version": "1", "attributes": {}},
    }
    return json.dumps(body).encode()


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_another_takes_over_from_a_killed_leader(tmp_path: Path) -> None:
    directory, database = tmp_path / "spool", tmp_path / "kept.db"
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("CREATE TABLE kept (id PRIMARY KEY, leader)")
    spool, acknowledged, stop = Spool(directory), [0], threading.Event()

    def write() -> None:
        while not stop.wait(0.002):
            assert spool.append(record(acknowledged[0]))
            acknowledged[0] += 1

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", SHIPPER, directory, database])

    def kept_by(pid: int) -> int:
        return int(connection.execute("SELECT count(*) FROM kept WHERE leader = ?", (pid,)).fetchone()[0])

    def leading(candidates: list[subprocess.Popen[bytes]]) -> bool:
        return within(10, lambda: any(kept_by(one.pid) for one in candidates))

    shippers = [start(), start()]
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            assert leading(shippers)
            leader = next(one for one in shippers if kept_by(one.pid))
            (follower,) = (one for one in shippers if one is not leader)
            assert not kept_by(follower.pid), "there is one leader at a time"
            leader.send_signal(signal.SIGKILL)
            leader.wait()
            killed = time.monotonic()
            assert leading([follower])
            assert time.monotonic() - killed < 5
            follower.send_signal(signal.SIGKILL)
            follower.wait()
            shippers = [start(), start()]
        stop.set()
        writer.join()
        spool.close()
        assert within(15, lambda: not segments(directory))
    finally:
        stop.set()
        writer.join()
        for one in shippers:
            one.kill()
            one.wait()
    ids = [row[0] for row in connection.execute("SELECT id FROM kept ORDER BY id")]
    connection.close()
    assert ids == [f"{number:016x}" for number in range(acknowledged[0])]
    ledger = read_ledger(directory)
    assert ledger.keys() <= {"shipped", "duplicates"}
    assert len(ids) - 20 * 6 <= ledger["shipped"] <= len(ids), "a kill hides at most its batch from the ledger"


def test_a_process_ships_and_ends_when_all_is_quiet(tmp_path: Path) -> None:
    config = Config(dir=tmp_path / "data")
    spool = Spool(config.spool)
    for number in range(50):
        spool.append(record(number))
    done = threading.Event()
    thread = threading.Thread(target=lambda: run_process(config, quiet_seconds=1) == 0 and done.set())
    thread.start()
    assert within(10, lambda: not unconfirmed(config.spool))
    assert run_process(config) == 0, "somebody leads already"
    assert not done.wait(1.5), "its writer lives"
    spool.close()
    assert done.wait(10)
    thread.join()
    assert not somebody_leads(config.spool)
    assert read_ledger(config.spool) == {"shipped": 50}
    with sqlite3.connect(config.database) as connection:
        assert connection.execute("SELECT count(*) FROM record").fetchone() == (50,)
    connection.close()


def test_an_application_starts_a_process_that_is_no_child_of_it(tmp_path: Path) -> None:
    config = Config(dir=tmp_path / "data", shipper="process")
    application = ApplicationShipper.from_config(config)
    assert application is not None
    spool = Spool(config.spool)
    for number in range(20):
        spool.append(record(number))
        application.wake()
    assert application.drain(15)
    assert somebody_leads(config.spool)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    application.stop()
    spool.close()
    assert within(15, lambda: not somebody_leads(config.spool)), "it ends when all is sent and no writer lives"
    assert read_ledger(config.spool) == {"shipped": 20}
    assert segments(config.spool) == []


EXITING = """
import os, sys, threading, time
from pathlib import Path
from prompt_history.exporter.shipper import ApplicationShipper, Shipper
from prompt_history.exporter.spool import Spool

class Store:
    def write(self, records):
        time.sleep(60)

    def close(self): ...

directory = Path(sys.argv[1])
spool = Spool(directory)
application = ApplicationShipper.of(directory, lambda: Shipper(directory, Store(), complete=lambda record: record))
class Late:
    def __init__(self):
        self.append, self.wake, self.write = spool.append, application.wake, os.write

    def __del__(self):
        self.write(1, b"kept" if self.append(b'{"late":1}') else b"lost")
        self.wake()

if sys.argv[2] == "finaliser":
    late = Late()
elif sys.argv[2] == "thread":
    late = Late()
    loop = "while True: append(b'x' * 1_000_000)"  # with globals of its own, which keep nothing of ours alive
    threading.Thread(target=exec, args=(loop, {"append": spool.append}), daemon=True).start()
    time.sleep(0.05)
else:
    os.write(1, b"kept")
    spool.append(b"{}")
    application.wake()
    time.sleep(0.3)
"""


@pytest.mark.parametrize("when", ["shipping", "finaliser", "thread"])
def test_the_exit_of_an_application_is_never_delayed(tmp_path: Path, when: str) -> None:
    """Whether the store hangs, a finaliser records the last call, or a thread was stopped in the middle of a record."""
    began = time.monotonic()
    run = subprocess.run([sys.executable, "-c", EXITING, tmp_path / "spool", when], capture_output=True, timeout=30)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"kept", b"")
    assert time.monotonic() - began < 10
    assert unconfirmed(tmp_path / "spool")
