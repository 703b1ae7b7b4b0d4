"""The demo, as a newcomer runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import openai
import pytest

from prompt_history.examples import demo

pytestmark = pytest.mark.slow
MADE_FOR = pytest.mark.skipif(openai.__version__.startswith("1."), reason="the application is for openai 2 and later")
UNSEEN_CALL = """
import os, urllib.request
body = b'{"model": "gpt-x", "messages": [{"role": "user", "content": "hello"}]}'
urllib.request.urlopen(os.environ["OPENAI_BASE_URL"] + "/chat/completions", body)
"""


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prompt_history.examples.demo", *arguments],
        env={**os.environ, "OTEL_TRACES_EXPORTER": "none", "PROMPT_HISTORY_CONTENT": "off"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@MADE_FOR
def test_it_shows_what_was_recorded(tmp_path: Path) -> None:
    directory = tmp_path / "kept"
    ran = run_demo("--dir", str(directory))
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert [line for line in lines if line.startswith("$ ")] == [
        "$ opentelemetry-instrument --traces_exporter prompt_history --metrics_exporter none --logs_exporter none "
        "python -m prompt_history.examples.support_desk",
        "$ prompt-history log",
        "$ prompt-history show @",
        "$ prompt-history search 返金",
    ]
    assert any(line.startswith("recorded 13 calls · 3 sessions · 2 users · 1 error · ") for line in lines)
    assert "The provider saw 13 calls in 14 HTTP requests: each call was recorded once." in lines
    assert "\x1b" not in ran.stdout
    assert lines[-1] == f"Look around: PROMPT_HISTORY_DIR={directory} prompt-history log"
    listed = subprocess.run(
        [sys.executable, "-m", "prompt_history.history.cli", "log", "-n", "100"],
        env={**os.environ, "PROMPT_HISTORY_DIR": str(directory)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    records = [json.loads(line) for line in listed.stdout.splitlines()]
    assert len(records) == 13
    assert {record["resource"]["attributes"]["service.name"] for record in records} == {"support-desk"}


def test_a_call_that_is_not_in_the_history_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "APPLICATION", ["-c", UNSEEN_CALL])
    assert demo.main(tmp_path / "history") == 1
    assert capfd.readouterr().err == (
        "\nThe demo failed. The provider saw 1 call in 1 HTTP request, the history has 0.\n"
    )


def test_an_application_that_fails_is_a_failure_that_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(demo, "APPLICATION", ["-c", "raise SystemExit(3)"])
    assert demo.main() == 1
    assert capfd.readouterr().err == "\nThe demo failed. The application ended with exit code 3.\n"
    assert list(tmp_path.iterdir()) == []
