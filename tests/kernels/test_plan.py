"""Prepared calls: a recorded list of kernel calls that runs again without Python."""

import gc
import threading
import weakref

import numpy as np
import pytest

from tests.kernels.exact import core, every_dtype, every_isa, forced, same_bits
from tests.support import data

PAD = ((1, 1), (1, 1))
SHAPES = {
    "x": (8, 8, 8, 32),
    "filters": (3, 3, 32, 32),
    "bias": (32,),
    "y": (8, 8, 8, 32),
    "weight": (2048, 10),
    "dense_bias": (10,),
    "z": (8, 10),
    "dz": (8, 10),
    "dy": (8, 2048),
    "dweight": (2048, 10),
    "ddense_bias": (10,),
    "dx": (8, 8, 8, 32),
    "dfilters": (3, 3, 32, 32),
    "dbias": (32,),
}
INPUTS = ("x", "filters", "bias", "weight", "dense_bias", "dz")
OUTPUTS = tuple(name for name in SHAPES if name not in INPUTS)


def buffers(dtype="float32"):
    arrays = {name: np.full(shape, np.nan, dtype) for name, shape in SHAPES.items()}
    fill(arrays, 0)
    return arrays


def fill(arrays, seed):
    """Put new numbers into the inputs, in place."""
    for i, name in enumerate(INPUTS):
        array = arrays[name]
        array[...] = data.uniform(array.shape, seed + 100 * i, dtype=array.dtype)


def step(b, conv_algo="auto"):
    """A training step of a convolution and a dense layer."""
    options = {"padding": PAD, "conv_algo": conv_algo}
    core.conv2d(
        b["x"], b["filters"], b["bias"], activation="relu", out=b["y"], **options
    )
    flat = b["y"].reshape(8, 2048)
    core.dense(flat, b["weight"], b["dense_bias"], out=b["z"])
    core.dense_backward(
        b["dz"], flat, b["weight"], out=(b["dy"], b["dweight"], b["ddense_bias"])
    )
    core.conv2d_backward(
        b["dy"].reshape(b["y"].shape),
        b["x"],
        b["filters"],
        out=(b["dx"], b["dfilters"], b["dbias"]),
        **options,
    )


def results(arrays):
    return {name: arrays[name].copy() for name in OUTPUTS}


def assert_same(a, b):
    for name in OUTPUTS:
        assert same_bits(a[name], b[name]), name


def recorded(arrays, **options):
    plan = core.Plan()
    with plan.record():
        step(arrays, **options)
    return plan


@every_isa
@every_dtype
@pytest.mark.parametrize("conv_algo", ["auto", "direct", "im2col"])
def test_running_gives_the_bits_of_calling(isa, dtype, conv_algo, threads):
    with forced(isa, threads):
        called = buffers(dtype)
        step(called, conv_algo)
        planned = buffers(dtype)
        plan = recorded(planned, conv_algo=conv_algo)
        assert_same(planned, called)  # recording computes, too
        for name in OUTPUTS:
            planned[name][...] = np.nan
        plan.run()
        assert_same(planned, called)


def test_running_reads_the_arrays_as_they_are_then():
    planned, called = buffers(), buffers()
    plan = recorded(planned)
    before = results(planned)
    for seed in (7, 8):
        fill(planned, seed)
        fill(called, seed)
        step(called)
        plan.run()
        assert_same(planned, called)
    assert not same_bits(before["z"], planned["z"])


def test_calls_outside_the_block_are_not_recorded():
    arrays, plan = buffers(), core.Plan()
    assert len(plan) == 0
    plan.run()
    core.gemm(arrays["z"], arrays["dz"], trans_b=True)
    with plan.record() as recording:
        assert recording is plan
        core.gemm(arrays["z"], arrays["dz"], trans_b=True)
        assert len(plan) == 1
    core.gemm(arrays["z"], arrays["dz"], trans_b=True)
    assert len(plan) == 1
    plan.run()
    assert len(plan) == 1


def test_a_second_block_adds_to_the_plan():
    a, b = data.uniform((3, 4), 1), data.uniform((4, 5), 2)
    c, d = np.empty((3, 5), "f4"), np.empty((3, 3), "f4")
    plan = core.Plan()
    with plan.record():
        core.gemm(a, b, out=c)
    with plan.record():
        core.gemm(c, c, trans_b=True, out=d)
    assert len(plan) == 2
    a *= 2
    plan.run()
    np.testing.assert_array_equal(c, core.gemm(a, b))
    np.testing.assert_array_equal(d, core.gemm(c, c, trans_b=True))


def test_many_calls_fit_a_plan_in_order():
    total, ones = np.zeros(7, np.float32), np.ones(7, np.float32)
    plan = core.Plan()
    with plan.record():
        for i in range(300):
            core.add_scaled(total, ones, float(i))
            core.scale(total, 0.5)
    assert len(plan) == 600
    expected = total.copy()
    total[:] = 0
    plan.run()
    assert same_bits(total, expected)


def test_plans_do_not_nest():
    outer, inner = core.Plan(), core.Plan()
    a, b = data.uniform((3, 4), 1), data.uniform((4, 5), 2)
    with outer.record():
        core.gemm(a, b)
        for plan in (inner, outer):
            with pytest.raises(RuntimeError, match="being recorded"):
                plan.record().__enter__()
        core.gemm(a, b)
    assert (len(outer), len(inner)) == (2, 0)
    with inner.record():
        core.gemm(a, b)
    assert len(inner) == 1


def test_an_error_ends_the_recording():
    def fail():
        with plan.record():
            core.gemm(np.ones((2, 2)), np.ones((2, 2)))
            raise ZeroDivisionError

    plan = core.Plan()
    with pytest.raises(ZeroDivisionError):
        fail()
    core.gemm(np.ones((2, 2)), np.ones((2, 2)))
    assert len(plan) == 1
    with plan.record():
        core.gemm(np.ones((2, 2)), np.ones((2, 2)))
    assert len(plan) == 2


def test_a_refused_call_is_not_recorded():
    plan = core.Plan()
    with plan.record():
        with pytest.raises(ValueError, match="Expected"):
            core.gemm(np.ones((2, 3)), np.ones((2, 3)))
        core.gemm(np.ones((2, 3)), np.ones((3, 2)))
    assert len(plan) == 1


def test_calls_of_other_threads_are_not_recorded():
    a, b = data.uniform((3, 4), 1), data.uniform((4, 5), 2)
    plan = core.Plan()
    with plan.record():
        core.gemm(a, b)
        other = threading.Thread(target=core.gemm, args=(a, b))
        other.start()
        other.join()
    assert len(plan) == 1


# What steps record; f, d, i, n, u make float32, float64, int64, uint64, uint8 arrays.
CALLS = {
    "gemm": lambda f, d, i, n, u: core.gemm(f(4, 6), f(6, 5), out=f(4, 5)),
    "dense": lambda f, d, i, n, u: core.dense(f(4, 6), f(6, 5), f(5), out=f(4, 5)),
    "dense with tanh": lambda f, d, i, n, u: core.dense(
        f(4, 6), f(6, 5), f(5), activation="tanh", out=f(4, 5)
    ),
    "dense with scale": lambda f, d, i, n, u: core.dense(
        f(4, 6), f(6, 5), f(5), scale=f(5), out=f(4, 5)
    ),
    "dense_backward": lambda f, d, i, n, u: core.dense_backward(
        f(4, 5), f(4, 6), f(6, 5), out=(f(4, 6), f(6, 5), f(5))
    ),
    "conv2d": lambda f, d, i, n, u: core.conv2d(
        f(2, 5, 5, 3), f(3, 3, 3, 4), f(4), out=f(2, 3, 3, 4)
    ),
    "conv2d with tanh": lambda f, d, i, n, u: core.conv2d(
        f(2, 5, 5, 3), f(3, 3, 3, 4), f(4), activation="tanh", out=f(2, 3, 3, 4)
    ),
    "conv2d by im2col": lambda f, d, i, n, u: core.conv2d(
        f(2, 5, 5, 3), f(3, 3, 3, 4), f(4), out=f(2, 3, 3, 4), conv_algo="im2col"
    ),
    "conv2d with scale": lambda f, d, i, n, u: core.conv2d(
        f(2, 5, 5, 3), f(3, 3, 3, 4), f(4), scale=f(4), out=f(2, 3, 3, 4)
    ),
    "conv2d_backward": lambda f, d, i, n, u: core.conv2d_backward(
        f(2, 3, 3, 4),
        f(2, 5, 5, 3),
        f(3, 3, 3, 4),
        out=(f(2, 5, 5, 3), f(3, 3, 3, 4), f(4)),
    ),
    "conv_transpose2d": lambda f, d, i, n, u: core.conv_transpose2d(
        f(2, 3, 3, 4), f(3, 3, 3, 4), f(3), scale=f(3), out=f(2, 5, 5, 3)
    ),
    "conv_transpose2d_backward": lambda f, d, i, n, u: core.conv_transpose2d_backward(
        f(2, 5, 5, 3),
        f(2, 3, 3, 4),
        f(3, 3, 3, 4),
        out=(f(2, 3, 3, 4), f(3, 3, 3, 4), f(3)),
    ),
    "im2col": lambda f, d, i, n, u: core.im2col(f(2, 5, 5, 3), 3, out=f(2, 3, 3, 27)),
    "col2im": lambda f, d, i, n, u: core.col2im(
        f(2, 3, 3, 27), (2, 5, 5, 3), 3, out=f(2, 5, 5, 3)
    ),
    "max_pool2d": lambda f, d, i, n, u: core.max_pool2d(
        f(2, 4, 4, 3), 2, out=(f(2, 2, 2, 3), u(2, 2, 2, 3))
    ),
    "max_pool2d_backward": lambda f, d, i, n, u: core.max_pool2d_backward(
        f(2, 2, 2, 3), u(2, 2, 2, 3), (2, 4, 4, 3), 2, out=f(2, 4, 4, 3)
    ),
    "avg_pool2d": lambda f, d, i, n, u: core.avg_pool2d(
        f(2, 4, 4, 3), 2, out=f(2, 2, 2, 3)
    ),
    "avg_pool2d_backward": lambda f, d, i, n, u: core.avg_pool2d_backward(
        f(2, 2, 2, 3), (2, 4, 4, 3), 2, out=f(2, 4, 4, 3)
    ),
    "global_avg_pool2d": lambda f, d, i, n, u: core.global_avg_pool2d(
        f(2, 4, 4, 3), out=f(2, 3)
    ),
    "global_avg_pool2d_backward": lambda f, d, i, n, u: core.global_avg_pool2d_backward(
        f(2, 3), (2, 4, 4, 3), out=f(2, 4, 4, 3)
    ),
    "activation": lambda f, d, i, n, u: core.activation(f(9), "tanh", out=f(9)),
    "activation_backward": lambda f, d, i, n, u: core.activation_backward(
        f(9), f(9), "tanh", out=f(9)
    ),
    "softmax": lambda f, d, i, n, u: core.softmax(f(4, 5), out=f(4, 5)),
    "softmax_backward": lambda f, d, i, n, u: core.softmax_backward(
        f(4, 5), f(4, 5), out=f(4, 5)
    ),
    "dropout": lambda f, d, i, n, u: core.dropout(
        f(4, 5), 0.5, seed=1, stream=2, counter=n(1), out=(f(4, 5), u(3))
    ),
    "dropout_backward": lambda f, d, i, n, u: core.dropout_backward(
        f(4, 5), u(3), 0.5, out=f(4, 5)
    ),
    "add": lambda f, d, i, n, u: core.add(f(4, 5), f(4, 5), out=f(4, 5)),
    "add_scaled": lambda f, d, i, n, u: core.add_scaled(f(5), f(5), 0.5),
    "scale": lambda f, d, i, n, u: core.scale(f(5), 0.5),
    "gather": lambda f, d, i, n, u: core.gather(f(4, 5), i(3), out=f(3, 5)),
    "batch_norm_training": lambda f, d, i, n, u: core.batch_norm_training(
        f(8, 3), f(3), f(3), f(3), f(3), out=(f(8, 3), f(3), f(3))
    ),
    "batch_norm_inference": lambda f, d, i, n, u: core.batch_norm_inference(
        f(8, 3), f(3), f(3), f(3), f(3), out=f(8, 3)
    ),
    "fold_batch_norm": lambda f, d, i, n, u: core.fold_batch_norm(
        f(3), f(3), f(3), f(3), f(3), out=(f(3), f(3))
    ),
    "batch_norm_backward": lambda f, d, i, n, u: core.batch_norm_backward(
        f(8, 3), f(8, 3), f(3), f(3), f(3), out=(f(8, 3), f(3), f(3))
    ),
    "batch_norm_max_pool2d": lambda f, d, i, n, u: core.batch_norm_max_pool2d(
        f(2, 4, 4, 3),
        f(3),
        f(3),
        f(3),
        f(3),
        2,
        out=(f(2, 2, 2, 3), u(2, 2, 2, 3), f(3), f(3)),
    ),
    "batch_norm_max_pool2d_backward": lambda f, d, i, n, u: (
        core.batch_norm_max_pool2d_backward(
            f(2, 2, 2, 3),
            u(2, 2, 2, 3),
            f(2, 4, 4, 3),
            f(3),
            f(3),
            f(3),
            2,
            out=(f(2, 4, 4, 3), f(3), f(3)),
        )
    ),
    "batch_norm_inference_backward": lambda f, d, i, n, u: (
        core.batch_norm_inference_backward(
            f(8, 3), f(8, 3), f(3), f(3), f(3), out=(f(8, 3), f(3), f(3))
        )
    ),
    "softmax_cross_entropy": lambda f, d, i, n, u: core.softmax_cross_entropy(
        f(4, 5), i(4), weights=f(4), out=(d(1), f(4, 5))
    ),
    "mean_squared_error": lambda f, d, i, n, u: core.mean_squared_error(
        f(4, 5), f(4, 5), weights=f(4), out=(d(1), f(4, 5))
    ),
    "sgd_step": lambda f, d, i, n, u: core.sgd_step(f(9), f(9), f(9), d(6)),
    "adam_step": lambda f, d, i, n, u: core.adam_step(f(9), f(9), f(9), f(9), d(8)),
    "rmsprop_step": lambda f, d, i, n, u: core.rmsprop_step(
        f(9), f(9), f(9), f(9), f(9), d(5)
    ),
    "lion_step": lambda f, d, i, n, u: core.lion_step(f(9), f(9), f(9), d(4)),
}


@pytest.mark.parametrize("op", CALLS)
def test_a_plan_keeps_its_arrays_as_long_as_itself(op):
    alive = {}

    def maker(dtype):
        def make(*shape):
            array = np.ones(shape, dtype)
            alive[f"{len(alive)}: {dtype} {shape}"] = weakref.ref(array)
            return array

        return make

    plan = core.Plan()
    with plan.record():
        CALLS[op](*map(maker, ("f4", "f8", "i8", "u8", "u1")))
    assert len(plan) >= 1
    gc.collect()
    lost = [array for array, reference in alive.items() if reference() is None]
    assert not lost, "the plan would use memory that is gone"
    plan.run()
    del plan
    gc.collect()
    kept = [array for array, reference in alive.items() if reference() is not None]
    assert not kept
