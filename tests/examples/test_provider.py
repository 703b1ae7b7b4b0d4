"""How the fake provider behaves on the wire."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from prompt_history.examples.provider import Provider, Request, Response

MESSAGES: list[Any] = [{"role": "user", "content": "返金をお願いします"}]
ANSWER = "ご不便をおかけし申し訳ございません。返金は五営業日以内にカードへ戻ります。"


def post(provider: Provider, body: dict[str, Any], path: str = "/v1/chat/completions") -> Any:
    connection = http.client.HTTPConnection(provider.url.removeprefix("http://"), timeout=10)
    connection.request("POST", path, json.dumps(body), {"authorization": "Bearer secret", "x-api-key": "secret"})
    return connection, connection.getresponse()


def chat(client: openai.OpenAI, model: str, **kwargs: Any) -> Any:
    return client.chat.completions.create(model=model, messages=MESSAGES, **kwargs)


def test_requests_are_kept_without_their_keys(provider: Provider) -> None:
    connection, response = post(provider, {"model": "gpt-x", "messages": MESSAGES}, "/v1/chat/completions?a=b")
    response.read()
    connection.close()
    (request,) = provider.requests
    assert request.path == "/v1/chat/completions?a=b"
    assert request.body == json.loads(request.raw) == {"model": "gpt-x", "messages": MESSAGES}
    assert sorted(request.headers) == ["accept-encoding", "content-length", "host"]


def test_a_connection_is_kept_for_the_next_call(provider: Provider) -> None:
    connection = http.client.HTTPConnection(provider.url.removeprefix("http://"), timeout=10)
    for stream in (False, True, False):
        body = {"model": "gpt-x", "messages": MESSAGES, "stream": stream}
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        response = connection.getresponse()
        assert (response.status, response.read()[:1] != b"", response.will_close) == (200, True, False)
    connection.close()


def test_streams_are_split_inside_characters_and_the_same_way_each_time(provider: Provider) -> None:
    request = Request("/", {}, {}, b"the request")
    events = [f"data: {character}\n\n".encode() for character in ANSWER]
    pieces = list(provider.pieces(request, events))
    assert b"".join(pieces) == b"".join(events)
    assert pieces == list(provider.pieces(request, events))
    assert not all(_is_utf8(piece) for piece in pieces)
    other = Provider(split_seed=None)
    assert list(other.pieces(request, events)) == events
    other.close()


def _is_utf8(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("seed", range(5))
def test_the_sdk_reads_what_is_split_anywhere(provider: Provider, openai_client: openai.OpenAI, seed: int) -> None:
    provider.split_seed = seed
    try:
        chunks = list(chat(openai_client, "gpt-x", stream=True))
    finally:
        provider.split_seed = 0
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_fail(openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic, status: int) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        chat(openai_client, f"fail-{status}")
    assert raised.value.status_code == status
    with pytest.raises(anthropic.APIStatusError) as also_raised:
        anthropic_client.messages.create(model=f"fail-{status}", max_tokens=9, messages=MESSAGES)
    assert also_raised.value.status_code == status


@pytest.mark.parametrize("status", [429, 503])
def test_flaky_is_tried_again_and_is_one_call(
    provider: Provider, openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic, status: int
) -> None:
    for _ in range(2):
        assert chat(openai_client, f"flaky-{status}").choices[0].message.content == ANSWER
    anthropic_client.messages.create(model=f"flaky-{status}", max_tokens=9, messages=MESSAGES)
    assert len(provider.requests) == 6
    if "x-stainless-retry-count" in provider.requests[0].headers:
        assert len(provider.calls) == 3


def test_flaky_without_a_count_of_tries(provider: Provider) -> None:
    found = []
    for _ in range(4):
        connection, response = post(provider, {"model": "flaky-429", "messages": MESSAGES})
        found.append((response.status, response.headers["retry-after"]))
        connection.close()
    assert found == [(429, "0"), (200, None), (429, "0"), (200, None)]


def test_a_behaviour_behind_a_natural_model_name(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        chat(openai_client, "gpt-x", extra_headers={"x-behaviour": "fail-404"})
    with pytest.raises(openai.NotFoundError):
        chat(openai_client, "gpt-retired")


@pytest.mark.parametrize("behaviour", ["cut", "fail-500"])
def test_no_answer_after_all_tries(provider: Provider, openai_client: openai.OpenAI, behaviour: str) -> None:
    with pytest.raises((openai.APIConnectionError, openai.InternalServerError)):
        chat(openai_client.with_options(max_retries=0), behaviour)
    assert len(provider.requests) == 1


def test_cut_stream(openai_client: openai.OpenAI) -> None:
    chunks = []
    with pytest.raises(Exception, match=r"incomplete|peer closed|Connection error"):
        chunks.extend(chunk for chunk in chat(openai_client, "cut-stream", stream=True))
    stream = chat(openai_client, "cut-stream", stream=True)
    assert next(iter(stream)).choices[0].delta.role == "assistant"
    stream.close()


def test_html_and_broken_json_and_null_choices(provider: Provider) -> None:
    found = {}
    for model in ("html", "broken-json", "null-choices"):
        connection, response = post(provider, {"model": model, "messages": MESSAGES})
        found[model] = response.status, response.headers["content-type"], response.read()
        connection.close()
    assert found["html"] == (200, "text/html", b"<!doctype html><title>Sign in</title>")
    assert found["broken-json"] == (200, "application/json", b'{"id": "')
    body = json.loads(found["null-choices"][2])
    assert (body["choices"], body["usage"]) == (None, None)


@pytest.mark.parametrize("stream", [False, True])
def test_huge(openai_client: openai.OpenAI, stream: bool) -> None:
    result = chat(openai_client, "huge", stream=stream)
    text = (
        "".join(chunk.choices[0].delta.content or "" for chunk in result)
        if stream
        else result.choices[0].message.content
    )
    assert len(text) == 1_026_000


@pytest.mark.parametrize("behaviour", ["hang", "hang-stream"])
def test_hang_ends_when_it_is_released(provider: Provider, behaviour: str) -> None:
    outcome: list[BaseException] = []

    def ask(read: Callable[[Any], object]) -> None:
        connection, response = None, None
        try:
            connection, response = post(provider, {"model": behaviour, "messages": MESSAGES, "stream": True})
            read(response)
        except (http.client.HTTPException, ConnectionError) as error:
            outcome.append(error)
        finally:
            if connection is not None:
                connection.close()

    asking = threading.Thread(target=ask, args=(lambda response: response.read(),))
    asking.start()
    provider.wait_for(1)
    assert asking.is_alive()
    provider.release()
    asking.join(10)
    assert [type(error).__name__ for error in outcome] == [
        {"hang": "RemoteDisconnected", "hang-stream": "IncompleteRead"}[behaviour]
    ]


def test_a_test_answers_by_itself(provider: Provider, openai_client: openai.OpenAI) -> None:
    provider.respond = lambda request: (
        Response({"error": {"message": "no"}}, status=402) if request.model == "odd" else None
    )
    with pytest.raises(openai.APIStatusError) as raised:
        chat(openai_client, "odd")
    assert raised.value.status_code == 402
    assert chat(openai_client, "gpt-x").choices[0].message.content == ANSWER


def test_the_same_conversation_reads_the_same(provider: Provider) -> None:
    bodies = []
    for _ in range(2):
        provider.reset()
        connection, response = post(provider, {"model": "gpt-x", "messages": MESSAGES})
        bodies.append(response.read())
        connection.close()
    assert bodies[0] == bodies[1]


def test_lone_surrogates_are_sent_as_escapes(provider: Provider) -> None:
    connection, response = post(
        provider, {"model": "gpt-x", "messages": [{"role": "user", "content": "odd \ud800 one"}]}
    )
    text = response.read().decode()
    connection.close()
    assert "\\ud800" in text


def test_waiting_for_requests_that_never_come(provider: Provider) -> None:
    with pytest.raises(TimeoutError, match="0 requests instead of 1"):
        provider.wait_for(1, timeout=0)


def test_an_unknown_path_is_not_found(provider: Provider) -> None:
    connection, response = post(provider, {}, "/v1/nothing")
    assert response.status == 404
    connection.close()
