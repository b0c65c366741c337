"""The result of an ablation as JSON and as Markdown tables: what `results/README.md` shows of the paper's findings.

Enters: rows of `ablate`. Leaves: every run's figures, arms at common FLOPS, differences with tests. No judgement in words.
"""

from __future__ import annotations

from collections.abc import Sequence

from .ablate import COLLECTIONS, minutes_of, without_queries
from .tradeoff import common_points, compare_pair, compare_point, compare_runs

PAIRS = (("activation", "baseline"), ("mask-50", "baseline"), ("both-50", "baseline"), ("both-50", "mask-50"), ("both-50", "activation"))
"""Arms over whose FLOPS λ decides: line against line."""
RUNS = (("mask", "baseline"), ("both", "baseline"), ("both", "activation"))
"""At t = 150 λ hardly moves the FLOPS: runs against a line."""
SIDE_BY_SIDE = ("baseline", "activation", "mask-50", "both-50")



def findings_of(rows: Sequence[dict]) -> dict:
    """Table 2 at equal FLOPS where its arms are all there, Table 3's runs against Table 2's lines."""
    result: dict = {
        "processorMinutes": minutes_of(rows), "rows": without_queries(rows),
        "test": "paired randomisation on NDCG@10 of queries, two-sided, models held fixed",
    }
    table = [row for row in rows if row.get("part") == "table-2"]
    seeds = sorted({row["seed"] for row in table})
    arms = {row["arm"] for row in table if all((row["arm"], seed) in {(r["arm"], r["seed"]) for r in table} for seed in seeds)}
    if table:
        result["table2"] = {
            "seeds": seeds,
            "common": common_points(table, SIDE_BY_SIDE, seeds) if arms.issuperset(SIDE_BY_SIDE) else {},
            "pairs": [compare_pair(table, better, other, seeds) for better, other in PAIRS if arms.issuperset((better, other))],
            "runs": [compare_runs(table, arm, against) for arm, against in RUNS if arms.issuperset((arm, against))],
        }
        result["table3"] = [
            compare_point(row, table, against)
            for row in rows if row.get("part") == "table-3" for against in ("activation", "baseline") if against in arms
        ]
    return result


def markdown_of(result: dict) -> str:
    lines = ["### Every run", "", *_run_lines(result["rows"])]
    if "table2" in result:
        lines += ["", "### Table 2 at equal FLOPS", "", *_common_lines(result["table2"])]
        lines += _pair_lines([*result["table2"]["pairs"], *result["table2"]["runs"]])
    if result.get("table3"):
        lines += ["", "### Table 3 against Table 2's lines", "", *_point_lines(result["table3"])]
    return "\n".join(lines) + "\n"


def _header(cells: Sequence[str]) -> list[str]:
    return ["| " + " | ".join(cells) + " |", "| " + " | ".join("---" for _ in cells) + " |"]


def _run_lines(rows: Sequence[dict]) -> list[str]:
    lines = _header(["part", "arm", "λ", "t", "seed", *(f"{c} {k}" for c in COLLECTIONS for k in ("NDCG@10", "Doc_Len", "FLOPS"))])
    for row in rows:
        cells = [row.get("part", ""), row["arm"], *(f"{row[k]:g}" if k in row else "" for k in ("lambda", "t", "seed"))]
        for name in COLLECTIONS:
            figures = row[name]
            cells += [f"{figures['ndcg10']:.4f}", f"{figures['docLen']:.0f}", f"{figures['flops']:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _common_lines(table: dict) -> list[str]:
    lines = []
    for name, found in table["common"].items():
        lines += _header([f"{name}, NDCG@10 at FLOPS", *(f"{x:.2f}" for x in found["flops"]), "mean between"])
        for arm, figures in found["arms"].items():
            cells = [*figures["at"], figures["mean"]]
            lines.append(f"| {arm} | " + " | ".join(" / ".join(f"{v:.4f}" for v in cell) for cell in cells) + " |")
        lines.append("")
    return lines


def _pair_lines(pairs: Sequence[dict]) -> list[str]:
    lines = _header(["difference in NDCG@10", "collection", "FLOPS", "by seed", "mean", "wins/ties/losses", "p"])
    for pair in pairs:
        for name in (*COLLECTIONS, "all"):
            if name in pair:
                found = pair[name]
                flops = "–".join(f"{x:.2f}" for x in found.get("flops", ())) + (f", {found['runs']} runs" if "runs" in found else "")
                seeds = ", ".join(f"{d:+.4f}" for d in found.get("bySeed", ()))
                lines.append(f"| {pair['arm']} − {pair['against']} | {name} | {flops} | {seeds} | {_tested(found)} |")
    return lines


def _point_lines(points: Sequence[dict]) -> list[str]:
    lines = _header(["run − line at the run's FLOPS", "seed", "collection", "FLOPS", "difference", "wins/ties/losses", "p"])
    for point in points:
        for name in COLLECTIONS:
            found = point[name]
            if "outside" in found:
                tail = f"outside of {found['outside'][0]:.2f}–{found['outside'][1]:.2f} | | "
            else:
                tail = _tested(found)
            lines.append(f"| {point['arm']} − {point['against']} | {point['seed']} | {name} | {found['flops']:.2f} | {tail} |")
    return lines


def _tested(found: dict) -> str:
    return f"{found['difference']:+.4f} | {found['wins']}/{found['ties']}/{found['losses']} | {found['p']:.4f}"
