"""Calls that every twin refuses: (op, arguments, options, error, words of the message).

Each entry is a function of nothing, so that every test gets arrays of its own.
"""

from __future__ import annotations

from tests.kernels.reference.bad_arrays import ARRAYS
from tests.kernels.reference.bad_numbers import NUMBERS
from tests.kernels.reference.bad_windows import WINDOWS

BAD_CALLS = ARRAYS | WINDOWS | NUMBERS
