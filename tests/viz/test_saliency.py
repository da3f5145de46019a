"""Saliency and Grad-CAM against gradients written down by hand."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from pellucid.viz import grad_cam, plot_grad_cam, plot_saliency, saliency

WEIGHT = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
LAST = np.array([[1.0, 2.0], [-3.0, 4.0], [5.0, -6.0]])


def two_layers(activation: str | None = None, *between: pl.Layer) -> pl.Sequential:
    """y = relu(x W) V, whole numbers all."""
    layers = [
        pl.Dense(3, "relu", use_bias=False),
        *between,
        pl.Dense(2, activation, use_bias=False),
    ]
    model = pl.Sequential(layers, input_shape=(2,), seed=0)
    model.load_state_dict(
        model.state_dict() | {"dense_1.weight": WEIGHT, "dense_2.weight": LAST}
    )
    return model


def by_hand(x: np.ndarray, target: int) -> np.ndarray:
    open_ = x @ WEIGHT > 0
    return np.abs(WEIGHT @ (open_ * LAST[:, target]))


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("activation", [None, "softmax", "log_softmax"])
def test_saliency_of_a_score(target: int, activation: str | None) -> None:
    x = np.array([[1.0, 1.0], [1.0, -1.0], [-2.0, 1.0]])
    found = saliency(two_layers(activation), x, target)
    assert found.tolist() == [by_hand(row, target).tolist() for row in x]


def test_one_column_behind_a_sigmoid() -> None:
    layers = [pl.Dense(1, use_bias=False), pl.Sigmoid()]
    model = pl.Sequential(layers, input_shape=(2,))
    model.load_state_dict({"dense_1.weight": [[3.0], [-4.0]]})
    assert saliency(model, [[1.0, 1.0], [0.0, 0.0]]).tolist() == [[3, 4], [3, 4]]


def test_the_largest_output_is_explained_by_default() -> None:
    x = np.array([[1.0, 1.0], [1.0, -1.0], [-2.0, 1.0]])
    model = two_layers()
    chosen = model.predict_classes(x)
    assert set(chosen) == {0, 1}
    pairs = zip(x, chosen, strict=True)
    expected = [by_hand(row, target).tolist() for row, target in pairs]
    assert saliency(model, x).tolist() == expected
    assert saliency(model, x, chosen).tolist() == expected


def test_dropout_does_nothing_and_nothing_changes() -> None:
    x = np.array([[1.0, 1.0], [1.0, -1.0]])
    plain = saliency(two_layers(), x, 0)
    model = two_layers(None, pl.Dropout(0.9))
    counters = [layer.random.counter.copy() for _, layer in model.walk()]
    assert (saliency(model, x, 0) == plain).all()
    assert model.layers[1].rate == 0.9
    for (_, layer), before in zip(model.walk(), counters, strict=True):
        assert (layer.random.counter == before).all()
        assert layer.saved is None


def test_batch_norm_uses_its_running_statistics() -> None:
    norm = pl.BatchNorm(epsilon=1.0)
    model = pl.Sequential(
        [norm, pl.Dense(1, use_bias=False)], input_shape=(2,), dtype="float64"
    )
    state = {
        "batch_norm_1.gamma": [2.0, 3.0],
        "batch_norm_1.beta": [1.0, 1.0],
        "batch_norm_1.running_mean": [5.0, 6.0],
        "batch_norm_1.running_variance": [3.0, 8.0],
        "dense_1.weight": [[7.0], [-10.0]],
    }
    model.load_state_dict(state)
    # gamma / sqrt(variance + 1) * weight: 2 / 2 * 7 and 3 / 3 * 10.
    assert saliency(model, [[1.0, 1.0], [9.0, 9.0]]).tolist() == [[7, 10], [7, 10]]
    assert norm.trainable
    kept = model.state_dict()
    assert all((kept[name] == value).all() for name, value in state.items())


def test_the_largest_channel_of_a_pixel_counts() -> None:
    model = pl.Sequential(
        [pl.Flatten(), pl.Dense(1, use_bias=False)], input_shape=(1, 2, 3)
    )
    weight = [[1.0], [-5.0], [2.0], [0.0], [3.0], [4.0]]
    model.load_state_dict({"dense_1.weight": weight})
    assert saliency(model, np.zeros((1, 2, 3))).tolist() == [[[5, 4]]]


def test_bytes_go_through_rescaling() -> None:
    layers = [pl.Rescaling(0.5), pl.Flatten(), pl.Dense(1, use_bias=False)]
    model = pl.Sequential(layers, input_shape=(1, 2, 1))
    model.load_state_dict({"dense_1.weight": [[6.0], [-8.0]]})
    x = np.array([3, 250], np.uint8).reshape(1, 1, 2, 1)
    assert saliency(model, x).tolist() == [[[3, 4]]]


def classifier(*between: pl.Layer, data_format: str = "channels_last") -> pl.Sequential:
    """A 1 x 1 convolution to 2 maps, their means, 2 scores."""
    shape = (2, 2, 1) if data_format == "channels_last" else (1, 2, 2)
    model = pl.Sequential(
        [
            pl.Conv2D(2, 1, use_bias=False),
            *between,
            pl.GlobalAvgPool2D(),
            pl.Dense(2, use_bias=False),
        ],
        input_shape=shape,
        data_format=data_format,
    )
    model.load_state_dict(
        {
            "conv2d_1.weight": np.array([1.0, -2.0]).reshape(1, 1, 1, 2),
            "dense_1.weight": [[8.0, -4.0], [4.0, 12.0]],
        }
    )
    return model


X = np.array([[1.0, -2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)


def test_grad_cam_by_hand() -> None:
    # A = (x, -2 x); dS/dA[k] = V[k, target] / 4 at every place, so a = (2, 1) for
    # target 0, (-1, 3) for target 1.
    maps = X[..., 0]
    assert grad_cam(classifier(), X, 0).tolist() == [np.zeros((2, 2)).tolist()]
    expected = np.maximum(-1 * maps + 3 * (-2 * maps), 0)
    assert grad_cam(classifier(), X, 1).tolist() == expected.tolist()


def test_grad_cam_takes_the_maps_after_their_activation() -> None:
    # relu(A) = (max(x, 0), max(-2 x, 0)); where it is 0 the gradient of A is, too, but
    # that of relu(A) is not.
    expected = 2 * np.maximum(X[..., 0], 0) + np.maximum(-2 * X[..., 0], 0)
    assert grad_cam(classifier(pl.ReLU()), X, 0).tolist() == expected.tolist()
    before = grad_cam(classifier(pl.ReLU()), X, 0, layer="conv2d_1")
    # dS/dA = (2 / 4 * [x > 0] ..., 1 / 4 * [x < 0]) in units of a: means 1.5 and 0.25.
    by_hand = np.maximum(1.5 * X[..., 0] + 0.25 * -2 * X[..., 0], 0)
    assert before.tolist() == by_hand.tolist()


def test_grad_cam_of_each_sample_for_itself() -> None:
    model = classifier(pl.ReLU())
    x = np.concatenate([X, -X, 2 * X])
    together = grad_cam(model, x, [0, 1, 1])
    for i, target in enumerate((0, 1, 1)):
        assert (together[i] == grad_cam(model, x[i], target)[0]).all()


def test_channels_first() -> None:
    model = classifier(pl.ReLU(), data_format="channels_first")
    x = X.transpose(0, 3, 1, 2)
    last = classifier(pl.ReLU())
    assert (grad_cam(model, x, 0) == grad_cam(last, X, 0)).all()
    assert (saliency(model, x[0], 1) == saliency(last, X, 1)).all()


def test_grad_cam_through_containers() -> None:
    layers = [pl.Residual([pl.Conv2D(1, 1), pl.BatchNorm(), pl.Dropout(0.5)])]
    layers += [pl.Flatten(), pl.Dense(2)]
    model = pl.Sequential(layers, input_shape=(2, 2, 1), seed=0)
    first = grad_cam(model, X)
    assert first.shape == (1, 2, 2)
    assert (first == grad_cam(model, X)).all()  # no dropout inside either


@pytest.mark.parametrize("target", [2, -1, 0.5, [0], [0, 1, 2], "cat"])
def test_targets_that_there_are_not(target) -> None:
    with pytest.raises(ValueError, match="whole number from 0 to 1"):
        saliency(two_layers(), np.ones((3, 2)), target)


def test_layers_that_there_are_not() -> None:
    with pytest.raises(ValueError, match='Did you mean "conv2d_1"'):
        grad_cam(classifier(), X, layer="conv2d_2")
    with pytest.raises(ValueError, match="Use plot_saliency, which needs none"):
        grad_cam(two_layers(), np.ones((1, 2)))
    images = pl.Sequential([pl.Conv2D(2, 1)], input_shape=(2, 2, 1))
    with pytest.raises(ValueError, match="Expected one number for each class"):
        saliency(images, X)
    for function in (saliency, grad_cam, plot_saliency, plot_grad_cam):
        with pytest.raises(RuntimeError, match="not built"):
            function(pl.Sequential([pl.Dense(2)]), X)


def test_pictures_above_and_maps_below(network: pl.Sequential, images, axes) -> None:
    x = images[0][:3]
    ax = plot_saliency(network, x, ax=axes())
    arrays = [np.asarray(image.get_array()) for image in ax.images]
    maps = saliency(network, x)
    for i in range(3):
        assert (arrays[i] == x[i, :, :, 0]).all()
        assert (arrays[3 + i] == maps[i]).all()
        assert ax.images[3 + i].get_clim() == (0, float(maps[i].max()))
        above, below = ax.images[i].get_extent(), ax.images[3 + i].get_extent()
        assert above[:2] == below[:2]
        assert above[2] < below[3]
    classes = network.predict_classes(x)
    assert [text.get_text() for text in ax.texts] == [f"for {one}" for one in classes]


def test_the_map_lies_on_the_picture(network: pl.Sequential, images, axes) -> None:
    x = images[0][:2]
    ax = plot_grad_cam(network, x, [3, 4], ax=axes())
    arrays = [np.asarray(image.get_array()) for image in ax.images]
    assert len(arrays) == 6
    maps = grad_cam(network, x, [3, 4])
    for i in range(2):
        picture, heat = ax.images[2 + 2 * i], ax.images[3 + 2 * i]
        assert (arrays[2 + 2 * i] == x[i, :, :, 0]).all()
        assert (arrays[3 + 2 * i] == maps[i]).all()
        assert picture.get_extent() == heat.get_extent()
        assert heat.get_alpha() < 1
    assert [text.get_text() for text in ax.texts] == ["for 3", "for 4"]
    assert ax.get_title() == "Grad-CAM of conv2d_1"


def test_pictures_that_cannot_be_drawn(network: pl.Sequential, images) -> None:
    x, _ = images
    for count in (0, 9):
        with pytest.raises(ValueError, match=f"x has {count} samples"):
            plot_saliency(network, x[:count])
    with pytest.raises(ValueError, match="Expected an image"):
        plot_saliency(two_layers(), np.ones((1, 2)))
