"""The shipper inside an application: at most one daemon thread in each process, started with the first record."""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from prompt_history.exporter.config import Config
from prompt_history.exporter.shipper.process import keep_process, shipper_of
from prompt_history.exporter.shipper.ship import Shipper
from prompt_history.exporter.spool.reader import unconfirmed
from prompt_history.instrumentation.guard import failed

_Body = Callable[[threading.Event, threading.Event], None]
"""What the thread runs until the first event; the second one wakes it."""
SMALL_BATCH_RECORDS = 32
"""A batch of the thread in the application, whose event loop must not wait for a long one."""
_POLL_SECONDS = 0.02


def start_thread(shipper: Shipper, stop: threading.Event | None = None) -> threading.Thread:
    """Runs `shipper` on a daemon thread until `stop`. Raises `RuntimeError` when the interpreter shuts down."""
    return _start(lambda: shipper.run(stop or threading.Event()))


class ApplicationShipper:
    """Sees to it that somebody ships what this process, or one forked from it, puts into the spool."""

    def __init__(self, directory: Path, body: _Body) -> None:
        self.counts: Counter[str] = Counter()
        """`not started`: threads that the interpreter refused."""
        self._directory = directory
        self._body = body
        self._started: dict[int, tuple[threading.Event, threading.Event]] = {}
        _of_this_process.add(self)

    @classmethod
    def from_config(cls, config: Config) -> ApplicationShipper | None:
        """As `PROMPT_HISTORY_SHIPPER` says; `None` where somebody else ships."""
        if config.shipper == "none":
            return None
        if config.shipper == "process":
            return cls(config.spool, lambda stop, woken: keep_process(config, stop, woken))
        return cls.of(config.spool, lambda: shipper_of(config, batch_records=SMALL_BATCH_RECORDS))

    @classmethod
    def of(cls, directory: Path, make: Callable[[], Shipper]) -> ApplicationShipper:
        """Runs what `make` returns, made anew in each process: a store's connection must not pass a fork."""

        def body(stop: threading.Event, woken: threading.Event) -> None:
            shipper = make()
            shipper.woken = woken
            shipper.run(stop)
            shipper.close()

        return cls(directory, body)

    def wake(self) -> None:
        """There is something new to ship. Cheap, and never raises."""
        if sys.is_finalizing():  # no thread runs any more, and to start one would hang; the spool has the record
            return
        events = self._started.get(os.getpid())
        if events is None:
            self._start_here()
        elif not events[1].is_set():
            events[1].set()

    def drain(self, timeout: float) -> bool:
        """Waits up to `timeout` seconds until the store has everything; whether it has."""
        until = time.monotonic() + timeout
        self.wake()
        while unconfirmed(self._directory):
            left = until - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, _POLL_SECONDS))
        return True

    def stop(self) -> None:
        """Ends the thread of this process soon; the next `wake` starts another. Nothing is lost."""
        events = self._started.pop(os.getpid(), None)
        if events is not None:
            for event in events:
                event.set()

    def _start_here(self) -> None:
        stop, woken = events = threading.Event(), threading.Event()
        # Only one of several threads that come here gets its own events back. No lock: a fork could leave it locked.
        if self._started.setdefault(os.getpid(), events) is events:
            try:
                _start(lambda: self._run(stop, woken))
            except RuntimeError:
                self.counts["not started"] += 1
                self._started.pop(os.getpid(), None)

    def _run(self, stop: threading.Event, woken: threading.Event) -> None:
        try:
            self._body(stop, woken)
        except Exception as error:
            if not sys.is_finalizing():  # an import that the end of the interpreter cut short concerns nobody
                failed("run the shipper", error)


def _start(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name="prompt-history-shipper", daemon=True)
    thread.start()
    return thread


_of_this_process: weakref.WeakSet[ApplicationShipper] = weakref.WeakSet()


def _after_fork() -> None:
    for shipper in list(_of_this_process):
        shipper._started.clear()


os.register_at_fork(after_in_child=_after_fork)
