"""What layers and models are made of."""

from pellucid.core.initializers import Initializer as Initializer
from pellucid.core.inputs import as_float_input as as_float_input
from pellucid.core.inputs import check_number as check_number
from pellucid.core.layer import Layer as Layer
from pellucid.core.parameter import Parameter as Parameter
from pellucid.core.random import RandomStream as RandomStream
from pellucid.core.registry import make_layer as make_layer
from pellucid.core.registry import register_layer as register_layer
from pellucid.core.regularizers import Regularizer as Regularizer
from pellucid.core.workspace import Workspace as Workspace
from pellucid.core.workspace import aligned_empty as aligned_empty
