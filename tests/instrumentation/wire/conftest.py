"""Bodies on file, and the record that a request of one of them leaves.

They were written by hand after the API references and the types of the SDKs; the `odd` ones are what no API has.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prompt_history.instrumentation.model import WireFormat
from prompt_history.instrumentation.wire.parameters import read_parameters

BODIES = Path(__file__).parents[2] / "bodies"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives a test that asks for `request_file`, `response_file` or `chunks_file` every such file."""
    for kind in ("request", "response", "chunks"):
        if f"{kind}_file" in metafunc.fixturenames:
            files = sorted(BODIES.glob(f"*/*.{kind}.json"))
            metafunc.parametrize(f"{kind}_file", files, ids=[f"{file.parent.name}-{file.stem}" for file in files])


@pytest.fixture(scope="session")
def body() -> Callable[..., Any]:
    """`body("openai.chat", "plain", "request")`: a body on file."""

    def read(format: str, name: str, kind: str) -> Any:
        return json.loads((BODIES / format / f"{name}.{kind}.json").read_text(encoding="utf-8"))

    return read


@pytest.fixture(scope="session")
def recorded() -> Callable[[WireFormat, Any], dict[str, Any]]:
    """The attributes that the engine gives the record of a request."""

    def attributes(wire: WireFormat, body: Any) -> dict[str, Any]:
        found, extra = read_parameters(wire, body)
        attributes = {"prompt_history.request.format": wire.name, **found}
        if extra:
            attributes["prompt_history.request.extra"] = json.dumps(extra)
        for name, key, read in (
            ("gen_ai.input.messages", wire.messages, wire.read_messages),
            ("gen_ai.system_instructions", wire.system, wire.read_system),
            ("gen_ai.tool.definitions", wire.tools, wire.read_tools),
        ):
            if key is not None and key in body and key not in extra:
                attributes[name] = json.dumps(read(body[key]))
        return attributes

    return attributes


@pytest.fixture(scope="session")
def canonical() -> Callable[[Any], Any]:
    """A JSON value such that equal means equal up to key order and number spelling."""

    def normal(value: Any) -> Any:
        if isinstance(value, bool):
            return ("bool", value)
        if isinstance(value, float):
            return "NaN" if math.isnan(value) else value
        if isinstance(value, dict):
            return {key: normal(item) for key, item in value.items()}
        return [normal(item) for item in value] if isinstance(value, list) else value

    return normal
