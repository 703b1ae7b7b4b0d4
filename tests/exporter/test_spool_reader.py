"""The reading side: whole frames only, whatever happened to the file."""

from __future__ import annotations

import re
import struct
import tempfile
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prompt_history.exporter.spool import DAMAGED, RECORD, START, UNKNOWN, Frame, confirmed, pending, read, scan
from prompt_history.exporter.spool.frame import header

SEGMENT = "00000000000000000001-1-00000000.seg"
PAYLOADS = [b'{"a":1}', b"", "返金をお願いします".encode(), b"x" * 20]


def frame(payload: bytes, kind: int = RECORD) -> bytes:
    return header(kind, payload) + payload


def foreign(payload: bytes, *, version: int = 1, kind: int = 1, flags: int = 0) -> bytes:
    """A frame as the format description says, made without our code."""
    head = struct.pack("<4sBBHI", b"\xf5PHS", version, kind, flags, len(payload))
    return head + struct.pack("<I", crc32(head + payload)) + payload


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    return tmp_path / SEGMENT


def test_a_frame_is_what_the_format_description_says() -> None:
    assert frame(b"payload", START) == foreign(b"payload", kind=2)


def test_the_example_of_the_format_description(segment: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "spool-format.md"
    (example,) = re.findall(r"^(f5 50.*)$", page.read_text(), re.MULTILINE)
    assert [(one.kind, one.payload) for one in _written(segment, bytes.fromhex(example))] == [(RECORD, b"{}")]


def test_from_an_offset(segment: Path) -> None:
    segment.write_bytes(b"".join(map(frame, PAYLOADS)))
    all_frames = list(read(segment))
    assert [found.payload for found in all_frames] == PAYLOADS
    for position, found in enumerate(all_frames):
        assert list(read(segment, found.end_offset)) == all_frames[position + 1 :]


def test_a_torn_tail_waits_for_its_rest(segment: Path) -> None:
    whole = b"".join(map(frame, PAYLOADS))
    ends = [found.end_offset for found in _written(segment, whole)]
    for length in range(len(whole) + 1):
        complete = sum(end <= length for end in ends)
        for sealed in (False, True):
            found = _written(segment, whole[:length], sealed=sealed)
            assert [(one.kind, one.payload) for one in found] == [(RECORD, p) for p in PAYLOADS[:complete]], length
        segment.write_bytes(whole)
        assert [one.payload for one in read(segment, ([0, *ends])[complete])] == PAYLOADS[complete:]


def _written(segment: Path, content: bytes, *, sealed: bool = False) -> list[Frame]:
    segment.write_bytes(content)
    return list(scan(segment, sealed=sealed))


@pytest.mark.parametrize("sealed", [False, True])
def test_zeros_are_a_clean_end(segment: Path, sealed: bool) -> None:
    found = _written(segment, frame(b"a") + bytes(700_000), sealed=sealed)
    assert [one.payload for one in found] == [b"a"]


def test_zeros_in_the_middle_are_damage(segment: Path) -> None:
    found = _written(segment, frame(b"a") + bytes(100) + frame(b"b"))
    assert [(one.kind, one.payload) for one in found] == [(RECORD, b"a"), (DAMAGED, bytes(100)), (RECORD, b"b")]


@pytest.mark.slow
def test_every_flipped_bit_costs_one_frame(segment: Path) -> None:
    frames = [frame(payload) for payload in PAYLOADS]
    whole = b"".join(frames)
    for bit in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        hit = next(i for i in range(len(frames)) if bit // 8 < sum(map(len, frames[: i + 1])))
        found = _written(segment, bytes(flipped), sealed=True)
        good = [one.payload for one in found if one.kind == RECORD]
        assert good == [payload for i, payload in enumerate(PAYLOADS) if i != hit], bit
        bad = [one for one in found if one.kind != RECORD]
        # A length that leads beyond the end of the file cannot be told from a torn frame when nothing follows.
        assert [one.kind for one in bad] == [DAMAGED] or (hit == len(frames) - 1 and not bad), bit
        # As long as its writer may live, nothing is damage before a whole frame stands behind it.
        alive = list(scan(segment))
        assert alive == [one for one in found if one.kind == RECORD or hit < len(frames) - 1]


def test_damage_is_told_with_its_bytes_and_place(segment: Path) -> None:
    lost = b"lost" * 200_000  # longer than what is read at once
    found = _written(segment, frame(b"a") + lost + frame(b"b") + b"tail", sealed=True)
    assert found == [
        Frame(RECORD, b"a", 17, 0),
        Frame(DAMAGED, lost, 17 + len(lost), 17),
        Frame(RECORD, b"b", 34 + len(lost), 17 + len(lost)),
        Frame(DAMAGED, b"tail", 38 + len(lost), 34 + len(lost)),
    ]


@pytest.mark.parametrize("garbage", range(262_140, 262_150))
def test_a_frame_across_two_reads_is_found(segment: Path, garbage: int) -> None:
    found = _written(segment, b"g" * garbage + frame(b"b"))
    assert [one.kind for one in found] == [DAMAGED, RECORD]


@pytest.mark.parametrize("odd", [{"version": 2}, {"kind": 9}, {"flags": 1}])
def test_frames_of_the_future_are_skipped_whole(segment: Path, odd: dict[str, int]) -> None:
    future = foreign(frame(b"inside"), **odd)
    found = _written(segment, frame(b"a") + future + frame(b"b"))
    assert [(one.kind, one.payload) for one in found] == [(RECORD, b"a"), (UNKNOWN, future), (RECORD, b"b")]
    assert [one.payload for one in read(segment)] == [b"a", b"b"]


def test_large_frames(segment: Path) -> None:
    large = [b"x" * size for size in (262_128, 262_129, 3_000_000, 1)]
    assert [one.payload for one in _written(segment, b"".join(map(frame, large)))] == large


def test_a_frame_that_takes_the_place_of_a_torn_one(segment: Path) -> None:
    """The writer takes back what did not fit and writes the next record there, while we read."""
    segment.write_bytes(frame(b"first") + frame(b"torn and taken back")[:-3])
    reading = scan(segment)
    assert next(reading).payload == b"first"
    segment.write_bytes(frame(b"first") + frame(b"second") + frame(b"third"))
    assert [one.payload for one in reading] == [b"second", b"third"]


def test_what_comes_while_we_read_is_read(segment: Path) -> None:
    segment.write_bytes(frame(b"first"))
    reading = read(segment)
    assert next(reading).payload == b"first"
    with segment.open("ab") as file:
        file.write(frame(b"second"))
    assert [one.payload for one in reading] == [b"second"]


def test_pending_is_what_the_cursor_leaves(tmp_path: Path) -> None:
    assert list(pending(tmp_path / "absent")) == []
    for number in (3, 1, 2):
        (tmp_path / f"{number:020d}-7-0000.seg").write_bytes(frame(b"%d" % number) + frame(b"more"))
    (tmp_path / "cursor.json").write_text(f'{{"{1:020d}-7-0000.seg": 33, "{2:020d}-7-0000.seg": 17, "gone.seg": 5}}')
    waiting = pending(tmp_path)
    first = next(waiting)
    assert (first[0], first[1].payload) == (f"{2:020d}-7-0000.seg", b"more")
    (tmp_path / f"{3:020d}-7-0000.seg").unlink()
    assert list(waiting) == [], "a segment that vanishes has been shipped"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a":"b"}', b"\xff"])
def test_a_lost_cursor_sends_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cursor.json").write_bytes(content)
    assert confirmed(tmp_path) == {}


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
texts = st.lists(st.text().map(lambda text: text.encode("utf-8", "replace")), max_size=8)


@unhurried
@given(payloads=texts)
def test_what_is_written_is_read(payloads: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        found = _written(Path(directory) / SEGMENT, b"".join(map(frame, payloads)), sealed=True)
    assert [(one.kind, one.payload) for one in found] == [(RECORD, payload) for payload in payloads]


@unhurried
@given(payloads=texts, data=st.data())
def test_no_damage_makes_a_wrong_record(payloads: list[bytes], data: st.DataObject) -> None:
    content = bytearray(b"".join(map(frame, payloads)))
    place = st.integers(0, len(content))
    for _ in range(data.draw(st.integers(1, 4))):
        begin, end = sorted((data.draw(place), data.draw(place)))
        what = data.draw(st.sampled_from(["cut", "remove", "overwrite", "zero", "repeat"]))
        if what == "cut":
            del content[end:]
        elif what == "remove":
            del content[begin:end]
        elif what == "repeat":
            content[begin:begin] = content[begin:end]
        else:
            new = bytes(end - begin) if what == "zero" else data.draw(st.binary(max_size=40))
            content[begin : begin + len(new)] = new
    with tempfile.TemporaryDirectory() as directory:
        found = _written(Path(directory) / SEGMENT, bytes(content), sealed=True)
    assert {one.payload for one in found if one.kind == RECORD} <= set(payloads)
    assert all(a.end_offset == b.offset for a, b in pairwise(found))
