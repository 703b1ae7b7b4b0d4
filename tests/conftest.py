"""What every test may ask for: the fake provider, SDK clients that talk to it, a directory for data."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import anthropic
    import openai

    from prompt_history.examples.provider import Provider


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Our failures are raised, no setting of the machine counts, no request leaves it, no data lands at home."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "PROMPT_HISTORY_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PROMPT_HISTORY_STRICT", "1")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "home"))
    for sdk in ("OPENAI", "ANTHROPIC", "GROQ", "AZURE_OPENAI"):
        monkeypatch.setenv(f"{sdk}_API_KEY", "example-key")


@pytest.fixture
def data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The directory that `PROMPT_HISTORY_DIR` names: fresh, not there yet."""
    directory = tmp_path / "prompt-history"
    monkeypatch.setenv("PROMPT_HISTORY_DIR", str(directory))
    return directory


@pytest.fixture(scope="session")
def running_provider() -> Iterator[Provider]:
    """The provider of this test process. Tests ask for `provider`."""
    from prompt_history.examples.provider import Provider

    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(running_provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The fake provider, with nothing in its memory. The SDKs find it through their environment variables."""
    running_provider.reset()
    for name, value in running_provider.environment.items():
        monkeypatch.setenv(name, value)
    yield running_provider
    running_provider.reset()


@pytest.fixture
def openai_client(provider: Provider) -> Iterator[openai.OpenAI]:
    """A client that raises when a response does not fit the SDK's own types."""
    from openai import OpenAI

    with OpenAI(_strict_response_validation=True) as client:
        yield client


@pytest.fixture
async def async_openai_client(provider: Provider) -> AsyncIterator[openai.AsyncOpenAI]:
    """A client that raises when a response does not fit the SDK's own types."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(_strict_response_validation=True) as client:
        yield client


@pytest.fixture
def anthropic_client(provider: Provider) -> Iterator[anthropic.Anthropic]:
    """A client that raises when a response does not fit the SDK's own types."""
    from anthropic import Anthropic

    with Anthropic(_strict_response_validation=True) as client:
        yield client


@pytest.fixture
async def async_anthropic_client(provider: Provider) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """A client that raises when a response does not fit the SDK's own types."""
    from anthropic import AsyncAnthropic

    async with AsyncAnthropic(_strict_response_validation=True) as client:
        yield client
