"""The sample application by itself: which requests it makes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openai
import pytest

from prompt_history import examples
from prompt_history.examples.provider import Provider, Request

CHAT, RESPONSES, EMBEDDINGS, MESSAGES = (
    f"/v1/{name}" for name in ("chat/completions", "responses", "embeddings", "messages")
)


def outline(request: Request) -> tuple[str, str, str, str]:
    body = request.body
    metadata = body.get("metadata") or {}
    user = body.get("safety_identifier") or body.get("user") or metadata.get("user_id")
    return request.path, str(body["model"]), str(user), str(metadata.get("session_id", ""))


@pytest.mark.slow
@pytest.mark.skipif(openai.__version__.startswith("1."), reason="the application is written for openai 2 and later")
def test_its_requests(provider: Provider) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "prompt_history.examples.support_desk"],
        env={**os.environ, **provider.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(ran.stdout.splitlines()) == 12
    mini, claude = "gpt-5.4-mini", "claude-sonnet-5"
    assert [outline(request) for request in provider.calls] == [
        *[(CHAT, mini, "ana", "broken-mug")] * 4,
        (CHAT, "gpt-busy", "ana", "password"),
        (CHAT, "gpt-retired", "ana", "password"),
        *[(CHAT, mini, "健", "返金-7")] * 3,
        (RESPONSES, mini, "ana", "broken-mug"),
        (EMBEDDINGS, "text-embedding-3-small", "ana", ""),
        (MESSAGES, claude, "ana", ""),
        (MESSAGES, claude, "健", ""),
    ]
    assert len(provider.requests) == len(provider.calls) + 1
    assert [bool(request.body.get("stream")) for request in provider.calls] == [
        number in (1, 12) for number in range(13)
    ]


def test_it_knows_nothing_of_us() -> None:
    source = Path(examples.__file__).with_name("support_desk.py").read_text()
    assert "prompt_history" not in source
    assert "opentelemetry" not in source.lower()
