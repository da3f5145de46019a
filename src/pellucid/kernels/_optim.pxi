# Optimizer steps in place on flat arrays; hyper is read in every run.


cdef int run_step(
    real[::1] value, const real[::1] grad, real[::1] state_1, real[::1] state_2,
    real[::1] state_3, const double[::1] hyper, int rule,
) except -1:
    """One update; the states may be None where the rule says so."""
    cdef pl_optimizer_step_args args
    if value.shape[0] == 0:
        return 0
    memset(&args, 0, sizeof(args))
    args.dtype, args.rule = PL_F32 if real is float else PL_F64, rule
    args.count, args.hyper = value.shape[0], &hyper[0]
    args.grad, args.value = &grad[0], &value[0]
    if state_1 is not None:
        args.state_1 = &state_1[0]
    if state_2 is not None:
        args.state_2 = &state_2[0]
    if state_3 is not None:
        args.state_3 = &state_3[0]
    return submit(
        pl_optimizer_step, &args, sizeof(args),
        (value.base, grad.base, state_1, state_2, state_3, hyper.base),
    )


cdef int step(
    object value, object grad, object state_1, object state_2, object state_3,
    object hyper, int rule,
) except -1:
    """Pick the element type."""
    if value.itemsize == 4:
        return run_step[float](value, grad, state_1, state_2, state_3, hyper, rule)
    return run_step[double](value, grad, state_1, state_2, state_3, hyper, rule)


def sgd_step(value, grad, velocity, hyper):
    """One step of SGD; see `pellucid.kernels.reference.sgd_step`."""
    value, grad, velocity, hyper = checks.sgd_step(value, grad, velocity, hyper)
    step(value, grad, velocity, None, None, hyper, PL_SGD)


def adam_step(value, grad, m, v, hyper):
    """One step of Adam or AdamW; see `pellucid.kernels.reference.adam_step`."""
    value, grad, m, v, hyper = checks.adam_step(value, grad, m, v, hyper)
    step(value, grad, m, v, None, hyper, PL_ADAM)


def rmsprop_step(value, grad, square, velocity, mean, hyper):
    """One step of RMSprop; see `pellucid.kernels.reference.rmsprop_step`."""
    value, grad, square, velocity, mean, hyper = checks.rmsprop_step(
        value, grad, square, velocity, mean, hyper
    )
    step(value, grad, square, velocity, mean, hyper, PL_RMSPROP)


def adagrad_step(value, grad, square, hyper):
    """One step of Adagrad; see `pellucid.kernels.reference.adagrad_step`."""
    value, grad, square, hyper = checks.adagrad_step(value, grad, square, hyper)
    step(value, grad, square, None, None, hyper, PL_ADAGRAD)


def adadelta_step(value, grad, square, moved, hyper):
    """One step of Adadelta; see `pellucid.kernels.reference.adadelta_step`."""
    value, grad, square, moved, hyper = checks.adadelta_step(
        value, grad, square, moved, hyper
    )
    step(value, grad, square, moved, None, hyper, PL_ADADELTA)


def nadam_step(value, grad, m, v, hyper):
    """One step of NAdam; see `pellucid.kernels.reference.nadam_step`."""
    value, grad, m, v, hyper = checks.nadam_step(value, grad, m, v, hyper)
    step(value, grad, m, v, None, hyper, PL_NADAM)


def lion_step(value, grad, m, hyper):
    """One step of Lion; see `pellucid.kernels.reference.lion_step`."""
    value, grad, m, hyper = checks.lion_step(value, grad, m, hyper)
    step(value, grad, m, None, None, hyper, PL_LION)
