"""A model whose layers stand in a row."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from pellucid.core.layer import Layer
from pellucid.model import state
from pellucid.model.compiled import Compiled
from pellucid.model.finder import RateSearch, find_learning_rate
from pellucid.model.fit import FitLoop
from pellucid.model.history import History
from pellucid.model.inference import BATCH_SIZE, check_batch_size, evaluate_samples
from pellucid.model.options import check_options
from pellucid.model.prepare import prepare
from pellucid.model.summary import Summary, summarize
from pellucid.model.training import TrainingStep

if TYPE_CHECKING:
    from pellucid.debug import Diagnosis, GradientCheck, Profile


class Sequential(Compiled):
    """Layers in a row, with what it takes to train and to use them.

    Parameters
    ----------
    layers : sequence of Layer
    input_shape : tuple of int, optional
        Shape of one sample. Without it the first ``fit``, ``train_on_batch`` or
        ``forward`` decides.
    dtype : {"float32", "float64"}
    data_format : {"channels_last", "channels_first"}
        How images come in and go out; inside, and in ``state_dict``, channels are last.
    seed : int, optional
        0 <= seed < 2**32. Decides initial weights, dropout, shuffling and splits. None
        draws one; ``model.seed`` tells it.

    Raises
    ------
    ValueError
        Shapes that do not chain, a layer or a name that comes twice, a seed out of
        range.
    TypeError
        Something that is not a Layer.

    Example
    -------
    >>> from pellucid.layers import Dense
    >>> model = Sequential([Dense(4, activation="relu"), Dense(1)], input_shape=(2,))
    >>> model.compile(optimizer="adam", loss="mse")
    >>> history = model.fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], verbose=0)
    >>> model.predict([[0, 1]]).shape
    (1, 1)
    """

    def __init__(
        self,
        layers: Iterable[Layer] = (),
        *,
        input_shape: int | Sequence[int] | None = None,
        dtype: str = "float32",
        data_format: str = "channels_last",
        seed: int | None = None,
    ) -> None:
        super().__init__(
            layers,
            input_shape=input_shape,
            dtype=dtype,
            data_format=data_format,
            seed=seed,
        )

    def summary(self) -> Summary:
        """Print a table of the layers, and return it.

        Columns: layer, output shape, parameters, MFLOP for one sample (2 per
        multiply-add); at the end the bytes of all parameters.

        Raises
        ------
        RuntimeError
            Not built.

        Example
        -------
        >>> from pellucid.layers import Dense
        >>> table = Sequential([Dense(2)], input_shape=(3,)).summary()
        layer     output   parameters   MFLOP/sample
        dense_1   (2,)              8          0.000
        total                       8          0.000   32 B
        """
        self.require_built("summary")
        table = summarize(self)
        print(table)
        return table

    def _repr_html_(self) -> str:
        from pellucid.model.html import model_html

        return model_html(self)

    # Training ------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: Any = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | str | None = None,
        sample_weight: ArrayLike | None = None,
        callbacks: Any = (),
        verbose: int | str = "auto",
        accumulate_steps: int = 1,
        on_nan: str = "raise",
        resume: str | os.PathLike[str] | None = None,
    ) -> History:
        """Train; a second call goes on where the first ended.

        Parameters
        ----------
        x : array_like (n, ...) or iterable of batches
            Samples; or batches ``(x, y)`` or ``(x, y, weight)`` with a length, without
            y. What has ``set_epoch(epoch)``, as ``pellucid.data.Batches``, is told
            which epoch comes. A ``np.memmap`` is read batch by batch; its file
            must not shrink meanwhile.
        y : array_like
            Targets: class labels from 0, one-hot rows, or values, as the loss wants.
        epochs : int
            Passes over the data; 0 trains nothing.
        batch_size : int
            Samples per step; 0 takes all at once. With BatchNorm a last batch of one
            sample joins the batch before it.
        validation_data : tuple, optional
            ``(x, y)`` or ``(x, y, weight)``, evaluated after every epoch.
        validation_split : float
            Or this share of the samples, drawn by the model's seed, the same in every
            call.
        shuffle : bool
            Draw the samples in a new order in every epoch.
        class_weight : dict or "balanced", optional
            Weight of each class in the training loss.
        sample_weight : array_like (n,), optional
            Weight of each sample in the loss: sum(w * l) / n.
        callbacks : sequence of Callback
        verbose : {"auto", 0, 1}
            0 is silent, 1 draws a progress bar, "auto" a bar on a terminal and one
            line per epoch elsewhere; all on standard error.
        accumulate_steps : int
            Update once in so many batches, with their gradient together.
        on_nan : {"raise", "stop", "ignore"}
            What to do when the loss or a gradient is NaN or infinite. "raise" and
            "stop" keep the weights of the last good step.
        resume : path, optional
            A file of ``ModelCheckpoint``, or of ``save``, with the training state of
            this model. Training goes on from there to the bit, as if it had not been
            interrupted; ``epochs`` is then the number of epochs in all, those in the
            file included.

        Returns
        -------
        History

        Raises
        ------
        RuntimeError
            Not compiled, already training (in a callback or another thread), or all
            layers are frozen.
        TypeError, ValueError
            Arguments or data that do not fit; nothing has changed then.
        NumericsError
            The loss or a gradient is not finite.

        Example
        -------
        >>> import pellucid as pl
        >>> (x, y), _ = pl.data.load_digits()
        >>> model = pl.mlp([64, 32, 10], seed=0)
        >>> model.compile("adam", "softmax_cross_entropy", ["accuracy"])
        >>> history = model.fit(x.reshape(-1, 64), y, epochs=3, verbose=0)
        >>> list(history.history), history.epoch
        (['loss', 'accuracy', 'learning_rate', 'seconds'], [0, 1, 2])
        """
        with self.training("fit"):
            self.require_layers("fit")
            self._require_compiled()
            options = check_options(
                epochs=epochs,
                batch_size=batch_size,
                validation_split=validation_split,
                shuffle=shuffle,
                callbacks=callbacks,
                verbose=verbose,
                accumulate_steps=accumulate_steps,
                on_nan=on_nan,
            )
            checkpoint = None
            if resume is not None:
                from pellucid.io import load_checkpoint, read_checkpoint

                checkpoint = read_checkpoint(resume)
            data = prepare(
                self,
                options,
                x,
                y,
                seed=self.seed if checkpoint is None else checkpoint.seed,
                validation_data=validation_data,
                class_weight=class_weight,
                sample_weight=sample_weight,
            )
            self._step = None
            if checkpoint is None:
                return FitLoop(self, options, data).run()
            undo = state.undoing(self)
            load_checkpoint(self, checkpoint)
            return FitLoop(self, options, data).run(undo)

    def find_learning_rate(
        self,
        x: Any,
        y: Any = None,
        *,
        start: float = 1e-6,
        stop: float = 10.0,
        steps: int = 100,
        batch_size: int = 32,
    ) -> RateSearch:
        """Try growing learning rates, one a step, and suggest one to begin with.

        A copy of the model trains: the model itself does not change. The search ends
        early when the loss has grown to several times its best.

        Parameters
        ----------
        x, y
            As ``fit`` takes them.
        start, stop : float
            The first and the last rate; they grow by the same factor every step.
        steps : int
            At least 2.
        batch_size : int
            As in the training to come: the best rate depends on it.

        Returns
        -------
        RateSearch
            With ``rates``, ``losses``, ``smoothed`` and ``suggestion``.

        Raises
        ------
        RuntimeError, TypeError, ValueError
            As ``fit``.
        NumericsError
            The loss is not finite at the smallest rate.

        Example
        -------
        >>> import pellucid as pl
        >>> x, y = pl.data.make_moons(200, seed=0)
        >>> model = pl.mlp([2, 16, 2], seed=0)
        >>> model.compile("adam", "softmax_cross_entropy")
        >>> search = model.find_learning_rate(x, y)
        >>> 1e-4 < search.suggestion < 1
        True

        Source
        ------
        Smith (2017), Cyclical learning rates for training neural networks.
        """
        self.require_layers("find_learning_rate")
        self._require_compiled()
        return find_learning_rate(
            self, x, y, start=start, stop=stop, steps=steps, batch_size=batch_size
        )

    def diagnose(
        self,
        x: Any,
        y: Any = None,
        *,
        validation_data: Any = None,
        batch_size: int = 32,
        steps: int = 200,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | str | None = None,
    ) -> Diagnosis:
        """Say in plain words why training does not work, or that nothing is wrong.

        Rules look at layers, loss, optimizer and data. Where they find no error, a
        copy of the model trains for some steps, watched; where it does not learn,
        further copies try other learning rates. The model itself does not change.

        Parameters
        ----------
        x, y
            As ``fit`` takes them.
        validation_data : tuple, optional
            ``(x, y)``. Without it a fifth of the samples is kept from training, when
            there are at least 50, to see what is learnt by heart.
        batch_size, shuffle, class_weight
            As they will be given to ``fit``.
        steps : int
            Training steps to watch.

        Returns
        -------
        Diagnosis
            ``print`` it; ``findings`` has each one's level, place, evidence, a line
            of code to try, and how sure it is.

        Raises
        ------
        RuntimeError, TypeError, ValueError
            Not compiled, no layers, no data, y missing, an argument out of range.

        Example
        -------
        >>> from pellucid.layers import Dense
        >>> model = Sequential([Dense(2, activation="softmax")], seed=0)
        >>> model.compile("adam", "softmax_cross_entropy")
        >>> report = model.diagnose([[0.0], [1.0]], [0, 1])
        >>> report.findings[0].title, report.findings[0].repair
        ('softmax before a loss that expects logits', \
'model.layers[-1].activation = None')
        """
        from pellucid.debug import diagnose

        return diagnose(
            self,
            x,
            y,
            validation_data=validation_data,
            batch_size=batch_size,
            steps=steps,
            shuffle=shuffle,
            class_weight=class_weight,
        )

    def profile(
        self,
        x: Any,
        y: Any = None,
        *,
        sample_weight: ArrayLike | None = None,
        seconds: float = 1.0,
    ) -> Profile:
        """Measure one training step layer by layer, and against this machine.

        A copy of the model takes the steps: the model itself does not change.

        Parameters
        ----------
        x, y, sample_weight
            One batch, as ``fit`` takes it; all its samples go through each step.
        seconds : float
            About how long to repeat the step.

        Returns
        -------
        Profile
            Shows itself as a table. Per layer, forward and backward: time, share,
            FLOPs (2 per multiply-add) and bytes, percent of the multiply-add peak and
            of the copy bandwidth measured beside, what bounds it, the algorithm;
            ``advice`` in words, ``to_json()``, ``plot()`` for the roofline.

        Raises
        ------
        RuntimeError, TypeError, ValueError, NumericsError
            As ``fit``.

        Example
        -------
        >>> from pellucid.layers import Dense
        >>> model = Sequential([Dense(8, "relu"), Dense(1)], input_shape=(4,), seed=0)
        >>> model.compile("adam", "mse")
        >>> profile = model.profile([[1.0, 2, 3, 4]], [[1.0]], seconds=0.01)
        >>> [row.name for row in profile.rows], profile.rows[0].forward.flops
        (['dense_1', 'dense_2'], 64)

        Source
        ------
        Williams, Waterman, Patterson (2009), Roofline: an insightful visual performance
        model for multicore architectures.
        """
        from pellucid.debug.profiler import profile

        self.require_layers("profile")
        self._require_compiled()
        return profile(self, x, y, sample_weight=sample_weight, seconds=seconds)

    def train_on_batch(
        self, x: Any, y: Any, sample_weight: ArrayLike | None = None
    ) -> dict[str, float]:
        """Take one step and return the loss and the metrics of this batch.

        Raises
        ------
        RuntimeError, TypeError, ValueError, NumericsError
            As ``fit``.

        Example
        -------
        >>> from pellucid.layers import Dense
        >>> model = Sequential([Dense(1, kernel_initializer="zeros")], seed=0)
        >>> model.compile("sgd", "mse", ["mae"])
        >>> model.train_on_batch([[1.0], [2.0]], [1.0, 3.0])
        {'loss': 5.0, 'mean_absolute_error': 2.0}
        """
        with self.training("train_on_batch"):
            self.require_layers("train_on_batch")
            self._require_compiled()
            door = self.door(x)
            data = door.samples(x, y, self.loss, sample_weight)
            self.build_for(door)
            frozen = [p.trainable for p in self.store.parameters]
            if self._step is None or frozen != self._step.trainable:
                self._step = TrainingStep(self)
            step = self._step
            features = data.x
            if features.dtype != self.dtype and not self._layers[0].accepts_bytes:
                features = features.astype(self.dtype)
            with step.interrupts.watching():
                values = {"loss": step.run(features, data.y, data.weights)}
                if self._metrics:
                    prediction = step.metric_prediction()
                    for metric in self._metrics:
                        metric.reset()
                        metric.update(data.y, prediction)
                        values[metric.name] = metric.result()
            return values

    # Use -----------------------------------------------------------------------

    def evaluate(
        self,
        x: Any,
        y: Any,
        *,
        sample_weight: ArrayLike | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> dict[str, float]:
        """Loss (penalties included) and metrics, exact over all samples.

        Raises
        ------
        RuntimeError
            Not built or not compiled.
        TypeError, ValueError
            Data that does not fit, or no data.

        Example
        -------
        >>> from pellucid.layers import Dense
        >>> model = Sequential([Dense(1, kernel_initializer="zeros")], input_shape=(1,))
        >>> model.compile("sgd", "mse")
        >>> model.evaluate([[1.0], [2.0]], [1.0, 3.0])
        {'loss': 5.0}
        """
        self.require_built("evaluate")
        self._require_compiled()
        size = check_batch_size(batch_size)
        data = self.door(x).samples(x, y, self.loss, sample_weight)
        return evaluate_samples(self, data, size)

    # See inside ----------------------------------------------------------------

    def gradcheck(
        self,
        x: Any,
        y: Any,
        *,
        sample_weight: ArrayLike | None = None,
        samples: int = 300,
        seed: int = 0,
    ) -> GradientCheck:
        """Prove the gradients of every parameter and of the input, on a few samples.

        A float64 twin of the model (same weights, frozen dropout masks) computes the
        gradients with the kernels in use; they are held against

        central differences, (L(a + h) - L(a - h)) / 2h with h = 5e-6 max(1, |a|), to
        1e-7, and a complex step on the reference kernels, Im L(a + 1e-30 i) / 1e-30, to
        1e-12, both relative to the largest gradient of the array. Where differences
        disagree because of a kink (ReLU at 0, a tie in max pooling), the report says
        so. Every layer's float32 results are then held against float64 by the bound of
        ``pellucid.debug.single.compare_singles``. The model stays as it is.

        Parameters
        ----------
        x, y
            As ``train_on_batch`` takes them; about 8 samples are enough.
        sample_weight : array_like (n,), optional
        samples : int
            Elements of each array that are checked, where it has more.
        seed : int
            Draws them.

        Returns
        -------
        GradientCheck
            Prints as a table; ``passed``, ``rows``, ``failures``, ``to_json()``.

        Raises
        ------
        RuntimeError
            Not built or not compiled.
        TypeError, ValueError
            Data that does not fit, or no data.

        Example
        -------
        >>> from pellucid.layers import Dense
        >>> model = Sequential([Dense(3, "tanh"), Dense(1)], input_shape=(2,), seed=0)
        >>> model.compile("adam", "mse")
        >>> model.gradcheck([[1.0, 2.0]], [3.0]).passed
        True
        """
        from pellucid.debug.gradcheck import check_model

        return check_model(
            self, x, y, sample_weight=sample_weight, samples=samples, seed=seed
        )

    # Files and copies ----------------------------------------------------------

    def save(
        self, path: str | os.PathLike[str], include_optimizer: bool = True
    ) -> None:
        """Write the model to a safetensors file; see ``load_model``."""
        self.require_built("save")
        from pellucid.io import save_model

        save_model(self, path, include_optimizer)

    def save_weights(self, path: str | os.PathLike[str]) -> None:
        """Write the weights alone to a safetensors file."""
        self.require_built("save_weights")
        from pellucid.io import save_weights

        save_weights(self, path)

    def load_weights(self, path: str | os.PathLike[str]) -> None:
        """Read weights from a file; one that does not fit changes nothing."""
        self.require_built("load_weights")
        from pellucid.io import load_weights

        load_weights(self, path)
