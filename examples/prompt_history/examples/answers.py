"""What the fake model says: canned answers of a support desk, tools that fit, JSON that fits a schema.

Everything is a pure function of what was asked, so that the same conversation always reads the same.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

CANNED: Sequence[tuple[str, str]] = (
    ("refund", "I am sorry about that. The refund goes back to your card within five working days."),
    ("password", "You can set a new password under Settings, Security. The link works for thirty minutes."),
    ("invoice", "Your invoices are under Billing. I have sent you a copy of the latest one by e-mail."),
    ("cancel", "You can cancel at any time; the contract then ends with the current month."),
    ("thank", "You are welcome. Is there anything else I can do for you?"),
    ("ありがとう", "お役に立てて何よりです。ほかにもご不明な点があれば、いつでもお知らせください。"),
    ("解約", "契約の解約は、マイページの「契約内容」からお手続きいただけます。当月末で終了します。"),
    ("返金", "ご不便をおかけし申し訳ございません。返金は五営業日以内にカードへ戻ります。"),
    ("契約", "ご契約は年間プランです。更新日は来月の一日で、三十日前までに変更をお申し付けください。"),
)
"""A word of the question, and the answer to it. The first that fits is given."""


class ToolCall(NamedTuple):
    """One call of a tool that the model asks for."""

    name: str
    arguments: dict[str, Any]


class Tool(NamedTuple):
    """A tool that the request offers, whichever API it came through."""

    name: str
    schema: Mapping[str, Any]


class Turn(NamedTuple):
    """What a request asks of the model, whichever API it came through."""

    question: str
    """The text of the last user message."""
    results: Sequence[str] = ()
    """What tools have returned since then."""
    tools: Sequence[Tool] = ()
    forced: str | bool | None = None
    """The tool that must be called, `True` for any one, `False` for none."""
    parallel: bool = True
    schema: Mapping[str, Any] | None = None
    """Of the JSON that the answer must be."""


class Said(NamedTuple):
    """What the model says: a text or calls of tools."""

    text: str | None
    calls: Sequence[ToolCall] = ()


HUGE = f"{'0123456789abcdef' * 32} " * 2000
"""A megabyte of answer, streamed in two thousand pieces."""


def say(turn: Turn, behaviour: str = "") -> Said:
    """What the model says in `turn`; `behaviour` can make it say a megabyte, or refuse."""
    if behaviour == "huge":
        return Said(HUGE)
    if behaviour == "refusal":
        return Said("I cannot help with that.")
    if turn.results:
        return Said(answer_from_tool(turn.question, "; ".join(turn.results)))
    calls = choose_tools(turn.question, turn.tools, turn.forced)
    if calls:
        return Said(None, calls if turn.parallel else calls[:1])
    if turn.schema is not None:
        return Said(json.dumps(fit(turn.schema, turn.question), ensure_ascii=False))
    return Said(answer(turn.question))


def content_text(content: Any) -> str:
    """The text in the content of a message: a string, or parts of which the texts count."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text") or "") for part in parts if isinstance(part, Mapping))


def is_japanese(text: str) -> bool:
    """Whether `text` has kana or kanji."""
    return re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", text) is not None


def answer(question: str) -> str:
    """The model's answer to `question`, in its language."""
    lowered = question.lower()
    for word, text in CANNED:
        if word in lowered:
            return text
    quoted = " ".join(question.split())[:200]
    if is_japanese(question):
        return f"「{quoted}」についてですね。担当の者が確認し、本日中にご連絡いたします。"
    return f"You asked: “{quoted}” Let me look into it; you will hear from us today."


def answer_from_tool(question: str, result: str) -> str:
    """The model's answer to `question` once a tool has returned `result`."""
    try:
        value = json.loads(result)
    except ValueError:
        value = result
    if isinstance(value, Mapping):
        found = ", ".join(f"{name.replace('_', ' ')} {item}" for name, item in value.items())
    else:
        found = str(value)
    return f"確認いたしました。{found} です。" if is_japanese(question) else f"I looked it up: {found}."


def choose_tools(question: str, tools: Sequence[Tool], forced: str | bool | None) -> list[ToolCall]:
    """The tools that the model calls for `question`: the `forced` one, else those with a word of their name in it."""
    if forced is False:
        return []
    lowered = question.lower()
    fitting = [tool for tool in tools if any(word in lowered for word in _words(tool.name))]
    if isinstance(forced, str):
        fitting = [tool for tool in tools if tool.name == forced]
    elif forced is True and not fitting:
        fitting = list(tools[:1])
    return [ToolCall(tool.name, _object(tool.schema, question)) for tool in fitting]


def _object(schema: Mapping[str, Any], question: str) -> dict[str, Any]:
    value = fit(schema, question)
    return value if isinstance(value, dict) else {}


def _words(name: str) -> list[str]:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return [word for word in re.split(r"[^a-z]+", spaced.lower()) if len(word) > 3]


def fit(schema: Mapping[str, Any], question: str) -> Any:
    """A value that the JSON schema allows, taken from `question` where something in it fits."""
    return _Fitting(schema.get("$defs") or schema.get("definitions") or {}, question).value(schema, "")


class _Fitting:
    def __init__(self, definitions: Mapping[str, Any], question: str) -> None:
        self.definitions = definitions
        self.question = question
        numbers = re.findall(r"\d+", question)
        self.number = int(numbers[0][:15]) if numbers else 1
        codes = re.findall(r"\b[A-Z]+-\d+\b|\d{3,}", question)
        self.code = codes[0] if codes else "A-1"

    def value(self, schema: Mapping[str, Any], name: str) -> Any:
        if "$ref" in schema:
            return self.value(self.definitions[schema["$ref"].rpartition("/")[2]], name)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._choice(schema["enum"])
        for union in ("anyOf", "oneOf", "allOf"):
            if schema.get(union):
                return self.value(schema[union][0], name)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        return self._plain(schema, kind[0] if isinstance(kind, list) else kind, name)

    def _choice(self, allowed: Sequence[Any]) -> Any:
        lowered = self.question.lower()
        return next((item for item in allowed if str(item).lower() in lowered), allowed[0])

    def _plain(self, schema: Mapping[str, Any], kind: str, name: str) -> Any:
        if kind == "object":
            properties: Mapping[str, Any] = schema.get("properties") or {}
            return {key: self.value(inner, key) for key, inner in properties.items()}
        if kind == "array":
            return [self.value(schema.get("items") or {}, name)] * max(1, schema.get("minItems", 1))
        if kind == "integer":
            return self._within(schema, self.number)
        if kind == "number":
            return float(self._within(schema, self.number))
        if kind in ("boolean", "null"):
            return True if kind == "boolean" else None
        return self._text(name)

    def _within(self, schema: Mapping[str, Any], number: int) -> int:
        return int(min(max(number, schema.get("minimum", number)), schema.get("maximum", math.inf)))

    def _text(self, name: str) -> str:
        if re.search(r"(^|_)(id|no|number|code|order)$", name):
            return self.code
        if re.search(r"city|place|location|country", name):
            names = re.findall(r"\b[A-Z][a-z]+", self.question)
            return names[-1] if names else "Tokyo"
        if re.search(r"answer|reply|response|message", name):
            return answer(self.question)
        return " ".join(self.question.split())[:60]


def tokens(text: str) -> int:
    """How many tokens the fake provider bills for `text`: one for four bytes."""
    return -(-len(text.encode(errors="replace")) // 4)


def words(text: str) -> list[str]:
    """`text` as a model streams it: a word, or two characters of Japanese, at a time."""
    return re.findall(r"\s*[^\s\u3000-\u9fff]+|\s*[\u3000-\u9fff]{1,2}|\s+", text)
