"""Column sums, the gradient of a bias: exact, bounded, the same bits everywhere."""

import numpy as np
import pytest

from tests.kernels.exact import (
    THREADS,
    core,
    every_dtype,
    every_isa,
    forced,
    forced_results,
    one_result,
    same_bits,
)
from tests.support import bounds, data
from tests.support.guard import misaligned, run_script

CHAINS = 8  # rows that are added side by side
BLOCK = 1024  # rows of a task
ROWS = [0, *range(1, 2 * CHAINS + 2), BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5]


def column_sums(dy, out=None):
    """The sum over all rows, by the door that a bias gradient takes."""
    x, w = np.zeros((len(dy), 1), dy.dtype), np.zeros((1, dy.shape[1]), dy.dtype)
    return core.dense_backward(dy, x, w, need_dx=False, out=(None, None, out))[2]


@every_isa
@every_dtype
@pytest.mark.parametrize("rows", ROWS)
def test_sums_of_whole_numbers_are_exact(isa, dtype, rows):
    for columns, threads in zip(data.VECTOR_SIZES, THREADS * 20, strict=False):
        x = data.integers((rows, columns), 1, dtype=dtype)
        memory = np.full(columns + 64, np.nan, dtype)
        with forced(isa, threads):
            column_sums(x, memory[32 : 32 + columns])
        np.testing.assert_array_equal(memory[32 : 32 + columns], x.sum(0))
        memory[32 : 32 + columns] = np.nan
        assert np.isnan(memory).all(), f"{columns}: written outside the result"


@every_isa
@every_dtype
@pytest.mark.parametrize("kind", data.DISTRIBUTIONS)
def test_errors_stay_within_the_bound(isa, dtype, kind):
    worst = 0.0
    for rows in (1, 7, 100, BLOCK, 2 * BLOCK + 77):
        x = data.DISTRIBUTIONS[kind]((rows, 21), rows, dtype=dtype)
        with forced(isa, 2):
            sums = column_sums(x)
        magnitude = np.abs(x).astype("float64").sum(0)
        bound = bounds.dot_bound(rows, magnitude, dtype)
        exact = x.astype(np.longdouble).sum(0)
        worst = max(worst, bounds.assert_within(sums, exact, bound))
    assert worst > 0.001, "the data are too easy to prove anything"


@every_dtype
@pytest.mark.parametrize("columns", [1, 7, 33])
def test_threads_and_isas_give_the_same_bits(dtype, columns):
    # Sums hold no FMA, so the portable kernels agree as well.
    for rows in (13, BLOCK + 1, 5 * BLOCK + 3):
        x = data.uniform((rows, columns), 1, dtype=dtype)
        one_result(forced_results(lambda x=x: (column_sums(x),), core.isas()))


@every_isa
@every_dtype
def test_the_order_of_the_sum(isa, dtype):
    """Row i goes to chain i % 8 of its block; chains by a tree, blocks in order."""
    x = data.uniform((2 * BLOCK + 13, 5), 1, dtype=dtype)
    total = None
    for first in range(0, len(x), BLOCK):
        chains = np.zeros((CHAINS, 5), dtype)
        for i, row in enumerate(x[first : first + BLOCK]):
            chains[i % CHAINS] += row
        pairs = chains[:4] + chains[4:]
        block = (pairs[0] + pairs[2]) + (pairs[1] + pairs[3])
        total = block if total is None else total + block
    with forced(isa, 2):
        assert same_bits(column_sums(x), total)


@every_isa
def test_nan_stays_in_its_column(isa):
    x = data.uniform((100, 37), 1)
    with forced(isa, 2):
        clean = column_sums(x)
        for column in (0, 15, 16, 36):
            bad = x.copy()
            bad[99, column] = np.nan
            sums = column_sums(bad)
            others = np.arange(37) != column
            assert np.isnan(sums[column])
            assert same_bits(sums[others], clean[others])


@every_isa
@every_dtype
def test_every_alignment_gives_the_same_bits(isa, dtype):
    x = data.uniform((19, 37), 1, dtype=dtype)
    with forced(isa):
        expected = column_sums(x)
        for offset in range(0, 64, x.itemsize):
            out = misaligned(np.full(37, np.nan, dtype), offset)
            column_sums(misaligned(x, 64 - offset), out)
            assert same_bits(out, expected), offset


GUARDED = """
import numpy as np
from tests.kernels.exact import core, forced
from tests.kernels.test_reduce import column_sums
from tests.support.data import VECTOR_SIZES, integers
from tests.support.guard import SIDES, guarded, guarded_copy

for side in SIDES:
    for dtype in ("float32", "float64"):
        for rows in (1, 7, 9, 1025):
            for columns in VECTOR_SIZES:
                print(side, dtype, rows, columns, flush=True)
                x = integers((rows, columns), 1, dtype=dtype)
                out = guarded(columns, dtype, side)
                with forced("{isa}", 1 + columns % 2):
                    column_sums(guarded_copy(x, side), out)
                assert np.array_equal(out, x.sum(0))
print("survived")
"""


@every_isa
def test_nothing_beyond_the_arrays_is_touched(isa):
    result = run_script(GUARDED.replace("{isa}", isa))
    assert result.stdout.endswith("survived\n"), result.stdout[-200:] + result.stderr
