"""Times as people type them."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import pytest

from prompt_history.history.cli.times import local, moment, offset, seconds


@pytest.mark.parametrize(
    ("text", "value"), [("200ms", 0.2), ("2s", 2.0), ("1.5h", 5400.0), ("1d", 86400.0), (" 2W ", 1209600.0)]
)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "2", "s", "-2s", "2y", "２ｓ", "1e3s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="write 200ms"):
        seconds(text)


def ms(*fields: int) -> int:
    return round(datetime(*fields, tzinfo=timezone.utc).timestamp() * 1000)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-24", ms(2026, 11, 24)),
        ("2026-11-24T09:30:00Z", ms(2026, 11, 24, 9, 30)),
        ("2026-11-24T09:30:00+09:00", ms(2026, 11, 24, 0, 30)),
        ("2026-11-24 09:30", ms(2026, 11, 24, 9, 30)),
        ("2026-11-24T09:30:00.250Z", ms(2026, 11, 24, 9, 30) + 250),
    ],
)
def test_moments(text: str, value: int) -> None:
    assert moment(text, utc=True) == value


def test_the_end_of_a_date_is_the_next_one() -> None:
    assert moment("2026-11-24", utc=True, end=True) == ms(2026, 11, 25)
    assert moment("2026-11-24T00:00:00", utc=True, end=True) == ms(2026, 11, 24)


def test_a_span_is_that_long_ago() -> None:
    assert abs(moment("2h", utc=False) - (time.time() - 7200) * 1000) < 5000


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "24.11.2026", "9" * 30])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="write 2h, 2026-11-24 or"):
        moment(text, utc=False)


def test_offsets() -> None:
    assert offset(local(0, utc=True)) == "UTC"
    assert offset(datetime.fromisoformat("2026-11-24T00:00:00-03:30")) == "-03:30"
