# Losses: one number, and its gradient.


cdef int run_class_loss(
    const real[::1] prediction, const real[::1] targets, const int64_t[::1] labels,
    const real[::1] weights, real[::1] gradient, double[::1] value,
    ptrdiff_t classes, double smoothing, double scale, bint logits,
) except -1:
    """Over rows of classes; one of targets and labels is None."""
    cdef pl_class_loss_args args
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.logits, args.smoothing, args.scale = logits, smoothing, scale
    args.rows, args.classes = prediction.shape[0] // classes, classes
    args.rows_per_weight = 1
    args.prediction, args.gradient = &prediction[0], &gradient[0]
    args.value = &value[0]
    if labels is None:
        args.targets = &targets[0]
    else:
        args.labels, args.targets = 1, &labels[0]
    if weights is not None:
        args.weights = &weights[0]
        args.rows_per_weight = args.rows // weights.shape[0]
    return submit(
        pl_class_loss, &args, sizeof(args),
        (prediction.base, targets, labels, weights, gradient.base, value.base),
    )


cdef tuple class_loss(
    object prediction, object targets, object weights, object label_smoothing,
    object reduction, object out, bint logits,
):
    """Check, pick the element type, run."""
    prediction, targets, is_labels, weights, smoothing, scale, value, gradient = (
        checks.class_loss(prediction, targets, weights, label_smoothing, reduction, out)
    )
    cdef ptrdiff_t classes = prediction.shape[prediction.ndim - 1]
    flat = prediction.reshape(-1), gradient.reshape(-1)
    targets = targets.reshape(-1)
    labels, targets = (targets, None) if is_labels else (None, targets)
    if gradient.itemsize == 4:
        run_class_loss[float](
            flat[0], targets, labels, weights, flat[1], value, classes, smoothing,
            scale, logits,
        )
    else:
        run_class_loss[double](
            flat[0], targets, labels, weights, flat[1], value, classes, smoothing,
            scale, logits,
        )
    return value, gradient


def softmax_cross_entropy(
    logits, targets, *, weights=None, label_smoothing=0.0, reduction="mean", out=None
):
    """See `pellucid.kernels.reference.softmax_cross_entropy`."""
    return class_loss(logits, targets, weights, label_smoothing, reduction, out, True)


def categorical_cross_entropy(
    probabilities, targets, *, weights=None, label_smoothing=0.0, reduction="mean",
    out=None,
):
    """See `pellucid.kernels.reference.categorical_cross_entropy`."""
    return class_loss(
        probabilities, targets, weights, label_smoothing, reduction, out, False
    )


cdef int run_element_loss(
    const real[::1] prediction, const real[::1] targets, const real[::1] weights,
    real[::1] gradient, double[::1] value, ptrdiff_t rows, double smoothing,
    double delta, double scale, int kind,
) except -1:
    """Over elements of rows."""
    cdef pl_element_loss_args args
    memset(&args, 0, sizeof(args))
    args.dtype, args.kind = PL_F32 if real is float else PL_F64, kind
    args.smoothing, args.delta, args.scale = smoothing, delta, scale
    args.rows, args.width = rows, prediction.shape[0] // rows
    args.prediction, args.targets = &prediction[0], &targets[0]
    args.gradient, args.value = &gradient[0], &value[0]
    if weights is not None:
        args.weights = &weights[0]
    return submit(
        pl_element_loss, &args, sizeof(args),
        (prediction.base, targets.base, weights, gradient.base, value.base),
    )


cdef tuple element_loss(
    object prediction, object targets, object weights, object label_smoothing,
    object reduction, object out, int kind, object delta=1.0,
):
    """Check, pick the element type, run."""
    prediction, targets, weights, smoothing, scale, value, gradient = (
        checks.element_loss(
            prediction, targets, weights, label_smoothing, reduction, out,
            by_row=kind == PL_DIVERGENCE,
        )
    )
    cdef ptrdiff_t rows = prediction.shape[0]
    flat = prediction.reshape(-1), targets.reshape(-1), gradient.reshape(-1)
    if gradient.itemsize == 4:
        run_element_loss[float](
            flat[0], flat[1], weights, flat[2], value, rows, smoothing, delta, scale, kind
        )
    else:
        run_element_loss[double](
            flat[0], flat[1], weights, flat[2], value, rows, smoothing, delta, scale, kind
        )
    return value, gradient


def binary_cross_entropy(
    probabilities, targets, *, weights=None, label_smoothing=0.0, reduction="mean",
    out=None,
):
    """See `pellucid.kernels.reference.binary_cross_entropy`."""
    return element_loss(
        probabilities, targets, weights, label_smoothing, reduction, out, PL_BINARY
    )


def sigmoid_binary_cross_entropy(
    logits, targets, *, weights=None, label_smoothing=0.0, reduction="mean", out=None
):
    """See `pellucid.kernels.reference.sigmoid_binary_cross_entropy`."""
    return element_loss(
        logits, targets, weights, label_smoothing, reduction, out, PL_SIGMOID_BINARY
    )


def mean_squared_error(
    prediction, targets, *, weights=None, reduction="mean", out=None
):
    """See `pellucid.kernels.reference.mean_squared_error`."""
    return element_loss(
        prediction, targets, weights, 0.0, reduction, out, PL_SQUARED_ERROR
    )


def mean_absolute_error(
    prediction, targets, *, weights=None, reduction="mean", out=None
):
    """See `pellucid.kernels.reference.mean_absolute_error`."""
    return element_loss(
        prediction, targets, weights, 0.0, reduction, out, PL_ABSOLUTE_ERROR
    )


def huber(prediction, targets, *, weights=None, delta=1.0, reduction="mean", out=None):
    """See `pellucid.kernels.reference.huber`."""
    return element_loss(
        prediction, targets, weights, 0.0, reduction, out, PL_HUBER, checks.delta(delta)
    )


def hinge(scores, targets, *, weights=None, reduction="mean", out=None):
    """See `pellucid.kernels.reference.hinge`."""
    return element_loss(scores, targets, weights, 0.0, reduction, out, PL_HINGE)


def kl_divergence(probabilities, targets, *, weights=None, reduction="mean", out=None):
    """See `pellucid.kernels.reference.kl_divergence`."""
    return element_loss(
        probabilities, targets, weights, 0.0, reduction, out, PL_DIVERGENCE
    )
