"""Runs exported graphs on texts: calibration states, vectors, and figures over a sample. Uses onnxruntime on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

TOKEN_BUDGET = 2048
"""Padded tokens a batch has at most."""


class GraphRunner:
    """One session; a batch is made of texts of like length."""

    def __init__(self, model: onnx.ModelProto | bytes, threads: int = 2) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        data = model if isinstance(model, bytes) else model.SerializeToString()
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def run(self, rows: Sequence[Sequence[int]], outputs: list[str] | None = None) -> list[np.ndarray]:
        lengths = np.array([len(row) for row in rows], dtype=np.int32)
        ids = np.zeros((len(rows), int(lengths.max())), dtype=np.int32)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
        return self._session.run(outputs, {"token_ids": ids, "lengths": lengths})

    def vectors(
        self, rows: Sequence[Sequence[int]], progress: Callable[[int], None] = lambda done: None
    ) -> tuple[list[dict[int, float]], np.ndarray]:
        """Sparse vectors in the order of the rows, and each row's count before the top-k cut."""
        vectors: list[dict[int, float]] = [{} for _ in rows]
        counts = np.zeros(len(rows), dtype=np.int64)
        done = 0
        for batch in batches_by_length(rows):
            term_ids, weights, non_zero = self.run([rows[i] for i in batch])
            for row, index in enumerate(batch):
                kept = weights[row] > 0
                vectors[index] = dict(zip(term_ids[row][kept].tolist(), weights[row][kept].tolist(), strict=True))
            counts[batch] = non_zero
            done += len(batch)
            progress(done)
        return vectors, counts


def batches_by_length(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Indices of the rows, shortest first, under the token budget."""
    batches: list[list[int]] = [[]]
    for index in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if batches[-1] and (len(batches[-1]) + 1) * len(rows[index]) > TOKEN_BUDGET:
            batches.append([])
        batches[-1].append(index)
    return batches


def collect_head_input(model: onnx.ModelProto, rows: Sequence[Sequence[int]]) -> np.ndarray:
    """The head's input [positions, hidden] on given rows, padding left out."""
    value = [node for node in model.graph.node if node.op_type == "LayerNormalization"][-1].output[0]
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, None))
    runner = GraphRunner(probe)
    return np.concatenate([runner.run([row], [value])[0].reshape(-1, runner_width(probe)) for row in rows])


def runner_width(model: onnx.ModelProto) -> int:
    """The hidden size, read from the word matrix."""
    return next(item.dims[1] for item in model.graph.initializer if item.name == "words")
