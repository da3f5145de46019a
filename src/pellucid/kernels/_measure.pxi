# The machine's yardsticks.


def fma_peak(str dtype="float32", threads=None, double seconds=0.1):
    """GFLOP/s of a multiply-add loop in registers, the most that these threads can do."""
    cdef int count = pl_threads() if threads is None else threads
    cdef int kind = PL_F32 if dtype == "float32" else PL_F64
    cdef double peak
    if not 1 <= count <= PL_MAX_THREADS:
        raise ValueError(f"threads is {count}. Expected 1 to {PL_MAX_THREADS}.")
    with nogil:
        peak = pl_fma_peak(kind, count, seconds)
    return peak


cdef int copy_vector(const real[::1] x, real[::1] y) except -1:
    """y = x."""
    cdef pl_copy_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.count = x.shape[0]
    args.x, args.y = &x[0], &y[0]
    return submit(pl_copy, &args, sizeof(args), (x.base, y.base))


def _aligned_ones(Py_ssize_t count):
    """Where a layer's memory starts: at a cache line."""
    room = np.ones(count + 16, np.float32)
    first = -room.ctypes.data % 64 // 4
    return room[first:first + count]


def copy_bandwidth(Py_ssize_t nbytes=1 << 26, double seconds=0.1):
    """GB/s, read plus written, of copying `nbytes` to another place."""
    # Both written to, or the first copy would wait for the system to find the pages.
    x, y = _aligned_ones(nbytes // 4), _aligned_ones(nbytes // 4)
    best, start = 0.0, time.perf_counter()
    while best == 0.0 or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        copy_vector[float](x, y)
        best = max(best, 2e-9 * nbytes / (time.perf_counter() - begin))
    return best
