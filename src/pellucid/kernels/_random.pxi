# Counted random numbers.

ctypedef fused drawn_number:
    uint32_t
    float
    double


cdef int run_random(
    drawn_number[::1] y, int what, double first, double second, tuple key
) except -1:
    """Words, or numbers of the type of y; key is (count, seed, stream, step, offset)."""
    cdef pl_random_args args
    if y.shape[0] == 0:
        return 0
    args.dtype = PL_F64 if drawn_number is double else PL_F32
    args.what, args.first, args.second = what, first, second
    args.count, args.seed, args.stream, args.step, args.offset = key
    args.y = &y[0]
    return submit(pl_random, &args, sizeof(args), y.base)


def philox(count, *, seed, stream, step=0, offset=0):
    """32-bit words; see `pellucid.kernels.reference.philox`."""
    key = checks.philox(count, seed, stream, step, offset)
    out = np.empty(key[0], np.uint32)
    run_random[uint32_t](out, PL_WORDS, 0, 0, key)
    return out


cdef object numbers(object y, int what, double first, double second, tuple key):
    """Fill y, of either element type."""
    if y.itemsize == 4:
        run_random[float](y.reshape(-1), what, first, second, key)
    else:
        run_random[double](y.reshape(-1), what, first, second, key)
    return y


def random_uniform(
    shape, *, low=0.0, high=1.0, seed, stream, step=0, dtype="float32"
):
    """low + (high - low) u; see `pellucid.kernels.reference.random_uniform`."""
    y, low, high = checks.random_array(shape, low, high, ("low", "high"), dtype)
    key = checks.philox(y.size, seed, stream, step, 0)
    return numbers(y, PL_UNIFORM, low, high - low, key)


def random_normal(
    shape, *, mean=0.0, std=1.0, seed, stream, step=0, dtype="float32"
):
    """mean + std z; see `pellucid.kernels.reference.random_normal`."""
    y, mean, std = checks.random_array(shape, mean, std, ("mean", "std"), dtype)
    key = checks.philox(y.size, seed, stream, step, 0)
    return numbers(y, PL_NORMAL, mean, std, key)


cdef int run_permutation(int64_t[::1] y, tuple key) except -1:
    """0 .. n - 1 in random order."""
    cdef pl_permutation_args args
    if y.shape[0] == 0:
        return 0
    args.seed, args.stream, args.step = key[1], key[2], key[3]
    args.count, args.y = y.shape[0], &y[0]
    return submit(pl_permutation, &args, sizeof(args), y.base)


def permutation(n, *, seed, stream, step=0, out=None):
    """0 .. n - 1 shuffled; see `pellucid.kernels.reference.permutation`."""
    n, out = checks.permutation(n, out)
    key = checks.philox(2 * max(n - 1, 0), seed, stream, step, 0)
    run_permutation(out, key)
    return out
