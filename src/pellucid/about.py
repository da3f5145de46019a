"""What runs here: version, instruction set, threads."""

from __future__ import annotations

import numpy as np

from pellucid import kernels

VERSION = "0.1.0"


def configuration() -> dict[str, str]:
    """What ``show_config`` prints, by name.

    Example
    -------
    >>> sorted(configuration())[:3]
    ['backend', 'instruction set', 'machine']
    """
    import platform

    return {
        "pellucid": VERSION,
        "backend": kernels.backend(),
        "instruction set": kernels.active_isa(),
        "runs here": ", ".join(kernels.isas()),
        "threads": str(kernels.get_num_threads()),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def show_config() -> None:
    """Print version, backend, instruction sets, threads and NumPy.

    Example
    -------
    >>> show_config()  # doctest: +SKIP
    pellucid         0.1.0
    backend          compiled
    """
    for name, value in configuration().items():
        print(f"{name:<16} {value}")
