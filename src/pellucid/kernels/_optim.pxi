# Optimizer steps in place on flat arrays; hyper is read in every run.


cdef int run_step(
    real[::1] value, const real[::1] grad, real[::1] state_1, real[::1] state_2,
    const double[::1] hyper, int rule,
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
    return submit(
        pl_optimizer_step, &args, sizeof(args),
        (value.base, grad.base, state_1, state_2, hyper.base),
    )


def sgd_step(value, grad, velocity, hyper):
    """One step of SGD; see `pellucid.kernels.reference.sgd_step`."""
    value, grad, velocity, hyper = checks.sgd_step(value, grad, velocity, hyper)
    if value.itemsize == 4:
        run_step[float](value, grad, velocity, None, hyper, PL_SGD)
    else:
        run_step[double](value, grad, velocity, None, hyper, PL_SGD)


def adam_step(value, grad, m, v, hyper):
    """One step of Adam or AdamW; see `pellucid.kernels.reference.adam_step`."""
    value, grad, m, v, hyper = checks.adam_step(value, grad, m, v, hyper)
    if value.itemsize == 4:
        run_step[float](value, grad, m, v, hyper, PL_ADAM)
    else:
        run_step[double](value, grad, m, v, hyper, PL_ADAM)
