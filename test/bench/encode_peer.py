"""The encode benchmark's peer: the same checkpoint through sentence-transformers, or plain transformers without it.

Enters: a file that says what to run, as encode-process.ts reads it, then a line for each pass. Leaves: a line of JSON
when it is warm and one for each pass, on standard output.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import torch

BATCH = 32
WARM_UP_TEXTS = 32


class SentenceTransformersPeer:
    """SparseEncoder as its documentation sets SPLADE up, with the activation of the l0 form."""

    def __init__(self, checkpoint: str, max_length: int, device: str, chunk: int | None) -> None:
        import sentence_transformers
        from sentence_transformers import SparseEncoder
        from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling

        transformer = MLMTransformer(checkpoint)
        pooling = SpladePooling(pooling_strategy="max", activation_function="log1p_relu", chunk_size=chunk)
        self.model = SparseEncoder(modules=[transformer, pooling], device=device)
        self.model.max_seq_length = max_length
        self.label = f"sentence-transformers {sentence_transformers.__version__} SparseEncoder" + (
            f", pooling {chunk} tokens at a time" if chunk else ""
        )
        self.tokens = self.padded = 0
        preprocess = self.model.preprocess

        def counting(inputs: list[str], **kwargs: object) -> dict:
            features = preprocess(inputs, **kwargs)
            self.tokens += int(features["attention_mask"].sum())
            self.padded += features["attention_mask"].numel()
            return features

        self.model.preprocess = counting

    def encode(self, texts: list[str]) -> int:
        vectors = self.model.encode_document(texts, batch_size=BATCH, show_progress_bar=False)
        return int(vectors.coalesce().values().count_nonzero())


class TransformersPeer:
    """The forward pass that everybody writes first: full logits, maximum over positions, texts by length."""

    def __init__(self, checkpoint: str, max_length: int, device: str) -> None:
        import transformers

        self.tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
        self.model = transformers.AutoModelForMaskedLM.from_pretrained(checkpoint).to(device).eval()
        self.max_length, self.device = max_length, device
        self.label = f"transformers {transformers.__version__}, full logits"
        self.tokens = self.padded = 0

    @torch.inference_mode()
    def encode(self, texts: list[str]) -> int:
        count = 0
        ordered = sorted(texts, key=len, reverse=True)
        for start in range(0, len(ordered), BATCH):
            batch = self.tokenizer(
                ordered[start : start + BATCH], padding=True, truncation=True, max_length=self.max_length, return_tensors="pt"
            ).to(self.device)
            mask = batch["attention_mask"]
            logits = self.model(**batch).logits
            peaks = (logits.relu() * mask.unsqueeze(-1)).amax(dim=1)
            count += int(peaks.log1p().log1p().to_sparse().values().count_nonzero())
            self.tokens += int(mask.sum())
            self.padded += mask.numel()
        return count


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(spec["threads"])
    texts = json.loads(Path(spec["texts"]).read_text())
    if spec["kind"] == "transformers":
        peer = TransformersPeer(spec["checkpoint"], spec["maxLength"], spec["device"])
    else:
        peer = SentenceTransformersPeer(spec["checkpoint"], spec["maxLength"], spec["device"], spec["chunk"])
    peer.encode(texts[:WARM_UP_TEXTS])
    print(json.dumps({"label": peer.label}), flush=True)
    for _ in sys.stdin:
        peer.tokens = peer.padded = 0
        started, cpu_started = time.perf_counter(), time.process_time()
        count = peer.encode(texts)
        answer = {
            "seconds": time.perf_counter() - started,
            "cpuSeconds": time.process_time() - cpu_started,
            "tokens": peer.tokens,
            "paddedTokens": peer.padded,
            "docLen": count / len(texts),
            "peakMemoryBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
