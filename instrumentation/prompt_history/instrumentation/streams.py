"""Shows an exchange the chunks of a response that comes later, without changing what the application gets."""

from __future__ import annotations

import time
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import wrapt

from .exchange import Exchange


class DecoderTap:
    """Stands before an SDK's decoder of server-sent events and keeps the data of each event that is read."""

    __slots__ = ("_decoder", "_exchange")

    def __init__(self, decoder: Any, exchange: Exchange) -> None:
        self._decoder = decoder
        self._exchange = exchange

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)

    def iter_bytes(self, data: Iterator[bytes]) -> Iterator[Any]:
        exchange = self._exchange
        keep = exchange.chunks.append
        events = self._decoder.iter_bytes(data)
        for event in events:
            exchange.first_chunk = time.perf_counter_ns()
            keep(event.data)
            yield event
            break
        for event in events:
            keep(event.data)
            yield event

    async def aiter_bytes(self, data: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        exchange = self._exchange
        keep = exchange.chunks.append
        async for event in self._decoder.aiter_bytes(data):
            if exchange.first_chunk is None:
                exchange.first_chunk = time.perf_counter_ns()
            keep(event.data)
            yield event


class Watch:
    """How a stream ends: read to its end, failed, or left by the application before."""

    __slots__ = ("_exchange", "_running", "keep")

    def __init__(self, exchange: Exchange, *, keep: bool) -> None:
        self._exchange = exchange
        self.keep = keep
        """Whether the chunks themselves are kept: for streams without a decoder that could be tapped."""
        self._running: Any = None

    def over(self, chunks: Any) -> Any:
        """An iterator, or asynchronous iterator, that gives what `chunks` gives."""
        watched = self._async(chunks) if hasattr(chunks, "__anext__") else self._sync(chunks)
        self._running = weakref.ref(watched)
        return watched

    def closed(self) -> None:
        """The HTTP response was closed: by the SDK that reads it, or else by the application."""
        watched = self._running() if self._running is not None else None
        running = watched is not None and (
            getattr(watched, "gi_running", False) or getattr(watched, "ag_running", False)
        )
        if not running:
            self._exchange.end(abandoned=True)

    def _sync(self, chunks: Iterator[Any]) -> Iterator[Any]:
        end = self._exchange.end
        try:
            yield from self._kept(chunks) if self.keep else chunks
        except GeneratorExit:
            end(abandoned=True)
            raise
        except BaseException as error:
            end(error)
            raise
        end()

    async def _async(self, chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
        end = self._exchange.end
        try:
            async for chunk in chunks:
                if self.keep:
                    self._keep(chunk)
                yield chunk
        except GeneratorExit:
            end(abandoned=True)
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()
            raise
        except BaseException as error:
            end(error)
            raise
        end()

    def _kept(self, chunks: Iterator[Any]) -> Iterator[Any]:
        for chunk in chunks:
            self._keep(chunk)
            yield chunk

    def _keep(self, chunk: Any) -> None:
        if self._exchange.first_chunk is None:
            self._exchange.first_chunk = time.perf_counter_ns()
        self._exchange.chunks.append(chunk)


class ObservedBody(wrapt.ObjectProxy):  # type: ignore[misc,type-arg,unused-ignore]
    """The body of an HTTP response that tells when it is closed. To httpx it is the body that it stands for.

    The body and not the response, as a method of ours on a response would have to refer to it: a cycle, which would
    leave it to the garbage collector to release the connection of a dropped stream.
    """

    def __init__(self, body: Any, watch: Watch) -> None:
        super().__init__(body)
        self._self_watch = watch

    def __aiter__(self) -> Any:
        return self.__wrapped__.__aiter__()

    def close(self) -> None:
        try:
            self.__wrapped__.close()
        finally:
            self._self_watch.closed()

    async def aclose(self) -> None:
        try:
            await self.__wrapped__.aclose()
        finally:
            self._self_watch.closed()


def end_with(response: Any, exchange: Exchange, watch: Watch) -> None:
    """Ends the exchange when `response` (of httpx or httpx2) is closed, or forgotten unread."""
    weakref.finalize(response, exchange.end, abandoned=True)
    response.stream = ObservedBody(response.stream, watch)
