"""What every layer must do, as functions of a row of cases.py.

Gradients are judged on L = sum(y * r) with a fixed r, so dy = r.
"""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from pellucid import kernels
from pellucid.core import Layer, Workspace, make_layer
from tests.layers.cases import Case
from tests.support.bounds import assert_exact, assert_within, unit_roundoff
from tests.support.data import generator, uniform
from tests.support.guard import layouts
from tests.support.threads import THREADS, forced, fused, isas

Array = NDArray[Any]

CENTRAL_STEP = 1e-5  # error about step**2, rounding about 2**-53 / step
CENTRAL_TOLERANCE = 1e-7
COMPLEX_STEP = 1e-30
COMPLEX_TOLERANCE = 1e-12


def check_layer(case: Case) -> None:
    """Run every check on one row; tests of own layers call this."""
    for check in CHECKS:
        check(case)


# Data ----------------------------------------------------------------------------


def away_from_zero(shape: tuple[int, ...], seed: int, dtype: DTypeLike) -> Array:
    """Numbers of size 0.1 to 1, so that no kink lies within a difference step."""
    sizes = generator(shape, seed, "sizes").uniform(0.1, 1, shape)
    signs = generator(shape, seed, "signs").choice([-1.0, 1.0], shape)
    return (sizes * signs).astype(dtype)


def built(case: Case, dtype: DTypeLike = "float64") -> Layer:
    """A layer with parameters and statistics that are neither 0 nor 1."""
    layer = case.make().bind(dtype=dtype, seed=5, name="some_name")
    layer.build(case.input_shape)
    for seed, (name, value) in enumerate(layer.state().items()):
        noise = uniform(value.shape, seed, dtype=dtype)
        value[...] = 1 + 0.5 * noise if name.endswith("variance") else 0.5 * noise
    return layer


def inputs(
    case: Case, dtype: DTypeLike = "float64", batch: int | None = None
) -> tuple[Array, Array]:
    """x and the r of the loss sum(y * r)."""
    n = case.batch if batch is None else batch
    x = away_from_zero((n, *case.input_shape), 1, dtype)
    return x, uniform((n, *case.output_shape), 2, dtype=dtype)


def step(layer: Layer, x: Array, r: Array) -> dict[str, Array]:
    """Results of one training step by name: y, dx and the gradients."""
    layer.random.counter[0] = 0  # the same dropout mask in every step
    y = layer.forward(x, training=True)
    dx = layer.backward(r)
    assert dx is not None
    grads = {f"d{name}": p.grad.copy() for name, p in layer.named_parameters().items()}
    return {"y": y, "dx": dx, **grads}


def loss(layer: Layer, x: Array, r: Array) -> Any:
    layer.random.counter[0] = 0
    return np.sum(layer.forward(x, training=True) * r)


def assert_same(got: dict[str, Array], want: dict[str, Array]) -> None:
    assert got.keys() == want.keys()
    for name in want:
        assert_exact(got[name], want[name])


def assert_close(got: Array, want: Array, tolerance: float) -> None:
    """Fail where the difference exceeds tolerance * max |want|."""
    scale = np.abs(want).max(initial=0.0)
    assert_within(got, want, np.full(np.shape(want), tolerance * max(scale, 1e-3)))


# Checks --------------------------------------------------------------------------


def check_shapes(case: Case) -> None:
    """output_shape agrees with the row and with forward and backward."""
    layer = case.make()
    assert layer.output_shape(case.input_shape) == case.output_shape
    assert not layer.built
    assert layer.flops(case.input_shape) >= 0
    x, r = inputs(case, "float32")
    results = step(layer, x, r)
    assert layer.built
    assert layer.input_shape == case.input_shape
    assert results["y"].shape == (case.batch, *case.output_shape)
    assert results["dx"].shape == x.shape
    for parameter in layer.parameters():
        assert parameter.grad.shape == parameter.value.shape
    for array in (*results.values(), *layer.state().values()):
        assert array.dtype == np.float32


def check_gradient_by_differences(case: Case) -> None:
    """dx and every parameter's gradient against central differences in float64."""
    layer = built(case)
    x, r = inputs(case)
    results = step(layer, x, r)
    assert_close(results["dx"], _differences(layer, x, x, r), CENTRAL_TOLERANCE)
    for name, p in layer.named_parameters().items():
        expected = _differences(layer, p.value, x, r)
        assert_close(results[f"d{name}"], expected, CENTRAL_TOLERANCE)


def _differences(layer: Layer, target: Array, x: Array, r: Array) -> Array:
    """dL/dtarget element by element, changing target in place."""
    gradient = np.zeros(target.shape)
    for index in np.ndindex(target.shape):
        kept = target[index]
        sides = []
        for moved in (kept + CENTRAL_STEP, kept - CENTRAL_STEP):
            target[index] = moved
            sides.append((loss(layer, x, r), moved))
        target[index] = kept
        (above, high), (below, low) = sides
        gradient[index] = (above - below) / (high - low)
    return gradient


def check_gradient_by_complex_step(case: Case) -> None:
    """The same gradients without cancellation: Im L(x + ih) / h."""
    if not case.complex_step:
        return
    with kernels.use("reference"):
        layer = built(case)
        x, r = inputs(case)
        results = step(layer, x, r)
        _make_complex(layer)
        x = x.astype(complex)
        assert_close(results["dx"], _complex_step(layer, x, x, r), COMPLEX_TOLERANCE)
        for name, p in layer.named_parameters().items():
            expected = _complex_step(layer, p.value, x, r)
            assert_close(results[f"d{name}"], expected, COMPLEX_TOLERANCE)


def _make_complex(layer: Layer) -> None:
    """Move a layer to complex128, which only its kernels' reference twins take."""
    layer.dtype = np.dtype("complex128")
    for chain in layer.children().values():
        for inner in chain:
            _make_complex(inner)
    if layer.children():
        return
    names = set(layer.named_parameters())
    for name, value in layer.state().items():
        if name not in names:
            setattr(layer, name, value.astype(complex))
    for p in layer.parameters():
        p.rebind(p.value.astype(complex), p.grad.astype(complex))


def _complex_step(layer: Layer, target: Array, x: Array, r: Array) -> Array:
    gradient = np.zeros(target.shape)
    for index in np.ndindex(target.shape):
        kept = target[index]
        target[index] = kept + 1j * COMPLEX_STEP
        gradient[index] = loss(layer, x, r).imag / COMPLEX_STEP
        target[index] = kept
    return gradient


def check_twins(case: Case) -> None:
    """Compiled float32 and float64 against the reference twin in float64."""
    if kernels.backend() != "compiled":
        return
    for dtype in ("float32", "float64"):
        layer = built(case, dtype)
        x, r = inputs(case, dtype)
        results = step(layer, x, r)
        wide = built(case)
        for name, value in layer.state().items():
            wide.state()[name][...] = value
        with kernels.use("reference"):
            expected = step(wide, x.astype("float64"), r.astype("float64"))
        terms = 1 + layer.flops(case.input_shape) * case.batch
        for name, want in expected.items():
            tolerance = 16 * np.sqrt(terms) * unit_roundoff(dtype)
            assert_close(results[name], want, tolerance)


def check_config(case: Case) -> None:
    """The arguments survive JSON, and make a layer that computes the same."""
    layer = built(case)
    assert case.kwargs.keys() <= layer.config().keys()
    written = json.dumps(layer.config())
    again = make_layer(case.layer.__name__, json.loads(written))
    assert json.dumps(again.config()) == written
    assert again.name == "some_name"
    assert repr(again) == repr(layer)
    assert repr(layer).startswith(f"{case.layer.__name__}(")
    again.bind(dtype="float64", seed=5).build(case.input_shape)
    for name, value in layer.state().items():
        again.state()[name][...] = value
    x, r = inputs(case)
    assert_same(step(again, x, r), step(layer, x, r))


def check_copies(case: Case) -> None:
    """deepcopy and pickle give independent layers, without buffers or saved arrays."""
    layer = built(case)
    x, r = inputs(case)
    expected = step(layer, x, r)
    layer.workspace = Workspace()
    layer.forward(x, training=True)
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert again.workspace is None
        assert again.saved is None
        for name, value in again.state().items():
            assert not np.shares_memory(value, layer.state()[name])
        assert_same(step(again, x, r), expected)


def check_initial_weights(case: Case) -> None:
    """Same seed and stream, same weights; another stream, others where random."""

    def weights(seed: int, stream: int) -> dict[str, Array]:
        layer = case.make().bind(dtype="float32", seed=seed, stream=stream)
        layer.build(case.input_shape)
        return layer.state()

    assert_same(weights(3, 4), weights(3, 4))
    if "weight" in weights(3, 4):
        assert (weights(3, 4)["weight"] != weights(3, 6)["weight"]).all()
        assert (weights(3, 4)["weight"] != weights(4, 4)["weight"]).all()


def check_batch_sizes(case: Case) -> None:
    """A batch of 1 and of 0, in inference and in training."""
    layer = built(case)
    x, r = inputs(case)
    y = layer.forward(x)
    assert_close(layer.forward(x[:1]), y[:1], 1e-13)
    assert layer.forward(x[:0]).shape == (0, *case.output_shape)
    if case.least_batch == 1:
        assert step(layer, x[:1], r[:1])["dx"].shape == x[:1].shape
    else:
        with pytest.raises(ValueError, match="more than one value per channel"):
            step(layer, x[:1], r[:1])
    if case.empty:
        results = step(layer, x[:0], r[:0])
        assert results["dx"].shape == x[:0].shape
        for name in layer.named_parameters():
            assert not results[f"d{name}"].any()


def check_determinism(case: Case) -> None:
    """The same bits again, and with 1, 2, 3 threads on every ISA with FMA."""
    for dtype in ("float32", "float64"):
        layer = built(case, dtype)
        x, r = inputs(case, dtype)
        expected = step(layer, x, r)
        assert_same(step(layer, x, r), expected)
        if kernels.backend() == "compiled":
            for count in THREADS:
                with forced(kernels.active_isa(), count):
                    assert_same(step(layer, x, r), expected)
            with forced((fused() or isas())[0], 1):
                expected = step(layer, x, r)
            for name in fused()[1:]:
                for count in THREADS:
                    with forced(name, count):
                        assert_same(step(layer, x, r), expected)


def check_layouts(case: Case) -> None:
    """Read-only, strided, reversed, misaligned, byte-swapped arrays: same result."""
    layer = built(case)
    x, r = inputs(case)
    expected = step(layer, x, r)
    for (name, view), (_, dy) in zip(layouts(x), layouts(r), strict=True):
        before = view.copy(), dy.copy()
        results = step(layer, view, dy)
        for key, want in expected.items():
            assert_exact(np.ascontiguousarray(results[key]), want)
        assert (view == before[0]).all(), name
        assert (dy == before[1]).all(), name
    repeated = np.broadcast_to(x[:1], x.shape)
    assert_exact(layer.forward(repeated), layer.forward(repeated.copy()))
    as_list = layer.forward(x.tolist())
    assert_exact(as_list, layer.forward(x))


def check_memory(case: Case) -> None:
    """Results stay as they are; a workspace is reused, in training only."""
    layer = built(case)
    x, r = inputs(case)
    first = step(layer, x, r)
    kept = {name: array.copy() for name, array in first.items()}
    step(layer, x[::-1], r[::-1])
    assert_same(first, kept)
    layer.workspace = Workspace()
    reused = [step(layer, x, r) for _ in range(2)]
    assert_same(reused[0], first)
    for name in ("y", "dx"):
        ours = not np.shares_memory(reused[0][name], x if name == "y" else r)
        if ours:
            assert np.shares_memory(reused[0][name], reused[1][name])
    assert layer.workspace.nbytes <= 64 * (x.nbytes + r.nbytes + 64)
    training = layer.forward(x, training=True)
    saved = layer.saved
    again = layer.forward(x)
    assert layer.saved is saved
    assert np.shares_memory(again, x) or not np.shares_memory(again, training)
    layer.workspace = None
    assert_exact(again, layer.forward(x))


def check_backward_protocol(case: Case) -> None:
    """backward needs one forward(training=True), the right dy, and gives dx or None."""
    layer = built(case)
    x, r = inputs(case)
    with pytest.raises(RuntimeError, match=r"(?s)^some_name .*Call forward\(training"):
        layer.backward(r)
    layer.forward(x)
    with pytest.raises(RuntimeError, match=r"Call forward\(training=True\) first"):
        layer.backward(r)
    expected = step(layer, x, r)
    with pytest.raises(RuntimeError, match=r"Call forward\(training=True\) first"):
        layer.backward(r)
    layer.random.counter[0] = 0
    layer.forward(x, training=True)
    with pytest.raises(ValueError, match=r"(?s)^some_name .*dy has shape .*Expected"):
        layer.backward(np.zeros((*r.shape, 2)))
    dx = layer.backward(r)  # the refused call changed nothing
    assert dx is not None
    assert_exact(dx, expected["dx"])
    layer.random.counter[0] = 0
    layer.forward(x, training=True)
    assert layer.backward(r, need_dx=False) is None
    for name, p in layer.named_parameters().items():
        assert_exact(p.grad, expected[f"d{name}"])
    if case.least_batch < case.batch:
        layer.forward(x, training=True)
        layer.forward(x[:-1], training=True)
        with pytest.raises(RuntimeError, match="with the batch of this dy"):
            layer.backward(r)


def check_refusals(case: Case) -> None:
    """Wrong input raises with the layer's name, and changes nothing."""
    layer = built(case)
    x, _ = inputs(case)
    before = {name: value.copy() for name, value in layer.state().items()}
    wrong: list[tuple[Any, type[Exception]]] = [
        (x[0, ..., 0] if x.ndim > 2 else x[0], ValueError),
        (3.0, ValueError),
        (np.zeros((2, *case.input_shape[:-1], 0)), ValueError),
        (x > 0, TypeError),
        (x.astype(complex), TypeError),
        (x.astype(object), TypeError),
        (np.full(x.shape, "a"), TypeError),
        (np.ma.masked_array(x, x > 0), TypeError),
        ([[1.0], [1.0, 2.0]], ValueError),
    ]
    if layer.fixed_channels:
        wrong.append((np.concatenate([x, x], axis=-1), ValueError))
    if not layer.accepts_bytes and x.ndim == 4:
        wrong.append((x.astype("uint8"), ValueError))
    if layer.input_axes is None:  # takes any rank: only the batch axis may miss
        wrong[0] = (np.zeros(3), ValueError)
    for bad, error in wrong:
        for training in (False, True):
            with pytest.raises(error, match=r"some_name") as caught:
                layer.forward(bad, training=training)
            assert "Expected" in str(caught.value)
            assert layer.saved is None
    assert_same(layer.state(), before)
    fresh = case.make()
    for bad, error in wrong[:-1]:
        if error is TypeError:
            with pytest.raises(error, match=case.layer.__name__):
                fresh.forward(bad)
            assert not fresh.built
            assert fresh.dtype is None
    with pytest.raises(ValueError, match="already built"):
        layer.build(case.input_shape)


CHECKS: list[Callable[[Case], None]] = [
    check_shapes,
    check_gradient_by_differences,
    check_gradient_by_complex_step,
    check_twins,
    check_config,
    check_copies,
    check_initial_weights,
    check_batch_sizes,
    check_determinism,
    check_layouts,
    check_memory,
    check_backward_protocol,
    check_refusals,
]
