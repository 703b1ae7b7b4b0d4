"""What is acknowledged survives `kill -9`."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prompt_history.exporter.spool import RECORD, in_use, scan, segments

pytestmark = pytest.mark.slow

WRITER = """
import os, random, sys
from pathlib import Path
from prompt_history.exporter.spool import Spool

directory, acknowledged, name, durability = sys.argv[1:]
spool = Spool(Path(directory), durability=durability)
log = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
number = 0
while True:
    number += 1
    body = f"{name}:{number}:".encode()
    if spool.append(body + b"x" * random.choice((10, 4_000, 100_000))):
        os.write(log, body + b"\\n")
"""


@pytest.mark.parametrize("durability", ["process", "host"])
def test_no_acknowledged_record_is_lost(tmp_path: Path, durability: str) -> None:
    spool, log = tmp_path / "spool", tmp_path / "acknowledged"
    for kill in range(3):
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, spool, log, f"{kill}-{number}", durability])
            for number in range(2)
        ]
        grown = log.stat().st_size if log.exists() else 0
        deadline = time.monotonic() + 20
        while not log.exists() or log.stat().st_size <= grown:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(random.uniform(0.02, 0.3))
        assert any(in_use(spool / name) for name in segments(spool))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for writer in writers:
            writer.wait()
    assert not any(in_use(spool / name) for name in segments(spool)), "the system tells that the writers are dead"

    found = [frame for name in segments(spool) for frame in scan(spool / name, sealed=True)]
    assert {frame.kind for frame in found} == {RECORD}, "a kill tears the last frame at most"
    read = [b":".join(frame.payload.split(b":")[:2]) for frame in found]
    acknowledged = [line.rstrip(b":") for line in log.read_bytes().splitlines()]
    assert len(read) == len(set(read))
    assert set(acknowledged) <= set(read)
    assert len(read) - len(acknowledged) <= 6, "at most one a kill was written and not yet acknowledged"
