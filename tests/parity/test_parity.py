"""Every layer, loss, optimizer and schedule equals PyTorch's, on random configurations.

The tables are in the modules beside this file.
"""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import numpy as np
import pytest

import pellucid as pl
from tests.parity import activations, convolutions, layers, losses, optimizers
from tests.parity.compare import (
    CONFIGURATIONS,
    STEPS,
    WORST,
    arithmetic,
    assert_agrees,
    every_dtype,
    generators,
    leaf,
    torch,
)

LAYERS = layers.row | activations.row | convolutions.row
# A row comes to life with the layer's public name.
LAYERS = {name: draw for name, draw in LAYERS.items() if name in pl.__all__}
EXCEPTIONS = {name for name in layers.EXCEPTIONS if name in pl.__all__}


@every_dtype
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, dtype):
    with arithmetic(dtype):
        for random in generators(name):
            drawn = LAYERS[name](random)
            assert type(drawn.layer).__name__ == name
            compare_layer(drawn, random, dtype)


def compare_layer(drawn, random, dtype):
    layer = drawn.layer.bind(dtype=dtype, seed=0, name="own")
    layer.build(drawn.input_shape)
    for key, value in layer.state().items():
        value[...] = random.uniform(-1, 1, value.shape)
        if key.endswith("variance"):
            value[...] = 0.5 + np.abs(value)
    p = {key: torch.tensor(value) for key, value in layer.state().items()}
    for key in layer.named_parameters():
        p[key].requires_grad = True
    n = int(random.integers(2, 6))
    x = random.normal(size=(n, *drawn.input_shape)).astype(dtype)
    place = f"{layer!r} on {x.shape}"
    tensor = leaf(x)
    want = drawn.torch(tensor, p)
    y = layer.forward(x, training=drawn.training)
    assert_agrees(y, want, "outputs", f"{place}: output")
    if not drawn.training:
        return
    dy = random.normal(size=y.shape).astype(dtype)
    want.backward(torch.tensor(dy))
    dx = layer.backward(dy)
    assert_agrees(dx, tensor.grad, "input gradients", f"{place}: dx")
    for key, parameter in layer.named_parameters().items():
        what = f"{place}: gradient of {key}"
        assert_agrees(parameter.grad, p[key].grad, "parameter gradients", what)
    for key, value in layer.state().items():
        assert_agrees(value, p[key], "states", f"{place}: {key}")


@every_dtype
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", losses.row)
def test_losses(name, reduction, weighted, dtype):
    with arithmetic(dtype):
        for random in generators(name):
            drawn = losses.row[name](random, reduction)
            assert type(drawn.loss).__name__ == name
            prediction = drawn.prediction.astype(dtype)
            targets = drawn.targets
            if targets.dtype.kind == "f":
                targets = targets.astype(dtype)
            weights = random.random(len(prediction)).astype(dtype) if weighted else None
            checked = drawn.loss.check(targets, prediction.shape[1:], dtype=dtype)
            value, gradient = drawn.loss.value_and_gradient(
                prediction, checked, weights=weights
            )
            tensor = leaf(prediction)
            each = drawn.torch(tensor, torch.tensor(targets))
            count = each.numel() if reduction == "mean" else 1
            if weighted:
                each = each * torch.tensor(weights).reshape(-1, *[1] * (each.ndim - 1))
            want = each.sum() / count
            want.backward()
            what = f"{drawn.loss!r} on {prediction.shape}"
            assert_agrees(value.astype(dtype), want[None], "losses", f"{what}: value")
            assert_agrees(
                gradient, tensor.grad, "gradients of losses", f"{what}: gradient"
            )


@every_dtype
@pytest.mark.parametrize("name", optimizers.optimizer)
def test_optimizers(name, dtype):
    with arithmetic(dtype):
        for number, random in enumerate(generators(name)):
            own, make = optimizers.optimizer[name](random)
            assert type(own).__name__ == name
            compare_optimizer(own, make, random, dtype, number)


@every_dtype
@pytest.mark.parametrize("name", optimizers.optimizer)
def test_default_arguments_of_optimizers(name, dtype):
    with arithmetic(dtype):
        own, make = getattr(pl, name)(), getattr(torch.optim, name)
        compare_optimizer(own, make, np.random.default_rng(0), dtype, 0)


def compare_optimizer(own, make, random, dtype, number):
    value = random.normal(size=101).astype(dtype)
    grad = np.zeros_like(value)
    tensor = leaf(value)
    theirs = make([tensor])
    limit = [None, 0.5, 20.0][number % 3]
    own.clip_norm = limit
    own.clip_value = most = [None, None, 0.7][number % 3 - 1]
    own.build(value, grad)
    for _ in range(STEPS):
        grad[:] = random.normal(size=grad.size)
        tensor.grad = torch.tensor(grad)
        if most is not None:
            torch.nn.utils.clip_grad_value_([tensor], most)
        if limit is not None:
            torch.nn.utils.clip_grad_norm_([tensor], limit)
        own.step()
        theirs.step()
    what = f"{own!r} after {STEPS} steps"
    assert_agrees(value, tensor, f"{STEPS} steps of optimizers", what)


@pytest.mark.parametrize("name", optimizers.schedule)
def test_schedules(name):
    with arithmetic("float64"):
        for random in generators(name):
            own, make = optimizers.schedule[name](random)
            assert type(own).__name__ == name
            start = getattr(own, "learning_rate", None) or own.after
            theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], start)
            scheduler = make(theirs)
            want = []
            for _ in range(STEPS):
                want.append(theirs.param_groups[0]["lr"])
                theirs.step()
                scheduler.step()
            got = np.array([own(t) for t in range(STEPS)])
            assert_agrees(got, np.array(want), f"{STEPS} rates", repr(own))


def test_reductions_on_a_plateau():
    """PyTorch waits for more than `patience` bad epochs; pellucid, as Keras, for it."""
    reductions = 0
    for random in generators("ReduceLROnPlateau"):
        patience = int(random.integers(1, 8))
        words = {"factor": random.uniform(0.1, 0.9), "cooldown": random.integers(4)}
        words |= {"mode": ["min", "max"][random.integers(2)]}
        delta, least = [(0.0, 0.0), (0.05, 0.01)][random.integers(2)]
        own = pl.ReduceLROnPlateau(
            "loss", patience=patience, min_delta=delta, min_learning_rate=least, **words
        )
        own.model = SimpleNamespace(optimizer=pl.SGD(0.1))
        own.on_train_begin({})
        theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            theirs,
            patience=patience - 1,
            threshold=delta,
            threshold_mode="abs",
            min_lr=least,
            eps=0.0,
            **words,
        )
        trend = 0.02 if words["mode"] == "max" else -0.02
        got, want = [], []
        for epoch in range(STEPS):
            value = trend * epoch + 0.3 * random.normal()
            own.on_epoch_end(epoch, {"loss": value})
            scheduler.step(value)
            got.append(own.model.optimizer.learning_rate)
            want.append(theirs.param_groups[0]["lr"])
        reductions += len(set(want)) - 1
        assert got == pytest.approx(want, rel=1e-12)
    assert reductions > CONFIGURATIONS


def public_classes(module, base):
    """Names of the classes of a module that a user can take from `pellucid`."""
    return {
        thing.__name__
        for name, thing in vars(module).items()
        if inspect.isclass(thing) and issubclass(thing, base) and thing is not base
        if name in pl.__all__
    }


@pytest.mark.parametrize(
    ("module", "base", "rows", "exceptions"),
    [
        (pl.layers, pl.Layer, LAYERS, EXCEPTIONS),
        (pl.losses, pl.losses.Loss, losses.row, losses.EXCEPTIONS),
        (
            pl.optimizers,
            pl.optimizers.Optimizer,
            optimizers.optimizer,
            optimizers.EXCEPTIONS,
        ),
        (pl.schedules, pl.schedules.Schedule, optimizers.schedule, {}),
    ],
    ids=["layers", "losses", "optimizers", "schedules"],
)
def test_everything_public_has_a_row(module, base, rows, exceptions):
    names = public_classes(module, base)
    assert len(names) >= 8
    assert names == {*rows, *exceptions}, "add a row, or a reason why there is none"
    assert not {*rows} & {*exceptions}


def test_the_bars():
    assert CONFIGURATIONS >= 30
    assert STEPS == 50
    assert set(WORST) == {"float64", "float32"}


@every_dtype
def test_a_deviation_above_the_tolerance_fails(dtype):
    limit = {"float64": 1e-9, "float32": 1e-4}[dtype]
    want = np.array([1.0, -50.0], dtype)
    near, far = want.copy(), want.copy()
    near[0] += 40 * limit
    far[0] += 60 * limit
    assert_agrees(near, want, "comparison itself", "near")
    for bad in (far, near[:1], np.array([np.nan, -50.0], dtype)):
        with pytest.raises(AssertionError, match="here"):
            assert_agrees(bad, want, "comparison itself", "here")
    del WORST[dtype]["comparison itself"]
