# Matrix product and the dense layer.


cdef int matmul(
    const real[:, ::1] a, const real[:, ::1] b, const real[::1] bias, real[:, ::1] c,
    bint trans_a, bint trans_b, int activation, const real[::1] scale=None,
) except -1:
    """c[m, n] = act(op(a) @ op(b) * scale + bias)."""
    cdef pl_gemm_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.trans_a, args.trans_b, args.activation = trans_a, trans_b, activation
    args.m, args.n = c.shape[0], c.shape[1]
    args.k = a.shape[0] if trans_a else a.shape[1]
    args.lda, args.ldb, args.ldc = a.shape[1], b.shape[1], c.shape[1]
    args.a, args.b, args.c = &a[0, 0], &b[0, 0], &c[0, 0]
    if bias is not None:
        args.bias = &bias[0]
    if scale is not None:
        args.scale = &scale[0]
    return submit(pl_gemm, &args, sizeof(args), (a.base, b.base, bias, scale, c.base))


cdef int column_sums(const real[:, ::1] x, real[::1] y) except -1:
    """y[n] = sum over m of x[m, n]."""
    cdef pl_column_sums_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.m, args.n = x.shape[0], x.shape[1]
    args.x, args.y = &x[0, 0], &y[0]
    return submit(pl_column_sums_call, &args, sizeof(args), (x.base, y.base))


cdef int kind_of(activation) except -1:
    """The C name of an activation."""
    return ACTIVATION_KINDS[activation]


def gemm(a, b, *, trans_a=False, trans_b=False, out=None):
    """out[m, n] = sum over k of op(a)[m, k] * op(b)[k, n].

    See `pellucid.kernels.reference.gemm` for arguments and errors.
    """
    a, b, out = checks.gemm(a, b, trans_a, trans_b, out)
    if out.itemsize == 4:
        matmul[float](a, b, None, out, trans_a, trans_b, PL_LINEAR)
    else:
        matmul[double](a, b, None, out, trans_a, trans_b, PL_LINEAR)
    return out


def dense(x, w, b=None, *, scale=None, activation=None, out=None):
    """out[n, j] = act(scale[j] * sum over i of x[n, i] * w[i, j] + b[j]).

    See `pellucid.kernels.reference.dense` for arguments and errors.
    """
    x, w, b, scale, out = checks.dense(x, w, b, scale, activation, out)
    cdef int kind = kind_of(activation)
    if out.itemsize == 4:
        matmul[float](x, w, b, out, False, False, kind, scale)
    else:
        matmul[double](x, w, b, out, False, False, kind, scale)
    return out


def dense_backward(dy, x, w, *, need_dx=True, need_db=True, out=None):
    """dx = dy @ w.T, dw = x.T @ dy, db = column sums of dy.

    See `pellucid.kernels.reference.dense_backward` for arguments and errors.
    """
    dy, x, w, dx, dw, db = checks.dense_backward(dy, x, w, need_dx, need_db, out)
    if dw.itemsize == 4:
        dense_gradients[float](dy, x, w, dx, dw, db)
    else:
        dense_gradients[double](dy, x, w, dx, dw, db)
    return dx, dw, db


cdef int dense_gradients(
    const real[:, ::1] dy, const real[:, ::1] x, const real[:, ::1] w,
    real[:, ::1] dx, real[:, ::1] dw, real[::1] db,
) except -1:
    """The three gradients of a dense layer; dx and db may be None."""
    if dx is not None:
        matmul[real](dy, w, None, dx, False, True, PL_LINEAR)
    if db is not None:
        column_sums[real](dy, db)
    return matmul[real](x, dy, None, dw, True, False, PL_LINEAR)
