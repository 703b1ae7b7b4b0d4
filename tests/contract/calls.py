"""The same call made every way that an SDK offers: sync and async, plain and streamed, through every helper."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

QUESTION = [{"role": "user", "content": "Where is my refund?"}]
CHAT: dict[str, Any] = {"model": "gpt-x", "messages": QUESTION, "temperature": 0.2}
MESSAGES: dict[str, Any] = {"model": "claude-x", "max_tokens": 100, "messages": QUESTION}
RESPONSES: dict[str, Any] = {"model": "gpt-x", "input": "Where is my refund?", "instructions": "Be brief."}


def client(sdk: str, url: str, *, asynchronous: bool = False, **options: Any) -> Any:
    """A client of `sdk` for the provider at `url`. It loads no certificates, which takes longer than most tests."""
    module = import_module(sdk)
    http = getattr(module, "DefaultAsyncHttpxClient" if asynchronous else "DefaultHttpxClient")(verify=False)
    name = {"openai": "OpenAI", "anthropic": "Anthropic", "groq": "Groq"}[sdk]
    base_url = f"{url}/v1" if sdk == "openai" else url
    return getattr(module, "Async" * asynchronous + name)(base_url=base_url, http_client=http, **options)


@dataclass(frozen=True)
class Way:
    """One way to make a call."""

    name: str
    sdk: str
    format: str
    make: Callable[[Any], Any]
    """Gets a client; returns the text that the application saw, or an awaitable of it."""
    streamed: bool = False

    def run(self, client: Any) -> str:
        """The text that the application saw."""
        if not self.asynchronous:
            with client:
                return str(self.make(client))

        async def waited() -> str:
            async with client:
                return str(await self.make(client))

        return asyncio.run(waited())

    def offered(self, client: Any) -> bool:
        """Whether this version of the SDK has it."""
        needs = {"responses": "responses.stream" if "helper" in self.name else "responses.create"}
        path = needs.get(self.format.partition(".")[2], "")
        if self.format == "openai.chat" and "helper" in self.name:
            path = "chat.completions.stream"
        found = client
        for name in path.split(".") if path else ():
            found = getattr(found, name, None)
        return found is not None

    @property
    def asynchronous(self) -> bool:
        return self.name.startswith("async")


def _chat(client: Any) -> str:
    return client.chat.completions.create(**CHAT).choices[0].message.content  # type: ignore[no-any-return]


def _chat_stream(client: Any) -> str:
    chunks = client.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True})
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def _chat_next(client: Any) -> str:
    chunks = client.chat.completions.create(**CHAT, stream=True)
    text = ""
    while (chunk := next(chunks, None)) is not None:
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    return text


def _chat_with(client: Any) -> str:
    with client.chat.completions.create(**CHAT, stream=True) as chunks:
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def _chat_helper(client: Any) -> str:
    with client.chat.completions.stream(**CHAT) as stream:
        return stream.get_final_completion().choices[0].message.content  # type: ignore[no-any-return]


def _chat_raw(client: Any) -> str:
    raw = client.chat.completions.with_raw_response.create(**CHAT)
    assert raw.headers["content-type"].startswith("application/json")
    return raw.parse().choices[0].message.content  # type: ignore[no-any-return]


def _chat_raw_stream(client: Any) -> str:
    chunks = client.chat.completions.with_raw_response.create(**CHAT, stream=True).parse()
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def _chat_streaming_response(client: Any) -> str:
    with client.chat.completions.with_streaming_response.create(**CHAT) as raw:
        return raw.parse().choices[0].message.content  # type: ignore[no-any-return]


def _chat_streaming_response_stream(client: Any) -> str:
    with client.chat.completions.with_streaming_response.create(**CHAT, stream=True) as raw:
        return "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse() if chunk.choices)


async def _async_chat(client: Any) -> str:
    return (await client.chat.completions.create(**CHAT)).choices[0].message.content  # type: ignore[no-any-return]


async def _async_chat_stream(client: Any) -> str:
    chunks = await client.chat.completions.create(**CHAT, stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])


async def _async_chat_with(client: Any) -> str:
    async with await client.chat.completions.create(**CHAT, stream=True) as chunks:
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])


async def _async_chat_helper(client: Any) -> str:
    async with client.chat.completions.stream(**CHAT) as stream:
        return (await stream.get_final_completion()).choices[0].message.content  # type: ignore[no-any-return]


async def _async_chat_raw(client: Any) -> str:
    raw = await client.chat.completions.with_raw_response.create(**CHAT)
    return raw.parse().choices[0].message.content  # type: ignore[no-any-return]


async def _async_chat_raw_stream(client: Any) -> str:
    raw = await client.chat.completions.with_raw_response.create(**CHAT, stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in raw.parse() if chunk.choices])


async def _async_chat_streaming_response(client: Any) -> str:
    async with client.chat.completions.with_streaming_response.create(**CHAT) as raw:
        return (await raw.parse()).choices[0].message.content  # type: ignore[no-any-return]


def _responses(client: Any) -> str:
    return client.responses.create(**RESPONSES).output_text  # type: ignore[no-any-return]


def _responses_stream(client: Any) -> str:
    events = client.responses.create(**RESPONSES, stream=True)
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def _responses_helper(client: Any) -> str:
    with client.responses.stream(**RESPONSES) as stream:
        return stream.get_final_response().output_text  # type: ignore[no-any-return]


async def _async_responses(client: Any) -> str:
    return (await client.responses.create(**RESPONSES)).output_text  # type: ignore[no-any-return]


async def _async_responses_stream(client: Any) -> str:
    events = await client.responses.create(**RESPONSES, stream=True)
    return "".join([event.delta async for event in events if event.type == "response.output_text.delta"])


async def _async_responses_helper(client: Any) -> str:
    async with client.responses.stream(**RESPONSES) as stream:
        return (await stream.get_final_response()).output_text  # type: ignore[no-any-return]


def _messages(client: Any) -> str:
    return client.messages.create(**MESSAGES).content[0].text  # type: ignore[no-any-return]


def _messages_stream(client: Any) -> str:
    events = client.messages.create(**MESSAGES, stream=True)
    return "".join(event.delta.text for event in events if event.type == "content_block_delta")


def _messages_helper(client: Any) -> str:
    with client.messages.stream(**MESSAGES) as stream:
        return "".join(stream.text_stream)


def _messages_final(client: Any) -> str:
    with client.messages.stream(**MESSAGES) as stream:
        return stream.get_final_text()  # type: ignore[no-any-return]


def _messages_beta(client: Any) -> str:
    return client.beta.messages.create(**MESSAGES).content[0].text  # type: ignore[no-any-return]


def _messages_raw(client: Any) -> str:
    return client.messages.with_raw_response.create(**MESSAGES).parse().content[0].text  # type: ignore[no-any-return]


async def _async_messages(client: Any) -> str:
    return (await client.messages.create(**MESSAGES)).content[0].text  # type: ignore[no-any-return]


async def _async_messages_stream(client: Any) -> str:
    events = await client.messages.create(**MESSAGES, stream=True)
    return "".join([event.delta.text async for event in events if event.type == "content_block_delta"])


async def _async_messages_helper(client: Any) -> str:
    async with client.messages.stream(**MESSAGES) as stream:
        return "".join([text async for text in stream.text_stream])


async def _async_messages_beta(client: Any) -> str:
    return (await client.beta.messages.create(**MESSAGES)).content[0].text  # type: ignore[no-any-return]


def _ways(sdk: str, wire: str, plain: list[Any], streamed: list[Any]) -> list[Way]:
    made = [(make, False) for make in plain] + [(make, True) for make in streamed]
    return [Way(make.__name__.strip("_"), sdk, wire, make, is_streamed) for make, is_streamed in made]


WAYS = [
    *_ways(
        "openai",
        "openai.chat",
        [_chat, _chat_raw, _chat_streaming_response, _async_chat, _async_chat_raw, _async_chat_streaming_response],
        [
            *(_chat_stream, _chat_next, _chat_with, _chat_helper, _chat_raw_stream, _chat_streaming_response_stream),
            *(_async_chat_stream, _async_chat_with, _async_chat_helper, _async_chat_raw_stream),
        ],
    ),
    *_ways(
        "openai",
        "openai.responses",
        [_responses, _async_responses],
        [_responses_stream, _responses_helper, _async_responses_stream, _async_responses_helper],
    ),
    *_ways(
        "anthropic",
        "anthropic.messages",
        [_messages, _messages_beta, _messages_raw, _async_messages, _async_messages_beta],
        [_messages_stream, _messages_helper, _messages_final, _async_messages_stream, _async_messages_helper],
    ),
    *_ways("groq", "openai.chat", [_chat, _async_chat], [_chat_next, _async_chat_stream]),
]
