"""Which legs the suite runs on."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

specification = importlib.util.spec_from_file_location("matrix", Path(__file__).with_name("matrix.py"))
assert specification is not None
assert specification.loader is not None
matrix: Any = importlib.util.module_from_spec(specification)
sys.modules["matrix"] = matrix
specification.loader.exec_module(matrix)

THIS = sys.version_info.minor


def outline(legs: Any) -> list[tuple[str, str]]:
    return [(leg.name, getattr(leg, "verdict", "runs")) for leg in legs]


@pytest.mark.slow
def test_this_interpreter_is_found() -> None:
    assert THIS in matrix.interpreters()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({10: Path("a"), THIS + 1: Path("b")}, [("oldest", "runs"), ("newest", "runs")]),
        ({10: Path("a")}, [("oldest", "runs"), ("newest", "SKIPPED")]),
        ({}, [("oldest", "SKIPPED"), ("newest", "SKIPPED")]),
    ],
)
def test_a_leg_without_an_interpreter_is_skipped(found: dict[int, Path], expected: list[tuple[str, str]]) -> None:
    assert outline(matrix.legs(found)) == expected


@pytest.mark.parametrize(("ci", "verdict"), [("true", "FAILED"), ("", "SKIPPED")])
def test_an_interpreter_that_cannot_be_set_up_fails_only_in_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str, verdict: str
) -> None:
    monkeypatch.setenv("CI", ci)
    leg = matrix.Leg("oldest", tmp_path / "python3.10")
    about = f"{tmp_path}/python3.10 is there, but could not create its environment"
    assert matrix.run(leg, None) == matrix.Result("oldest", verdict, about)
