"""Media are replaced by what identifies them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from prompt_history.instrumentation.wire import FORMATS
from prompt_history.instrumentation.wire.parts import reference_media

PNG = "iVBORw=="
SIZE, SHA = 4, hashlib.sha256(b"\x89PNG").hexdigest()


def message(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


@pytest.mark.parametrize(
    ("part", "referenced"),
    [
        (
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PNG, "detail": "low"},
            {
                "type": "blob",
                "modality": "image",
                "mime_type": "image/png",
                "detail": "low",
                "size": SIZE,
                "sha256": SHA,
            },
        ),
        (
            {"type": "blob", "modality": "image", "content": "not base64 é"},
            {
                "type": "blob",
                "modality": "image",
                "size": 13,
                "sha256": hashlib.sha256("not base64 é".encode()).hexdigest(),
            },
        ),
        (
            {"type": "blob", "modality": "image", "content": None},
            {"type": "blob", "modality": "image", "content": None},
        ),
        (
            {
                "type": "tool_call_response",
                "response": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                    "x",
                ],
            },
            {
                "type": "tool_call_response",
                "response": [
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "size": SIZE, "sha256": SHA},
                    },
                    "x",
                ],
            },
        ),
        (
            {
                "type": "tool_call_response",
                "response": {"type": "computer_screenshot", "image_url": f"data:image/png;base64,{PNG}"},
            },
            {
                "type": "tool_call_response",
                "response": {
                    "type": "computer_screenshot",
                    "image_url": {"mime_type": "image/png", "size": SIZE, "sha256": SHA},
                },
            },
        ),
        (
            {
                "type": "server_tool_call",
                "name": "image_generation",
                "server_tool_call": {"type": "image_generation_call", "result": PNG},
            },
            {
                "type": "server_tool_call",
                "name": "image_generation",
                "server_tool_call": {"type": "image_generation_call", "size": SIZE, "sha256": SHA},
            },
        ),
        (
            {"type": "generic", "value": {"input_audio": {"data": PNG, "format": "wav"}, "data": PNG}},
            {"type": "generic", "value": {"input_audio": {"format": "wav", "size": SIZE, "sha256": SHA}, "data": PNG}},
        ),
    ],
)
def test_reference(part: Any, referenced: Any) -> None:
    text = {"type": "text", "content": f"data:image/png;base64,{PNG}"}
    before = message(text, part)
    assert reference_media(before, "reference") == message(text, referenced)
    assert before == message(text, part)
    assert reference_media(before, "keep") is before


def test_drop() -> None:
    blob = {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PNG}
    assert reference_media(message(blob), "drop") == message(
        {"type": "blob", "modality": "image", "mime_type": "image/png"}
    )


def test_a_message_without_media_is_the_same_message() -> None:
    plain = message({"type": "text", "content": "x"}, {"type": "tool_call", "name": "f", "arguments": {}})
    assert reference_media(plain, "reference") is plain


@pytest.mark.parametrize("name", ["openai.chat", "openai.responses", "anthropic.messages"])
def test_no_base64_is_left_and_what_is_left_can_be_written(name: str, body: Callable[..., Any]) -> None:
    wire = FORMATS[name]
    items = body(name, "items" if name == "openai.responses" else "media", "request")[wire.messages]
    messages = [reference_media(each, "reference") for each in wire.read_messages(items)]
    assert "iVBORw" not in str(messages)
    assert "JVBER" not in str(messages)
    assert "iVBORw" not in str(wire.write_messages(messages))
