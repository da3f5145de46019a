# Max, average and global pooling.

ctypedef fused window_number:
    uint8_t
    int32_t


cdef pl_pool_args windows(object g, bint wide):
    """The geometry of a pooling as the kernels want it."""
    cdef pl_pool_args args
    memset(&args, 0, sizeof(args))
    args.wide_argmax = wide
    args.n, args.h, args.w, args.c = g.n, g.h, g.w, g.c
    args.kh, args.kw, args.oh, args.ow = g.kh, g.kw, g.oh, g.ow
    args.stride_h, args.stride_w = g.stride_h, g.stride_w
    args.pad_top, args.pad_left = g.pad_top, g.pad_left
    return args


cdef pl_pool_args whole_image(tuple shape):
    """One window of the size of the image."""
    cdef pl_pool_args args
    memset(&args, 0, sizeof(args))
    args.n, args.h, args.w, args.c = shape
    args.kh, args.kw = args.h, args.w
    args.oh = args.ow = args.stride_h = args.stride_w = 1
    return args


cdef int submit_pool(
    pl_call call, pl_pool_args args, const real[::1] image, const real[::1] pooled,
    const window_number[::1] argmax,
) except -1:
    """One of image and pooled is the input, the other the output, as `call` says."""
    if args.n == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    args.image, args.pooled = <void *> &image[0], <void *> &pooled[0]
    if argmax is not None:
        args.argmax = <void *> &argmax[0]
    return submit(call, &args, sizeof(args), (image.base, pooled.base, argmax))


cdef int run_pool(
    pl_call call, pl_pool_args args, object image, object pooled, object argmax
) except -1:
    """Pick the element types."""
    image, pooled = image.reshape(-1), pooled.reshape(-1)
    if argmax is not None:
        argmax = argmax.reshape(-1)
    if image.itemsize == 4 and args.wide_argmax:
        return submit_pool[float, int32_t](call, args, image, pooled, argmax)
    if image.itemsize == 4:
        return submit_pool[float, uint8_t](call, args, image, pooled, argmax)
    if args.wide_argmax:
        return submit_pool[double, int32_t](call, args, image, pooled, argmax)
    return submit_pool[double, uint8_t](call, args, image, pooled, argmax)


def max_pool2d(
    x, pool_size, *, strides=None, padding="valid", ceil_mode=False, rectified=False,
    out=None,
):
    """y = max over the window, with its place; see `pellucid.kernels.reference.max_pool2d`."""
    x, y, argmax, g = checks.max_pool2d(
        x, pool_size, strides, padding, ceil_mode, rectified, out
    )
    cdef pl_pool_args args = windows(g, argmax.itemsize == 4)
    args.rectified = rectified
    run_pool(pl_max_pool2d, args, x, y, argmax)
    return y, argmax


def max_pool2d_backward(
    dy, argmax, x_shape, pool_size, *, strides=None, padding="valid", ceil_mode=False,
    out=None,
):
    """dx = dy at the place of the largest tap; see
    `pellucid.kernels.reference.max_pool2d_backward`."""
    dy, argmax, dx, g = checks.max_pool2d_backward(
        dy, argmax, x_shape, pool_size, strides, padding, ceil_mode, out
    )
    run_pool(pl_max_pool2d_backward, windows(g, argmax.itemsize == 4), dx, dy, argmax)
    return dx


def avg_pool2d(x, pool_size, *, strides=None, padding="valid", ceil_mode=False, out=None):
    """y = mean over the window; see `pellucid.kernels.reference.avg_pool2d`."""
    x, y, g = checks.avg_pool2d(x, pool_size, strides, padding, ceil_mode, out)
    run_pool(pl_avg_pool2d, windows(g, False), x, y, None)
    return y


def avg_pool2d_backward(
    dy, x_shape, pool_size, *, strides=None, padding="valid", ceil_mode=False, out=None
):
    """dx = dy / taps in each tap; see `pellucid.kernels.reference.avg_pool2d_backward`."""
    dy, dx, g = checks.avg_pool2d_backward(
        dy, x_shape, pool_size, strides, padding, ceil_mode, out
    )
    run_pool(pl_avg_pool2d_backward, windows(g, False), dx, dy, None)
    return dx


def global_avg_pool2d(x, *, out=None):
    """y = mean over h and w; see `pellucid.kernels.reference.global_avg_pool2d`."""
    x, y = checks.global_avg_pool2d(x, out)
    run_pool(pl_avg_pool2d, whole_image(x.shape), x, y, None)
    return y


def global_avg_pool2d_backward(dy, x_shape, *, out=None):
    """dx = dy / (h w); see `pellucid.kernels.reference.global_avg_pool2d_backward`."""
    dy, dx = checks.global_avg_pool2d_backward(dy, x_shape, out)
    run_pool(pl_avg_pool2d_backward, whole_image(dx.shape), dx, dy, None)
    return dx
