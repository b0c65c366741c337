"""A few lines over onnx.helper: nodes that name their outputs themselves, and initializers of a chosen precision."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
IR_VERSION = 9


class GraphBuilder:
    """Collects nodes and initializers; every method returns the name of the value that it made."""

    def __init__(self, half_storage: bool) -> None:
        """half_storage: float weights lie in the file as float16; a Cast that the runtime folds at load widens them."""
        self._half_storage = half_storage
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._count = 0
        self._known: dict[tuple[int, ...], str] = {}

    def node(self, operator: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        names = self.nodes(operator, *inputs, outputs=outputs, **attributes)
        return names[0]

    def nodes(self, operator: str, *inputs: str, outputs: int, **attributes: object) -> list[str]:
        self._count += 1
        names = [f"{operator.lower()}_{self._count}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        self._nodes.append(helper.make_node(operator, list(inputs), names, name=f"node_{self._count}", **attributes))
        return names

    def constant(self, array: np.ndarray, name: str | None = None) -> str:
        self._count += 1
        name = name or f"constant_{self._count}"
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

    def rename(self, value: str, name: str) -> None:
        """Gives a value its public name."""
        self._nodes.append(helper.make_node("Identity", [value], [name], name=f"name_{name}"))

    def build(self, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto], doc: str) -> onnx.ModelProto:
        graph = helper.make_graph(self._nodes, "document_encoder", inputs, outputs, self._initializers, doc_string=doc)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="lzero"
        )
        onnx.checker.check_model(model, full_check=True)
        return model
