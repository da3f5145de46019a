"""Tests of a network as a whole: can it learn, does it repeat, what does it stand?"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid import kernels
from pellucid.core.layer import Array
from pellucid.debug.samples import drawn_samples
from pellucid.debug.tester_report import Metric, SelfTest
from pellucid.debug.twin import Twin
from pellucid.errors import describe
from pellucid.losses import Loss
from pellucid.optimizers import SGD, Adam

if TYPE_CHECKING:
    from pellucid.model import Sequential

SMALLEST_GRADIENT = 1e-10
FADED = 1e-6
"""Smallest gradient over largest, between the parameters of a network."""
OVERFIT_LOSS = 1e-6
EXTREMES: dict[str, Callable[[Array], Array]] = {
    "inputs of 1e6": lambda x: np.full(x.shape, 1e6),
    "inputs of -1e6": lambda x: np.full(x.shape, -1e6),
    "inputs of 1e-6": lambda x: np.full(x.shape, 1e-6),
    "inputs of deviation 100": lambda x: 100 * x,
}
LARGE = 100.0


class NetworkTester:
    """Tests one model, on copies: the model stays as it is to the bit.

    Parameters
    ----------
    model : Sequential
        Built and compiled.
    x, y : optional
        Samples to test with, as ``train_on_batch`` takes them, the first 10 of them; by
        default drawn ones. What tests reach depends on them.
    seed : int
        Draws samples.

    Raises
    ------
    RuntimeError
        Not built or not compiled.
    TypeError, ValueError
        Data that does not fit, or no data.

    Example
    -------
    >>> import pellucid as pl
    >>> model = pl.Sequential([pl.Dense(16, "relu"), pl.Dense(2)], input_shape=(3,))
    >>> model.compile("adam", "softmax_cross_entropy")
    >>> tester = NetworkTester(model)
    >>> all(metric.passed for metric in tester.test_gradient_flow())
    True
    """

    SAMPLES = 10

    def __init__(
        self, model: Sequential, x: Any = None, y: Any = None, *, seed: int = 0
    ) -> None:
        model.require_built("selftest")
        loss = model.loss
        if (x is None) != (y is None):
            raise TypeError(
                describe(
                    "selftest got x without y" if y is None else "got y without x",
                    "Expected both, or neither",
                    "Pass x and y, or leave both out for drawn samples.",
                )
            )
        if x is None:
            x, y = drawn_samples(model, self.SAMPLES, seed)
        model.door(x).samples(x, y, loss)
        self.model = model
        self.seed = seed
        self.x, self.y = np.asarray(x)[: self.SAMPLES], np.asarray(y)[: self.SAMPLES]
        self.results: dict[str, list[Metric]] = {}

    # Each test ---------------------------------------------------------------------

    def test_initialization(self) -> list[Metric]:
        """Fresh weights: about mean 0, different in every unit, keeping the signal."""
        category, model = "initialization", self.model
        fresh = type(model).from_config(model.config())
        fresh.compile("sgd", model.loss)
        metrics = []
        for name, layer in fresh.walk():
            weight = layer.named_parameters().get("weight")
            if weight is None or layer.children():
                continue
            w = weight.value.astype("float64")
            error = w.std() / math.sqrt(w.size)
            columns = w.reshape(-1, w.shape[-1])
            alike = columns.shape[1] > 1 and (columns == columns[:, :1]).all()
            good = bool(abs(w.mean()) <= 5 * error and not alike)
            measured = f"mean {w.mean():.1e}, deviation {w.std():.1e}"
            advice = f"{name}: leave kernel_initializer out, or use HeNormal()."
            metrics.append(Metric(category, f"{name} weight", good, measured, advice))
        x = np.random.default_rng(self.seed).normal(size=self.x.shape)
        twin = self._twin(fresh, x)
        with twin.running():
            arrays = twin.trace().inputs[1:]
        outputs = [float(array.astype("float64").std()) for array in arrays]
        good = all(0.01 <= size <= 100 for size in outputs)
        measured = f"deviations from {min(outputs):.1e} to {max(outputs):.1e}"
        advice = "The signal fades or grows: use HeNormal() with ReLU, or BatchNorm()."
        metrics.append(Metric(category, "signal is kept", good, measured, advice))
        return self._keep(category, metrics)

    def test_gradient_flow(self) -> list[Metric]:
        """Every parameter gets a finite gradient, not lost on the way back."""
        category, metrics = "gradient flow", []
        norms: list[float] = []
        twin = self._twin(self.model)
        with twin.running():
            gradients = twin.trace().gradients
        for spot, gradient in zip(twin.spots[:-1], gradients, strict=False):
            after = twin.layers[spot.start + 1 : spot.start + 2]
            normalized = [type(layer).__name__ for layer in after] == ["BatchNorm"]
            if spot.name == "bias" and normalized and "." not in spot.layer:
                continue  # the mean takes it out again: its gradient is 0
            norm = float(np.sqrt(np.sum(np.square(gradient.astype("float64")))))
            good = math.isfinite(norm) and norm >= SMALLEST_GRADIENT
            advice = (
                f"{spot.layer}: no gradient arrives; use ReLU instead of sigmoid or "
                "tanh, smaller weights, or BatchNorm()."
            )
            name = f"{spot.layer} {spot.name}"
            metrics.append(Metric(category, name, good, f"norm {norm:.1e}", advice))
            norms.append(norm)
        if norms:
            ratio = min(norms) / max(*norms, SMALLEST_GRADIENT)
            advice = (
                "Gradients fade on the way back: use ReLU, BatchNorm() or Residual."
            )
            good = ratio >= FADED
            measured = f"smallest over largest {ratio:.1e}"
            metrics.append(Metric(category, "they are alike", good, measured, advice))
        return self._keep(category, metrics)

    def test_gradients(self) -> list[Metric]:
        """The gradients are right; see ``Sequential.gradcheck``."""
        found = self.model.gradcheck(self.x[:4], self.y[:4], samples=20)
        good = sum(row.verdict == "passed" for row in found.rows)
        measured = f"{good} of {len(found.rows)} arrays"
        advice = "A gradient is wrong: print(model.gradcheck(x, y)) shows which."
        metric = Metric("gradients", "gradcheck", found.passed, measured, advice)
        return self._keep("gradients", [metric])

    def test_overfitting_capability(self, steps: int = 1000) -> list[Metric]:
        """A copy without dropout and penalties learns 10 samples by heart.

        Adam, with rate 1e-2 and, if that fails, 1e-3, until the loss is below 1e-6.
        """
        category, lowest, taken = "overfitting", math.inf, 0
        for rate in (1e-2, 1e-3):
            model = self._copy()
            model.compile(Adam(rate, beta_2=0.95), _unsmoothed(model.loss))
            for _, layer in model.walk():
                if hasattr(layer, "rate"):
                    layer.rate = 0.0
            for parameter in model.parameters():
                parameter.regularizer = None
            best, count = _train(model, self.x, self.y, steps)
            if best < lowest:
                lowest, taken = best, count
            if lowest < OVERFIT_LOSS:
                break
        advice = (
            "It can't learn 10 samples by heart: check the loss and the last "
            "activation, then use wider layers."
        )
        good = lowest < OVERFIT_LOSS
        measured = f"loss {lowest:.1e} after {taken} steps"
        return self._keep(
            category, [Metric(category, "10 samples", good, measured, advice)]
        )

    def test_numerical_stability(self, num_trials: int = 10) -> list[Metric]:
        """The same bits again: predictions, training steps, any number of threads."""
        category = "repeatability"
        x = self.x
        outputs = {self.model.predict(x).tobytes() for _ in range(max(num_trials, 2))}
        trained = set()
        for threads in (1, 1, 2):
            with _threads(threads):
                model = self._copy()
                _train(model, x, self.y, 3)
                weights = [p.value.tobytes() for p in model.parameters()]
                trained.add((*weights, model.predict(x).tobytes()))
        advice = "Results differ between runs: look for own layers that draw numbers."
        counts = {
            "predictions": len(outputs),
            "training, 1 and 2 threads": len(trained),
        }
        return self._keep(
            category,
            [
                Metric(
                    category,
                    name,
                    n == 1,
                    "equal bits" if n == 1 else f"{n} different results",
                    advice,
                )
                for name, n in counts.items()
            ],
        )

    def test_extreme_inputs(self) -> list[Metric]:
        """Very large, very small and widely spread inputs give finite numbers."""
        advice = "Extreme inputs overflow: scale them, or begin with BatchNorm()."
        random = np.random.default_rng(self.seed).normal(size=self.x.shape)
        metrics = [
            self._finite("extreme inputs", name, self.model, change(random), advice)
            for name, change in EXTREMES.items()
        ]
        return self._keep("extreme inputs", metrics)

    def test_large_weights(self) -> list[Metric]:
        """Weights 100 times as large: finite numbers, and clipping bounds the step."""
        category = "large weights"
        model = self._copy()
        for parameter in model.parameters():
            parameter.value *= parameter.value.dtype.type(LARGE)
        advice = "Large weights overflow: add BatchNorm(), or pass clip_norm=1.0."
        metrics = [self._finite(category, "weights x 100", model, self.x, advice)]
        model.compile(SGD(1.0, clip_norm=1.0), model.loss)
        before = [p.value.astype("float64") for p in model.parameters()]
        try:
            model.train_on_batch(self.x, self.y)
        except ArithmeticError as error:
            norm, measured = math.inf, str(error).splitlines()[0][:60]
        else:
            moved = [
                np.sum((p.value - old) ** 2)
                for p, old in zip(model.parameters(), before, strict=True)
            ]
            # A weight of 1000 is stored to half a unit in its last place.
            slack = sum(np.sum((2e-7 * old) ** 2) for old in before)
            norm = math.sqrt(max(float(sum(moved)) - float(slack), 0.0))
            measured = f"norm of the step {math.sqrt(float(sum(moved))):.3g}"
        good = norm <= 1.01
        metrics.append(
            Metric(category, "clip_norm=1 bounds the step", good, measured, advice)
        )
        return self._keep(category, metrics)

    # Together ----------------------------------------------------------------------

    TESTS = (
        *("test_initialization", "test_gradient_flow", "test_gradients"),
        *("test_overfitting_capability", "test_numerical_stability"),
        *("test_extreme_inputs", "test_large_weights"),
    )

    def run(self) -> SelfTest:
        """Run every test and return the report."""
        for name in self.TESTS:
            try:
                getattr(self, name)()
            except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
                category = name.removeprefix("test_").replace("_", " ")
                reason = str(error).splitlines()[0]
                failed = Metric(
                    category, "runs", False, reason[:60], f"{category}: {reason}"
                )
                self._keep(category, [failed])
        return self.generate_test_report()

    def generate_test_report(self) -> SelfTest:
        """The report of the tests that have run so far."""
        metrics = [one for found in self.results.values() for one in found]
        return SelfTest(
            metrics, [name for name, found in self.results.items() if not found]
        )

    def _keep(self, category: str, metrics: list[Metric]) -> list[Metric]:
        self.results[category] = metrics
        return metrics

    def _copy(self) -> Sequential:
        return copy.deepcopy(self.model)

    def _twin(self, model: Sequential, x: Array | None = None) -> Twin:
        """The layers of a model in its own number type, under its loss."""
        data = model.door(self.x if x is None else x).samples(
            self.x if x is None else x, self.y, model.loss
        )
        loss, skip_last = model.training_loss()

        def objective(y: Array) -> tuple[Any, Array]:
            value, gradient = loss.value_and_gradient(y, data.y)
            return value[0], gradient

        return Twin(
            model.layers, data.x, objective, skip_last=skip_last, dtype=model.dtype
        )

    def _finite(
        self, category: str, name: str, model: Sequential, x: Array, advice: str
    ) -> Metric:
        """Output and gradients on x are finite numbers."""
        try:
            twin = self._twin(model, x)
            with twin.running():
                y, trace = model.predict(x), twin.trace()
        except ArithmeticError as error:
            return Metric(category, name, False, str(error).splitlines()[0], advice)
        largest = float(np.abs(y).max(initial=0.0))
        gradient = max(
            (float(np.abs(g).max(initial=0.0)) for g in trace.gradients), default=0.0
        )
        good = all(np.isfinite(array).all() for array in (y, *trace.gradients))
        measured = f"largest output {largest:.1e}, gradient {gradient:.1e}"
        return Metric(category, name, bool(good), measured, advice)


def selftest(
    model: Sequential, x: Any = None, y: Any = None, *, seed: int = 0
) -> SelfTest:
    """Test whether a network can learn, repeats itself and stands extreme numbers.

    Initial weights, gradient flow, gradient check, learning 10 samples by heart (loss
    below 1e-6 within 1000 steps), repeatability to the bit, inputs of 1e6, -1e6, 1e-6
    and of deviation 100, weights 100 times as large. Everything runs on copies.

    Parameters
    ----------
    model, x, y, seed
        As ``NetworkTester`` takes them.

    Returns
    -------
    SelfTest
        Prints as a table; ``all_passed``, ``success_rate``, ``recommendations``.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As ``NetworkTester``.

    Example
    -------
    >>> import pellucid as pl
    >>> model = pl.Sequential([pl.Dense(32, "relu"), pl.Dense(2)], input_shape=(3,),
    ...                       seed=0)
    >>> model.compile("adam", "softmax_cross_entropy")
    >>> selftest(model)
    <SelfTest: 18 of 18 tests passed>
    """
    return NetworkTester(model, x, y, seed=seed).run()


def _unsmoothed(loss: Loss) -> Loss:
    """The same loss with its smallest value at 0."""
    if getattr(loss, "label_smoothing", 0.0):
        return type(loss)(**{**loss.config(), "label_smoothing": 0.0})
    return loss


def _train(model: Sequential, x: Array, y: Array, steps: int) -> tuple[float, int]:
    """Train until the loss is small; return the smallest loss and the steps taken."""
    lowest = math.inf
    for step in range(1, steps + 1):
        try:
            lowest = min(lowest, model.train_on_batch(x, y)["loss"])
        except ArithmeticError:
            return lowest, step
        if lowest < OVERFIT_LOSS:
            return lowest, step
    return lowest, steps


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = kernels.get_num_threads()
    kernels.set_num_threads(count)
    try:
        yield
    finally:
        kernels.set_num_threads(before)
