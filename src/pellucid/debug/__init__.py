"""Tools that look inside: prove gradients, test networks, explain layers.

>>> import pellucid as pl
>>> pl.debug.check_library(["ReLU"], count=1).passed
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.debug.gradcheck import GradientCheck, check_layers, check_model
    from pellucid.debug.library import LibraryCheck, check_library
    from pellucid.debug.tester import NetworkTester, selftest
    from pellucid.debug.tester_report import SelfTest

__all__ = [
    "GradientCheck",
    "LibraryCheck",
    "NetworkTester",
    "SelfTest",
    "check_layers",
    "check_library",
    "check_model",
    "selftest",
]

_SOURCES = ("gradcheck", "library", "tester")
"""Where the names of __all__ are defined, for `__getattr__`."""


def __getattr__(name: str) -> Any:
    """Import what is first asked for."""
    if name in __all__:
        for source in _SOURCES:
            module = import_module(f"{__name__}.{source}")
            if hasattr(module, name):
                value = globals()[name] = getattr(module, name)
                return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
