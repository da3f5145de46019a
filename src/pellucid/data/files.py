"""Where data sets lie."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def data_homes() -> list[Path]:
    """List the folders that hold data sets: PELLUCID_DATA, then the user's cache."""
    homes = []
    if os.environ.get("PELLUCID_DATA"):
        homes.append(Path(os.environ["PELLUCID_DATA"]).expanduser())
    if sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    homes.append(Path(cache).expanduser() / "pellucid")
    return homes
