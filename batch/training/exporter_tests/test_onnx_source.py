"""ONNX models that came from elsewhere, wrapped: against numpy, in any batch, and what is refused."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

import onnx
from onnx import TensorProto, helper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from exporter.checkpoint import CheckpointError, load_checkpoint  # noqa: E402
from exporter.encoder_graph import GraphOptions  # noqa: E402
from exporter.onnx_source import load_onnx, source_vectors, wrap_onnx  # noqa: E402
from exporter.reference import largest_error, reference_vector  # noqa: E402
from exporter.running import GraphRunner  # noqa: E402
from plain_onnx import plain_onnx  # noqa: E402
from test_checkpoints import BERT, DISTILBERT, LENGTH, SPECIAL, VOCABULARY, CheckpointCase, random_tensors  # noqa: E402


class OnnxCase(CheckpointCase):
    def save(self, model: onnx.ModelProto) -> Path:
        path = self.folder / "model.onnx"
        onnx.save(model, path)
        return path

    def random_checkpoint(self, base: dict):
        return load_checkpoint(self.write(base, random_tensors(base["model_type"], self.rng)))


class Wrapped(OnnxCase):
    def test_equals_numpy(self) -> None:
        for base, opset, log1p_count in ((BERT, 17, 1), (DISTILBERT, 18, 2)):
            with self.subTest(base["model_type"], opset=opset):
                checkpoint = self.random_checkpoint(base)
                source = load_onnx(self.save(plain_onnx(checkpoint, opset)), SPECIAL, VOCABULARY)
                self.assertEqual(source.vocabulary_size, VOCABULARY)
                options = GraphOptions(log1p_count, LENGTH, VOCABULARY, 0.0, False, SPECIAL)
                wrapped = wrap_onnx(source, options)
                onnx.checker.check_model(wrapped, full_check=True)
                vectors, counts = GraphRunner(wrapped, 1).vectors(self.rows)
                for row, vector, count, plain in zip(
                    self.rows, vectors, counts, source_vectors(source, self.rows, options), strict=True
                ):
                    expected = reference_vector(checkpoint, row, options)
                    self.assertGreater(len(expected), 5)
                    self.assertFalse(set(vector) & set(SPECIAL))
                    self.assertEqual(count, len(vector))
                    self.assertLess(largest_error(vector, expected, VOCABULARY), 1e-4)
                    self.assertLess(largest_error(vector, plain, VOCABULARY), 1e-4)

    def test_gives_a_row_the_same_in_any_batch(self) -> None:
        source = load_onnx(self.save(plain_onnx(self.random_checkpoint(BERT))), SPECIAL, VOCABULARY)
        runner = GraphRunner(wrap_onnx(source, GraphOptions(1, LENGTH, 50, 0.1, False, SPECIAL)), 1)

        def run(rows: list[list[int]]) -> list[dict[int, float]]:
            terms, weights, _ = runner.run(rows)
            return [dict(zip(t[w > 0].tolist(), w[w > 0].tolist(), strict=True)) for t, w in zip(terms, weights, strict=True)]

        alone = [run([row])[0] for row in self.rows]
        self.assertEqual(run(self.rows), alone)
        self.assertEqual(run(self.rows[::-1]), alone[::-1])


class Refused(OnnxCase):
    def assert_refused(self, code: str, pattern: str, model: onnx.ModelProto | None = None) -> None:
        path = self.save(model) if model is not None else self.folder / "model.onnx"
        with self.assertRaisesRegex(CheckpointError, pattern) as caught:
            load_onnx(path, SPECIAL, VOCABULARY)
        self.assertEqual(caught.exception.code, code)

    def test_names_what_is_wrong(self) -> None:
        checkpoint = self.random_checkpoint(BERT)
        pooled = plain_onnx(checkpoint)
        pooled.graph.node.append(helper.make_node("ReduceMax", ["logits"], ["pooled"], axes=[1], keepdims=0))
        pooled.graph.output[0].name = "pooled"
        self.assert_refused("model_head_missing", "gives pooled and no logits of each token", pooled)
        self.assert_refused("model_head_missing", "gives last_hidden_state and no", plain_onnx(checkpoint, headless=True))
        unknown = plain_onnx(checkpoint)
        unknown.graph.input.append(helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1]))
        self.assert_refused("model_config_invalid", "takes .*pixel_values", unknown)
        broken = plain_onnx(checkpoint)
        del broken.graph.initializer[-1]
        self.assert_refused("model_weights_invalid", "cannot be run", broken)
        empty = helper.make_graph(
            [helper.make_node("Cast", ["input_ids"], ["logits"], to=TensorProto.FLOAT)], "g",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, None])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        )
        young = helper.make_model(empty, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
        self.assert_refused("model_config_invalid", "opset 12, known are 13 to", young)
        self.assert_refused("model_head_missing", "no logits", helper.make_model(
            empty, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))

    def test_names_a_file_that_is_cut_off_or_has_lost_its_data(self) -> None:
        path = self.save(plain_onnx(self.random_checkpoint(BERT)))
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        self.assert_refused("model_weights_invalid", "no whole ONNX model")
        outside = onnx.load_from_string(whole)
        onnx.save(outside, path, save_as_external_data=True, location="model.onnx_data", size_threshold=0)
        (self.folder / "model.onnx_data").unlink()
        self.assert_refused("model_weights_invalid", "no whole ONNX model")


if __name__ == "__main__":
    unittest.main()
