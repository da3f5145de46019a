import numpy as np
import pytest

from pellucid import shapes


@pytest.mark.parametrize("in_size", range(1, 12))
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_gives_one_output_per_stride(in_size, stride, kernel, dilation):
    before, after = shapes.pads("same", in_size, kernel, stride, dilation)
    assert after - before in (0, 1)
    out = shapes.output_size(in_size, kernel, stride, before, after, dilation)
    assert out == -(-in_size // stride)


@pytest.mark.parametrize("in_size", range(1, 10))
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("after", [0, 1])
def test_output_size_counts_the_windows(in_size, stride, kernel, before, after):
    size = in_size + before + after
    starts = range(0, max(size - kernel, -1) + 1, stride)
    assert max(shapes.output_size(in_size, kernel, stride, before, after), 0) == len(
        starts
    )
    if size >= kernel:
        cover = [s for s in range(0, size + kernel, stride) if s < before + in_size]
        needed = [s for s in cover if s == 0 or s - stride + kernel < size]
        got = shapes.output_size(in_size, kernel, stride, before, after, 1, True)
        assert got == len(needed)


def test_every_ceil_mode_window_lies_in_the_padded_image():
    g = shapes.pool_geometry((1, 7, 8, 1), 3, strides=3, ceil_mode=True)
    assert (g.oh, g.ow) == (3, 3)
    assert (g.pad_bottom, g.pad_right) == (2, 1)


def test_numpy_integers_are_integers():
    assert shapes.pair(np.int64(3), "size", 1) == (3, 3)
    assert type(shapes.pair(np.uint8(3), "size", 1)[0]) is int
    assert shapes.pair([np.int32(1), 2], "size", 1) == (1, 2)
    assert shapes.integer(np.array(4), "size", 1) == 4


@pytest.mark.parametrize("value", [1.0, True, "1", None, np.bool_(True), np.ones(1)])
def test_other_things_are_not(value):
    with pytest.raises(TypeError, match=r"size is .*Expected an integer"):
        shapes.pair(value, "size", 1)


def test_a_cached_geometry_does_not_let_wrong_types_pass():
    shapes.conv_geometry((1, 5, 5, 1), (3, 3, 1, 1), strides=(1, 1))
    with pytest.raises(TypeError, match=r"strides is 1\.0"):
        shapes.conv_geometry((1, 5, 5, 1), (3, 3, 1, 1), strides=(1.0, 1))


def test_the_layer_is_named():
    with pytest.raises(ValueError, match=r"^conv_7 .*\(2, 3, 5, 5\): 5 channels"):
        shapes.conv_geometry((2, 3, 5, 5), (3, 3, 3, 1), name="conv_7 (Conv2D)")
