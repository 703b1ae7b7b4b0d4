"""Tests that are the same for a blocking and an asynchronous client."""

from __future__ import annotations

import inspect
from typing import Any

import pytest


class Speaker:
    """A client of which each call is awaited where it has to be."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def call(self, method: str, /, **kwargs: Any) -> Any:
        """What `client.<method>(**kwargs)` returns; a list of what it streams."""
        function = self.client
        for name in method.split("."):
            function = getattr(function, name, None)
            if function is None:
                pytest.skip(f"this version of the SDK has no {method}")
        result = function(**kwargs)
        result = await result if inspect.isawaitable(result) else result
        if hasattr(result, "__aiter__"):
            return [item async for item in result]
        return list(result) if inspect.isgenerator(result) or hasattr(result, "__next__") else result


def speaker(request: pytest.FixtureRequest, sdk: str) -> Speaker:
    """Makes only the client that is asked for: each loads the machine's certificates."""
    return Speaker(request.getfixturevalue(f"{request.param}{sdk}_client"))


@pytest.fixture(params=["", "async_"], ids=["sync", "async"])
def openai_speaker(request: pytest.FixtureRequest) -> Speaker:
    return speaker(request, "openai")


@pytest.fixture(params=["", "async_"], ids=["sync", "async"])
def anthropic_speaker(request: pytest.FixtureRequest) -> Speaker:
    return speaker(request, "anthropic")
