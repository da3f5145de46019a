"""Augmentation kernels: the bits of the reference, on every ISA, by any threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid import kernels
from pellucid.kernels import reference
from tests.support import guard
from tests.support.data import generator
from tests.support.threads import isas

core = pytest.importorskip("pellucid.kernels._core")
BORDERS = ["constant", "edge", "reflect"]
SHAPES = [
    (3, 1, 1, 1, 4, 5),
    (2, 7, 1, 3, 3, 17),
    (2, 5, 33, 1, 9, 33),
    (1, 4, 6, 5, 4, 6),
    (2, 3, 20, 3, 2, 530),
    (0, 4, 4, 1, 3, 3),
]


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def calls(shape: tuple[int, ...], dtype: str, border: str) -> list[Any]:
    """Return one call of every op: (name, arguments, options)."""
    n, h, w, c, oh, ow = shape
    random = generator(shape, 5, border)
    x = random.standard_normal((n, h, w, c)).astype(dtype)
    top, left = random.integers(-9, 9, n), random.integers(-9, 9, n)
    flip = random.integers(0, 4, n).astype(np.uint8)
    matrix = random.standard_normal((n, 2, 3)) * [1, 1, 6]
    boxes = random.integers(0, 8, (n, 4)) - [3, 3, 0, 0]
    partner, weight = np.arange(n)[::-1].copy(), random.random(n)
    beyond = {"border": border, "fill": 0.25}
    key = {"seed": 3, "stream": 2**31, "step": 2**40}
    return [
        ("image_crop", (x, top, left, flip, (oh, ow)), beyond),
        ("image_affine", (x, matrix, (oh, ow)), beyond),
        ("image_affine", (x, np.round(matrix), (oh, ow)), beyond),
        ("image_paste", (x, boxes), {"fill": -1.0}),
        ("image_paste", (x, boxes), {"partner": partner}),
        ("image_noise", (x, 0.3), {**key, "low": -0.5, "high": 1.0}),
        ("image_noise", (x, 0.3), key),
        ("image_adjust", (x, weight, 1 - weight), {"low": -1.0}),
        ("mix_rows", (x, partner, weight), {}),
    ]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("border", BORDERS)
def test_every_isa_and_thread_count_has_the_references_bits(
    shape: tuple[int, ...], dtype: str, border: str, threads: int
) -> None:
    core.set_grain(0)
    try:
        for name, args, options in calls(shape, dtype, border):
            wanted = getattr(reference, name)(*args, **options)
            for isa in isas():
                with kernels.use_isa(isa):
                    got = getattr(core, name)(*args, **options)
                assert got.dtype == wanted.dtype, name
                assert got.tobytes() == wanted.tobytes(), (name, isa)
    finally:
        core.set_grain(15000)


def test_noise_has_the_numbers_of_random_normal() -> None:
    x = np.zeros((3, 1500))
    key = {"seed": 1, "stream": 2, "step": 3}
    noise = kernels.random_normal(x.shape, std=0.5, **key, dtype="float64")
    np.testing.assert_array_equal(core.image_noise(x, 0.5, **key), noise)


def test_identity_maps_and_whole_shifts_are_exact(dtype: str) -> None:
    x = generator((), 1).standard_normal((2, 6, 7, 3)).astype(dtype)
    matrix = np.tile(np.array([[1.0, 0, 0], [0, 1, 0]]), (2, 1, 1))
    assert core.image_affine(x, matrix, (6, 7)).tobytes() == x.tobytes()
    matrix[:, :, 2] = [2, -1]
    cut = core.image_crop(
        x, np.full(2, 2), np.full(2, -1), np.zeros(2, np.uint8), (6, 7)
    )
    np.testing.assert_array_equal(core.image_affine(x, matrix, (6, 7)), cut)


def test_a_quarter_turn_is_numpys(dtype: str) -> None:
    x = generator((), 2).standard_normal((1, 5, 5, 2)).astype(dtype)
    matrix = np.array([[[0.0, 1, 0], [-1, 0, 4]]])
    turned = core.image_affine(x, matrix, (5, 5))
    np.testing.assert_array_equal(turned[0], np.rot90(x[0]))


@pytest.mark.parametrize("border", BORDERS)
def test_bilinear_stays_near_the_exact_value(border: str, dtype: str) -> None:
    """Four roundings of convex combinations: 8 u of the largest neighbour."""
    x = generator((), 3).standard_normal((1, 9, 8, 1))
    matrix = np.array([[[0.7, -0.4, 2.1], [0.3, 0.9, -1.3]]])
    exact = reference.image_affine(x, matrix, (9, 8), border=border)
    got = core.image_affine(x.astype(dtype), matrix, (9, 8), border=border)
    bound = 8 * np.finfo(dtype).eps * np.abs(x).max()
    assert np.abs(got - exact).max() <= bound


@pytest.mark.parametrize(
    ("border", "numpys"),
    [("constant", "constant"), ("edge", "edge"), ("reflect", "reflect")],
)
def test_borders_are_those_of_numpys_pad(border: str, numpys: str) -> None:
    x = np.arange(12.0).reshape(1, 3, 4, 1)
    wide = core.image_crop(
        x,
        np.array([-7]),
        np.array([-5]),
        np.zeros(1, np.uint8),
        (17, 14),
        border=border,
    )
    np.testing.assert_array_equal(
        wide[0, ..., 0], np.pad(x[0, ..., 0], ((7, 7), (5, 5)), mode=numpys)
    )


def test_nan_stays_in_its_image() -> None:
    x = np.ones((3, 4, 4, 1), np.float32)
    x[1] = np.nan
    matrix = np.tile(np.array([[0.9, 0.2, 0], [-0.2, 0.9, 1]]), (3, 1, 1))
    ones, none = np.ones(3), np.zeros(3)
    key = {"seed": 0, "stream": 0}
    for y in (
        core.image_affine(x, matrix, (4, 4)),
        core.image_adjust(x, none, ones / 2, low=0.0, high=1.0),
        core.image_noise(x, 0.1, **key, low=0.0, high=1.0),
        core.mix_rows(x, np.arange(3), ones / 2),
    ):
        assert np.isnan(y[1]).any()
        assert np.isfinite(y[[0, 2]]).all()


def test_in_place_and_out() -> None:
    x = np.linspace(0, 1, 32, dtype=np.float32).reshape(2, 4, 4, 1)
    wanted = core.image_noise(x, 0.1, seed=0, stream=0)
    y = x.copy()
    assert core.image_noise(y, 0.1, seed=0, stream=0, out=y) is y
    np.testing.assert_array_equal(y, wanted)
    out = np.full_like(x, np.nan)
    assert core.mix_rows(x, np.arange(2), np.ones(2), out=out) is out
    np.testing.assert_array_equal(out, x)


def test_any_layout_and_nothing_written_to_inputs() -> None:
    shape = (2, 5, 6, 3, 4, 7)
    for name, args, options in calls(shape, "float32", "edge"):
        wanted = getattr(core, name)(*args, **options)
        for _, x in guard.layouts(args[0]):
            got = getattr(core, name)(x, *args[1:], **options)
            np.testing.assert_array_equal(got, wanted)


def test_no_byte_beyond_the_arrays_is_touched() -> None:
    guard.assert_survives(
        """
from tests.kernels.test_image import BORDERS, SHAPES, calls, core
from tests.support.guard import SIDES, guarded, guarded_copy
from pellucid import kernels

for isa in kernels.isas():
    with kernels.use_isa(isa):
        for shape in SHAPES:
            for border in BORDERS:
                for name, args, options in calls(shape, "float32", border):
                    size = getattr(core, name)(*args, **options).shape
                    for side in SIDES:
                        copies = [
                            guarded_copy(a, side) if hasattr(a, "dtype") else a
                            for a in args
                        ]
                        out = guarded(size, "float32", side)
                        getattr(core, name)(*copies, **options, out=out)
"""
    )


def call(name: str, *args: Any, **options: Any) -> tuple[str, Any, Any]:
    return name, args, options


X = np.ones((2, 4, 4, 1), np.float32)
ZERO, NOFLIP = np.zeros(2, np.int64), np.zeros(2, np.uint8)
EYE = np.tile(np.array([[1.0, 0, 0], [0, 1, 0]]), (2, 1, 1))
BAD = [
    (call("image_crop", X[0], ZERO, ZERO, NOFLIP, 4), ValueError, "4 dimensions"),
    (call("image_crop", X[:, :0], ZERO, ZERO, NOFLIP, 4), ValueError, "at least 1"),
    (call("image_crop", X, ZERO[:1], ZERO, NOFLIP, 4), ValueError, "top has shape"),
    (call("image_crop", X, ZERO + 2**31, ZERO, NOFLIP, 4), ValueError, "top reaches"),
    (call("image_crop", X, ZERO, ZERO, NOFLIP + 4, 4), ValueError, "flip 4"),
    (call("image_crop", X, ZERO, ZERO, NOFLIP, 0), ValueError, "size is 0"),
    (call("image_crop", X, ZERO, ZERO, NOFLIP, 2.5), TypeError, "size"),
    (
        call("image_crop", X, ZERO, ZERO, NOFLIP, 4, border="wrap"),
        ValueError,
        'border is "wrap"',
    ),
    (call("image_affine", X, EYE * np.nan, 4), ValueError, r"matrix\[0\]"),
    (call("image_affine", X, EYE * 1e12, 4), ValueError, r"matrix\[0\]"),
    (call("image_affine", X, EYE[:1], 4), ValueError, "matrix has shape"),
    (call("image_affine", X, EYE, 4, fill=np.inf), ValueError, "fill is inf"),
    (call("image_affine", X.astype(np.uint8), EYE, 4), TypeError, "array of uint8"),
    (call("image_paste", X, np.array([[0, 0, -1, 2]] * 2)), ValueError, "boxes"),
    (
        call("image_paste", X, np.zeros((2, 4), np.int64), partner=ZERO + 2),
        ValueError,
        "partner 2",
    ),
    (call("image_noise", X, -0.1, seed=0, stream=0), ValueError, "std is -0.1"),
    (call("image_noise", X, 0.1, seed=-1, stream=0), ValueError, "seed is -1"),
    (
        call("image_noise", X, 0.1, seed=0, stream=0, low=1, high=0),
        ValueError,
        "low is 1",
    ),
    (
        call("image_adjust", X, np.array([0, np.inf]), np.ones(2)),
        ValueError,
        r"brightness\[1\] is inf",
    ),
    (call("mix_rows", X, ZERO, np.array([0.5, 1.5])), ValueError, r"weight\[1\]"),
    (call("mix_rows", X, ZERO - 1, np.ones(2)), ValueError, "partner -1"),
    (call("mix_rows", X, ZERO, np.ones(2), out=X), ValueError, "shares memory"),
]


@pytest.mark.parametrize(("what", "error", "words"), BAD)
def test_both_twins_refuse_alike(what: Any, error: type[Exception], words: str) -> None:
    name, args, options = what
    messages = []
    for twin in (reference, core):
        with pytest.raises(error, match=words) as caught:
            getattr(twin, name)(*args, **options)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert (X == 1).all()
