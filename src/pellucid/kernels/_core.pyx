"""The compiled twins: thin doors from Python to csrc, one included file for each op.

A door asks `checks` for clean arrays, fills the C struct of its op and submits it. While a `Plan`
records, every submitted call is also kept, so that the same step can be run again without Python.
"""

from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from pellucid.kernels._csrc cimport *

import math
from _thread import get_ident
import time

import numpy as np

from pellucid.errors import check_choice, describe
from pellucid.kernels import checks
from pellucid.shapes import conv_geometry, integer

ctypedef fused real:
    float
    double

ctypedef int (*pl_call)(const void *) noexcept nogil


include "_plan.pxi"
include "_control.pxi"
include "_measure.pxi"
include "_gemm.pxi"
include "_conv.pxi"
include "_explain.pxi"
include "_pool.pxi"
include "_resample.pxi"
include "_norm.pxi"
include "_eltwise.pxi"
include "_noise.pxi"
include "_merge.pxi"
include "_loss.pxi"
include "_optim.pxi"
include "_random.pxi"
include "_image.pxi"
