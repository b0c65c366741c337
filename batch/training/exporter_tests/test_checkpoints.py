"""Small random checkpoints, written here: graph against numpy, numpy against transformers, and what is refused.

python -m unittest discover -s batch/training/exporter_tests
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exporter.checkpoint import CheckpointError, load_checkpoint  # noqa: E402
from exporter.encoder_graph import GraphOptions, build_encoder  # noqa: E402
from exporter.quantization import quantize_head  # noqa: E402
from exporter.reference import INT8_SHARE, largest_error, reference_vector  # noqa: E402
from exporter.running import GraphRunner, collect_head_input  # noqa: E402

VOCABULARY, HIDDEN, INNER, LAYERS, HEADS, LENGTH = 300, 32, 48, 2, 4, 40
SPECIAL = (0, 1, 2, 3, 4)
BERT = {
    "model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": VOCABULARY, "hidden_size": HIDDEN,
    "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "hidden_act": "gelu",
    "max_position_embeddings": LENGTH, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0,
}
DISTILBERT = {
    "model_type": "distilbert", "architectures": ["DistilBertForMaskedLM"], "vocab_size": VOCABULARY, "dim": HIDDEN,
    "hidden_dim": INNER, "n_layers": LAYERS, "n_heads": HEADS, "activation": "gelu",
    "max_position_embeddings": LENGTH, "pad_token_id": 0,
}


def random_tensors(kind: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Tensors by transformers' names; large enough that some logits are above 0."""
    tensors: dict[str, np.ndarray] = {}

    def array(name: str, *shape: int, scale: float = 0.3, shift: float = 0.0) -> None:
        tensors[name] = (rng.normal(size=shape) * scale + shift).astype(np.float32)

    def dense(name: str, out: int, into: int) -> None:
        array(f"{name}.weight", out, into)
        array(f"{name}.bias", out, scale=0.1)

    def norm(name: str) -> None:
        array(f"{name}.weight", HIDDEN, scale=0.1, shift=1)
        array(f"{name}.bias", HIDDEN, scale=0.1)

    bert = kind == "bert"
    embeddings = f"{kind}.embeddings"
    array(f"{embeddings}.word_embeddings.weight", VOCABULARY, HIDDEN)
    array(f"{embeddings}.position_embeddings.weight", LENGTH, HIDDEN)
    if bert:
        array(f"{embeddings}.token_type_embeddings.weight", 2, HIDDEN)
    norm(f"{embeddings}.LayerNorm")
    for index in range(LAYERS):
        at = f"bert.encoder.layer.{index}" if bert else f"distilbert.transformer.layer.{index}"
        maps = ("self.query", "self.key", "self.value", "output.dense") if bert else ("q_lin", "k_lin", "v_lin", "out_lin")
        for part in maps:
            dense(f"{at}.attention.{part}", HIDDEN, HIDDEN)
        norm(f"{at}.attention.output.LayerNorm" if bert else f"{at}.sa_layer_norm")
        dense(f"{at}.intermediate.dense" if bert else f"{at}.ffn.lin1", INNER, HIDDEN)
        dense(f"{at}.output.dense" if bert else f"{at}.ffn.lin2", HIDDEN, INNER)
        norm(f"{at}.output.LayerNorm" if bert else f"{at}.output_layer_norm")
    dense("cls.predictions.transform.dense" if bert else "vocab_transform", HIDDEN, HIDDEN)
    norm("cls.predictions.transform.LayerNorm" if bert else "vocab_layer_norm")
    array("cls.predictions.bias" if bert else "vocab_projector.bias", VOCABULARY, scale=0.5, shift=-2)
    return tensors


def untied(kind: str, tensors: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """With a decoder of its own; BERT's then has its own bias too, and the other one is not used."""
    name = "cls.predictions.decoder.weight" if kind == "bert" else "vocab_projector.weight"
    decoder = {name: rng.normal(size=(VOCABULARY, HIDDEN)).astype(np.float32) * 0.3}
    if kind == "bert":
        decoder["cls.predictions.decoder.bias"] = (rng.normal(size=VOCABULARY) * 0.5 - 2).astype(np.float32)
    return {**tensors, **decoder}


class CheckpointCase(unittest.TestCase):
    def setUp(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = Path(self._folder.name)
        self.rng = np.random.default_rng(5)
        self.rows = [self.rng.integers(5, VOCABULARY, size=n).tolist() for n in (3, 17, 30)]

    def write(self, config: dict, tensors: dict[str, np.ndarray]) -> Path:
        (self.folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        save_file(tensors, str(self.folder / "model.safetensors"), metadata={"format": "pt"})
        return self.folder

    def variants(self):
        """Every layout that is understood: name, configuration, tensors."""
        for base in (BERT, DISTILBERT):
            kind = base["model_type"]
            activation = "hidden_act" if kind == "bert" else "activation"
            tensors = random_tensors(kind, self.rng)
            yield f"{kind} tied", base, tensors
            yield f"{kind} untied", {**base, "tie_word_embeddings": False}, untied(kind, tensors, self.rng)
            yield f"{kind} relu", {**base, activation: "relu"}, tensors
            yield f"{kind} gelu_new", {**base, activation: "gelu_new"}, tensors
        old = {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
            for name, value in random_tensors("bert", self.rng).items()
        }
        yield "bert gamma and beta", BERT, old


class Graphs(CheckpointCase):
    def test_float_graphs_equal_numpy(self) -> None:
        for name, config, tensors in self.variants():
            checkpoint = load_checkpoint(self.write(config, tensors))
            for log1p_count in (1, 2):
                with self.subTest(name, log1p_count=log1p_count):
                    options = GraphOptions(log1p_count, LENGTH, VOCABULARY, 0.0, False, SPECIAL, chunk=64)
                    vectors, _ = GraphRunner(build_encoder(checkpoint, options, None), 1).vectors(self.rows)
                    for row, vector in zip(self.rows, vectors, strict=True):
                        expected = reference_vector(checkpoint, row, options)
                        self.assertGreater(len(expected), 5)
                        self.assertFalse(set(expected) & set(SPECIAL))
                        self.assertLess(largest_error(vector, expected, VOCABULARY), 1e-4)

    def test_int8_graphs_come_near(self) -> None:
        for name, config, tensors in self.variants():
            with self.subTest(name):
                checkpoint = load_checkpoint(self.write(config, tensors))
                options = GraphOptions(1, LENGTH, VOCABULARY, 0.0, False, SPECIAL)
                probe = build_encoder(checkpoint, GraphOptions(1, LENGTH, 1, 0.0, True), None)
                head = quantize_head(checkpoint, collect_head_input(probe, self.rows))
                vectors, _ = GraphRunner(build_encoder(checkpoint, options, head), 1).vectors(self.rows)
                for row, vector in zip(self.rows, vectors, strict=True):
                    expected = reference_vector(checkpoint, row, options)
                    self.assertLess(largest_error(vector, expected, VOCABULARY), INT8_SHARE * max(expected.values()))

    @unittest.skipUnless(
        importlib.util.find_spec("transformers") and importlib.util.find_spec("torch"), "transformers and torch are absent"
    )
    def test_numpy_equals_transformers(self) -> None:
        import torch
        from transformers import AutoModelForMaskedLM

        for name, config, tensors in self.variants():
            if "gamma" in name:
                # Versions differ in whether they rename; the same names in ours are the tensors of "bert tied".
                continue
            with self.subTest(name):
                folder = self.write(config, tensors)
                checkpoint = load_checkpoint(folder)
                model = AutoModelForMaskedLM.from_pretrained(folder).eval()
                for row in self.rows:
                    with torch.no_grad():
                        logits = model(input_ids=torch.tensor([row])).logits[0]
                    weights = torch.log1p(torch.relu(logits.max(dim=0).values)).numpy()
                    weights[list(SPECIAL)] = 0
                    theirs = {int(t): float(weights[t]) for t in np.flatnonzero(weights)}
                    ours = reference_vector(checkpoint, row, GraphOptions(1, LENGTH, VOCABULARY, 0.0, False, SPECIAL))
                    self.assertLess(largest_error(ours, theirs, VOCABULARY), 1e-4)


class Refusals(CheckpointCase):
    def assert_refused(self, pattern: str, config: dict, tensors: dict[str, np.ndarray]) -> None:
        with self.assertRaisesRegex(CheckpointError, pattern):
            load_checkpoint(self.write(config, tensors))

    def test_names_what_is_wrong(self) -> None:
        for base in (BERT, DISTILBERT):
            kind = base["model_type"]
            tensors = random_tensors(kind, self.rng)
            activation = "hidden_act" if kind == "bert" else "activation"
            body = {n: t for n, t in tensors.items() if not n.startswith(("cls.", "vocab_"))}
            layer = next(n for n in tensors if ".layer.1." in n)
            with self.subTest(kind):
                self.assert_refused("head is missing", base, body)
                self.assert_refused("head is missing", {**base, "tie_word_embeddings": False}, tensors)
                self.assert_refused("config.json says that they are tied", base, untied(kind, tensors, self.rng))
                self.assert_refused("the activation is 'silu'", {**base, activation: "silu"}, tensors)
                self.assert_refused("model_type is 'roberta'", {**base, "model_type": "roberta"}, tensors)
                self.assert_refused("word embeddings: the shape is", {**base, "vocab_size": 299}, tensors)
                self.assert_refused(f"tensor {layer} is missing", base, {n: t for n, t in tensors.items() if n != layer})
                self.assert_refused("config.json has no", {n: v for n, v in base.items() if n != activation}, tensors)
                heads = "num_attention_heads" if kind == "bert" else "n_heads"
                self.assert_refused("do not divide", {**base, heads: 5}, tensors)
                self.assert_refused("position_embedding_type", {**base, "position_embedding_type": "relative_key"}, tensors)

    def test_names_a_truncated_file(self) -> None:
        path = self.write(BERT, random_tensors("bert", self.rng)) / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-100])
        with self.assertRaisesRegex(CheckpointError, "cannot be read"):
            load_checkpoint(self.folder)

    def test_reads_half_precision(self) -> None:
        tensors = random_tensors("bert", self.rng)
        exact = load_checkpoint(self.write(BERT, tensors)).words
        half = load_checkpoint(self.write(BERT, {n: t.astype(np.float16) for n, t in tensors.items()}))
        self.assertEqual(half.words.dtype, np.float32)
        self.assertTrue(np.allclose(half.words, exact, atol=1e-3))

    def test_reads_bfloat16_and_skips_integers(self) -> None:
        tensors = random_tensors("bert", self.rng)
        exact = load_checkpoint(self.write(BERT, tensors)).words
        header, data = {}, b""
        for name, tensor in {**tensors, "bert.embeddings.position_ids": np.arange(LENGTH)}.items():
            halves = (tensor.astype("<f4").view("<u4") >> 16).astype("<u2") if tensor.dtype == np.float32 else tensor
            kind = "BF16" if tensor.dtype == np.float32 else "I64"
            header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + halves.nbytes]}
            data += halves.tobytes()
        encoded = json.dumps(header).encode()
        (self.folder / "model.safetensors").write_bytes(len(encoded).to_bytes(8, "little") + encoded + data)
        self.assertTrue(np.allclose(load_checkpoint(self.folder).words, exact, rtol=1 / 128))


if __name__ == "__main__":
    unittest.main()
