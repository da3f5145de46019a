"""Filters and feature maps: every tile is the array that it shows."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pl
from pellucid.viz import plot_feature_maps, plot_filters


def tiles(ax) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for image in ax.images]


def test_filters_of_one_channel(network: pl.Sequential, axes) -> None:
    ax = plot_filters(network, ax=axes())
    weight = network.state_dict()["conv2d_1.weight"]
    shown = tiles(ax)
    assert len(shown) == 4
    assert all((shown[k] == weight[:, :, 0, k]).all() for k in range(4))
    bound = np.abs(weight).max()
    assert {image.get_clim() for image in ax.images} == {(-bound, bound)}
    assert ax.get_title() == "conv2d_1: 4 filters 3 x 3"


def convolutions(channels: int) -> pl.Sequential:
    layers = [
        pl.Conv2D(5, 3, padding="same"),
        pl.Residual([pl.Conv2D(5, (1, 2), padding="same")]),
        pl.Dense(2),
    ]
    layers[-1:] = [pl.Flatten(), *layers[-1:]]
    return pl.Sequential(layers, input_shape=(6, 6, channels), seed=0)


def test_filters_of_three_channels_are_colours(axes) -> None:
    model = convolutions(3)
    ax = plot_filters(model, ax=axes())
    weight = model.state_dict()["conv2d_1.weight"]
    for k, shown in enumerate(tiles(ax)):
        kernel = weight[..., k]
        spread = kernel.max() - kernel.min()
        assert (shown == (kernel - kernel.min()) / spread).all()


def test_one_channel_of_many_inside_a_container(axes) -> None:
    model = convolutions(3)
    name = "residual_1.body.conv2d_1"
    ax = plot_filters(model, name, channel=4, ax=axes())
    weight = model.state_dict()[f"{name}.weight"]
    assert all((tile == weight[:, :, 4, k]).all() for k, tile in enumerate(tiles(ax)))
    assert ax.get_title() == f"{name}: 5 filters 1 x 2, channel 4 of 5"


def test_filters_of_other_convolutions(axes) -> None:
    layers = [
        pl.DepthwiseConv2D(2, depth_multiplier=2, padding="same"),
        pl.SeparableConv2D(3, 2),
        pl.ConvTranspose2D(5, 2),
        pl.Conv2D(4, 1),
        pl.ConvTranspose2D(6, 2, groups=2),
    ]
    model = pl.Sequential(layers, input_shape=(4, 4, 3), seed=0)
    state = model.state_dict() if model.build() is None else {}

    ax = plot_filters(model, ax=axes())
    weight = state["depthwise_conv2d_1.weight"]
    assert ax.get_title() == "depthwise_conv2d_1: 6 filters 2 x 2"
    for tile, (c, m) in zip(tiles(ax), np.ndindex(3, 2), strict=True):
        assert (tile == weight[:, :, c, m]).all()

    ax = plot_filters(model, "separable_conv2d_1", ax=axes())
    weight = state["separable_conv2d_1.depthwise_weight"]
    for c, tile in enumerate(tiles(ax)):
        assert (tile == weight[:, :, c, 0]).all()
    assert ax.get_title() == "separable_conv2d_1: 6 filters 2 x 2"

    ax = plot_filters(model, "conv_transpose2d_1", channel=1, ax=axes())
    weight = state["conv_transpose2d_1.weight"]
    for k, tile in enumerate(tiles(ax)):
        assert (tile == weight[:, :, k, 1]).all()
    assert ax.get_title() == "conv_transpose2d_1: 5 filters 2 x 2, channel 1 of 3"

    ax = plot_filters(model, "conv_transpose2d_2", channel=1, ax=axes())
    weight = state["conv_transpose2d_2.weight"]  # (2, 2, 3, 4): two groups
    for k, tile in enumerate(tiles(ax)):
        assert (tile == weight[:, :, k % 3, 2 * (k // 3) + 1]).all()
    assert ax.get_title() == "conv_transpose2d_2: 6 filters 2 x 2, channel 1 of 2"


def test_tiles_do_not_overlap(axes) -> None:
    ax = plot_filters(convolutions(1), ax=axes())
    boxes = [image.get_extent() for image in ax.images]
    for i, (left, right, bottom, top) in enumerate(boxes):
        low, high = sorted(ax.get_xlim())
        assert low <= left < right <= high
        low, high = sorted(ax.get_ylim())
        assert low <= top < bottom <= high
        for other in boxes[i + 1 :]:
            beside = right < other[0] or other[1] < left
            assert beside or bottom < other[3] or other[2] < top


def test_many_filters_are_capped_and_the_title_says_so(axes) -> None:
    model = pl.Sequential([pl.Conv2D(100, 2)], input_shape=(4, 4, 1), seed=0)
    ax = plot_filters(model, ax=axes())
    assert len(ax.images) == 64
    assert ax.get_title() == "conv2d_1: the first 64 of 100 filters 2 x 2"
    ax = plot_feature_maps(model, np.ones((4, 4, 1)), ax=axes())
    assert len(ax.images) == 64
    assert ax.get_title() == "conv2d_1: the first 64 of 100 maps 3 x 3"


def test_layers_without_filters(network: pl.Sequential) -> None:
    with pytest.raises(ValueError, match=r'Expected one of "conv2d_1"\.\n'):
        plot_filters(network, "dense_1")
    with pytest.raises(ValueError, match="has no convolution of images"):
        plot_filters(pl.mlp([2, 2]))
    for channel in (-1, 1):
        with pytest.raises(ValueError, match="Expected 0 to 0"):
            plot_filters(network, channel=channel)
    with pytest.raises(RuntimeError, match="plot_filters was asked"):
        plot_filters(pl.Sequential([pl.Conv2D(2, 3)]))


@pytest.mark.parametrize("layer", [None, "conv2d_1", "max_pool2d_1"])
def test_feature_maps(network: pl.Sequential, images, axes, layer) -> None:
    x = images[0][:1]
    ax = plot_feature_maps(network, x[0], layer, ax=axes())
    y = network.layers[0].forward(x)
    if layer == "max_pool2d_1":
        y = network.layers[1].forward(y)
    shown = tiles(ax)
    assert len(shown) == 4
    assert all((shown[k] == y[0, :, :, k]).all() for k in range(4))
    limits = (float(y.min()), float(y.max()))
    assert {image.get_clim() for image in ax.images} == {limits}
    size = f"{y.shape[1]} x {y.shape[2]}"
    assert ax.get_title() == f"{layer or 'conv2d_1'}: 4 maps {size}"


def test_feature_maps_of_channels_first(axes) -> None:
    layers = [pl.Conv2D(2, 1), pl.Flatten(), pl.Dense(2)]
    model = pl.Sequential(
        layers, input_shape=(3, 4, 5), data_format="channels_first", seed=0
    )
    x = np.random.default_rng(0).random((3, 4, 5), np.float32)
    (first, second) = tiles(plot_feature_maps(model, x, ax=axes()))
    y = model.layers[0].forward(np.ascontiguousarray(x.transpose(1, 2, 0))[None])
    assert (first == y[0, :, :, 0]).all()
    assert (second == y[0, :, :, 1]).all()


def test_feature_maps_that_there_are_not(network: pl.Sequential, images) -> None:
    x, _ = images
    with pytest.raises(
        ValueError, match=r'Expected one of "conv2d_1", "max_pool2d_1"\.'
    ):
        plot_feature_maps(network, x[0], "flatten_1")
    with pytest.raises(ValueError, match="x has 20 samples"):
        plot_feature_maps(network, x)
    with pytest.raises(ValueError, match="7, 7, 1"):
        plot_feature_maps(network, np.zeros((7, 7, 1)))
    with pytest.raises(ValueError, match="has no convolution of images"):
        plot_feature_maps(pl.mlp([2, 2]), [1.0, 2.0])
    with pytest.raises(RuntimeError, match="plot_feature_maps was asked"):
        plot_feature_maps(pl.Sequential([pl.Conv2D(2, 3)]), x[0])
