"""Patches the methods of one adapter, now or when their modules are imported, and undoes it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import wrapt
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, get_current
from opentelemetry.trace import TracerProvider, get_tracer

from . import __version__
from .contract import installed
from .exchange import Exchange, current
from .guard import guard
from .model import Adapter, Invocation, Target

SUPPRESS_KEYS = (
    _SUPPRESS_INSTRUMENTATION_KEY,
    "suppress_instrumentation",
    "suppress_language_model_instrumentation",  # OpenLLMetry's
)
"""Context keys under which an application, or another instrumentation, asks for silence."""


class Patcher:
    """The patches of one adapter, from its making to `remove`."""

    def __init__(self, adapter: Adapter, tracer_provider: TracerProvider | None = None) -> None:
        self._adapter = adapter
        self._scope = f"prompt_history.instrumentation.{adapter.name}"
        self._tracer = get_tracer(self._scope, __version__, tracer_provider)
        self._installed: list[tuple[ModuleType, str, Any]] = []
        self._environment: list[str] = []
        self._active = True
        for target in adapter.targets:
            wrapt.register_post_import_hook(partial(self._patch, target), target.module)

    def remove(self) -> None:
        """Undoes every patch, under other tools' patches too."""
        self._active = False  # for hooks still waiting, and for wrappers that an SDK keeps a reference to
        while self._environment:
            os.environ.pop(self._environment.pop(), None)
        while self._installed:
            module, method, wrapper = self._installed.pop()
            _unwrap(module, method, wrapper)

    def _patch(self, target: Target, module: ModuleType) -> None:
        with guard(f"instrument {target.module}.{target.method}"):
            if not self._active:
                return
            self._switch_off_own_tracing()
            original = wrapt.resolve_path(module, target.method)[2]
            asynchronous = inspect.iscoroutinefunction(original)
            wrapper = self._wrapper(target, asynchronous=asynchronous)
            self._installed.append((module, target.method, wrapt.wrap_function_wrapper(module, target.method, wrapper)))

    def _switch_off_own_tracing(self) -> None:
        if installed().native_spans:
            return
        for name, value in self._adapter.own_tracing.items():
            if name not in os.environ:  # what the user has set stays
                os.environ[name] = value
                self._environment.append(name)

    def _wrapper(self, target: Target, *, asynchronous: bool) -> Callable[..., Any]:
        if target.read is not None:
            return self._around_async(target) if asynchronous else self._around(target)
        return self._inside_async(target) if asynchronous else self._inside(target)

    def _begin(self, target: Target, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exchange | None:
        with guard(f"read a call of {target.method}"):
            assert target.read is not None
            context = get_current()
            if not self._active or (context and any(context.get(key) for key in SUPPRESS_KEYS)):
                return None
            request = target.read(Invocation(instance, args, kwargs))
            if request is not None:
                return Exchange(self._tracer, self._scope, request, context)
        return None

    def _observe(self, target: Target, instance: Any, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
        exchange = current.get()
        if exchange is not None:
            with guard("observe a response"):
                assert target.observe is not None
                return target.observe(Invocation(instance, args, kwargs), exchange, result)
        return result

    def _around(self, target: Target) -> Callable[..., Any]:
        def around(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if (exchange := self._begin(target, instance, args, kwargs)) is None:
                return wrapped(*args, **kwargs)
            with exchange:
                return wrapped(*args, **kwargs)

        return around

    def _around_async(self, target: Target) -> Callable[..., Any]:
        async def around(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if (exchange := self._begin(target, instance, args, kwargs)) is None:
                return await wrapped(*args, **kwargs)
            with exchange:
                return await wrapped(*args, **kwargs)

        return around

    def _inside(self, target: Target) -> Callable[..., Any]:
        def inside(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return self._observe(target, instance, args, kwargs, wrapped(*args, **kwargs))

        return inside

    def _inside_async(self, target: Target) -> Callable[..., Any]:
        async def inside(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return self._observe(target, instance, args, kwargs, await wrapped(*args, **kwargs))

        return inside


def _unwrap(module: ModuleType, method: str, wrapper: Any) -> None:
    outermost: Any
    parent, attribute, outermost = wrapt.resolve_path(module, method)
    if outermost is wrapper:
        setattr(parent, attribute, wrapper.__wrapped__)
    elif hasattr(wrapt, "unwrap_object"):  # wrapt 2.2 and later: also from under another tool's wrapper
        wrapt.unwrap_object(module, method, wrapper, missing_ok=True)
