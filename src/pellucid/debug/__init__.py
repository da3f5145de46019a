"""Tools that look inside: prove gradients, test networks, explain layers,
say why a network does not learn.

>>> import pellucid as pl
>>> pl.debug.check_library(["ReLU"], count=1).passed
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.debug.diagnose import diagnose
    from pellucid.debug.doctor import Doctor
    from pellucid.debug.finding import Diagnosis, Finding
    from pellucid.debug.gradcheck import GradientCheck, check_layers, check_model
    from pellucid.debug.library import LibraryCheck, check_library
    from pellucid.debug.profile_table import Cost, Machine, Profile, Row
    from pellucid.debug.tester import NetworkTester, selftest
    from pellucid.debug.tester_report import SelfTest

_SOURCES = {
    "Cost": "profile_table",
    "Diagnosis": "finding",
    "Doctor": "doctor",
    "Finding": "finding",
    "GradientCheck": "gradcheck",
    "LibraryCheck": "library",
    "Machine": "profile_table",
    "NetworkTester": "tester",
    "Profile": "profile_table",
    "Row": "profile_table",
    "SelfTest": "tester_report",
    "check_layers": "gradcheck",
    "check_library": "library",
    "check_model": "gradcheck",
    "diagnose": "diagnose",
    "selftest": "tester",
}
"""Where the names are defined, for `__getattr__`: importing one costs nothing else."""

__all__ = [
    "Cost",
    "Diagnosis",
    "Doctor",
    "Finding",
    "GradientCheck",
    "LibraryCheck",
    "Machine",
    "NetworkTester",
    "Profile",
    "Row",
    "SelfTest",
    "check_layers",
    "check_library",
    "check_model",
    "diagnose",
    "selftest",
]


def __getattr__(name: str) -> Any:
    if name in _SOURCES:
        value = getattr(import_module(f"{__name__}.{_SOURCES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
