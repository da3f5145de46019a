"""One row for each activation layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pellucid as pl
from tests.parity.compare import torch
from tests.parity.draws import Random, Rows, any_shape, first, functional, last, pick
from tests.parity.layers import Drawn

row = Rows()


def plain(random: Random, layer: Any, function: Callable[[Any], Any]) -> Drawn:
    """A layer without parameters."""
    return Drawn(layer, any_shape(random), lambda x, p: function(x))


@row
def ReLU(random: Random) -> Drawn:
    return plain(random, pl.ReLU(), functional.relu)


@row
def LeakyReLU(random: Random) -> Drawn:
    slope = pick(random, 0.01, 0.0, float(random.uniform(0, 1)))
    layer = pl.LeakyReLU(slope)
    return plain(random, layer, lambda x: functional.leaky_relu(x, slope))


@row
def PReLU(random: Random) -> Drawn:
    def same(x: Any, p: Mapping[str, Any]) -> Any:
        return last(functional.prelu(first(x), p["alpha"]))

    return Drawn(pl.PReLU(shared=bool(random.integers(2))), any_shape(random), same)


@row
def ELU(random: Random) -> Drawn:
    alpha = pick(random, 1.0, 0.0, float(random.uniform(0, 3)))
    return plain(random, pl.ELU(alpha), lambda x: functional.elu(x, alpha))


@row
def SELU(random: Random) -> Drawn:
    return plain(random, pl.SELU(), functional.selu)


@row
def GELU(random: Random) -> Drawn:
    return plain(random, pl.GELU(), functional.gelu)


@row
def SiLU(random: Random) -> Drawn:
    return plain(random, pl.SiLU(), functional.silu)


@row
def Mish(random: Random) -> Drawn:
    return plain(random, pl.Mish(), functional.mish)


@row
def HardSwish(random: Random) -> Drawn:
    return plain(random, pl.HardSwish(), functional.hardswish)


@row
def Softplus(random: Random) -> Drawn:
    return plain(random, pl.Softplus(), functional.softplus)


@row
def Sigmoid(random: Random) -> Drawn:
    return plain(random, pl.Sigmoid(), torch.sigmoid)


@row
def Tanh(random: Random) -> Drawn:
    return plain(random, pl.Tanh(), torch.tanh)


@row
def Softmax(random: Random) -> Drawn:
    return plain(random, pl.Softmax(), lambda x: torch.softmax(x, -1))


@row
def LogSoftmax(random: Random) -> Drawn:
    return plain(random, pl.LogSoftmax(), lambda x: torch.log_softmax(x, -1))
