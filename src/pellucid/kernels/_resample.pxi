# Up-sampling, adaptive average pooling, zero padding.

cdef dict MAPS = {"nearest": PL_NEAREST, "bilinear": PL_BILINEAR}


cdef int submit_resample(
    const real[::1] source, real[::1] target, tuple sizes, int map, bint backward
) except -1:
    """A map between images, or its gradient; sizes is (n, h, w, c, oh, ow)."""
    cdef pl_resample_args args
    if target.shape[0] == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    args.map, args.backward = map, backward
    args.n, args.h, args.w, args.c, args.oh, args.ow = sizes
    args.source, args.target = &source[0], &target[0]
    return submit(pl_resample, &args, sizeof(args), (source.base, target.base))


cdef object resample(object source, object target, tuple sizes, int map, bint backward):
    """Pick the element type; the target."""
    flat = source.reshape(-1), target.reshape(-1)
    if target.itemsize == 4:
        submit_resample[float](flat[0], flat[1], sizes, map, backward)
    else:
        submit_resample[double](flat[0], flat[1], sizes, map, backward)
    return target


def upsample2d(x, size, *, interpolation="nearest", out=None):
    """Enlarge images; see `pellucid.kernels.reference.upsample2d`."""
    x, sizes, out = checks.upsample2d(x, size, interpolation, out)
    return resample(x, out, sizes, MAPS[interpolation], False)


def upsample2d_backward(dy, size, *, interpolation="nearest", out=None):
    """The adjoint of `upsample2d`; see `pellucid.kernels.reference.upsample2d_backward`."""
    dy, sizes, out = checks.upsample2d_backward(dy, size, interpolation, out)
    return resample(dy, out, sizes, MAPS[interpolation], True)


def adaptive_avg_pool2d(x, output_size, *, out=None):
    """Means of windows that divide the image evenly; see
    `pellucid.kernels.reference.adaptive_avg_pool2d`."""
    x, sizes, out = checks.adaptive_avg_pool2d(x, output_size, out)
    return resample(x, out, sizes, PL_ADAPTIVE_AVERAGE, False)


def adaptive_avg_pool2d_backward(dy, x_shape, *, out=None):
    """The adjoint of `adaptive_avg_pool2d`; see
    `pellucid.kernels.reference.adaptive_avg_pool2d_backward`."""
    dy, sizes, out = checks.adaptive_avg_pool2d_backward(dy, x_shape, out)
    return resample(dy, out, sizes, PL_ADAPTIVE_AVERAGE, True)


cdef int submit_zero_pad(
    pl_call call, const real[::1] source, real[::1] target, tuple sizes
) except -1:
    """Zeros around images, or the images inside; sizes ends in (top, left)."""
    cdef pl_zero_pad_args args
    if target.shape[0] == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    args.n, args.h, args.w, args.c, args.oh, args.ow, args.pad_top, args.pad_left = sizes
    args.source, args.target = &source[0], &target[0]
    return submit(call, &args, sizeof(args), (source.base, target.base))


cdef object zero_pad(pl_call call, object source, object target, tuple sizes):
    """Pick the element type; the target."""
    flat = source.reshape(-1), target.reshape(-1)
    if target.itemsize == 4:
        submit_zero_pad[float](call, flat[0], flat[1], sizes)
    else:
        submit_zero_pad[double](call, flat[0], flat[1], sizes)
    return target


def zero_pad2d(x, padding, *, out=None):
    """Zeros around images; see `pellucid.kernels.reference.zero_pad2d`."""
    x, sizes, out = checks.zero_pad2d(x, padding, out)
    return zero_pad(pl_zero_pad, x, out, sizes)


def zero_pad2d_backward(dy, padding, *, out=None):
    """The image inside; see `pellucid.kernels.reference.zero_pad2d_backward`."""
    dy, sizes, out = checks.zero_pad2d_backward(dy, padding, out)
    return zero_pad(pl_zero_pad_backward, dy, out, sizes)
