"""What `opentelemetry-instrument` loads: an instrumentor for each file in `sdk/`, under the file's name.

Loading one costs next to nothing and cannot fail, as an entry point that raises would stop those of all others. The
engine and the adapter are imported when the application imports the SDK; an SDK that it does not import, it never pays
for.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection
from importlib import import_module
from typing import TYPE_CHECKING, Any

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from . import contract
from .guard import guard

if TYPE_CHECKING:
    from .model import Adapter
    from .patch import Patcher

log = logging.getLogger("prompt_history")


class SdkInstrumentor(BaseInstrumentor):
    """Patches one SDK when the application imports it. A subclass for each SDK, as each class is a singleton."""

    sdk = ""
    """Name of the file in `sdk/`, and of the SDK's package."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Nothing: the version is checked when the SDK is imported, and a wrong one gets a warning, not silence."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        """Takes `recorder` and `redact` (protocols of `contract`) and `tracer_provider`, all optional."""
        given = {name: kwargs[name] for name in ("recorder", "redact") if kwargs.get(name) is not None}
        if given:
            contract.install(contract.installed()._replace(**given))
        self._provider = kwargs.get("tracer_provider")
        self._patcher: Patcher | None = None
        self._wanted = True
        wrapt.register_post_import_hook(self._imported, self.sdk)

    def _uninstrument(self, **kwargs: Any) -> None:
        self._wanted = False
        if self._patcher is not None:
            self._patcher.remove()

    def _imported(self, module: Any) -> None:
        with guard(f"instrument {self.sdk}"):
            if not self._wanted or self._patcher is not None:
                return
            patch = import_module(".patch", __package__)
            adapter: Adapter = import_module(f".sdk.{self.sdk}", __package__).ADAPTER
            _warn_of_version(adapter)
            self._patcher = patch.Patcher(adapter, self._provider)


def _warn_of_version(adapter: Adapter) -> None:
    """One warning for a version of the SDK that we are not tested with; its calls are recorded as far as possible."""
    from importlib.metadata import PackageNotFoundError, version

    from packaging.requirements import Requirement

    requirement = Requirement(adapter.requires)
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return
    if not requirement.specifier.contains(found, prereleases=True):
        log.warning(
            "%s %s is installed; prompt history is tested with %s. Calls may be recorded in part.",
            requirement.name,
            found,
            adapter.requires,
        )


def __getattr__(name: str) -> type[SdkInstrumentor]:
    """The instrumentor class of `sdk/<name>.py`."""
    if name.startswith("_"):
        raise AttributeError(name)
    made = type(f"{name.title()}Instrumentor", (SdkInstrumentor,), {"sdk": name, "__module__": __name__})
    setattr(sys.modules[__name__], name, made)
    return made
