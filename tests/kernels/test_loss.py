"""Losses: value and gradient against formulas in longdouble, on every ISA."""

import numpy as np
import pytest

from pellucid.kernels import reference
from tests.kernels.exact import (
    ISAS,
    core,
    every_dtype,
    every_isa,
    forced,
    forced_results,
    one_result,
)
from tests.support.bounds import (
    assert_exact,
    assert_within,
    layer_bound,
    softmax_bound,
)
from tests.support.data import integers, labels, positive, uniform
from tests.support.guard import SIDES, assert_survives, layouts

CHUNK = 4096
SHAPES = [(1, 1), (3, 2), (5, 10), (64, 10), (17, 15), (4, 16), (3, 33), (9, 1000)]
SHAPES += [(CHUNK // 10 + 1, 10), (2, 3, 4, 5), (2, CHUNK + 9), (1, 5)]
every_smoothing = pytest.mark.parametrize("smoothing", [0.0, 0.1])
every_weighting = pytest.mark.parametrize("weighted", [False, True])

EPSILON = {"float32": 1e-7, "float64": 1e-15}
CLASS_LOSSES = ["softmax_cross_entropy", "categorical_cross_entropy"]
ELEMENT_LOSSES = [
    "binary_cross_entropy",
    "sigmoid_binary_cross_entropy",
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "hinge",
    "kl_divergence",
]
SMOOTHING = {"binary_cross_entropy", "sigmoid_binary_cross_entropy", *CLASS_LOSSES}
DELTA = 0.75


def wide(array):
    return array.astype(np.longdouble)


def fresh(prediction):
    return np.full(1, np.nan), np.full(prediction.shape, np.nan, prediction.dtype)


def prediction_for(name, shape, dtype):
    if name == "softmax_cross_entropy":
        return 8 * uniform(shape, 1, dtype=dtype)
    if name in ("categorical_cross_entropy", "kl_divergence"):
        p = positive(shape, 1, dtype=dtype)
        p.reshape(-1)[::7] = 0  # below epsilon
        return p
    if name == "binary_cross_entropy":
        p = positive(shape, 1, dtype=dtype)
        p.reshape(-1)[::7] = 0
        p.reshape(-1)[3::7] = 1
        return p
    return 12 * uniform(shape, 1, dtype=dtype)


def weights_for(prediction, weighted):
    if not weighted:
        return None
    return positive(prediction.shape[:1], 5, dtype=prediction.dtype)


def weigh(prediction, weights, scale):
    """scale * w for every element, in longdouble."""
    w = np.ones(len(prediction)) if weights is None else weights
    return scale * wide(w).reshape(-1, *[1] * (prediction.ndim - 1))


def check(name, isa, prediction, targets, options, want, size):
    """Compare with (losses, slopes), given the sizes of what was added up in them."""
    losses, slopes = want
    weights, reduction = options.get("weights"), options["reduction"]
    count = prediction.size
    if name in CLASS_LOSSES or name == "kl_divergence":
        count //= prediction.shape[-1]
    factor = weigh(prediction, weights, 1 / count if reduction == "mean" else 1.0)
    value, gradient = fresh(prediction)
    with forced(isa):
        result = getattr(core, name)(
            prediction, targets, out=(value, gradient), **options
        )
    assert result[0] is value
    assert result[1] is gradient
    tiny = np.finfo(prediction.dtype).smallest_subnormal
    assert_within(gradient, slopes * factor, size[1] * np.abs(factor) + tiny)
    error = np.sum(size[0] * np.abs(factor))
    assert_within(value, np.sum(losses * factor, keepdims=True).reshape(1), error)
    least = min(count, gradient.size - 1) // (4 if name == "hinge" else 1)
    assert np.count_nonzero(gradient) >= least


def class_loss_case(name, shape, dtype, one_hot, smoothing):
    """Prediction, targets, and what `check` wants."""
    k = shape[-1]
    x = prediction_for(name, shape, dtype)
    targets = labels(x.size // k, k, 2).reshape(shape[:-1])
    t = np.eye(k)[targets]
    if one_hot:  # and not one of them exactly 1
        t = positive(shape, 3, dtype=dtype)
        targets = t
    t = (1 - smoothing) * wide(t) + smoothing / k
    if name == "softmax_cross_entropy":
        z = wide(x) - wide(x).max(axis=-1, keepdims=True)
        log_sum = np.log(np.exp(z).sum(axis=-1, keepdims=True))
        mass = t.sum(axis=-1, keepdims=True)
        p = np.exp(z - log_sum)
        slope = softmax_bound(x, dtype) * mass + layer_bound(k, p * mass + t, dtype)
        size = layer_bound(k, t * (1 + log_sum - z), dtype)
        return x, targets, (t * (log_sum - z), p * mass - t), (size, slope)
    q = np.maximum(wide(x), EPSILON[dtype])
    size = layer_bound(k, t * (1 - np.log(q)), dtype)
    return x, targets, (-t * np.log(q), -t / q), (size, layer_bound(1, t / q, dtype))


@every_isa
@every_dtype
@every_smoothing
@every_weighting
@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("name", CLASS_LOSSES)
def test_class_losses(name, one_hot, weighted, smoothing, dtype, isa):
    for shape in SHAPES:
        x, targets, want, size = class_loss_case(name, shape, dtype, one_hot, smoothing)
        options = {"weights": weights_for(x, weighted), "label_smoothing": smoothing}
        for reduction in ("mean", "sum"):
            options["reduction"] = reduction
            check(name, isa, x, targets, options, want, size)


def element_loss_case(name, shape, dtype, smoothing):
    """Prediction, targets, and what `check` wants."""
    x = prediction_for(name, shape, dtype)
    targets = positive(shape, 2, dtype=dtype)
    targets.reshape(-1)[::3] = 1
    v, t = wide(x), (1 - smoothing) * wide(targets) + smoothing / 2
    if name == "binary_cross_entropy":
        q, r = np.maximum(v, EPSILON[dtype]), np.maximum(1 - v, EPSILON[dtype])
        want = -(t * np.log(q) + (1 - t) * np.log(r)), (1 - t) / r - t / q
        terms = t * (1 - np.log(q)) + (1 - t) * (1 - np.log(r))
        size = terms, (1 - t) / r + t / q
    elif name == "sigmoid_binary_cross_entropy":
        e = np.exp(-np.abs(v))
        sigmoid = np.where(v < 0, e, 1) / (1 + e)
        want = np.maximum(v, 0) - v * t + np.log1p(e), sigmoid - t
        size = 2 * np.abs(v) + np.log1p(e), sigmoid + t
    elif name == "mean_squared_error":
        t = wide(targets)
        want = (v - t) ** 2, 2 * (v - t)
        size = (np.abs(v) + t) ** 2, np.abs(v) + t
    elif name == "mean_absolute_error":
        t = wide(targets)
        want = np.abs(v - t), np.sign(v - t)
        size = np.abs(v) + t, np.ones(shape)
    elif name == "huber":
        t = wide(targets)
        far = np.abs(v - t) > DELTA
        losses = np.where(far, DELTA * (np.abs(v - t) - DELTA / 2), (v - t) ** 2 / 2)
        want = losses, np.clip(v - t, -DELTA, DELTA)
        size = DELTA * (np.abs(v) + t), np.minimum(np.abs(v) + t, 1)
    elif name == "hinge":
        targets = np.where(targets < 0.5, -1, 1).astype(dtype)
        t = wide(targets)
        want = np.maximum(0, 1 - t * v), np.where(t * v < 1, -t, 0)
        size = 1 + np.abs(v), np.ones(shape)
    else:
        targets.reshape(-1)[1::5] = 0
        t, q = wide(targets), np.maximum(v, EPSILON[dtype])
        ratio = np.log(np.maximum(t, EPSILON[dtype]) / q)
        want, size = (t * ratio, -t / q), (t * (1 + np.abs(ratio)), t / q)
    return x, targets, want, [layer_bound(16, part, dtype) for part in size]


@every_isa
@every_dtype
@every_smoothing
@every_weighting
@pytest.mark.parametrize("name", ELEMENT_LOSSES)
def test_element_losses(name, weighted, smoothing, dtype, isa):
    for shape in SHAPES:
        x, targets, want, size = element_loss_case(name, shape, dtype, smoothing)
        options = {"weights": weights_for(x, weighted)}
        if name in SMOOTHING:
            options["label_smoothing"] = smoothing
        elif smoothing:
            return
        if name == "huber":
            options["delta"] = DELTA
        for reduction in ("mean", "sum"):
            options["reduction"] = reduction
            check(name, isa, x, targets, options, want, size)


@every_isa
@every_dtype
@every_weighting
@pytest.mark.parametrize(
    "name", ["mean_squared_error", "mean_absolute_error", "huber", "hinge"]
)
def test_errors_of_whole_numbers_are_exact(name, weighted, dtype, isa, threads):
    for shape in [(64, 32), (4096, 4), (8192, 1), (2, 8192)]:
        x, t = integers(shape, 1, dtype=dtype), integers(shape, 2, dtype=dtype)
        weights = integers(shape[:1], 3, limit=3, dtype=dtype) if weighted else None
        options = {"weights": weights, "reduction": "mean"}
        with forced(isa, threads):
            value, gradient = getattr(core, name)(x, t, **options)
        want = getattr(reference, name)(x, t, **options)
        assert_exact(value, want[0])
        assert_exact(gradient, want[1])


@every_isa
def test_large_logits_stay_finite(isa):
    z = np.array([[1e4, -1e4], [-80.0, 80.0]], np.float32)
    with forced(isa):
        value, gradient = core.softmax_cross_entropy(z, np.array([1, 1]))
        assert value[0] == 1e4
        np.testing.assert_array_equal(gradient, [[0.5, -0.5], [0, 0]])
        value, gradient = core.sigmoid_binary_cross_entropy(z, np.ones_like(z))
        assert value[0] == (1e4 + 80) / 4
        np.testing.assert_allclose(gradient, [[0, -0.25], [-0.25, 0]], atol=1e-30)


@every_isa
def test_small_losses_keep_their_digits(isa):
    z = np.array([30.0, 15.0], np.float32)
    with forced(isa):
        value, _ = core.sigmoid_binary_cross_entropy(
            z[:1], np.ones(1, np.float32), reduction="sum"
        )
        assert abs(value[0] / np.log1p(np.exp(-30.0)) - 1) < 1e-6


@every_isa
@pytest.mark.parametrize("name", ELEMENT_LOSSES)
def test_nan_reaches_the_value(name, isa):
    for shape in [(1, 3), (5, 7)]:
        x, t = positive(shape, 1), positive(shape, 2)
        x[0, 1] = np.nan
        with forced(isa):
            assert np.isnan(getattr(core, name)(x, t)[0][0])


@every_isa
@pytest.mark.parametrize("name", CLASS_LOSSES)
def test_nan_stays_in_its_sample(name, isa):
    x = prediction_for(name, (20, 10), "float32")
    t, w = labels(20, 10, 1), np.ones(20, np.float32)
    with forced(isa):
        _, clean = getattr(core, name)(x, t, weights=w)
        x[7, 3] = np.nan
        value, gradient = getattr(core, name)(x, t, weights=w)
    assert np.isnan(gradient[7, 3])
    assert_exact(np.delete(gradient, 7, 0), np.delete(clean, 7, 0))
    assert np.isnan(value[0])


def results(name, shape, dtype, weighted):
    x = prediction_for(name, shape, dtype)
    options = {"weights": weights_for(x, weighted)}
    if name in SMOOTHING:
        options["label_smoothing"] = 0.1
    soft = positive(shape, 4, dtype=dtype)
    found = getattr(core, name)(x, soft, **options)
    if name in CLASS_LOSSES:
        hard = labels(x.size // shape[-1], shape[-1], 2).reshape(shape[:-1])
        found += getattr(core, name)(x, hard, **options)
    return found


@every_dtype
@every_weighting
@pytest.mark.parametrize("name", CLASS_LOSSES + ELEMENT_LOSSES)
def test_the_same_bits_with_every_fma_and_thread_count(name, weighted, dtype):
    for shape in [(1000, 10), (40, 1000), (3, 2 * CHUNK + 7), (9000, 1)]:
        one_result(forced_results(lambda s=shape: results(name, s, dtype, weighted)))


def test_all_layouts_of_an_input_give_the_same():
    x, t = uniform((6, 19), 1), labels(6, 19, 2)
    want = core.softmax_cross_entropy(x, t)
    for _, view in layouts(x):
        got = core.softmax_cross_entropy(view, t)
        assert_exact(got[0], want[0])
        assert_exact(got[1], want[1])


def test_recorded_calls_read_their_arrays_again():
    x, t = uniform((8, 10), 1), labels(8, 10, 2)
    plan = core.Plan()
    with plan.record():
        value, gradient = core.softmax_cross_entropy(x, t)
    x *= 2
    t[:] = t[::-1].copy()
    plan.run()
    want = core.softmax_cross_entropy(x, t)
    assert_exact(value, want[0])
    assert_exact(gradient, want[1])


GUARDED = """
import numpy as np
from pellucid.kernels import _core as core
from tests.support.guard import guarded, guarded_copy
core.set_num_threads(1)
random = np.random.default_rng(1)
for isa in {isas}:
    core.use_isa(isa)
    for dtype in ("float32", "float64"):
        for shape in [*((2, k) for k in range(1, 36)), (5000, 1), (17, 10)]:
            def made(array, dtype=dtype):
                return guarded_copy(np.asarray(array, dtype), {side!r})
            p, t = made(random.random(shape)), made(random.random(shape))
            hard = made(random.integers(0, shape[1], shape[0]), "int64")
            out = guarded(1, "float64", {side!r}), guarded(shape, dtype, {side!r})
            for weights in (None, made(random.random(shape[0]))):
                for smoothing in (0.0, 0.1):
                    options = dict(weights=weights, label_smoothing=smoothing, out=out)
                    for name in {names}:
                        getattr(core, name)(p, t, **options)
                        if name in {class_names}:
                            getattr(core, name)(p, hard, **options)
                        assert not np.isnan(out[0][0]) and not np.isnan(out[1]).any()
                for name in {plain_names}:
                    getattr(core, name)(p, t, weights=weights, out=out)
                    assert not np.isnan(out[0][0]) and not np.isnan(out[1]).any()
"""


@pytest.mark.parametrize("side", SIDES)
def test_nothing_is_touched_outside_the_arrays(side):
    names = CLASS_LOSSES + ELEMENT_LOSSES[:2]
    assert_survives(
        GUARDED.format(
            isas=ISAS,
            side=side,
            names=names,
            class_names=CLASS_LOSSES,
            plain_names=ELEMENT_LOSSES[2:],
        )
    )
