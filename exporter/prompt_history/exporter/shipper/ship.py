"""The shipper: reads the spool, sends batches to the store, confirms what the store has."""

from __future__ import annotations

import fcntl
import logging
import math
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from prompt_history.exporter.shipper.aside import add_dead_letter, quarantine
from prompt_history.exporter.shipper.election import Election
from prompt_history.exporter.shipper.interrupted import interrupted
from prompt_history.exporter.shipper.progress import Progress, Reading
from prompt_history.exporter.spool.frame import HEADER_BYTES, RECORD, START, UNKNOWN, Frame
from prompt_history.exporter.spool.reader import in_use, scan, unconfirmed
from prompt_history.exporter.spool.writer import reason
from prompt_history.exporter.stores import Outcome, Record, Store, StoreUnreachable
from prompt_history.instrumentation.guard import failed

log = logging.getLogger("prompt_history")

IDLE_SECONDS: Final = 0.5
GATHER_SECONDS: Final = 0.1
FOLLOW_SECONDS: Final = 1.0
POLL_SECONDS: Final = 0.02
FIRST_DELAY_SECONDS: Final = 0.2
LONGEST_DELAY_SECONDS: Final = 30.0

_chance = random.SystemRandom()  # the application's own random numbers must stay what its seed makes them


class _Item(NamedTuple):
    """A record on its way, and the frame that it came from."""

    reading: Reading
    offset: int
    payload: bytes
    record: Record


class _Start(NamedTuple):
    """A call under way."""

    reading: Reading
    offset: int
    payload: bytes
    content: dict[str, Any]


_Call = tuple[str, object, object]
"""Writer, trace_id, span_id."""


class Shipper:
    """A candidate for the lead of one spool directory. To be used by one thread at a time, but for `wake`."""

    def __init__(
        self,
        directory: Path,
        store: Store,
        *,
        complete: Callable[[Record], Record],
        batch_bytes: int = 5 * 1024 * 1024,
        batch_records: int = 500,
    ) -> None:
        """`complete` adds to a record what can be derived from it. A batch has at least one record, of any size."""
        self.trouble: Exception | None = None
        """Why something still waits after the last pass: of the store, or of our own files."""
        self.woken = threading.Event()
        self._directory = directory
        self._store = store
        self._complete = complete
        self._batch_bytes = batch_bytes
        self._batch_records = batch_records
        self._election = Election(directory)
        self._leads = False
        self._confirmed = 0
        self._failures = 0
        self._troubled = False
        self._begin_term()

    def try_lead(self) -> bool:
        """Whether this shipper leads, now that it has tried. Raises `OSError`."""
        leads = self._election.lead()
        if leads and self._election.term != self._term:
            self._begin_term()
        return leads

    def resign(self) -> None:
        """Lets another lead. Nothing is lost: what is not confirmed is in the spool."""
        self._election.resign()

    def close(self) -> None:
        """Resigns, and lets go of the store."""
        self.resign()
        self._store.close()

    def ship_once(self) -> int:
        """Ships everything that is there now; returns how many records the store has confirmed, 0 for a follower.

        Stops at a batch of which the store keeps nothing; `trouble` then says why.
        """
        before = self._confirmed
        self._ship(math.inf)
        return self._confirmed - before

    def drain(self, timeout: float) -> bool:
        """Ships, or waits for the leader to ship, for up to `timeout` seconds; whether nothing waits any more."""
        until = time.monotonic() + timeout
        while not self._ship(until) and (self._leads or unconfirmed(self._directory)):
            left = until - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, POLL_SECONDS if self.trouble is None else self.delay()))
        return True

    def run(self, stop: threading.Event) -> None:
        """Leads or waits for the lead, and ships, until `stop`. Never raises."""
        while not stop.is_set():
            self.woken.clear()
            try:
                self._ship(math.inf)
            except Exception as error:
                failed("ship records", error)
                self._failed(error)
            if self.trouble is not None:
                stop.wait(self.delay())
            elif not self._leads:
                stop.wait(FOLLOW_SECONDS)
            elif self.woken.wait(IDLE_SECONDS):
                stop.wait(GATHER_SECONDS)  # a commit for each record would cost the application more
        self.resign()

    def wake(self) -> None:
        """There is something new: for the thread that runs in this process."""
        if not self.woken.is_set():
            self.woken.set()

    def delay(self) -> float:
        """Seconds to wait before the next try: exponential with full jitter."""
        return _chance.uniform(0, min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** min(self._failures, 10)))

    def _begin_term(self) -> None:
        """Takes up where the last leader left off."""
        self._term = self._election.term
        self._progress = Progress(self._directory)
        self._waiting: list[_Item] = []
        self._waiting_bytes = 0
        self._unburied: list[tuple[Reading, int, str]] = []
        self._starts: dict[_Call, _Start] = {}
        self._read_out: list[Reading] = []
        self._unreadable: set[Path] = set()

    def _ship(self, until: float) -> bool:
        """One pass, broken off at the time `until`; whether nothing waits any more."""
        self.trouble = None
        try:
            self._leads = self.try_lead()
            done = self._leads and self._pass(until)
        except OSError as error:
            self._failed(error)
            return False
        if self._leads and self.trouble is None and self._troubled:
            self._troubled = False
            log.info("Prompt history reaches its store again.")
        return done and self.trouble is None

    def _pass(self, until: float) -> bool:
        self._read_out = []
        self._bury_again()
        try:
            done = self._sweep(until)
            if done and (dead := self._dead_writers()):
                # What such a writer wrote last may have come behind our back: only now is everything read.
                done = self._sweep(until) and self._ship_interrupted(dead)
        finally:
            self._confirm()
        if done and self._waiting:
            self._failed(StoreUnreachable("The store asks for some records again later."))
        return done

    def _sweep(self, until: float) -> bool:
        """Reads and sends everything; false when the store keeps nothing of a batch, or the time is over."""
        for reading in self._progress.readings():
            for frame in self._frames(reading):
                if time.monotonic() > until or (self._full(frame) and not self._send()):
                    return False
                self._take(reading, frame)
                time.sleep(0)  # lets go of the interpreter: the application's threads come first
            self._read_out.append(reading)
        return not self._waiting or self._send()

    def _frames(self, reading: Reading) -> Iterator[Frame]:
        try:
            yield from scan(reading.path, reading.position)
        except FileNotFoundError:
            self._progress.forget(reading)
        except OSError as error:
            if reading.path not in self._unreadable:
                self._unreadable.add(reading.path)
                self._count(f"unreadable: {reason(error)}")

    def _full(self, frame: Frame) -> bool:
        """Whether the batch must go before `frame`."""
        if len(self._waiting) >= self._batch_records:
            return True
        return bool(self._waiting) and self._waiting_bytes + len(frame.payload) > self._batch_bytes

    def _take(self, reading: Reading, frame: Frame) -> None:
        if frame.kind in (RECORD, START):
            reading.open.add(frame.offset)
            take = self._take_record if frame.kind == RECORD else self._take_start
            try:
                content = orjson.loads(frame.payload)
                if not isinstance(content, dict):
                    raise TypeError
                take(reading, frame, content)
            except Exception as error:
                self._bury(reading, frame.offset, frame.payload, type(error).__name__)
        else:
            self._set_aside(reading, frame)
        reading.position = frame.end_offset

    def _take_record(self, reading: Reading, frame: Frame, record: Record) -> None:
        start = self._starts.pop((reading.writer, record.get("trace_id"), record.get("span_id")), None)
        if start is not None:
            start.reading.open.discard(start.offset)
        self._enqueue(_Item(reading, frame.offset, frame.payload, self._complete(record)))

    def _take_start(self, reading: Reading, frame: Frame, content: dict[str, Any]) -> None:
        call = (reading.writer, content["trace_id"], content["span_id"])
        again = self._starts.get(call)
        if again is not None:
            again.reading.open.discard(again.offset)
        self._starts[call] = _Start(reading, frame.offset, frame.payload, content)

    def _enqueue(self, item: _Item) -> None:
        self._waiting.append(item)
        self._waiting_bytes += len(item.payload)

    def _dead_writers(self) -> set[str]:
        """Those of the calls under way whose writers are no more."""
        writers = {writer for writer, _, _ in self._starts}
        if not writers:
            return writers
        readings = [reading for reading in self._progress.readings() if reading.writer in writers]
        return writers - {reading.writer for reading in readings if in_use(reading.path)}

    def _ship_interrupted(self, dead: set[str]) -> bool:
        for call, start in list(self._starts.items()):
            if call[0] not in dead:
                continue
            if len(self._waiting) >= self._batch_records and not self._send():
                return False
            reading, offset, payload, content = start
            del self._starts[call]
            try:
                record = self._complete(interrupted(content, reading.path.name))
            except Exception as error:
                self._bury(reading, offset, payload, type(error).__name__)
            else:
                self._enqueue(_Item(reading, offset, payload, record))
                self._count("interrupted")
        return not self._waiting or self._send()

    def _send(self) -> bool:
        """Sends what waits; false when all of it still waits."""
        sent = self._waiting
        self._waiting = self._write(sent)
        self._waiting_bytes = sum(len(item.payload) for item in self._waiting)
        if self._waiting:
            self._count("retries", len(self._waiting))
        progress = len(self._waiting) < len(sent)
        self._failures = 0 if progress else self._failures + 1
        if progress:
            self._confirm()
        elif self.trouble is None:
            self._failed(StoreUnreachable("The store asks for all records again later."))
        return progress

    def _write(self, items: list[_Item]) -> list[_Item]:
        """Gives `items` to the store; returns those to send again."""
        try:
            outcome = self._store.write([item.record for item in items])
        except (StoreUnreachable, OSError, MemoryError) as error:
            self._failed(error)
            return items
        except Exception as error:
            if len(items) > 1:
                return self._write_one_by_one(items)
            item = items[0]
            self._bury(item.reading, item.offset, item.payload, type(error).__name__)
            return []
        return self._settle(items, outcome)

    def _write_one_by_one(self, items: list[_Item]) -> list[_Item]:
        """Finds the record that the store cannot bear, so that its neighbours are kept."""
        again: list[_Item] = []
        for position, item in enumerate(items):
            again += self._write([item])
            if self.trouble is not None:
                return again + items[position + 1 :]
        return again

    def _settle(self, items: list[_Item], outcome: Outcome) -> list[_Item]:
        later = set(outcome.later)
        rejected = {rejection.position: rejection.reason for rejection in outcome.rejected}
        kept = 0
        for position, item in enumerate(items):
            if position in later:
                continue
            if position in rejected:
                self._bury(item.reading, item.offset, item.payload, rejected[position])
            else:
                item.reading.open.discard(item.offset)
                kept += 1
        self._confirmed += kept
        self._count("shipped", kept - outcome.duplicates)
        self._count("duplicates", outcome.duplicates)
        return [item for position, item in enumerate(items) if position in later]

    def _bury(self, reading: Reading, offset: int, payload: bytes, why: str) -> None:
        """Makes the frame at `offset` a dead letter; it stays unconfirmed until that has worked."""
        try:
            add_dead_letter(self._directory, reading.path.name, offset, payload, why)
        except OSError as error:
            self._unburied.append((reading, offset, why))
            self._failed(error)
        else:
            reading.open.discard(offset)
            self._count("dead")

    def _bury_again(self) -> None:
        unburied, self._unburied = self._unburied, []
        for reading, offset, why in unburied:
            with suppress(FileNotFoundError):
                for frame in islice(scan(reading.path, offset), 1):
                    self._bury(reading, offset, frame.payload, why)

    def _set_aside(self, reading: Reading, frame: Frame) -> None:
        self._count("unknown" if frame.kind == UNKNOWN else "damaged")
        try:
            quarantine(self._directory, reading.path.name, frame)
        except OSError as error:
            self._count(f"not quarantined: {reason(error)}")

    def _confirm(self) -> None:
        """Removes segments that are done, and saves how far the others are."""
        self._read_out = [reading for reading in self._read_out if reading.open or not self._retire(reading)]
        try:
            self._progress.save()
        except OSError as error:  # a crash would now send again what is confirmed, which is harmless
            self._count(f"not saved: {reason(error)}")

    def _retire(self, reading: Reading) -> bool:
        """Removes a segment that has nothing unread and no writer; whether this pass is done with it."""
        try:
            descriptor = os.open(reading.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            self._progress.forget(reading)
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The last frame may have come between the last read and this lock.
            rest = list(scan(reading.path, reading.position, sealed=True))
            if any(frame.kind in (RECORD, START) for frame in rest):
                return True
            for frame in rest:
                self._set_aside(reading, frame)
            end = rest[-1].end_offset if rest else reading.position
            if os.pread(descriptor, HEADER_BYTES, end).strip(b"\0"):
                self._count("torn")
            reading.path.unlink()
            self._progress.forget(reading)
        except BlockingIOError:
            pass  # its writer lives
        except OSError as error:
            self._count(f"not removed: {reason(error)}")
        finally:
            os.close(descriptor)
        return True

    def _failed(self, error: Exception) -> None:
        self.trouble = error
        if not self._troubled:
            self._troubled = True
            # The text of a store's own error names the store and quotes no content; that of others may.
            text = str(error) if isinstance(error, StoreUnreachable) else reason(error)
            log.warning("Prompt history cannot reach its store; records wait in the spool. %s", text)

    def _count(self, what: str, number: int = 1) -> None:
        if number:
            self._progress.counts[what] += number
