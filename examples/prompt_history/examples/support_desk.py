"""A small support desk: two customers, three sessions, the models of two providers.

It knows the SDKs of OpenAI and Anthropic and nothing else. Run it with their usual environment variables.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import openai
from anthropic import Anthropic
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

MODEL = "gpt-5.4-mini"
CLAUDE = "claude-sonnet-5"
RULES = "You answer for the support desk of a small shop. Be brief and friendly."
RULES_JA = "あなたは小さなお店のサポート窓口です。簡潔に、丁寧にお答えください。"
TOOLS: Sequence[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {
            "name": "order_status",
            "description": "Where an order is",
            "parameters": {
                "type": "object",
                "properties": {"order_id": {"type": "string"}},
                "required": ["order_id"],
            },
        },
    }
]


class Ticket(BaseModel):
    """What the desk notes about a case."""

    title: str
    urgency: Literal["low", "high"]
    order_id: str


def order_status(order_id: str) -> dict[str, str]:
    """Where an order is: the shop's own data."""
    return {"order": order_id, "status": "on its way", "arrival": "Thursday"}


def request(user: str, session: str) -> dict[str, Any]:
    """What tells the provider who asks, in the words of its API."""
    return {"safety_identifier": user, "metadata": {"session_id": session}, "store": True}


def plain_and_streamed(client: OpenAI) -> None:
    asked: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": RULES},
        {"role": "user", "content": "The mug arrived broken. Can I get a refund?"},
    ]
    who = request("ana", "broken-mug")
    reply = client.chat.completions.create(model=MODEL, messages=asked, temperature=0.2, **who)
    print("ana:", reply.choices[0].message.content)
    asked += [
        {"role": "assistant", "content": reply.choices[0].message.content},
        {"role": "user", "content": "Thank you! Please send me the invoice as well."},
    ]
    print("ana: ", end="")
    for chunk in client.chat.completions.create(
        model=MODEL, messages=asked, stream=True, stream_options={"include_usage": True}, **who
    ):
        print(chunk.choices[0].delta.content or "" if chunk.choices else "", end="", flush=True)
    print()


def tool(client: OpenAI) -> None:
    asked: list[Any] = [{"role": "user", "content": "Where is my order 1042?"}]
    who = request("ana", "broken-mug")
    first = client.chat.completions.create(model=MODEL, messages=asked, tools=TOOLS, **who)
    asked.append(first.choices[0].message.model_dump(exclude_none=True))
    for call in first.choices[0].message.tool_calls or []:
        if call.type == "function":
            found = order_status(**json.loads(call.function.arguments))
            asked.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(found)})
    second = client.chat.completions.create(model=MODEL, messages=asked, tools=TOOLS, **who)
    print("ana:", second.choices[0].message.content)


def busy_and_retired(client: OpenAI) -> None:
    """A model that is busy at first, which the SDK sorts out by itself, and one that is gone."""
    asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": "I forgot my password."}]
    who = request("ana", "password")
    reply = client.chat.completions.create(model="gpt-busy", messages=asked, **who)
    print("ana:", reply.choices[0].message.content)
    try:
        client.chat.completions.create(model="gpt-retired", messages=asked, **who)
    except openai.NotFoundError as error:
        print(f"ana: the old model is gone (HTTP {error.status_code})")


def japanese_conversation(client: OpenAI) -> None:
    asked: list[ChatCompletionMessageParam] = [{"role": "system", "content": RULES_JA}]
    for question in (
        "届いた商品が壊れていました。返金をお願いします。",
        "年間契約はどうなりますか。",
        "わかりました。ありがとうございます。",
    ):
        asked.append({"role": "user", "content": question})
        reply = client.chat.completions.create(model=MODEL, messages=asked, **request("健", "返金-7"))
        asked.append({"role": "assistant", "content": reply.choices[0].message.content})
        print("健:", reply.choices[0].message.content)


def claude(client: Anthropic) -> None:
    reply = client.messages.create(
        model=CLAUDE,
        max_tokens=300,
        system=RULES,
        messages=[{"role": "user", "content": "How do I cancel my contract?"}],
        metadata={"user_id": "ana"},
    )
    print("ana:", "".join(block.text for block in reply.content if block.type == "text"))
    print("健: ", end="")
    with client.messages.stream(
        model=CLAUDE,
        max_tokens=300,
        system=RULES_JA,
        messages=[{"role": "user", "content": "解約の手続きを教えてください。"}],
        metadata={"user_id": "健"},
    ) as stream:
        for text in stream.text_stream:
            print(text, end="", flush=True)
    print()


def ticket(client: OpenAI) -> None:
    reply = client.responses.parse(
        model=MODEL,
        instructions="Write down the case.",
        input="Order 1042: the mug arrived broken. The urgency is high.",
        text_format=Ticket,
        **request("ana", "broken-mug"),
    )
    print("ticket:", reply.output_parsed)
    found = client.embeddings.create(model="text-embedding-3-small", input="broken mug, refund", user="ana")
    print(f"similar cases: a vector of {len(found.data[0].embedding)} numbers")


def main() -> None:
    """One working day of the desk."""
    with OpenAI() as client:
        plain_and_streamed(client)
        tool(client)
        busy_and_retired(client)
        japanese_conversation(client)
        ticket(client)
    with Anthropic() as anthropic:
        claude(anthropic)


if __name__ == "__main__":
    main()
