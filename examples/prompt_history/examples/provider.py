"""A fake LLM provider on loopback: speaks the OpenAI, Azure OpenAI and Anthropic APIs with the standard library.

`python -m prompt_history.examples.provider --port 8080` runs it by itself. How it behaves is chosen by the model name,
or by an `x-behaviour` header where the model name is to look like any other, so that an unmodified SDK can ask for it:

| behaviour | what the provider does |
|---|---|
| `fail-NNN` | answers with the HTTP status NNN |
| `flaky-NNN` | answers the first try with the HTTP status NNN and asks to try again at once |
| `slow`, `slow-stream` | waits 0.3 s before it answers; 0.02 s before each piece of a stream |
| `hang`, `hang-stream` | says nothing; half of the stream and then nothing, until `Provider.release()` |
| `cut`, `cut-stream` | closes the connection before it answers; in mid-stream |
| `error-in-stream` | breaks a stream off with the API's own error event |
| `html`, `broken-json` | answers 200 with a web page; with half a JSON document |
| `null-choices` | answers a chat completion with `choices` and `usage` null |
| `length`, `refusal`, `huge` | is cut off by the token limit; refuses; answers a megabyte |
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, TypeAlias

from . import anthropic_api, openai_api

Json: TypeAlias = dict[str, Any]

ALIASES = {"gpt-busy": "flaky-429", "gpt-retired": "fail-404"}
"""Models with natural names that behave like others."""
SECRET_HEADERS = frozenset({"authorization", "x-api-key", "api-key"})
MESSAGES = {404: "The model does not exist or has been retired.", 429: "Too many requests. Try again later."}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the provider received it."""

    path: str
    """With the query."""
    headers: Mapping[str, str]
    """Names in lower case; without those that carry keys."""
    body: Json
    """Parsed; empty if the body is no JSON object."""
    raw: bytes

    @property
    def model(self) -> str:
        """The model that is asked for: by the body, else by an Azure deployment's path."""
        deployment = re.search(r"/deployments/([^/]+)/", self.path)
        return str(self.body.get("model") or (deployment[1] if deployment else ""))

    @property
    def behaviour(self) -> str:
        """How the provider is asked to behave."""
        return self.headers.get("x-behaviour") or ALIASES.get(self.model, self.model)

    @property
    def is_retry(self) -> bool:
        """Whether the SDK says that it sends the same call again."""
        return self.headers.get("x-stainless-retry-count", "0") != "0"


@dataclass(frozen=True, slots=True)
class Response:
    """What the provider sends back."""

    body: Any = None
    """Bytes as they are; anything else as JSON."""
    events: Iterable[bytes] | None = None
    """Server-sent events, ready for the wire: sent instead of the body, split at random places."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    """The connection closes when the events are through, but without the end of the body; without events, at once."""
    pause: float = 0.0
    """Seconds before each event, which is then sent in one piece."""


class Provider:
    """The provider, on a free port of the loopback interface unless `port` says otherwise.

    A context manager that starts and closes it. Tests set `respond` to answer requests themselves.
    """

    def __init__(self, port: int = 0, split_seed: int | None = 0) -> None:
        self.split_seed = split_seed
        """Decides where streams are split; `None`: one piece for each event."""
        self.respond: Callable[[Request], Response | None] | None = None
        """Asked first; what it returns is sent, `None` leaves the request to the provider."""
        self.requests: list[Request] = []
        """Every request since the start or the last `reset`, in the order of arrival."""
        self.disconnects = 0
        """How often a client went away before it had the whole response."""
        self._arrived = threading.Condition()
        self._released = threading.Event()
        self._failed_once: set[bytes] = set()
        self._server = _Server(self, port)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Without a slash at the end. OpenAI clients want `/v1` behind it, Anthropic clients do not."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that send unmodified SDKs here, keys included."""
        return {
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "OPENAI_API_KEY": "example-key",
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": "example-key",
        }

    @property
    def calls(self) -> list[Request]:
        """The requests that are not retries."""
        return [request for request in self.requests if not request.is_retry]

    def start(self) -> None:
        """Serves until `close`."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops serving and closes every connection."""
        self.release()
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.close_connections()
        self._server.server_close()

    def reset(self) -> None:
        """Forgets requests, tries and `respond`, and lets go of whoever hangs."""
        self.release()
        with self._arrived:
            self.requests.clear()
            self._failed_once.clear()
            self.disconnects = 0
            self.respond = None
            self._released = threading.Event()

    def release(self) -> None:
        """Lets the requests that hang go on: what they have not been told is never told."""
        self._released.set()

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Request]:
        """The requests, as soon as there are `count`. Raises `TimeoutError` after `timeout` seconds."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.requests) >= count, timeout):
                raise TimeoutError(f"{len(self.requests)} requests instead of {count} in {timeout} s")
            return list(self.requests)

    def __enter__(self) -> Provider:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def answer(self, request: Request) -> Response:
        """Notes `request` and decides what to send back."""
        with self._arrived:
            self.requests.append(request)
            number = len(self.requests)
            self._arrived.notify_all()
        if self.respond is not None and (own := self.respond(request)) is not None:
            return own
        serial = hashlib.sha256(b"%d %b" % (number, request.raw)).hexdigest()[:12]
        return self._misbehave(request) or _routed(request, serial, self._released)

    def pieces(self, request: Request, events: Iterable[bytes]) -> Iterator[bytes]:
        """The bytes of `events`, split anywhere: also inside a line, and inside a character."""
        if self.split_seed is None:
            yield from events
            return
        places = random.Random(b"%d %b" % (self.split_seed, request.raw))
        held = b""
        for event in events:
            held += event
            while len(held) > (size := places.randint(1, max(160, len(event)))):
                yield held[:size]
                held = held[size:]
        if held:
            yield held

    def _misbehave(self, request: Request) -> Response | None:
        behaviour = request.behaviour
        if match := re.fullmatch(r"(fail|flaky)-([45]\d\d)", behaviour):
            return None if match[1] == "flaky" and self._tried(request) else _failure(request, int(match[2]))
        if behaviour == "slow":
            self._released.wait(0.3)
        elif behaviour == "hang":
            self._released.wait()
        if behaviour in ("hang", "cut"):
            return Response(cut=True)
        if behaviour == "html":
            return Response(b"<!doctype html><title>Sign in</title>", headers={"content-type": "text/html"})
        if behaviour == "broken-json":
            return Response(b'{"id": "', headers={"content-type": "application/json"})
        return None

    def _tried(self, request: Request) -> bool:
        """Whether this is another try: the SDK says so, or an older one sends the same bytes a second time."""
        if "x-stainless-retry-count" in request.headers:
            return request.is_retry
        with self._arrived:
            if request.raw in self._failed_once:
                self._failed_once.remove(request.raw)
                return True
            self._failed_once.add(request.raw)
            return False


def _routed(request: Request, serial: str, released: threading.Event) -> Response:
    path, body, behaviour = request.path.partition("?")[0], request.body, request.behaviour
    headers = {"x-request-id": f"req_{serial}"}
    streamed: Iterator[Json] | None = None
    plain: Json | None = None
    if path.endswith("/chat/completions"):
        azure = "/openai/deployments/" in path
        if body.get("stream"):
            streamed = openai_api.chat_stream(body, serial, behaviour, azure)
        else:
            plain = openai_api.chat(body, serial, behaviour, azure)
    elif path.endswith("/responses"):
        if body.get("stream"):
            streamed = openai_api.response_stream(body, serial, behaviour)
        else:
            plain = openai_api.response(body, serial, behaviour)
    elif path.endswith("/embeddings"):
        plain = openai_api.embeddings(body)
    elif path.endswith("/messages"):
        headers = {"request-id": f"req_{serial}"}
        if body.get("stream"):
            streamed = anthropic_api.message_stream(body, serial, behaviour)
        else:
            plain = anthropic_api.message(body, serial, behaviour)
    elif path.endswith("/messages/count_tokens"):
        plain = anthropic_api.count_tokens(body)
    if streamed is None:
        return Response(plain, headers=headers) if plain is not None else _failure(request, 404)
    return _stream(request, streamed, headers, released)


def _failure(request: Request, status: int) -> Response:
    message = MESSAGES.get(status, "The request failed, as it was asked to.")
    api = anthropic_api if "/messages" in request.path else openai_api
    # The SDKs wait half a second when they are told to wait no time at all.
    headers = {"retry-after": "0", "retry-after-ms": "1"} if status in (429, 503, 529) else {}
    return Response(api.error(status, message), status=status, headers=headers)


def _stream(
    request: Request, events: Iterator[Json], headers: Mapping[str, str], released: threading.Event
) -> Response:
    behaviour = request.behaviour
    wire = list(events)
    half = len(wire) // 2
    named = not request.path.partition("?")[0].endswith("/chat/completions")
    sse = [_sse(event, named) for event in wire]
    if behaviour == "error-in-stream":
        sse[half:] = [_error_event(request, half)]
    elif behaviour in ("cut-stream", "hang-stream"):
        del sse[half:]
    elif not named:
        sse.append(b"data: [DONE]\n\n")
    return Response(
        events=_then_hang(sse, released) if behaviour == "hang-stream" else sse,
        headers=headers,
        cut=behaviour in ("cut-stream", "hang-stream"),
        pause=0.02 if behaviour == "slow-stream" else 0.0,
    )


def _then_hang(events: Sequence[bytes], released: threading.Event) -> Iterator[bytes]:
    yield from events
    yield b": " + b"." * 160 + b"\n\n"  # pushes the events out, whatever the splitting holds back
    released.wait()


def _sse(event: Json, named: bool) -> bytes:
    name = b"event: %b\n" % event["type"].encode() if named else b""
    return name + b"data: " + dump(event) + b"\n\n"


def _error_event(request: Request, number: int) -> bytes:
    message = "The server had an error while it was answering."
    if "/messages" in request.path:
        return _sse({"type": "error", "error": {"type": "overloaded_error", "message": message}}, named=True)
    if request.path.partition("?")[0].endswith("/responses"):
        flat = {"type": "error", "code": "server_error", "message": message, "param": None}
        return _sse({**flat, "sequence_number": number}, named=True)
    return _sse(openai_api.error(500, message), named=False)


def dump(value: Any) -> bytes:
    """`value` as JSON, Japanese as it is; with escapes where it has characters that UTF-8 cannot carry."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, provider: Provider, port: int) -> None:
        self.provider = provider
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self.provider.disconnects += 1  # the client was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        if isinstance(sys.exc_info()[1], OSError):
            self.provider.disconnects += 1
        else:
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the output belongs to the application."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"] or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        kept = {name: value for name, value in headers.items() if name not in SECRET_HEADERS}
        request = Request(self.path, kept, _parsed(raw), raw)
        response = self.server.provider.answer(request)
        if response.events is not None:
            self._send_events(request, response)
        elif response.cut:
            self.close_connection = True
        else:
            self._send_body(response)

    def _send_head(self, response: Response, headers: Mapping[str, str]) -> None:
        self.send_response(response.status)
        for name, value in {**headers, **response.headers}.items():
            self.send_header(name, value)

    def _send_body(self, response: Response) -> None:
        data = response.body if isinstance(response.body, bytes) else dump(response.body)
        self._send_head(response, {"content-type": "application/json", "content-length": str(len(data))})
        self.end_headers()
        self.wfile.write(data)

    def _send_events(self, request: Request, response: Response) -> None:
        assert response.events is not None
        self._send_head(
            response,
            {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"},
        )
        self.end_headers()
        pieces = response.events if response.pause else self.server.provider.pieces(request, response.events)
        if isinstance(response.events, list) and not response.cut:
            # Together with the end of the body: OpenAI's SDK closes as soon as it has seen the last event.
            *pieces, last = pieces
        else:
            last = b""
        for piece in pieces:
            self._send_piece(piece, response.pause)
        if response.cut:
            self.close_connection = True
        else:
            self._send_piece(last, response.pause, b"0\r\n\r\n")

    def _send_piece(self, piece: bytes, pause: float, end: bytes = b"") -> None:
        time.sleep(pause)
        chunk = b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
        self.wfile.write(chunk + end)


def _parsed(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until it is interrupted, and says how to send an application here."""
    parser = argparse.ArgumentParser(prog="python -m prompt_history.examples.provider")
    parser.add_argument("--port", type=int, default=0, help="the port to listen on (default: a free one)")
    provider = Provider(parser.parse_args(arguments).port)
    provider.start()
    for name, value in provider.environment.items():
        print(f"export {name}={value}", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()
    finally:
        provider.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
