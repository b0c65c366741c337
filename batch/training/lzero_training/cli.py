"""The command line: prepare, teach, train, export, evaluate, table, kinds, ablate."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from .paths import CACHE, MODEL, PLANS, REPOSITORY, RESULTS

EPILOG = """a model from nothing (about an hour and a half on one core):
  python -m lzero_training prepare  --config configs/lzero-tiny-stage-1.yaml
  python -m lzero_training teach    --config configs/lzero-tiny-stage-1.yaml
  python -m lzero_training train    --config configs/lzero-tiny-stage-1.yaml      (again after a kill: it resumes)
  python -m lzero_training train    --config configs/lzero-tiny.yaml
  python -m lzero_training export   --config configs/lzero-tiny.yaml --share 0.5 --out ../models/lzero-tiny
  python -m lzero_training export   --config configs/untuned-lexical.yaml --share 0 --out ../../.cache/untuned-lexical
  python -m lzero_training table    --untuned ../../.cache/untuned-lexical
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="lzero_training", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, text in (
        ("prepare", _prepare, "draw the pool of passages and queries and tokenize it"),
        ("teach", _teach, "cache the three teachers' vectors and every query's candidates"),
        ("train", _train, "train one configuration; resumes where its last state was written"),
    ):
        command = _command(commands, name, run, text)
        command.add_argument("--config", type=Path, required=True, help="YAML file, e.g. configs/lzero-tiny.yaml")
        command.add_argument("--threads", type=int, default=None, help="torch threads (default: the configuration's)")
        if name == "teach":
            command.add_argument("--parts", nargs="+", default=None, help="some of bm25 dense splade candidates (default: the configuration's)")
        if name == "train":
            command.add_argument("--no-dev", action="store_true", help="no dev figures on the way")
    export = _command(commands, "export", _export, "write the int8 ONNX model folder of a trained run")
    export.add_argument("--config", type=Path, required=True)
    export.add_argument("--share", type=float, default=1.0, help="interpolation: share of the trained weights (%(default)s)")
    export.add_argument("--out", type=Path, required=True)
    evaluate = _command(commands, "evaluate", _evaluate, "the four-row table of served vectors, JSON and TREC runs")
    evaluate.add_argument("--model", type=Path, default=REPOSITORY / "batch" / "models" / "lzero-tiny", help="model folder (%(default)s)")
    evaluate.add_argument("--baseline", type=Path, default=MODEL / "splade-tiny", help="untuned checkpoint (%(default)s)")
    evaluate.add_argument("--collections", nargs="+", default=["scifact", "cranfield", "left-out", "squad"], help="names, or BEIR folders (%(default)s)")
    evaluate.add_argument("--squad-queries", type=int, default=2000, help="seeded sample of SQuAD's dev questions (%(default)s)")
    evaluate.add_argument("--pool", default="pool", help="pool folder in the cache, for `left-out` (%(default)s)")
    evaluate.add_argument("--out", type=Path, default=RESULTS / "evaluation.json")
    evaluate.add_argument("--runs", type=Path, default=None, help="folder for TREC run files")
    ablate = _command(commands, "ablate", _ablate, "train and judge a plan's configurations with equal budgets; skips what is done")
    ablate.add_argument("--plan", type=Path, default=PLANS / "paper-in-small.yaml", help="YAML file (%(default)s)")
    ablate.add_argument("--parts", nargs="+", default=None, help="some of the plan's parts; tables need table-2 (default: all)")
    ablate.add_argument("--threads", type=int, default=1)
    ablate.add_argument("--out", type=Path, default=RESULTS / "ablation.json", help="JSON; a table (.md) and a plot (.png) go beside it")
    table = _command(commands, "table", _table, "the four rows through `lzero eval` and `lzero compare`: JSON, Markdown, TREC runs")
    table.add_argument("--model", type=Path, default=REPOSITORY / "batch" / "models" / "lzero-tiny", help="model folder")
    table.add_argument("--untuned", type=Path, required=True, help="folder of `export --share 0`: the starting weights, the same manifest")
    table.add_argument("--collections", nargs="+", default=["scifact", "cranfield", "squad-2000", "left-out"])
    table.add_argument("--cli", type=Path, default=REPOSITORY / "dist" / "batch" / "cli.js", help="the built `lzero`")
    table.add_argument("--pool", default="pool")
    table.add_argument("--runs", type=Path, default=CACHE / "trec", help="folder for TREC runs; what lies there is not made again")
    table.add_argument("--skip", nargs="*", default=[], help="COLLECTION:ROW of runs to leave out, e.g. squad-2000:untuned")
    table.add_argument("--out", type=Path, default=RESULTS / "four-rows.json")
    kinds = _command(commands, "kinds", _kinds, "dense, both-sides SPLADE and Porter BM25 offline on BEIR folders")
    kinds.add_argument("--collections", nargs="+", default=["scifact", "cranfield"], help="names, or BEIR folders")
    kinds.add_argument("--pool", default="pool")
    kinds.add_argument("--threads", type=int, default=1)
    kinds.add_argument("--runs", type=Path, default=None, help="folder for TREC runs")
    kinds.add_argument("--out", type=Path, default=RESULTS / "kinds.json")
    parsed = parser.parse_args(arguments)
    return parsed.run(parsed)


def _command(commands, name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    command.set_defaults(run=run)
    return command


def _bar(label: str, total: int) -> Callable[[int], None]:
    from tqdm import tqdm

    return tqdm(total=total, desc=label, mininterval=2, file=sys.stderr).update


def _prepare(args: argparse.Namespace) -> int:
    from .data import prepare
    from .settings import load_settings

    settings = load_settings(args.config)
    print(json.dumps(prepare(CACHE / settings.pool, settings.sources, settings.synthetic, settings.seed), indent=2))
    return 0


def _teach(args: argparse.Namespace) -> int:
    import torch

    from .settings import load_settings
    from .teachers import teach

    settings = load_settings(args.config, threads=args.threads)
    torch.set_num_threads(settings.threads)
    teach(CACHE / settings.pool, _bar, settings.teachers, args.parts)
    return 0


def _train(args: argparse.Namespace) -> int:
    from .evaluate import QuickDev, ServedOptions
    from .plots import plot_run
    from .settings import load_settings
    from .train import Trainer, pool_folder, run_folder

    settings = load_settings(args.config, threads=args.threads)
    trainer = Trainer(settings, run_folder(settings), pool_folder(settings))
    options = ServedOptions(settings.lexical, settings.mu, settings.query_idf_floor)
    dev = None if args.no_dev else QuickDev(pool_folder(settings), options)
    trainer.run(dev, lambda row: print(json.dumps(row), flush=True))
    plot_run(run_folder(settings) / "log.jsonl", RESULTS / f"{settings.name}.png")
    return 0


def _export(args: argparse.Namespace) -> int:
    from .export import export_model
    from .settings import load_settings

    print(json.dumps(export_model(load_settings(args.config), args.share, args.out), indent=2))
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from .report import evaluate_model

    report = evaluate_model(
        args.model, args.baseline, args.collections, args.squad_queries, CACHE / args.pool, args.runs,
        lambda text: print(text, file=sys.stderr, flush=True),
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))
    return 0


def _ablate(args: argparse.Namespace) -> int:
    from .ablate import ablate, read_plan
    from .findings import findings_of, markdown_of
    from .plots import plot_ablation

    rows = ablate(read_plan(args.plan, args.parts), args.threads, lambda row: print(json.dumps(row), flush=True))
    result = findings_of(rows)
    _write(args.out, result)
    args.out.with_suffix(".md").write_text(markdown_of(result), encoding="utf-8")
    plot_ablation(result["rows"], args.out.with_suffix(".png"))
    return 0


def _table(args: argparse.Namespace) -> int:
    from .table import Tools, four_rows, markdown_of

    tools = Tools(args.cli, CACHE / "collections")
    tools.cache.mkdir(parents=True, exist_ok=True)
    result = four_rows(args.collections, args.model, args.untuned, tools, CACHE / args.pool, args.runs, _say, args.skip)
    _write(args.out, result)
    args.out.with_suffix(".md").write_text(markdown_of(result), encoding="utf-8")
    return 0


def _kinds(args: argparse.Namespace) -> int:
    import torch

    from .evaluate import collection_named
    from .kinds import score_kinds

    torch.set_num_threads(args.threads)
    tables = [score_kinds(collection_named(n, CACHE / args.pool), CACHE / "kinds", args.runs, _say) for n in args.collections]
    _write(args.out, {"tables": tables})
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _write(path: Path, value: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")
    print(text)
