# Operations on elements and on the last axis.

cdef dict ACTIVATION_KINDS = {
    None: PL_LINEAR, "relu": PL_RELU, "leaky_relu": PL_LEAKY_RELU,
    "sigmoid": PL_SIGMOID, "tanh": PL_TANH, "elu": PL_ELU, "selu": PL_SELU,
    "softplus": PL_SOFTPLUS, "gelu": PL_GELU, "silu": PL_SILU, "mish": PL_MISH,
    "hard_swish": PL_HARD_SWISH,
}

ctypedef fused source_number:
    uint8_t
    float
    double


cdef int run_activation(
    const real[::1] x, real[::1] y, int kind, double alpha
) except -1:
    """y = act(x)."""
    cdef pl_activation_args args
    if x.shape[0] == 0:
        return 0
    args.dtype, args.kind = PL_F32 if real is float else PL_F64, kind
    args.alpha, args.count = alpha, x.shape[0]
    args.x, args.y = &x[0], &y[0]
    return submit(pl_activation, &args, sizeof(args), (x.base, y.base))


def activation(x, name, *, alpha=None, out=None):
    """y = act(x); see `pellucid.kernels.reference.activation`."""
    x, alpha, out = checks.activation(x, name, alpha, out)
    cdef int kind = kind_of(name)
    if out.itemsize == 4:
        run_activation[float](x.reshape(-1), out.reshape(-1), kind, alpha)
    else:
        run_activation[double](x.reshape(-1), out.reshape(-1), kind, alpha)
    return out


cdef int run_activation_backward(
    const real[::1] dy, const real[::1] saved, real[::1] dx, int kind, double alpha
) except -1:
    """dx = dy * act'(.) by y, or by x."""
    cdef pl_activation_backward_args args
    if dy.shape[0] == 0:
        return 0
    args.dtype, args.kind = PL_F32 if real is float else PL_F64, kind
    args.alpha, args.count = alpha, dy.shape[0]
    args.dy, args.saved, args.dx = &dy[0], &saved[0], &dx[0]
    return submit(
        pl_activation_backward, &args, sizeof(args), (dy.base, saved.base, dx.base)
    )


def activation_backward(dy, saved, name, *, alpha=None, out=None):
    """dx from y or x; see `pellucid.kernels.reference.activation_backward`."""
    dy, saved, alpha, out = checks.activation_backward(dy, saved, name, alpha, out)
    cdef int kind = kind_of(name)
    flat = dy.reshape(-1), saved.reshape(-1), out.reshape(-1)
    if out.itemsize == 4:
        run_activation_backward[float](flat[0], flat[1], flat[2], kind, alpha)
    else:
        run_activation_backward[double](flat[0], flat[1], flat[2], kind, alpha)
    return out


cdef int run_prelu(const real[::1] x, const real[::1] alpha, real[::1] y) except -1:
    """y = x where x > 0, else alpha * x."""
    cdef pl_prelu_args args
    if x.shape[0] == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    args.count, args.channels = x.shape[0], alpha.shape[0]
    args.x, args.alpha, args.y = &x[0], &alpha[0], &y[0]
    return submit(pl_prelu, &args, sizeof(args), (x.base, alpha.base, y.base))


def prelu(x, alpha, *, out=None):
    """Leaky ReLU by learnt slopes; see `pellucid.kernels.reference.prelu`."""
    x, alpha, out = checks.prelu(x, alpha, out)
    if out.itemsize == 4:
        run_prelu[float](x.reshape(-1), alpha, out.reshape(-1))
    else:
        run_prelu[double](x.reshape(-1), alpha, out.reshape(-1))
    return out


cdef int run_prelu_backward(
    const real[::1] dy, const real[::1] x, const real[::1] alpha, real[::1] dx,
    real[::1] dalpha,
) except -1:
    """dx = dy where x > 0, else alpha * dy; dalpha = sums of dy * x where x <= 0."""
    cdef pl_prelu_backward_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.count, args.channels = x.shape[0], alpha.shape[0]
    if alpha.shape[0] == 0:
        return 0
    args.alpha, args.dalpha = &alpha[0], &dalpha[0]
    if x.shape[0]:
        args.dy, args.x, args.dx = &dy[0], &x[0], &dx[0]
    return submit(
        pl_prelu_backward, &args, sizeof(args),
        (dy.base, x.base, alpha.base, dx.base, dalpha.base),
    )


def prelu_backward(dy, x, alpha, *, out=None):
    """(dx, dalpha); see `pellucid.kernels.reference.prelu_backward`."""
    dy, x, alpha, dx, dalpha = checks.prelu_backward(dy, x, alpha, out)
    flat = dy.reshape(-1), x.reshape(-1), dx.reshape(-1)
    if dx.itemsize == 4:
        run_prelu_backward[float](flat[0], flat[1], alpha, flat[2], dalpha)
    else:
        run_prelu_backward[double](flat[0], flat[1], alpha, flat[2], dalpha)
    return dx, dalpha


cdef dict FUNCTIONS = {"exp": PL_EXP, "log": PL_LOG, "erf": PL_ERF, "log1p": PL_LOG1P}


cdef int run_elementary(const real[::1] x, real[::1] y, int function) except -1:
    """y = function(x)."""
    cdef pl_elementary_args args
    if x.shape[0] == 0:
        return 0
    args.dtype, args.function = PL_F32 if real is float else PL_F64, function
    args.count, args.x, args.y = x.shape[0], &x[0], &y[0]
    return submit(pl_elementary, &args, sizeof(args), (x.base, y.base))


def elementary(str name, x):
    """exp, log, erf, or log1p on [0, 1], of a vector: what other kernels compute with."""
    out = np.empty_like(x)
    if x.itemsize == 4:
        run_elementary[float](x, out, FUNCTIONS[name])
    else:
        run_elementary[double](x, out, FUNCTIONS[name])
    return out


cdef int run_softmax(
    const real[::1] x, real[::1] y, ptrdiff_t classes, bint logarithm
) except -1:
    """y = exp(x) / sum(exp(x)) in rows, or the logarithm of it."""
    cdef pl_softmax_args args
    if x.shape[0] == 0:
        return 0
    args.dtype, args.logarithm = PL_F32 if real is float else PL_F64, logarithm
    args.rows, args.classes = x.shape[0] // classes, classes
    args.x, args.y = &x[0], &y[0]
    return submit(pl_softmax, &args, sizeof(args), (x.base, y.base))


cdef softmax_of(x, out, bint logarithm):
    x, out = checks.softmax(x, out)
    cdef ptrdiff_t classes = x.shape[x.ndim - 1]
    if out.itemsize == 4:
        run_softmax[float](x.reshape(-1), out.reshape(-1), classes, logarithm)
    else:
        run_softmax[double](x.reshape(-1), out.reshape(-1), classes, logarithm)
    return out


def softmax(x, *, out=None):
    """Probabilities along the last axis; see `pellucid.kernels.reference.softmax`."""
    return softmax_of(x, out, False)


def log_softmax(x, *, out=None):
    """Logarithms of them; see `pellucid.kernels.reference.log_softmax`."""
    return softmax_of(x, out, True)


cdef int run_softmax_backward(
    const real[::1] dy, const real[::1] y, real[::1] dx, ptrdiff_t classes,
    bint logarithm,
) except -1:
    """dx = y * (dy - sum(dy * y)) in rows; dy - exp(y) * sum(dy) of the logarithm."""
    cdef pl_softmax_backward_args args
    if dy.shape[0] == 0:
        return 0
    args.dtype, args.logarithm = PL_F32 if real is float else PL_F64, logarithm
    args.rows, args.classes = dy.shape[0] // classes, classes
    args.dy, args.y, args.dx = &dy[0], &y[0], &dx[0]
    return submit(pl_softmax_backward, &args, sizeof(args), (dy.base, y.base, dx.base))


cdef softmax_backward_of(dy, y, out, bint logarithm):
    dy, y, out = checks.softmax_backward(dy, y, out)
    cdef ptrdiff_t classes = dy.shape[dy.ndim - 1]
    flat = dy.reshape(-1), y.reshape(-1), out.reshape(-1)
    if out.itemsize == 4:
        run_softmax_backward[float](flat[0], flat[1], flat[2], classes, logarithm)
    else:
        run_softmax_backward[double](flat[0], flat[1], flat[2], classes, logarithm)
    return out


def softmax_backward(dy, y, *, out=None):
    """dx from the result y; see `pellucid.kernels.reference.softmax_backward`."""
    return softmax_backward_of(dy, y, out, False)


def log_softmax_backward(dy, y, *, out=None):
    """dx from the result y; see `pellucid.kernels.reference.log_softmax_backward`."""
    return softmax_backward_of(dy, y, out, True)


cdef int run_argmax(const real[::1] x, int64_t[::1] y, ptrdiff_t classes) except -1:
    """y = place of the first maximum in rows."""
    cdef pl_argmax_args args
    if x.shape[0] == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    args.rows, args.classes = y.shape[0], classes
    args.x, args.y = &x[0], &y[0]
    return submit(pl_argmax, &args, sizeof(args), (x.base, y.base))


def argmax(x):
    """Place of the maximum; see `pellucid.kernels.reference.argmax`."""
    x, out = checks.argmax(x)
    cdef ptrdiff_t classes = x.shape[x.ndim - 1]
    if x.itemsize == 4:
        run_argmax[float](x.reshape(-1), out.reshape(-1), classes)
    else:
        run_argmax[double](x.reshape(-1), out.reshape(-1), classes)
    return out


cdef int run_dropout(
    const real[::1] x, real[::1] y, uint8_t[::1] mask, uint64_t[::1] counter,
    uint64_t threshold, tuple values, uint32_t seed, uint32_t stream,
) except -1:
    """y = scale * x + offset where kept, else dropped; and the mask.

    values is (scale, offset, dropped)."""
    cdef pl_dropout_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.seed, args.stream, args.threshold = seed, stream, threshold
    args.scale, args.offset, args.dropped = values
    args.count, args.counter = x.shape[0], &counter[0]
    if x.shape[0]:
        args.x, args.y, args.mask = &x[0], &y[0], &mask[0]
    return submit(
        pl_dropout, &args, sizeof(args), (x.base, y.base, mask.base, counter.base)
    )


cdef tuple drop(
    object x, object y, object mask, object counter, object threshold, tuple values,
    object seed, object stream,
):
    """Pick the element type; y and mask."""
    flat = x.reshape(-1), y.reshape(-1)
    if y.itemsize == 4:
        run_dropout[float](
            flat[0], flat[1], mask, counter, threshold, values, seed, stream
        )
    else:
        run_dropout[double](
            flat[0], flat[1], mask, counter, threshold, values, seed, stream
        )
    return y, mask


def dropout(x, rate, *, seed, stream, counter, out=None):
    """Zeros at random, the rest scaled; see `pellucid.kernels.reference.dropout`."""
    x, y, mask, threshold, scale, seed, stream, counter = checks.dropout(
        x, rate, seed, stream, counter, out
    )
    values = scale, -0.0, 0.0
    return drop(x, y, mask, counter, threshold, values, seed, stream)


cdef int run_dropout_backward(
    const real[::1] dy, const uint8_t[::1] mask, real[::1] dx, double scale
) except -1:
    """dx = scale * dy where the mask has a bit."""
    cdef pl_dropout_backward_args args
    if dy.shape[0] == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    args.scale, args.count = scale, dy.shape[0]
    args.dy, args.mask, args.dx = &dy[0], &mask[0], &dx[0]
    return submit(
        pl_dropout_backward, &args, sizeof(args), (dy.base, mask.base, dx.base)
    )


def dropout_backward(dy, mask, rate, *, out=None):
    """dy where kept; see `pellucid.kernels.reference.dropout_backward`."""
    dy, mask, scale, out = checks.dropout_backward(dy, mask, rate, out)
    return drop_backward(dy, mask, scale, out)


cdef object drop_backward(object dy, object mask, double scale, object out):
    """Pick the element type; out."""
    if out.itemsize == 4:
        run_dropout_backward[float](dy.reshape(-1), mask, out.reshape(-1), scale)
    else:
        run_dropout_backward[double](dy.reshape(-1), mask, out.reshape(-1), scale)
    return out


cdef int run_add(const real[::1] a, const real[::1] b, real[::1] y) except -1:
    """y = a + b."""
    cdef pl_add_args args
    if a.shape[0] == 0:
        return 0
    args.dtype, args.count = PL_F32 if real is float else PL_F64, a.shape[0]
    args.a, args.b, args.y = &a[0], &b[0], &y[0]
    return submit(pl_add, &args, sizeof(args), (a.base, b.base, y.base))


def add(a, b, *, out=None):
    """a + b; see `pellucid.kernels.reference.add`."""
    a, b, out = checks.add(a, b, out)
    if out.itemsize == 4:
        run_add[float](a.reshape(-1), b.reshape(-1), out.reshape(-1))
    else:
        run_add[double](a.reshape(-1), b.reshape(-1), out.reshape(-1))
    return out


cdef int run_add_scaled(real[::1] y, const real[::1] x, double alpha) except -1:
    """y += alpha * x."""
    cdef pl_add_scaled_args args
    if y.shape[0] == 0:
        return 0
    args.dtype, args.alpha = PL_F32 if real is float else PL_F64, alpha
    args.count, args.x, args.y = y.shape[0], &x[0], &y[0]
    return submit(pl_add_scaled, &args, sizeof(args), (x.base, y.base))


def add_scaled(y, x, alpha):
    """y += alpha * x in place; see `pellucid.kernels.reference.add_scaled`."""
    y, x, alpha = checks.add_scaled(y, x, alpha)
    if y.itemsize == 4:
        run_add_scaled[float](y, x, alpha)
    else:
        run_add_scaled[double](y, x, alpha)


cdef int run_scale(real[::1] x, double alpha) except -1:
    """x *= alpha."""
    cdef pl_scale_args args
    if x.shape[0] == 0:
        return 0
    args.dtype, args.alpha = PL_F32 if real is float else PL_F64, alpha
    args.count, args.x = x.shape[0], &x[0]
    return submit(pl_scale, &args, sizeof(args), x.base)


def scale(x, alpha):
    """x *= alpha in place; see `pellucid.kernels.reference.scale`."""
    x, alpha = checks.scale(x, alpha)
    if x.itemsize == 4:
        run_scale[float](x, alpha)
    else:
        run_scale[double](x, alpha)


cdef int run_sum_of_squares(const real[::1] x, double[::1] result) except -1:
    """result = sum of x * x."""
    cdef pl_sum_of_squares_args args
    if x.shape[0] == 0:
        return 0
    args.dtype, args.count = PL_F32 if real is float else PL_F64, x.shape[0]
    args.x, args.result = &x[0], &result[0]
    return submit(pl_sum_of_squares, &args, sizeof(args), (x.base, result.base))


def sum_of_squares(x):
    """Sum of squares; see `pellucid.kernels.reference.sum_of_squares`."""
    x = checks.sum_of_squares(x)
    result = np.zeros(1)
    if x.itemsize == 4:
        run_sum_of_squares[float](x, result)
    else:
        run_sum_of_squares[double](x, result)
    return float(result[0])


cdef int run_all_finite(const real[::1] x, uint8_t[::1] out) except -1:
    """out = 1 where every x is finite, else 0."""
    cdef pl_all_finite_args args
    if x.shape[0] == 0:
        out[0] = 1
        return 0
    args.dtype, args.count = PL_F32 if real is float else PL_F64, x.shape[0]
    args.x, args.result = &x[0], &out[0]
    return submit(pl_all_finite, &args, sizeof(args), (x.base, out.base))


def all_finite(x, *, out=None):
    """Whether no element is NaN or infinite; see `pellucid.kernels.reference.all_finite`."""
    x, out = checks.all_finite(x, out)
    if x.itemsize == 4:
        run_all_finite[float](x, out)
    else:
        run_all_finite[double](x, out)
    return out


cdef int run_gather(
    const source_number[::1] x, const int64_t[::1] indices, real[::1] y, double scale
) except -1:
    """y[i] = scale * x[indices[i]]."""
    cdef pl_gather_args args
    if y.shape[0] == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    if source_number is uint8_t:
        args.source = PL_U8
    else:
        args.source = PL_F32 if source_number is float else PL_F64
    args.scale, args.rows = scale, indices.shape[0]
    args.width = y.shape[0] // indices.shape[0]
    args.indices, args.x, args.y = &indices[0], &x[0], &y[0]
    return submit(pl_gather, &args, sizeof(args), (indices.base, x.base, y.base))


def gather(x, indices, *, scale=1.0, out=None):
    """Rows of x; see `pellucid.kernels.reference.gather`."""
    x, indices, scale, out = checks.gather(x, indices, scale, out)
    source, target = x.reshape(-1), out.reshape(-1)
    if out.itemsize == 4:
        if x.itemsize == 1:
            run_gather[uint8_t, float](source, indices, target, scale)
        elif x.itemsize == 4:
            run_gather[float, float](source, indices, target, scale)
        else:
            run_gather[double, float](source, indices, target, scale)
    elif x.itemsize == 1:
        run_gather[uint8_t, double](source, indices, target, scale)
    elif x.itemsize == 4:
        run_gather[float, double](source, indices, target, scale)
    else:
        run_gather[double, double](source, indices, target, scale)
    return out
