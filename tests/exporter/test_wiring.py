"""Settings that are given in code, as a declarative configuration file does."""

from __future__ import annotations

from pathlib import Path

import pytest

from prompt_history.exporter.config import Config
from prompt_history.exporter.wiring import settings_of


def test_settings_in_code_are_read_as_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPT_HISTORY_NAMESPACE", "from-environment")
    found = settings_of({"dir": "/data/history", "block_ms": "20", "media": "KEEP"})
    assert (found.dir, found.block_ms, found.media) == (Path("/data/history"), 20, "keep")
    assert found.namespace == "from-environment"


def test_a_wrong_one_is_told_and_the_default_used(caplog: pytest.LogCaptureFixture) -> None:
    found = settings_of({"media": "all", "medium": "x"})
    assert found.media == Config().media
    assert caplog.messages[0] == "media is 'all'; allowed: reference, keep, drop. The default is used."
    assert caplog.messages[1].startswith("medium is no setting of prompt_history; known: ")
