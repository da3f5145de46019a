"""Convolution of inputs in any layout, at any address, inside its memory."""

import numpy as np
import pytest

from pellucid.core.workspace import aligned_empty
from tests.kernels.convolutions import KINDS, three
from tests.kernels.exact import Conv, core, every_dtype, every_isa, forced, same_bits
from tests.support import data
from tests.support.guard import layouts, misaligned, run_script


@every_isa
@every_dtype
def test_inputs_in_any_layout_give_the_same_bits_and_stay_unchanged(isa, dtype):
    case = KINDS["all options"]
    arrays = case.arrays(make=data.uniform, dtype=dtype)
    with forced(isa):
        expected = three(*arrays, case)
        for views in zip(*map(layouts, arrays), strict=True):
            got = three(*(view for _, view in views), case)
            for a, b in zip(got, expected, strict=True):
                assert same_bits(a, b), views[0][0]
            for (name, view), array in zip(views, arrays, strict=True):
                np.testing.assert_array_equal(view, array, name)


@every_isa
@every_dtype
@pytest.mark.parametrize("kind", ["first layer", "grouped", "strided"])
def test_every_alignment_gives_the_same_bits(isa, dtype, kind):
    case = KINDS[kind]
    arrays = case.arrays(make=data.uniform, dtype=dtype)
    options = {"conv_algo": "direct"} | case.options
    with forced(isa):
        expected = three(*arrays, case)
        for offset in range(0, 64, arrays[0].itemsize):
            x, w, dy = (misaligned(a, offset + 4 * a.itemsize) for a in arrays)
            y, dx, dw = (
                misaligned(np.full_like(a, np.nan), offset) for a in (dy, x, w)
            )
            core.conv2d(x, w, out=y, **options)
            core.conv2d_backward(dy, x, w, need_db=False, out=(dx, dw, None), **options)
            for a, b in zip((y, dx, dw), expected, strict=True):
                assert same_bits(a, b), offset


def aligned(like):
    out = aligned_empty(like.shape, like.dtype)
    out[...] = np.nan
    return out


@every_isa
@pytest.mark.parametrize("k", [64, 112, 144])
def test_a_pointwise_result_beyond_the_caches_has_the_same_bits(isa, k):
    """Streamed, with tiles and panels left over; a few images at a time are not."""
    n, side = 8, 79
    c = 208 - k
    x, w = data.uniform((n, side, side, c), 0), data.uniform((1, 1, c, k), 1)
    dy, b = data.uniform((n, side, side, k), 2), data.uniform((k,), 3)
    assert x.nbytes + dy.nbytes > 32 << 20
    options = {"conv_algo": "direct", "activation": "relu"}
    with forced(isa, 2):
        y = core.conv2d(x, w, b, out=aligned(dy), **options)
        dx = aligned(x)
        out = dx, aligned(w), None
        core.conv2d_backward(dy, x, w, need_db=False, out=out)
        for i in range(0, n, 4):
            part = slice(i, i + 4)
            assert same_bits(core.conv2d(x[part], w, b, **options), y[part])
            small, _, _ = core.conv2d_backward(dy[part], x[part], w, need_db=False)
            assert same_bits(small, dx[part])


GUARDED = """
import numpy as np
from tests.kernels.exact import core, forced, random_convs
from tests.kernels.convolutions import KINDS
from tests.support.data import integers
from tests.support.guard import SIDES, guarded, guarded_copy

def places(*arrays):
    return [guarded_copy(array, side) for array in arrays]

cases = [(0, case) for case in KINDS.values()]
cases += random_convs({count}, seed={seed})
for seed, case in cases:
    for dtype in ("float32", "float64"):
        arrays = case.arrays(seed, dtype=dtype)
        exact = case.exact(*arrays)
        bias = integers(arrays[1].shape[3:], seed, dtype=dtype)
        factor = integers(arrays[1].shape[3:], seed + 1, dtype=dtype)
        kernel = case.w_shape[:2]
        window = {k: v for k, v in case.options.items() if k != "groups"}
        for side in SIDES:
            print(side, dtype, case, flush=True)
            x, w, dy, b, scale = places(*arrays, bias, factor)
            y, dx, dw = (guarded(a.shape, dtype, side) for a in (dy, x, w))
            db = guarded(bias.shape, dtype, side)
            with forced("{isa}", 1 + seed % 2):
                options = dict(conv_algo="direct", **case.options)
                core.conv2d(x, w, b, scale=scale, activation="relu", out=y, **options)
                core.conv2d_backward(dy, x, w, out=(dx, dw, db), **options)
                columns = core.im2col(x, kernel, **window)
                out = guarded(columns.shape, dtype, side)
                core.im2col(x, kernel, out=out, **window)
                image = guarded(x.shape, dtype, side)
                core.col2im(*places(out), x.shape, kernel, out=image, **window)
            assert np.array_equal(y, np.maximum(exact[0] * scale + b, 0))
            assert np.array_equal(dx, exact[1])
            assert np.array_equal(dw, exact[2])
            assert np.array_equal(db, dy.sum((0, 1, 2)))
            assert np.array_equal(out, columns)
print("survived")
"""


def check_guarded(isa, count, seed):
    code = GUARDED.replace("{isa}", isa).replace("{count}", str(count))
    code = code.replace("{seed}", str(seed))
    result = run_script(code, timeout=1200)
    assert result.stdout.endswith("survived\n"), result.stdout[-300:] + result.stderr


@every_isa
def test_nothing_beyond_the_arrays_is_touched(isa):
    check_guarded(isa, 40, seed=7)


@pytest.mark.slow
@pytest.mark.timeout(1300)
@every_isa
@pytest.mark.parametrize("seed", range(5))
def test_nothing_beyond_the_arrays_of_ten_thousand_shapes_is_touched(isa, seed):
    check_guarded(isa, 2000, seed=200 + seed)


@every_isa
@every_dtype
def test_an_empty_batch(isa, dtype):
    case = Conv((0, 5, 6, 3), (3, 3, 3, 7), padding=((1, 1), (1, 1)))
    x, w, dy = case.arrays(dtype=dtype)
    with forced(isa, 2):
        for conv_algo in ("auto", "direct", "im2col"):
            options = {"conv_algo": conv_algo} | case.options
            assert core.conv2d(x, w, **options).shape == (0, 5, 6, 7)
            out = None, np.full(w.shape, np.nan, dtype), np.full(7, np.nan, dtype)
            dx, dw, db = core.conv2d_backward(dy, x, w, out=out, **options)
            assert dx.shape == x.shape
            np.testing.assert_array_equal(dw, np.zeros(w.shape))
            np.testing.assert_array_equal(db, np.zeros(7))
