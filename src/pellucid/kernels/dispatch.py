"""Which twin computes, on which instruction set, with how many threads.

The compiled module offers, beside the ops: `isas() -> list[str]`, best first;
`active_isa() -> str`; `use_isa(name)`; `ops() -> list[str]`; `variants(op)`, a list of
dicts, best first; `explain(op, **shape) -> str`; `set_num_threads(n)` and
`get_num_threads()`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from types import ModuleType, TracebackType
from typing import Any, TypeVar

from pellucid.errors import check_choice, describe
from pellucid.shapes import integer

from .environment import MOST_THREADS, configure, short_spins

Result = TypeVar("Result")

BACKENDS = ("compiled", "reference")
CONTROLS = {
    *("ACTIVATIONS", "active_isa", "backend", "explain", "get_num_threads", "isas"),
    *("plan", "record", "reference", "set_num_threads", "use", "use_isa", "variants"),
}
"""The public names of `pellucid.kernels` that are no ops."""
_COMPILED = f"{__package__}._core"
_REBUILD = (
    'Build it with "python -m pip install .", or set PELLUCID_BACKEND=reference to '
    "compute with NumPy"
)

_ONE_AT_A_TIME = threading.Lock()  # the extension records for one thread only

_core: ModuleType | None = None
_backend: str = "reference"
_reference_threads = 1


class Switched:
    """What `use` and `use_isa` return: a context manager that switches back."""

    def __init__(self, restore: Callable[[], object]) -> None:
        self._restore = restore

    def __enter__(self) -> None:
        """Nothing to do: the switch was made by the call."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()


def use(backend: str) -> Switched:
    """Let one of the two twins compute, from now on or for a `with` block.

    Parameters
    ----------
    backend : {"compiled", "reference"}
        The C kernels, or NumPy.

    Returns
    -------
    context manager
        Leaving its block brings the former backend back.

    Raises
    ------
    TypeError, ValueError
        An unknown name.
    ImportError
        "compiled", and the extension was not built.

    Example
    -------
    >>> with use("reference"):
    ...     backend()
    'reference'
    """
    global _backend
    check_choice(backend, "backend", BACKENDS)
    public = sys.modules[__package__]
    source = public.reference if backend == "reference" else _compiled()
    ops = [name for name in public.__all__ if name not in CONTROLS]
    missing = [name for name in ops if not hasattr(source, name)]
    if missing:
        what = f"the compiled kernels lack {', '.join(missing)}"
        expected = "Expected an extension built from this version of the sources"
        raise ImportError(describe(what, expected, _REBUILD))
    functions = {name: getattr(source, name) for name in ops}
    before = _backend
    vars(public).update(functions)
    _backend = backend
    return Switched(lambda: use(before))


def use_default() -> None:
    """Choose at import: PELLUCID_BACKEND, else compiled where it was built.

    Raises
    ------
    ImportError
        PELLUCID_BACKEND is no backend, or names one that was not built.
    """
    wanted = os.environ.get("PELLUCID_BACKEND", "")
    if wanted:
        try:
            use(wanted)
        except ValueError as error:
            raise ImportError(f"PELLUCID_BACKEND: {error}") from None
    else:
        use("compiled" if _find_compiled() else "reference")


def backend() -> str:
    """Return the name of the twin that computes: "compiled" or "reference".

    Example
    -------
    >>> backend() in ("compiled", "reference")
    True
    """
    return _backend


def isas() -> list[str]:
    """Return the instruction sets that run on this machine, best first.

    Example
    -------
    >>> with use("reference"):
    ...     isas()
    ['reference']
    """
    return list(_compiled().isas()) if _backend == "compiled" else ["reference"]


def active_isa() -> str:
    """Return the instruction set that the kernels use now.

    Example
    -------
    >>> active_isa() in isas()
    True
    """
    return str(_compiled().active_isa()) if _backend == "compiled" else "reference"


def use_isa(name: str) -> Switched:
    """Force an instruction set, from now on or for a `with` block.

    Parameters
    ----------
    name : str
        One of `isas()`.

    Returns
    -------
    context manager
        Leaving its block brings the former one back.

    Raises
    ------
    TypeError, ValueError
        A name that does not run here; the message has the list.

    Example
    -------
    >>> with use_isa(isas()[-1]):
    ...     active_isa() == isas()[-1]
    True
    """
    check_choice(name, "isa", isas())
    if _backend == "reference":
        return Switched(lambda: None)
    core, before = _compiled(), active_isa()
    core.use_isa(name)
    return Switched(lambda: core.use_isa(before))


def variants(op: str) -> list[dict[str, Any]]:
    """Return the kernels of an op, best first.

    Parameters
    ----------
    op : str
        Family of kernels, such as "gemm" or "conv"; a wrong name raises with the list.

    Returns
    -------
    list of dict
        Keys isa, dtype, name, and runs: False where this machine lacks the ISA.

    Raises
    ------
    TypeError, ValueError
        An unknown op.

    Example
    -------
    >>> with use("reference"):
    ...     variants("gemm")[0]["name"]
    'numpy'
    """
    check_choice(op, "op", _ops())
    if _backend == "compiled":
        return list(_compiled().variants(op))
    return [
        {"isa": "reference", "dtype": dtype, "name": "numpy", "runs": True}
        for dtype in ("float32", "float64")
    ]


def explain(op: str, **shape: Any) -> str:
    """Say which kernel computes an op of this shape, and why not another.

    Parameters
    ----------
    op : str
        As in `variants`.
    **shape
        Sizes by their letters, such as `n=64, h=32, w=32, c=64, k=64, kh=3, kw=3`.

    Raises
    ------
    TypeError, ValueError
        An unknown op or letter.

    Example
    -------
    >>> with use("reference"):
    ...     print(explain("gemm", m=8, n=8, k=8))
    gemm: numpy, the only kernel of the reference backend
    """
    check_choice(op, "op", sorted({*_ops(), "conv"}))  # conv has gemm's kernels
    if _backend == "compiled":
        return str(_compiled().explain(op, **shape))
    return f"{op}: numpy, the only kernel of the reference backend"


def plan() -> Any:
    """Return a new recorder of kernel calls; None with the reference backend.

    `with recorder.record(): ...` runs the code and keeps its kernel calls, `.run()`
    repeats them on the same arrays in one go, `.arrays` lists those.

    Example
    -------
    >>> with use("reference"):
    ...     plan() is None
    True
    """
    return _compiled().Plan() if _backend == "compiled" else None


def record(
    compute: Callable[[], Result],
    begin: Callable[[Any], object] | None = None,
) -> tuple[Result, Any]:
    """Run `compute` and return its result and the plan of its kernel calls, or None.

    `begin`, when given, gets the plan before the first call: its length tells how many
    calls came so far.

    Example
    -------
    >>> with use("reference"):
    ...     record(lambda: 3)
    (3, None)
    """
    recorder = plan()
    if recorder is None:
        return compute(), None
    with _ONE_AT_A_TIME, recorder.record():
        if begin is not None:
            begin(recorder)
        return compute(), recorder


def set_num_threads(n: int) -> None:
    """Let kernels use up to `n` threads; the results do not depend on it.

    Parameters
    ----------
    n : int
        From 1 to 64, also above the number of cores.

    Raises
    ------
    TypeError, ValueError
        Something else.

    Example
    -------
    >>> before = get_num_threads()
    >>> set_num_threads(2)
    >>> get_num_threads()
    2
    >>> set_num_threads(before)
    """
    global _reference_threads
    n = integer(n, "n", 1, MOST_THREADS)
    if _backend == "compiled":
        _compiled().set_num_threads(n)
    else:
        _reference_threads = n


def get_num_threads() -> int:
    """Return how many threads kernels may use.

    The reference twin keeps the number and computes as NumPy does.

    Example
    -------
    >>> get_num_threads() >= 1
    True
    """
    if _backend == "compiled":
        return int(_compiled().get_num_threads())
    return _reference_threads


def share_all_work() -> Switched:
    """Let threads share work of any size, from now on or for a `with` block.

    For checks: kernels otherwise share only what is worth waking a thread for.

    Returns
    -------
    context manager
        Leaving its block brings the former limit back.

    Example
    -------
    >>> with share_all_work():
    ...     get_num_threads() >= 1
    True
    """
    if _backend == "reference":
        return Switched(lambda: None)
    core = _compiled()
    before = core.set_grain(0)
    return Switched(lambda: core.set_grain(before))


def _ops() -> list[str]:
    if _backend == "compiled":
        return list(_compiled().ops())
    return ["gemm", "conv", "pool", "eltwise", "norm", "loss", "optim", "random"]


def _find_compiled() -> ModuleType | None:
    """Import the extension; None when it was not built, any other trouble raises."""
    global _core
    if _core is None:
        try:
            with short_spins():
                core = import_module(_COMPILED)
        except ModuleNotFoundError as error:
            if error.name != _COMPILED:
                raise
            return None
        configure(core)
        _core = core
    return _core


def _compiled() -> ModuleType:
    core = _find_compiled()
    if core is None:
        what = "the compiled kernels were not built"
        expected = f"Expected the extension module {_COMPILED}"
        raise ImportError(describe(what, expected, _REBUILD))
    return core
