"""A few lines over onnx.helper: nodes that name their outputs themselves, and initializers of a chosen precision."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
IR_VERSION = 9


class GraphBuilder:
    """Collects nodes and initializers; every method returns the name of the value that it made."""

    def __init__(self, half_storage: bool, opset: int = OPSET, prefix: str = "") -> None:
        """half_storage: float weights lie in the file as float16; a Cast that the runtime folds at load widens them.

        prefix: before every name that is made here, for a graph inside of another one.
        """
        self._half_storage = half_storage
        self._opset = opset
        self._prefix = prefix
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._count = 0
        self._known: dict[tuple[int, ...], str] = {}

    def node(self, operator: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        names = self.nodes(operator, *inputs, outputs=outputs, **attributes)
        return names[0]

    def nodes(self, operator: str, *inputs: str, outputs: int, **attributes: object) -> list[str]:
        self._count += 1
        stem = f"{self._prefix}{operator.lower()}_{self._count}"
        names = [stem + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        name = f"{self._prefix}node_{self._count}"
        self._nodes.append(helper.make_node(operator, list(inputs), names, name=name, **attributes))
        return names

    def reduce_max(self, value: str, axis: int, keepdims: int) -> str:
        """The axis was an attribute once."""
        if self._opset >= 18:
            return self.node("ReduceMax", value, self.integers(axis), keepdims=keepdims)
        return self.node("ReduceMax", value, axes=[axis], keepdims=keepdims)

    def constant(self, array: np.ndarray, name: str | None = None) -> str:
        self._count += 1
        name = name or f"{self._prefix}constant_{self._count}"
        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def integers(self, *values: int) -> str:
        """An int64 vector, as shapes, axes and slice bounds want it."""
        if values not in self._known:
            self._known[values] = self.constant(np.array(values, dtype=np.int64))
        return self._known[values]

    def weight(self, array: np.ndarray, name: str | None = None) -> str:
        """A float weight of which half precision is enough where half storage is on."""
        if not self._half_storage:
            return self.constant(array.astype(np.float32), name)
        return self.node("Cast", self.constant(array.astype(np.float16), name), to=TensorProto.FLOAT)

    def name(self, name: str, value: str) -> None:
        """Gives a value a name that others know."""
        self._nodes.append(helper.make_node("Identity", [value], [name], name=f"name_{name}"))

    def take_nodes(self) -> list[onnx.NodeProto]:
        """The nodes so far, for a graph that is put together elsewhere."""
        taken, self._nodes = self._nodes, []
        return taken

    def take_initializers(self) -> list[onnx.TensorProto]:
        taken, self._initializers = self._initializers, []
        return taken

    def build_encoder(self, doc: str) -> onnx.ModelProto:
        """The model with the inputs and outputs that encoder_graph.py describes."""
        graph = helper.make_graph(
            self._nodes,
            "document_encoder",
            [
                helper.make_tensor_value_info("token_ids", TensorProto.INT32, ["batch", "length"]),
                helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"]),
            ],
            [
                helper.make_tensor_value_info("term_ids", TensorProto.INT32, ["batch", "k"]),
                helper.make_tensor_value_info("weights", TensorProto.FLOAT, ["batch", "k"]),
                helper.make_tensor_value_info("non_zero_count", TensorProto.INT32, ["batch"]),
            ],
            self._initializers,
            doc_string=doc,
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", self._opset)], ir_version=IR_VERSION, producer_name="lzero"
        )
