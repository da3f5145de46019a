"""onnxruntime as a contestant in predictions; its graphs are written with onnx."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

VERSION = f"onnxruntime {onnxruntime.__version__}"
OPSET, FORMAT = 17, 8
CPU = ["CPUExecutionProvider"]


class Graph:
    """A chain of ONNX nodes with random weights; images are (n, c, h, w)."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.last = "x"

    def add(self, op: str, *weights: Any, **options: Any) -> Graph:
        """Append a node that reads the last one and some weights."""
        names = [self.last]
        for array in weights:
            names.append(f"w{len(self.weights)}")
            self.weights.append(numpy_helper.from_array(array, names[-1]))
        self.last = f"y{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, names, [self.last], **options))
        return self

    def draw(self, *shape: int) -> Any:
        fan_in = np.prod(shape[1:]) if len(shape) > 1 else 1
        values = self.random.standard_normal(shape, dtype=np.float32)
        return values / np.sqrt(np.float32(fan_in))

    def mlp(self, *widths: int) -> Graph:
        for before, after in pairwise(widths):
            self.add("Gemm", self.draw(after, before), self.draw(after), transB=1)
            self.add("Relu")
        self.nodes.pop()
        self.last = self.nodes[-1].output[0]
        return self

    def conv(self, c: int, k: int, side: int, pad: int, bias: bool = True) -> Graph:
        b = [self.draw(k)] if bias else []
        return self.add("Conv", self.draw(k, c, side, side), *b, pads=4 * [pad])

    def pool(self) -> Graph:
        return self.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])

    def block(self, *channels: int) -> Graph:
        for c, k in pairwise(channels):
            self.conv(c, k, 3, 1, bias=False)
            statistics = [self.draw(k), self.draw(k), self.draw(k), self.draw(k) ** 2]
            self.add("BatchNormalization", *statistics).add("Relu")
        return self.pool()


def lenet5() -> Graph:
    graph = Graph().conv(1, 6, 5, 2).add("Relu").pool()
    graph.conv(6, 16, 5, 0).add("Relu").pool()
    return graph.add("Flatten").mlp(400, 120, 84, 10)


def mnist_cnn() -> Graph:
    return Graph().block(1, 32).block(32, 64).add("Flatten").mlp(3136, 128, 10)


def cifar_vgg() -> Graph:
    graph = Graph().block(3, 64, 64).block(64, 128, 128).block(128, 256, 256)
    return graph.add("GlobalAveragePool").add("Flatten").mlp(256, 10)


NETWORKS: dict[str, tuple[Callable[[], Graph], tuple[int, ...]]] = {
    "mlp_100": (lambda: Graph().mlp(64, 100, 10), (64,)),
    "mlp_128_64": (lambda: Graph().mlp(784, 128, 64, 10), (784,)),
    "mlp_512_512": (lambda: Graph().mlp(784, 512, 512, 10), (784,)),
    "lenet5_sgd": (lenet5, (1, 28, 28)),
    "lenet5_adam": (lenet5, (1, 28, 28)),
    "mnist_cnn": (mnist_cnn, (1, 28, 28)),
    "cifar_vgg": (cifar_vgg, (3, 32, 32)),
}


def prepare(
    network: str, task: str, batch: int, threads: int, mode: str
) -> Callable[[], object]:
    make, shape = NETWORKS[network]
    graph = make()
    kind = TensorProto.FLOAT
    whole = helper.make_graph(
        graph.nodes,
        network,
        [helper.make_tensor_value_info("x", kind, [batch, *shape])],
        [helper.make_tensor_value_info(graph.last, kind, [batch, 10])],
        graph.weights,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(whole, opset_imports=opsets, ir_version=FORMAT)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, CPU)
    x = np.random.default_rng(0).standard_normal((batch, *shape), dtype=np.float32)
    return lambda: session.run(None, {"x": x})
