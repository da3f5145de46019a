# Dropout that keeps mean and variance, and normal noise.


def alpha_dropout(x, rate, *, seed, stream, counter, out=None):
    """Negative saturation at random; see `pellucid.kernels.reference.alpha_dropout`."""
    x, y, mask, threshold, values, seed, stream, counter = checks.alpha_dropout(
        x, rate, seed, stream, counter, out
    )
    return drop(x, y, mask, counter, threshold, values, seed, stream)


def alpha_dropout_backward(dy, mask, rate, *, out=None):
    """dy where kept; see `pellucid.kernels.reference.alpha_dropout_backward`."""
    dy, mask, scale, out = checks.alpha_dropout_backward(dy, mask, rate, out)
    return drop_backward(dy, mask, scale, out)


cdef int run_gaussian_noise(
    const real[::1] x, real[::1] y, uint64_t[::1] counter, double std, uint32_t seed,
    uint32_t stream,
) except -1:
    """y = x + std * z."""
    cdef pl_gaussian_noise_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.seed, args.stream, args.std = seed, stream, std
    args.count, args.counter = x.shape[0], &counter[0]
    if x.shape[0]:
        args.x, args.y = &x[0], &y[0]
    return submit(
        pl_gaussian_noise, &args, sizeof(args), (x.base, y.base, counter.base)
    )


def gaussian_noise(x, std, *, seed, stream, counter, out=None):
    """x + std * z; see `pellucid.kernels.reference.gaussian_noise`."""
    x, std, seed, stream, counter, out = checks.gaussian_noise(
        x, std, seed, stream, counter, out
    )
    flat = x.reshape(-1), out.reshape(-1)
    if out.itemsize == 4:
        run_gaussian_noise[float](flat[0], flat[1], counter, std, seed, stream)
    else:
        run_gaussian_noise[double](flat[0], flat[1], counter, std, seed, stream)
    return out
