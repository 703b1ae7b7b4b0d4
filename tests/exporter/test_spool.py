"""The writing side: what is acknowledged, what is not and why."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prompt_history.exporter.spool import RECORD, START, Spool, in_use, pending, read, read_losses, segments

MIB = 1024 * 1024


def payloads(directory: Path) -> list[bytes]:
    return [frame.payload for _, frame in pending(directory)]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data" / "spool"


def failing(monkeypatch: pytest.MonkeyPatch, *errors: int | None) -> Callable[[], int]:
    """Makes the next writes of the spool fail with these errors, `None` for one that works; how many are left."""
    left = list(errors)
    writev = os.writev

    def injected(descriptor: int, buffers: Any) -> int:
        error = left.pop(0) if left else None
        if error is None:
            return writev(descriptor, buffers)
        os.write(descriptor, b"".join(buffers)[:7])
        if error == 0:
            return 7
        os.lseek(descriptor, -7, os.SEEK_CUR)  # as a failed write leaves it
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "writev", injected)
    return lambda: len(left)


def test_nothing_is_touched_before_the_first_record(directory: Path) -> None:
    Spool(directory)
    assert not directory.parent.exists()


def test_records_come_back_in_order_and_with_their_kinds(directory: Path) -> None:
    spool = Spool(directory)
    assert [spool.append(b"one"), spool.append(b"", START), spool.append("二".encode())] == [True] * 3
    (name,) = segments(directory)
    found = [(frame.kind, frame.payload, frame.offset, frame.end_offset) for frame in read(directory / name)]
    assert found == [(RECORD, b"one", 0, 19), (START, b"", 19, 35), (RECORD, "二".encode(), 35, 54)]
    assert spool.counts == {"spooled": 3}


def test_only_this_user_can_read_it(directory: Path) -> None:
    Spool(directory).append(b"x")
    (name,) = segments(directory)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (directory.parent, directory, directory / name)]
    assert modes == [0o700, 0o700, 0o600]
    assert stat.S_IMODE((directory / "reserve").stat().st_mode) == 0o600


def test_a_living_writer_holds_its_segment(directory: Path) -> None:
    spool = Spool(directory)
    spool.append(b"x")
    (name,) = segments(directory)
    assert in_use(directory / name)
    spool.close()
    assert not in_use(directory / name)
    spool.append(b"y")
    assert [in_use(directory / name) for name in segments(directory)] == [False, True]


def test_a_full_or_old_segment_is_followed_by_another(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    spool = Spool(directory)
    spool.append(b"x")
    now += 59
    spool.append(b"x")
    assert len(segments(directory)) == 1
    now += 2
    spool.append(b"x")
    assert len(segments(directory)) == 2
    now += 120
    spool.append(b"\0" * 64 * MIB)
    spool.append(b"x")
    assert [(directory / name).stat().st_size for name in segments(directory)] == [34, 17, 64 * MIB + 16, 17]
    assert [in_use(directory / name) for name in segments(directory)] == [False, False, False, True]


def test_segments_get_longer_as_they_become_many(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    directory.mkdir(parents=True)
    for number in range(300):
        (directory / f"{number:020d}-1-00000000.seg").touch()
    spool = Spool(directory)
    spool.append(b"x")
    spool.close()
    spool.append(b"x")
    now += 120
    spool.append(b"x")
    assert len(segments(directory)) == 302
    now += 120
    spool.append(b"x")
    assert len(segments(directory)) == 303


def test_names_sort_by_creation_though_the_clock_is_set_back(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(directory)
    spool.append(b"first")
    spool.close()
    monkeypatch.setattr(time, "time_ns", lambda: 5)
    spool.append(b"second")
    assert payloads(directory) == [b"first", b"second"]


def test_threads_share_a_segment(directory: Path) -> None:
    spool = Spool(directory)
    together = threading.Barrier(4)

    def work(worker: int) -> None:
        together.wait()
        for number in range(200):
            spool.append(f"{worker}:{number}".encode())

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(payloads(directory)) == sorted(
        f"{worker}:{number}".encode() for worker in range(4) for number in range(200)
    )
    assert len(segments(directory)) == 1


def test_a_record_in_the_middle_of_a_record(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal handler or a finaliser records a call while its own thread appends another."""
    spool = Spool(directory)
    spool.append(b"before")
    writev = os.writev

    def interrupted(descriptor: int, buffers: Any) -> int:
        monkeypatch.setattr(os, "writev", writev)
        assert spool.append(b"inner")
        return writev(descriptor, buffers)

    monkeypatch.setattr(os, "writev", interrupted)
    assert spool.append(b"outer")
    assert sorted(payloads(directory)) == [b"before", b"inner", b"outer"]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, 0], ids=["full", "quota", "short write"])
def test_a_full_disk_costs_the_reserve_first(directory: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    spool = Spool(directory)
    spool.append(b"one")
    assert (directory / "reserve").stat().st_size == 16 * MIB
    failing(monkeypatch, error)
    assert spool.append(b"two")
    assert not (directory / "reserve").exists()
    failing(monkeypatch, error, error)
    assert not spool.append(b"three")
    assert spool.append(b"four")
    assert payloads(directory) == [b"one", b"two", b"four"]
    name = "EDQUOT" if error == errno.EDQUOT else "ENOSPC"
    assert spool.counts == {"spooled": 3, f"dropped: OSError {name}": 1}


def test_a_full_disk_keeps_what_has_no_content(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(directory)
    spool.append(b"one")
    failing(monkeypatch, errno.ENOSPC, errno.ENOSPC)
    assert spool.append(b"large", fallback=lambda: b"small")
    assert payloads(directory) == [b"one", b"small"]
    assert spool.counts == {"spooled": 2, "without content: OSError ENOSPC": 1}


def test_another_error_costs_nothing_when_a_new_segment_works(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(directory)
    spool.append(b"one")
    failing(monkeypatch, errno.EIO)
    assert spool.append(b"two")
    assert len(segments(directory)) == 2
    failing(monkeypatch, errno.EIO, errno.EIO)
    assert not spool.append(b"three")
    assert spool.append(b"four")
    assert payloads(directory) == [b"one", b"two", b"four"]
    assert spool.counts == {"spooled": 3, "dropped: OSError EIO": 1}


def test_it_goes_on_when_its_directory_is_removed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    spool = Spool(directory)
    spool.append(b"one")
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    now += 2
    assert spool.append(b"two")
    assert payloads(directory) == [b"two"]


def test_it_never_writes_into_a_file_of_the_application(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Daemons close every descriptor; the number is then another file's."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    spool = Spool(directory)
    spool.append(b"one")
    (name,) = segments(directory)
    inode = (directory / name).stat().st_ino
    (descriptor,) = [int(fd) for fd in os.listdir("/proc/self/fd") if _inode(int(fd)) == inode]  # noqa: PTH208
    os.close(descriptor)
    theirs = os.open(tmp_path / "theirs", os.O_CREAT | os.O_RDWR)
    assert theirs == descriptor
    now += 2
    assert spool.append(b"two")
    spool.close()
    assert os.fstat(theirs).st_size == 0
    os.close(theirs)
    assert payloads(directory) == [b"one", b"two"]


def _inode(descriptor: int) -> int:
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return -1


def test_it_never_raises_and_tells_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "spool")
    assert not spool.append(b"x")
    assert not spool.append("no bytes")  # type: ignore[arg-type]
    assert spool.counts == {"dropped: OSError EEXIST": 1, "dropped: TypeError": 1} or spool.counts == {
        "dropped: OSError ENOTDIR": 1,
        "dropped: TypeError": 1,
    }


def test_too_large_a_record_is_kept_without_content(directory: Path) -> None:
    spool = Spool(directory, when_full="block", block_ms=10_000)
    assert spool.append(b"x" * (64 * MIB + 1), fallback=lambda: b"small")
    assert payloads(directory) == [b"small"]


def test_a_full_spool_keeps_metadata_and_then_drops(directory: Path) -> None:
    spool = Spool(directory, max_bytes=100_000)
    while spool.append(b"x" * 10_000):
        pass
    assert spool.counts == {"spooled": 9, "dropped: full": 1}
    spool.counts.clear()
    while spool.append(b"x" * 10_000_000, fallback=lambda: b"y" * MIB):
        pass
    # 16 MiB beyond the cap, and what was left of it holds the 16 headers.
    assert spool.counts == {"spooled": 16, "without content: full": 16, "dropped: full": 1}


def test_losses_are_known_after_their_process(directory: Path) -> None:
    for _ in range(2):
        spool = Spool(directory, max_bytes=1000, when_full="drop")
        for _ in range(250):
            assert not spool.append(b"x" * 1000)
        spool.close()
    assert read_losses(directory) == {"dropped: full": 400}  # at least: each hundredth is noted


def test_a_full_spool_drops_when_told_so(directory: Path) -> None:
    spool = Spool(directory, max_bytes=1000, when_full="drop")
    assert not spool.append(b"x" * 1000, fallback=lambda: b"small")
    assert spool.counts == {"dropped: full": 1}


def test_a_full_spool_blocks_when_told_so(directory: Path) -> None:
    spool = Spool(directory, max_bytes=1000, when_full="block", block_ms=20_000)
    assert spool.append(b"x" * 900)
    full = segments(directory)
    done = threading.Event()
    writer = threading.Thread(target=lambda: spool.append(b"y" * 500) and done.set())
    writer.start()
    assert not done.wait(0.15)
    (directory / full[0]).unlink()
    assert done.wait(10)
    writer.join()
    assert spool.counts == {"spooled": 2}


async def test_an_event_loop_is_never_blocked(directory: Path) -> None:
    spool = Spool(directory, max_bytes=1000, when_full="block", block_ms=20_000)
    async with asyncio.timeout(5) if hasattr(asyncio, "timeout") else _no_timeout():
        assert not spool.append(b"x" * 1000)
    assert spool.counts == {"dropped: full": 1}


class _no_timeout:  # Python 3.10
    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *error: object) -> None: ...


def test_room_comes_back(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    spool = Spool(directory, max_bytes=1000)
    assert spool.append(b"x" * 900)
    assert not spool.append(b"x" * 900)
    for name in segments(directory):
        (directory / name).unlink()
    assert not spool.append(b"x" * 900), "a full spool must not cost a look at the directory for each record"
    now += 0.2
    assert spool.append(b"x" * 900)


def test_the_default_cap_is_a_fifth_of_a_small_file_system(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class System:
        f_blocks = 50
        f_frsize = 1000

    monkeypatch.setattr(os, "statvfs", lambda path: System)
    spool = Spool(directory)
    assert spool.append(b"x" * 9_000)
    assert not spool.append(b"x" * 1_000)


@pytest.mark.parametrize("durability", ["host", "record"])
def test_records_reach_the_disk(directory: Path, monkeypatch: pytest.MonkeyPatch, durability: Any) -> None:
    synced: list[int] = []
    both = threading.Event()

    def fdatasync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        if synced[-1] == 34:
            both.set()

    monkeypatch.setattr("prompt_history.exporter.spool.sync._sync", fdatasync)
    spool = Spool(directory, durability=durability)
    assert spool.append(b"x")
    assert spool.append(b"y")
    if durability == "record":
        assert synced == [17, 34]
    assert both.wait(5)
    spool.close()
    deadline = time.monotonic() + 5
    while in_use(directory / segments(directory)[0]):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_record_that_does_not_reach_the_disk_is_not_acknowledged(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    spool = Spool(directory, durability="record")
    with monkeypatch.context() as patch:
        patch.setattr("prompt_history.exporter.spool.sync._sync", broken)
        assert not spool.append(b"x")
    assert spool.append(b"y")
    assert len(segments(directory)) == 2
    assert spool.counts == {"dropped: OSError EIO": 1, "spooled": 1}


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("durability", ["process", "host"])
def test_a_forked_child_has_a_segment_of_its_own(directory: Path, durability: Any) -> None:
    spool = Spool(directory, durability=durability)
    spool.append(b"parent")
    (parents,) = segments(directory)
    with _forked(lambda: spool.append(b"child") and spool.counts == {"spooled": 1}) as child:
        assert len(segments(directory)) == 2
        spool.close()
        assert _within(5, lambda: not in_use(directory / parents)), "the child holds the parent's lock"
        assert in_use(directory / segments(directory)[1])
    assert child.worked
    assert spool.append(b"parent again")
    assert sorted(payloads(directory)) == [b"child", b"parent", b"parent again"]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_while_another_thread_appends(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(directory)
    spool.append(b"first")
    writing, go_on = threading.Event(), threading.Event()
    writev = os.writev

    def slow(descriptor: int, buffers: Any) -> int:
        if bytes(buffers[1]) == b"slow":
            writing.set()
            go_on.wait(10)
        return writev(descriptor, buffers)

    monkeypatch.setattr(os, "writev", slow)
    thread = threading.Thread(target=spool.append, args=(b"slow",))
    thread.start()
    assert writing.wait(5)
    with _forked(lambda: spool.append(b"child")) as child:
        pass
    go_on.set()
    thread.join()
    assert child.worked
    assert sorted(payloads(directory)) == [b"child", b"first", b"slow"]


class _forked:
    """A child that does `work` and then lives until the end of the block."""

    def __init__(self, work: Callable[[], bool]) -> None:
        self._work = work
        self.worked = False

    def __enter__(self) -> _forked:
        done, told = os.pipe()
        end, self._end = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._end)
            try:
                os.write(told, b"1" if self._work() else b"0")
                os.read(end, 1)
            finally:
                os._exit(0)
        os.close(told)
        os.close(end)
        self.worked = os.read(done, 1) == b"1"
        os.close(done)
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._end)
        os.waitpid(self._pid, 0)


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def test_a_new_segment_is_locked_before_it_can_be_seen(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the shipper would take it for finished, and remove it under its writer."""
    seen: list[list[str]] = []
    flock = fcntl.flock

    def watched(descriptor: int, operation: int) -> None:
        seen.append(segments(directory))
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", watched)
    Spool(directory).append(b"x")
    assert seen == [[]]
