# Batch, layer and group normalization; factors for channels.


cdef int normalize(
    pl_call call, const real[::1] x, const real[::1] gamma, const real[::1] beta,
    const real[::1] running_mean, const real[::1] running_variance, double momentum,
    double epsilon, int activation, real[::1] y, real[::1] mean, real[::1] inv_std,
) except -1:
    """y = act((x - mean) * inv_std * gamma + beta); mean and inv_std only in training."""
    cdef pl_norm_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.activation = activation
    args.c = gamma.shape[0]
    args.values = x.shape[0] // args.c
    args.momentum, args.epsilon = momentum, epsilon
    if args.values == 0:
        return 0
    args.x, args.y = &x[0], &y[0]
    args.gamma, args.beta = &gamma[0], &beta[0]
    args.running_mean = <void *> &running_mean[0]
    args.running_variance = <void *> &running_variance[0]
    if mean is not None:
        args.mean, args.inv_std = &mean[0], &inv_std[0]
    return submit(
        call, &args, sizeof(args),
        [x.base, gamma.base, beta.base, running_mean.base, running_variance.base, y.base,
         mean, inv_std],
    )


cdef int norm_gradients(
    pl_call call, const real[::1] dy, const real[::1] x, const real[::1] gamma,
    const real[::1] mean, const real[::1] spread, double epsilon, real[::1] dx,
    real[::1] dgamma, real[::1] dbeta,
) except -1:
    """dx, dgamma and dbeta; spread is inv_std or, at inference, the variance."""
    cdef pl_norm_backward_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.c = gamma.shape[0]
    args.values = x.shape[0] // args.c
    args.epsilon = epsilon
    if args.values > 0:
        args.dy, args.x, args.dx = &dy[0], &x[0], &dx[0]
    args.gamma, args.mean, args.spread = &gamma[0], &mean[0], &spread[0]
    args.dgamma, args.dbeta = &dgamma[0], &dbeta[0]
    return submit(
        call, &args, sizeof(args),
        [dy.base, x.base, gamma.base, mean.base, spread.base, dx.base, dgamma.base,
         dbeta.base],
    )


def batch_norm_training(
    x, gamma, beta, running_mean, running_variance, *, momentum=0.9, epsilon=1e-5,
    activation=None, out=None,
):
    """y = act((x - mean) * inv_std * gamma + beta) by the statistics of the batch; see
    `pellucid.kernels.reference.batch_norm_training`."""
    (
        x, gamma, beta, running_mean, running_variance, momentum, epsilon, y, mean, inv_std
    ) = checks.batch_norm_training(
        x, gamma, beta, running_mean, running_variance, momentum, epsilon, activation, out
    )
    cdef int kind = kind_of(activation)
    if x.itemsize == 4:
        normalize[float](
            pl_batch_norm_training, x.reshape(-1), gamma, beta, running_mean,
            running_variance, momentum, epsilon, kind, y.reshape(-1), mean, inv_std,
        )
    else:
        normalize[double](
            pl_batch_norm_training, x.reshape(-1), gamma, beta, running_mean,
            running_variance, momentum, epsilon, kind, y.reshape(-1), mean, inv_std,
        )
    return y, mean, inv_std


def batch_norm_inference(
    x, gamma, beta, mean, variance, *, epsilon=1e-5, activation=None, out=None
):
    """y = act((x - mean) / sqrt(variance + epsilon) * gamma + beta); see
    `pellucid.kernels.reference.batch_norm_inference`."""
    x, gamma, beta, mean, variance, epsilon, y = checks.batch_norm_inference(
        x, gamma, beta, mean, variance, epsilon, activation, out
    )
    cdef int kind = kind_of(activation)
    if x.itemsize == 4:
        normalize[float](
            pl_batch_norm_inference, x.reshape(-1), gamma, beta, mean, variance, 0.0,
            epsilon, kind, y.reshape(-1), None, None,
        )
    else:
        normalize[double](
            pl_batch_norm_inference, x.reshape(-1), gamma, beta, mean, variance, 0.0,
            epsilon, kind, y.reshape(-1), None, None,
        )
    return y


cdef int fold(
    const real[::1] gamma, const real[::1] beta, const real[::1] mean,
    const real[::1] variance, const real[::1] b, double epsilon, real[::1] scale,
    real[::1] shift,
) except -1:
    """scale = gamma / sqrt(variance + epsilon), shift = (b - mean) * scale + beta."""
    cdef pl_fold_batch_norm_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.c, args.epsilon = gamma.shape[0], epsilon
    if args.c == 0:
        return 0
    args.gamma, args.beta = &gamma[0], &beta[0]
    args.mean, args.variance = &mean[0], &variance[0]
    args.scale, args.shift = &scale[0], &shift[0]
    if b is not None:
        args.bias = &b[0]
    return submit(
        pl_fold_batch_norm, &args, sizeof(args),
        [gamma.base, beta.base, mean.base, variance.base, b, scale.base, shift.base],
    )


def fold_batch_norm(gamma, beta, mean, variance, b=None, *, epsilon=1e-5, out=None):
    """(scale, shift): scale = gamma / sqrt(variance + epsilon),
    shift = (b - mean) * scale + beta; see `pellucid.kernels.reference.fold_batch_norm`."""
    gamma, beta, mean, variance, b, epsilon, scale, shift = checks.fold_batch_norm(
        gamma, beta, mean, variance, b, epsilon, out
    )
    if gamma.itemsize == 4:
        fold[float](gamma, beta, mean, variance, b, epsilon, scale, shift)
    else:
        fold[double](gamma, beta, mean, variance, b, epsilon, scale, shift)
    return scale, shift


def batch_norm_backward(dy, x, gamma, mean, inv_std, *, out=None):
    """dx, dgamma and dbeta through the statistics of the batch; see
    `pellucid.kernels.reference.batch_norm_backward`."""
    dy, x, gamma, mean, inv_std, dx, dgamma, dbeta = checks.batch_norm_backward(
        dy, x, gamma, mean, inv_std, out
    )
    if x.itemsize == 4:
        norm_gradients[float](
            pl_batch_norm_backward, dy.reshape(-1), x.reshape(-1), gamma, mean, inv_std,
            0.0, dx.reshape(-1), dgamma, dbeta,
        )
    else:
        norm_gradients[double](
            pl_batch_norm_backward, dy.reshape(-1), x.reshape(-1), gamma, mean, inv_std,
            0.0, dx.reshape(-1), dgamma, dbeta,
        )
    return dx, dgamma, dbeta


def batch_norm_inference_backward(
    dy, x, gamma, mean, variance, *, epsilon=1e-5, out=None
):
    """dx = dy * gamma / sqrt(variance + epsilon), dgamma, dbeta; see
    `pellucid.kernels.reference.batch_norm_inference_backward`."""
    dy, x, gamma, mean, variance, epsilon, dx, dgamma, dbeta = (
        checks.batch_norm_inference_backward(dy, x, gamma, mean, variance, epsilon, out)
    )
    if x.itemsize == 4:
        norm_gradients[float](
            pl_batch_norm_inference_backward, dy.reshape(-1), x.reshape(-1), gamma, mean,
            variance, epsilon, dx.reshape(-1), dgamma, dbeta,
        )
    else:
        norm_gradients[double](
            pl_batch_norm_inference_backward, dy.reshape(-1), x.reshape(-1), gamma, mean,
            variance, epsilon, dx.reshape(-1), dgamma, dbeta,
        )
    return dx, dgamma, dbeta


cdef pl_norm_args training_args(
    const real[::1] x, const real[::1] gamma, const real[::1] beta,
    real[::1] running_mean, real[::1] running_variance, double momentum, double epsilon,
    real[::1] mean, real[::1] inv_std,
):
    """All but the result and the activation; x is not empty."""
    cdef pl_norm_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.c = gamma.shape[0]
    args.values = x.shape[0] // args.c
    args.momentum, args.epsilon = momentum, epsilon
    args.x, args.gamma, args.beta = &x[0], &gamma[0], &beta[0]
    args.running_mean, args.running_variance = &running_mean[0], &running_variance[0]
    args.mean, args.inv_std = &mean[0], &inv_std[0]
    return args


cdef int submit_norm_pool(
    const real[::1] x, const real[::1] gamma, const real[::1] beta,
    real[::1] running_mean, real[::1] running_variance, double momentum, double epsilon,
    int activation, tuple window, real[::1] y, uint8_t[::1] argmax, real[::1] mean,
    real[::1] inv_std,
) except -1:
    """Batch normalization, activation and max pooling; window is (w, kh, kw)."""
    cdef pl_norm_pool_args args
    args.norm = training_args[real](
        x, gamma, beta, running_mean, running_variance, momentum, epsilon, mean, inv_std
    )
    args.norm.activation, args.norm.y, args.argmax = activation, &y[0], &argmax[0]
    args.w, args.kh, args.kw = window
    return submit(
        pl_batch_norm_max_pool2d, &args, sizeof(args),
        [x.base, gamma.base, beta.base, running_mean.base, running_variance.base, y.base,
         argmax.base, mean.base, inv_std.base],
    )


cdef int submit_norm_pool_gradients(
    const real[::1] dy, const uint8_t[::1] argmax, const real[::1] x,
    const real[::1] gamma, const real[::1] mean, const real[::1] inv_std, tuple window,
    real[::1] dx, real[::1] dgamma, real[::1] dbeta,
) except -1:
    """The gradients of `submit_norm_pool`."""
    cdef pl_norm_pool_backward_args args
    memset(&args, 0, sizeof(args))
    args.norm.dtype = PL_F32 if real is float else PL_F64
    args.norm.c = gamma.shape[0]
    args.norm.values = x.shape[0] // args.norm.c
    args.norm.dy, args.norm.x, args.norm.dx = &dy[0], &x[0], &dx[0]
    args.norm.gamma, args.norm.mean, args.norm.spread = &gamma[0], &mean[0], &inv_std[0]
    args.norm.dgamma, args.norm.dbeta = &dgamma[0], &dbeta[0]
    args.argmax = &argmax[0]
    args.w, args.kh, args.kw = window
    return submit(
        pl_batch_norm_max_pool2d_backward, &args, sizeof(args),
        [dy.base, argmax.base, x.base, gamma.base, mean.base, inv_std.base,
         dx.base, dgamma.base, dbeta.base],
    )


def batch_norm_max_pool2d(
    x, gamma, beta, running_mean, running_variance, pool_size, *, momentum=0.9,
    epsilon=1e-5, activation=None, out=None,
):
    """y = max over the window of `batch_norm_training`; see
    `pellucid.kernels.reference.batch_norm_max_pool2d`."""
    (
        x, gamma, beta, running_mean, running_variance, momentum, epsilon, g, y, argmax,
        mean, inv_std,
    ) = checks.batch_norm_max_pool2d(
        x, gamma, beta, running_mean, running_variance, pool_size, momentum, epsilon,
        activation, out,
    )
    cdef int kind = kind_of(activation)
    window = (g.w, g.kh, g.kw)
    flat, pooled, places = x.reshape(-1), y.reshape(-1), argmax.reshape(-1)
    if x.itemsize == 4:
        submit_norm_pool[float](
            flat, gamma, beta, running_mean, running_variance, momentum, epsilon, kind,
            window, pooled, places, mean, inv_std,
        )
    else:
        submit_norm_pool[double](
            flat, gamma, beta, running_mean, running_variance, momentum, epsilon, kind,
            window, pooled, places, mean, inv_std,
        )
    return y, argmax, mean, inv_std


def batch_norm_max_pool2d_backward(
    dy, argmax, x, gamma, mean, inv_std, pool_size, *, out=None
):
    """dx, dgamma and dbeta of `batch_norm_max_pool2d`; see
    `pellucid.kernels.reference.batch_norm_max_pool2d_backward`."""
    dy, argmax, x, gamma, mean, inv_std, g, dx, dgamma, dbeta = (
        checks.batch_norm_max_pool2d_backward(
            dy, argmax, x, gamma, mean, inv_std, pool_size, out
        )
    )
    window = (g.w, g.kh, g.kw)
    places, flat, gradient = argmax.reshape(-1), x.reshape(-1), dx.reshape(-1)
    if x.itemsize == 4:
        submit_norm_pool_gradients[float](
            dy.reshape(-1), places, flat, gamma, mean, inv_std, window, gradient, dgamma,
            dbeta,
        )
    else:
        submit_norm_pool_gradients[double](
            dy.reshape(-1), places, flat, gamma, mean, inv_std, window, gradient, dgamma,
            dbeta,
        )
    return dx, dgamma, dbeta


cdef int submit_group_norm(
    pl_call call, const real[::1] x, const real[::1] gamma, const real[::1] beta,
    real[::1] y, real[::1] mean, real[::1] inv_std, tuple sizes, double epsilon,
) except -1:
    """y by the statistics of each sample and group; sizes is (n, positions, c, groups)."""
    cdef pl_group_norm_args args
    if x.shape[0] == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    args.n, args.positions, args.c, args.groups = sizes
    args.epsilon = epsilon
    args.x, args.gamma, args.beta = &x[0], &gamma[0], &beta[0]
    args.y, args.mean, args.inv_std = &y[0], &mean[0], &inv_std[0]
    return submit(
        call, &args, sizeof(args),
        [x.base, gamma.base, beta.base, y.base, mean.base, inv_std.base],
    )


cdef tuple own_statistics(
    pl_call call, object x, object gamma, object beta, tuple out, tuple sizes,
    double epsilon,
):
    """Pick the element type; out, which is (y, mean, inv_std)."""
    y, mean, inv_std = [part.reshape(-1) for part in out]
    x = x.reshape(-1)
    if x.itemsize == 4:
        submit_group_norm[float](
            call, x, gamma, beta, y, mean, inv_std, sizes, epsilon
        )
    else:
        submit_group_norm[double](
            call, x, gamma, beta, y, mean, inv_std, sizes, epsilon
        )
    return out


cdef int submit_group_norm_backward(
    pl_call call, const real[::1] dy, const real[::1] x, const real[::1] gamma,
    const real[::1] mean, const real[::1] inv_std, real[::1] dx, real[::1] dgamma,
    real[::1] dbeta, tuple sizes,
) except -1:
    """dx, dgamma and dbeta of the same."""
    cdef pl_group_norm_backward_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.n, args.positions, args.c, args.groups = sizes
    if args.n > 0:
        args.dy, args.x, args.dx = &dy[0], &x[0], &dx[0]
        args.mean, args.inv_std = &mean[0], &inv_std[0]
    args.gamma, args.dgamma, args.dbeta = &gamma[0], &dgamma[0], &dbeta[0]
    return submit(
        call, &args, sizeof(args),
        [dy.base, x.base, gamma.base, mean.base, inv_std.base, dx.base, dgamma.base,
         dbeta.base],
    )


cdef tuple own_gradients(pl_call call, list given, tuple out, tuple sizes):
    """Pick the element type; given is [dy, x, gamma, mean, inv_std]; out."""
    dy, x, gamma, mean, inv_std = [part.reshape(-1) for part in given]
    dx, dgamma, dbeta = [part.reshape(-1) for part in out]
    if x.itemsize == 4:
        submit_group_norm_backward[float](
            call, dy, x, gamma, mean, inv_std, dx, dgamma, dbeta, sizes
        )
    else:
        submit_group_norm_backward[double](
            call, dy, x, gamma, mean, inv_std, dx, dgamma, dbeta, sizes
        )
    return out


def layer_norm(x, gamma, beta, *, epsilon=1e-5, out=None):
    """Normalize the last axis; see `pellucid.kernels.reference.layer_norm`."""
    x, gamma, beta, epsilon, out = checks.layer_norm(x, gamma, beta, epsilon, out)
    sizes = out[1].size, 1, gamma.size, 1
    return own_statistics(pl_layer_norm, x, gamma, beta, out, sizes, epsilon)


def layer_norm_backward(dy, x, gamma, mean, inv_std, *, out=None):
    """dx, dgamma and dbeta; see `pellucid.kernels.reference.layer_norm_backward`."""
    *given, out = checks.layer_norm_backward(dy, x, gamma, mean, inv_std, out)
    sizes = given[3].size, 1, given[2].size, 1
    return own_gradients(pl_layer_norm_backward, given, out, sizes)


def group_norm(x, gamma, beta, groups, *, epsilon=1e-5, out=None):
    """Normalize groups of channels of each sample; see
    `pellucid.kernels.reference.group_norm`."""
    x, gamma, beta, sizes, epsilon, out = checks.group_norm(
        x, gamma, beta, groups, epsilon, out
    )
    return own_statistics(pl_group_norm, x, gamma, beta, out, sizes, epsilon)


def group_norm_backward(dy, x, gamma, mean, inv_std, *, out=None):
    """dx, dgamma and dbeta; see `pellucid.kernels.reference.group_norm_backward`."""
    *given, sizes, out = checks.group_norm_backward(dy, x, gamma, mean, inv_std, out)
    return own_gradients(pl_group_norm_backward, given, out, sizes)


cdef int submit_scale_channels(
    const real[::1] x, const real[::1] factors, real[::1] y, tuple sizes
) except -1:
    """y = x * factors; sizes is (n, positions, c)."""
    cdef pl_scale_channels_args args
    if x.shape[0] == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    args.n, args.positions, args.c = sizes
    args.x, args.factors, args.y = &x[0], &factors[0], &y[0]
    return submit(
        pl_scale_channels, &args, sizeof(args), (x.base, factors.base, y.base)
    )


def scale_channels(x, factors, *, out=None):
    """y = x * factors, one for each sample and channel; see
    `pellucid.kernels.reference.scale_channels`."""
    x, factors, sizes, out = checks.scale_channels(x, factors, out)
    flat = x.reshape(-1), factors.reshape(-1), out.reshape(-1)
    if out.itemsize == 4:
        submit_scale_channels[float](flat[0], flat[1], flat[2], sizes)
    else:
        submit_scale_channels[double](flat[0], flat[1], flat[2], sizes)
    return out
