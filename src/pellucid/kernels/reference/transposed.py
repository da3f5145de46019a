"""Transposed convolution: a convolution, walked backwards.

Every pixel of x writes a window `x[n, i, j] @ w.T` into y, and windows that overlap
are added: what a convolution by the same filters does for its gradient dx. So its own
gradient with respect to x is a convolution of dy.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from pellucid.shapes import Geometry, IntPair, Padding

from .. import checks
from ..checks import ANY, Array
from .activations import activate, scaled
from .conv import conv2d, conv2d_backward, spread


def conv_transpose2d(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    strides: IntPair = 1,
    padding: Padding = "valid",
    output_padding: IntPair | None = None,
    dilation: IntPair = 1,
    groups: int = 1,
    scale: ArrayLike | None = None,
    activation: str | None = None,
    conv_algo: str = "auto",
    out: Array | None = None,
) -> Array:
    """Spread every pixel over a window of a larger image.

    y[n, p, q, k] = activation(b[k] + scale[k] * sum over c and all i, u, j, v with
        i * stride_h + u * dilation_h - pad_top = p,
        j * stride_w + v * dilation_w - pad_left = q of x[n, i, j, c] * w[u, v, k, c])

    Parameters
    ----------
    x : array (n, h, w, c)
        Images, channels last, float32 or float64.
    w : array (kh, kw, k / groups, c)
        Filters: those of the convolution from y to x.
    b : array (k,), optional
        Bias.
    strides, dilation : int or (int, int), default 1
        Steps between the windows; distance between their taps.
    padding : {"valid", "same"}, int, (ph, pw) or ((top, bottom), (left, right))
        What is cut off y; "same" gives oh = h * stride_h.
    output_padding : int or (int, int), optional
        Rows and columns more, below and on the right; less than the stride. Default:
        what a filter lacks to a stride. Not with "same".
    groups : int, default 1
        Channels are cut into so many groups, each with its own filters.
    scale : array (k,), optional
        A factor for every filter, such as that of a batch normalization; only with b.
    activation : {"relu", "leaky_relu", "sigmoid", "tanh"}, optional
        Applied to the result.
    conv_algo : {"auto", "direct", "winograd", "im2col"}
        How the compiled twin computes, as in `conv2d`.
    out : array (n, oh, ow, k), optional
        Where to write y.

    Returns
    -------
    array (n, oh, ow, k)
        oh = (h - 1) * stride_h + dilation_h * (kh - 1) + 1 - pad_top - pad_bottom
        + output_padding, and ow in the same way.

    Raises
    ------
    TypeError, ValueError
        Arguments that do not fit together; padding that leaves nothing.

    Example
    -------
    >>> import numpy as np
    >>> x = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> conv_transpose2d(x, np.ones((2, 2, 1, 1)))[0, :, :, 0]
    array([[0., 1., 1.],
           [2., 6., 4.],
           [2., 5., 3.]])

    Source
    ------
    Dumoulin, Visin (2016), A guide to convolution arithmetic for deep learning.
    """
    x, w, b, scale, y, g = checks.conv_transpose2d(
        x, w, b, strides, padding, output_padding, dilation, groups, scale, activation,
        conv_algo, out, ANY,
    )  # fmt: skip
    spread(x, w, y, g)
    return activate(scaled(y, scale, b), activation)


def conv_transpose2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    strides: IntPair = 1,
    padding: Padding = "valid",
    output_padding: IntPair | None = None,
    dilation: IntPair = 1,
    groups: int = 1,
    conv_algo: str = "auto",
    need_dx: bool = True,
    need_db: bool = True,
    out: tuple[Array | None, Array | None, Array | None] | None = None,
) -> tuple[Array | None, Array, Array | None]:
    """Compute the gradients of a transposed convolution.

    dx = conv2d(dy, w),  dw is that of this conv2d where x stands for the gradient of
    its result,  db = sum of dy over n, oh, ow

    Parameters
    ----------
    dy : array (n, oh, ow, k)
        Gradient with respect to y before the activation.
    x, w : array (n, h, w, c) and (kh, kw, k / groups, c)
        What the forward pass was given.
    strides, padding, output_padding, dilation, groups, conv_algo
        As in `conv_transpose2d`.
    need_dx, need_db : bool, default True
        False skips that gradient; None stands in its place.
    out : tuple (dx, dw, db), optional
        Where to write; None items are allocated.

    Returns
    -------
    dx : array (n, h, w, c) or None
    dw : array (kh, kw, k / groups, c)
    db : array (k,) or None

    Raises
    ------
    TypeError, ValueError
        Arguments that do not fit together.

    Example
    -------
    >>> import numpy as np
    >>> x, w = np.full((1, 1, 1, 1), 3.0), np.ones((2, 2, 1, 1))
    >>> dy = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> dx, dw, db = conv_transpose2d_backward(dy, x, w)
    >>> dx.item(), dw[:, :, 0, 0], db
    (6.0, array([[0., 3.],
           [6., 9.]]), array([6.]))
    """
    dy, x, w, dx, dw, db, g = checks.conv_transpose2d_backward(
        dy, x, w, strides, padding, output_padding, dilation, groups, conv_algo,
        need_dx, need_db, out, ANY,
    )  # fmt: skip
    options = _convolution(g)
    if dx is not None:
        conv2d(dy, w, **options, out=dx)
    conv2d_backward(
        x, dy, w, **options, need_dx=False, need_db=False, out=(None, dw, None)
    )
    if db is not None:
        dy.sum(axis=(0, 1, 2), out=db)
    return dx, dw, db


def _convolution(g: Geometry) -> dict[str, Any]:
    """The options of the convolution that leads from y to x."""
    return {
        "strides": (g.stride_h, g.stride_w),
        "padding": ((g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right)),
        "dilation": (g.dilation_h, g.dilation_w),
        "groups": g.groups,
    }
