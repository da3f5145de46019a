"""The layers, one module for each family."""

from pellucid.layers.activation import ELU as ELU
from pellucid.layers.activation import GELU as GELU
from pellucid.layers.activation import SELU as SELU
from pellucid.layers.activation import HardSwish as HardSwish
from pellucid.layers.activation import LeakyReLU as LeakyReLU
from pellucid.layers.activation import LogSoftmax as LogSoftmax
from pellucid.layers.activation import Mish as Mish
from pellucid.layers.activation import PReLU as PReLU
from pellucid.layers.activation import ReLU as ReLU
from pellucid.layers.activation import Sigmoid as Sigmoid
from pellucid.layers.activation import SiLU as SiLU
from pellucid.layers.activation import Softmax as Softmax
from pellucid.layers.activation import Softplus as Softplus
from pellucid.layers.activation import Swish as Swish
from pellucid.layers.activation import Tanh as Tanh
from pellucid.layers.conv import Conv2D as Conv2D
from pellucid.layers.dense import Dense as Dense
from pellucid.layers.merge import Concat as Concat
from pellucid.layers.merge import Residual as Residual
from pellucid.layers.normalization import BatchNorm as BatchNorm
from pellucid.layers.pooling import AvgPool2D as AvgPool2D
from pellucid.layers.pooling import GlobalAvgPool2D as GlobalAvgPool2D
from pellucid.layers.pooling import MaxPool2D as MaxPool2D
from pellucid.layers.regularization import Dropout as Dropout
from pellucid.layers.shape import Flatten as Flatten
from pellucid.layers.shape import Rescaling as Rescaling
