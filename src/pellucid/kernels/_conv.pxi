# Convolution in its three directions, and the explicit column matrix.


cdef pl_conv_shape conv_shape(geometry):
    """The C form of `shapes.Geometry`."""
    cdef pl_conv_shape s
    s.n, s.h, s.w, s.c = geometry.n, geometry.h, geometry.w, geometry.c
    s.kh, s.kw, s.oh, s.ow = geometry.kh, geometry.kw, geometry.oh, geometry.ow
    s.k, s.groups = geometry.k, geometry.groups
    s.stride_h, s.stride_w = geometry.stride_h, geometry.stride_w
    s.pad_top, s.pad_left = geometry.pad_top, geometry.pad_left
    s.dilation_h, s.dilation_w = geometry.dilation_h, geometry.dilation_w
    return s


cdef int requested(conv_algo) except -1:
    """The C name of a `conv_algo`."""
    return ("auto", "direct", "winograd", "im2col").index(conv_algo)


cdef int conv2d_forward(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] w, const real[::1] b,
    real[:, :, :, ::1] y, pl_conv_shape shape, int activation, int algorithm,
    const real[::1] scale=None,
) except -1:
    """y = act(scale[k] * sum over r, s, c of x[n, iy, ix, c] * w[r, s, c, k] + b[k])."""
    cdef pl_conv2d_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.activation, args.algorithm, args.shape = activation, algorithm, shape
    args.x, args.weights, args.y = &x[0, 0, 0, 0], &w[0, 0, 0, 0], &y[0, 0, 0, 0]
    if b is not None:
        args.bias = &b[0]
    if scale is not None:
        args.scale = &scale[0]
    return submit(pl_conv2d, &args, sizeof(args), (x.base, w.base, b, scale, y.base))


cdef int conv2d_gradients(
    const real[:, :, :, ::1] dy, const real[:, :, :, ::1] x,
    const real[:, :, :, ::1] w, real[:, :, :, ::1] dx, real[:, :, :, ::1] dw,
    pl_conv_shape shape, int algorithm,
) except -1:
    """dx (unless None) and dw."""
    cdef pl_conv2d_backward_data_args data
    cdef pl_conv2d_backward_weights_args weights
    memset(&weights, 0, sizeof(weights))
    weights.dtype = PL_F32 if real is float else PL_F64
    weights.algorithm, weights.shape = algorithm, shape
    weights.dy, weights.x = &dy[0, 0, 0, 0], &x[0, 0, 0, 0]
    weights.dweights = &dw[0, 0, 0, 0]
    submit(
        pl_conv2d_backward_weights, &weights, sizeof(weights), (dy.base, x.base, dw.base)
    )
    if dx is None:
        return 0
    memset(&data, 0, sizeof(data))
    data.dtype, data.algorithm, data.shape = weights.dtype, algorithm, shape
    data.dy, data.weights, data.dx = weights.dy, &w[0, 0, 0, 0], &dx[0, 0, 0, 0]
    return submit(
        pl_conv2d_backward_data, &data, sizeof(data), (dy.base, w.base, dx.base)
    )


cdef int move_columns(
    pl_call call, const real[:, :, :, ::1] source, real[:, :, :, ::1] target,
    pl_conv_shape shape,
) except -1:
    """im2col or col2im."""
    cdef pl_im2col_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.shape = shape
    args.source, args.target = &source[0, 0, 0, 0], &target[0, 0, 0, 0]
    return submit(call, &args, sizeof(args), (source.base, target.base))


def im2col(x, kernel_size, *, strides=1, padding="valid", dilation=1, out=None):
    """out[n, oy, ox] = the window of output pixel (oy, ox) as (kh, kw, c).

    See `pellucid.kernels.reference.im2col` for arguments and errors.
    """
    x, out, geometry = checks.im2col(x, kernel_size, strides, padding, dilation, out)
    if out.itemsize == 4:
        move_columns[float](pl_im2col, x, out, conv_shape(geometry))
    else:
        move_columns[double](pl_im2col, x, out, conv_shape(geometry))
    return out


def col2im(
    cols, x_shape, kernel_size, *, strides=1, padding="valid", dilation=1, out=None
):
    """The adjoint of `im2col`: adds every window to the pixels it was taken from.

    See `pellucid.kernels.reference.col2im` for arguments and errors.
    """
    cols, out, geometry = checks.col2im(
        cols, x_shape, kernel_size, strides, padding, dilation, out
    )
    if out.itemsize == 4:
        move_columns[float](pl_col2im, cols, out, conv_shape(geometry))
    else:
        move_columns[double](pl_col2im, cols, out, conv_shape(geometry))
    return out


def conv2d(
    x, w, b=None, *, strides=1, padding="valid", dilation=1, groups=1, scale=None,
    activation=None, conv_algo="auto", out=None,
):
    """y = act(scale[k] * sum over r, s, c of x[n, iy, ix, c] * w[r, s, c, k] + b[k]).

    See `pellucid.kernels.reference.conv2d` for arguments and errors.
    """
    x, w, b, scale, out, geometry = checks.conv2d(
        x, w, b, strides, padding, dilation, groups, scale, activation, conv_algo, out
    )
    cdef int kind = kind_of(activation), algorithm = requested(conv_algo)
    cdef int dtype = PL_F32 if out.itemsize == 4 else PL_F64
    cdef pl_conv_shape shape = conv_shape(geometry)
    if pl_conv_algorithm(dtype, &shape, PL_FORWARD, algorithm) == PL_CONV_IM2COL:
        columns = im2col(
            x, w.shape[:2], strides=strides, padding=padding, dilation=dilation
        )
        columns = columns.reshape(-1, columns.shape[3])
        filters = w.reshape(columns.shape[1], w.shape[3])
        rows = out.reshape(-1, out.shape[3])
        dense(columns, filters, b, scale=scale, activation=activation, out=rows)
    elif out.itemsize == 4:
        conv2d_forward[float](x, w, b, out, shape, kind, algorithm, scale)
    else:
        conv2d_forward[double](x, w, b, out, shape, kind, algorithm, scale)
    return out


def conv2d_backward(
    dy, x, w, *, strides=1, padding="valid", dilation=1, groups=1, conv_algo="auto",
    need_dx=True, need_db=True, out=None,
):
    """(dx, dw, db): the gradients of `conv2d` before its activation.

    See `pellucid.kernels.reference.conv2d_backward` for arguments and errors.
    """
    dy, x, w, dx, dw, db, geometry = checks.conv2d_backward(
        dy, x, w, strides, padding, dilation, groups, conv_algo, need_dx, need_db, out
    )
    if dw.itemsize == 4:
        conv2d_gradients[float](
            dy, x, w, dx, dw, conv_shape(geometry), requested(conv_algo)
        )
    else:
        conv2d_gradients[double](
            dy, x, w, dx, dw, conv_shape(geometry), requested(conv_algo)
        )
    if db is not None:
        rows = dy.reshape(-1, dy.shape[3])
        if db.itemsize == 4:
            column_sums[float](rows, db)
        else:
            column_sums[double](rows, db)
    return dx, dw, db


cdef int conv_transpose2d_forward(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] w, const real[::1] b,
    real[:, :, :, ::1] y, pl_conv_shape shape, int activation, int algorithm,
    const real[::1] scale,
) except -1:
    """y = act(scale * the gradient to the input of the convolution by w, + b)."""
    cdef pl_conv_transpose2d_args args
    memset(&args, 0, sizeof(args))
    args.data.dtype = PL_F32 if real is float else PL_F64
    args.data.algorithm, args.data.shape, args.activation = algorithm, shape, activation
    args.data.dy, args.data.weights = &x[0, 0, 0, 0], &w[0, 0, 0, 0]
    args.data.dx = &y[0, 0, 0, 0]
    if b is not None:
        args.bias = &b[0]
    if scale is not None:
        args.scale = &scale[0]
    return submit(
        pl_conv_transpose2d, &args, sizeof(args), (x.base, w.base, b, scale, y.base)
    )


def conv_transpose2d(
    x, w, b=None, *, strides=1, padding="valid", output_padding=None, dilation=1,
    groups=1, scale=None, activation=None, conv_algo="auto", out=None,
):
    """y = act(scale * sum of the windows x[n, i, j] @ w.T where they lie, + b).

    See `pellucid.kernels.reference.conv_transpose2d` for arguments and errors.
    """
    x, w, b, scale, out, geometry = checks.conv_transpose2d(
        x, w, b, strides, padding, output_padding, dilation, groups, scale, activation,
        conv_algo, out,
    )
    cdef int kind = kind_of(activation), algorithm = requested(conv_algo)
    cdef pl_conv_shape shape = conv_shape(geometry)
    if out.itemsize == 4:
        conv_transpose2d_forward[float](x, w, b, out, shape, kind, algorithm, scale)
    else:
        conv_transpose2d_forward[double](x, w, b, out, shape, kind, algorithm, scale)
    return out


def conv_transpose2d_backward(
    dy, x, w, *, strides=1, padding="valid", output_padding=None, dilation=1, groups=1,
    conv_algo="auto", need_dx=True, need_db=True, out=None,
):
    """(dx, dw, db): the gradients of `conv_transpose2d` before its activation.

    See `pellucid.kernels.reference.conv_transpose2d_backward` for arguments and errors.
    """
    dy, x, w, dx, dw, db, geometry = checks.conv_transpose2d_backward(
        dy, x, w, strides, padding, output_padding, dilation, groups, conv_algo,
        need_dx, need_db, out,
    )
    cdef int algorithm = requested(conv_algo)
    cdef pl_conv_shape shape = conv_shape(geometry)
    if dw.itemsize == 4:
        conv2d_gradients[float](x, dy, w, None, dw, shape, algorithm)
        if dx is not None:
            conv2d_forward[float](dy, w, None, dx, shape, PL_LINEAR, algorithm)
    else:
        conv2d_gradients[double](x, dy, w, None, dw, shape, algorithm)
        if dx is not None:
            conv2d_forward[double](dy, w, None, dx, shape, PL_LINEAR, algorithm)
    if db is not None:
        rows = dy.reshape(-1, dy.shape[3])
        if db.itemsize == 4:
            column_sums[float](rows, db)
        else:
            column_sums[double](rows, db)
    return dx, dw, db
