"""Counted random numbers: Philox4x32-10 and what is drawn with it.

The numbers are part of the library's contract: every implementation gives the same
bits. So everything here is integer arithmetic, or float64 with + - * / and sqrt only
(each rounded once, no fused multiply-add), in exactly the order that is written.

Source: Salmon, Moraes, Dror, Shaw (2011), Parallel random numbers: as easy as 1, 2, 3.
"""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np
from numpy.typing import DTypeLike

from .. import checks
from ..checks import Array

# Philox4x32: multipliers of the two halves, and what is added to the key each round.
_M0, _M1 = 0xD2511F53, 0xCD9E8D57
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW = 0xFFFFFFFF


def philox(
    count: int, *, seed: int, stream: int, step: int = 0, offset: int = 0
) -> Array:
    """Draw 32-bit words.

    word[i] = lane i' % 4 of Philox4x32-10 with counter (b % 2**32, b // 2**32,
    step % 2**32, step // 2**32) and key (seed, stream), i' = offset + i, b = i' // 4

    Parameters
    ----------
    count : int
        How many words.
    seed, stream : int
        The key, each 0 to 2**32 - 1.
    step : int, default 0
        Number of the draw, 0 to 2**64 - 1.
    offset : int, default 0
        Number of the first word.

    Returns
    -------
    uint32 array (count,)

    Raises
    ------
    TypeError, ValueError
        Integers out of range.

    Example
    -------
    >>> [hex(word) for word in philox(2, seed=0, stream=0)]
    ['0x6627e8d5', '0xe169c58d']
    """
    count, seed, stream, step, offset = checks.philox(count, seed, stream, step, offset)
    skip = offset % 4
    first, blocks = offset // 4, (skip + count + 3) // 4
    block = np.arange(first, first + blocks, dtype=np.uint64)
    high, low = block >> np.uint64(32), block & np.uint64(_LOW)
    words = philox_blocks(low, high, step & _LOW, step >> 32, seed, stream)
    return words.reshape(-1)[skip : skip + count].copy()


def philox_blocks(c0: Array, c1: Array, c2: int, c3: int, k0: int, k1: int) -> Array:
    """Return the four words (blocks, 4) of counters (c0, c1, c2, c3), key (k0, k1).

    One round, ten times, the key raised by (W0, W1) between them:

        c0, c1, c2, c3 = hi(M1 * c2) ^ c1 ^ k0, lo(M1 * c2),
                         hi(M0 * c0) ^ c3 ^ k1, lo(M0 * c0)
    """
    c = [np.array(word, np.uint64) for word in np.broadcast_arrays(c0, c1, c2, c3)]
    low, bits = np.uint64(_LOW), np.uint64(32)
    for _ in range(10):
        p0, p1 = np.uint64(_M0) * c[0], np.uint64(_M1) * c[2]
        c = [
            (p1 >> bits) ^ c[1] ^ np.uint64(k0),
            p1 & low,
            (p0 >> bits) ^ c[3] ^ np.uint64(k1),
            p0 & low,
        ]
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return np.stack(c, axis=-1).astype(np.uint32)


def random_uniform(
    shape: SupportsIndex | tuple[int, ...],
    *,
    low: float = 0.0,
    high: float = 1.0,
    seed: int,
    stream: int,
    step: int = 0,
    dtype: DTypeLike = "float32",
) -> Array:
    """Draw numbers spread evenly.

    y[i] = low + (high - low) * u[i],  u[i] = (word[i] + 0.5) * 2**-32, in float64

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the result; elements are counted in memory order.
    low, high : float, default 0 and 1
        The interval; in float32 a value may round up to `high`.
    seed, stream, step
        As in `philox`.
    dtype : {"float32", "float64"}
        Type of the result, rounded from float64.

    Returns
    -------
    array of `shape`

    Raises
    ------
    TypeError, ValueError
        Arguments out of range.

    Example
    -------
    >>> float(random_uniform(1, seed=0, stream=0, dtype="float64")[0]).hex()
    '0x1.989fa35600000p-2'
    """
    y, low, high = checks.random_array(shape, low, high, ("low", "high"), dtype)
    u = _uniform(y.size, seed, stream, step)
    y[...] = (low + (high - low) * u).reshape(y.shape)
    return y


def random_normal(
    shape: SupportsIndex | tuple[int, ...],
    *,
    mean: float = 0.0,
    std: float = 1.0,
    seed: int,
    stream: int,
    step: int = 0,
    dtype: DTypeLike = "float32",
) -> Array:
    """Draw numbers of the normal distribution.

    y[i] = mean + std * normal_quantile(u[i]), u as in `random_uniform`, in float64

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the result; elements are counted in memory order.
    mean, std : float, default 0 and 1
        Mean and standard deviation.
    seed, stream, step
        As in `philox`.
    dtype : {"float32", "float64"}
        Type of the result, rounded from float64.

    Returns
    -------
    array of `shape`

    Raises
    ------
    TypeError, ValueError
        Arguments out of range.

    Example
    -------
    >>> y = random_normal(10000, seed=0, stream=0)
    >>> abs(float(y.mean())) < 0.03, abs(float(y.std()) - 1) < 0.03
    (True, True)

    Source
    ------
    Wichura (1988), Algorithm AS 241, Applied Statistics 37, 477-484.
    """
    y, mean, std = checks.random_array(shape, mean, std, ("mean", "std"), dtype)
    z = normal_quantile(_uniform(y.size, seed, stream, step))
    y[...] = (mean + std * z).reshape(y.shape)
    return y


def permutation(
    n: int, *, seed: int, stream: int, step: int = 0, out: Array | None = None
) -> Array:
    """Return the numbers 0 .. n - 1 in random order.

    for i = n - 1 down to 1: swap p[i] and p[j],  j = (x * (i + 1)) >> 64

    where x is draw number t = n - 1 - i of 64 bits: word[2 t] + 2**32 * word[2 t + 1].
    (Not one of the draws is rejected: the bias is below n * 2**-64.)

    Parameters
    ----------
    n : int
        At most 2**31 - 1.
    seed, stream, step
        As in `philox`.
    out : int64 array (n,), optional
        Receives the result.

    Returns
    -------
    int64 array (n,)

    Raises
    ------
    TypeError, ValueError
        Arguments out of range.

    Example
    -------
    >>> sorted(permutation(5, seed=0, stream=0).tolist())
    [0, 1, 2, 3, 4]

    Source
    ------
    Fisher and Yates (1938); Lemire (2019), Fast random integer generation in an
    interval.
    """
    n, out = checks.permutation(n, out)
    words = philox(2 * max(n - 1, 0), seed=seed, stream=stream, step=step)
    low, high = words[0::2].astype(np.uint64), words[1::2].astype(np.uint64)
    bound = np.arange(n, 1, -1, dtype=np.uint64)  # i + 1, below 2**32
    bits = np.uint64(32)
    chosen = (high * bound + (low * bound >> bits)) >> bits
    order = list(range(n))
    for i, j in zip(range(n - 1, 0, -1), chosen.tolist(), strict=True):
        order[i], order[j] = order[j], order[i]
    out[...] = order
    return out


def _uniform(count: int, seed: int, stream: int, step: int) -> Array:
    """Return u = (word + 0.5) * 2**-32: exact, and strictly between 0 and 1."""
    words = philox(count, seed=seed, stream=stream, step=step)
    return (words.astype(np.float64) + 0.5) * 2.0**-32


# AS 241, PPND16: numerators and denominators, constant term first.
_A = (
    3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
    1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
    3.3430575583588128105e4, 2.5090809287301226727e3,
)  # fmt: skip
_B = (
    1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
    2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
    5.2264952788528545610e3,
)  # fmt: skip
_C = (
    1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
    3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
    2.27238449892691845833e-2, 7.74545014278341407640e-4,
)  # fmt: skip
_D = (
    1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
    1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
    1.05075007164441684324e-9,
)  # fmt: skip


def normal_quantile(u: Array) -> Array:
    """Return z with P(Z <= z) = u for standard normal Z, 2**-33 <= u <= 1 - 2**-33.

    q = u - 0.5
    |q| <= 0.425:  r = 0.180625 - q * q,           z = q * (A(r) / B(r))
    else:          r = sqrt(-log(min(u, 1 - u))) - 1.6,  z = sign(q) * (C(r) / D(r))

    (AS 241 has a third range, r > 3.4, which u of 32 bits never reaches.)
    """
    q = u - 0.5
    r = 0.180625 - q * q
    middle = q * (_polynomial(_A, r) / _polynomial(_B, r))
    r = np.sqrt(-log(np.minimum(u, 1.0 - u))) - 1.6
    tail = _polynomial(_C, r) / _polynomial(_D, r)
    return np.where(np.abs(q) <= 0.425, middle, np.where(q < 0, -tail, tail))


def log(x: Array) -> Array:
    """Return the natural logarithm of positive normal float64 numbers.

    x = m * 2**e with sqrt(1/2) <= m < sqrt(2); s = (m - 1) / (m + 1); z = s * s
    log(x) = e * log(2) + (2 * s) * (1 + z * (1/3 + z * (1/5 + ... + z * (1/21))))

    `frexp` gives 1/2 <= m < 1; below 0.7071067811865476, m is doubled and e lowered.
    """
    m, e = np.frexp(x)
    small = m < 0.7071067811865476
    m = np.where(small, m + m, m)
    e = np.where(small, e - 1, e).astype(np.float64)
    s = (m - 1.0) / (m + 1.0)
    series = _polynomial(tuple(1.0 / k for k in range(1, 22, 2)), s * s)
    return e * 0.6931471805599453 + (s + s) * series


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """Return c[0] + x * (c[1] + x * (c[2] + ...)) by Horner's rule: y = y * x + c."""
    y = np.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        y = y * x + c
    return y
