"""Plots of a run's log and of an ablation; small PNG files. Needs matplotlib, nothing else does."""

from __future__ import annotations

import json
from pathlib import Path


def plot_run(log: Path, out: Path) -> None:
    """Loss, FLOPS, lengths and dev NDCG@10 against steps."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    train = [row for row in rows if row["kind"] == "train"]
    dev = [row for row in rows if row["kind"] == "dev"]
    steps = [row["step"] for row in train]
    figure, axes = plt.subplots(2, 2, figsize=(9, 6), dpi=90)
    panels = (
        (axes[0][0], ("loss", "kl", "contrastive"), "loss"),
        (axes[0][1], ("flops",), "FLOPS loss (expansion terms)"),
        (axes[1][0], ("l0Length", "docLen"), "non-zeros a document (l0; l0 + lexical)"),
    )
    for axis, keys, title in panels:
        for key in keys:
            axis.plot(steps, [smooth([r.get(key, 0.0) for r in train], i) for i in range(len(train))], label=key)
        axis.set_title(title, fontsize=9)
        axis.legend(fontsize=7)
    axis = axes[1][1]
    for key in ("scifact", "cranfield", "pubmedqa_l"):
        axis.plot([r["step"] for r in dev], [r.get(key) for r in dev], marker="o", label=key)
    axis.set_title("dev NDCG@10 (small cuts, 160 terms a document)", fontsize=9)
    axis.legend(fontsize=7)
    for axis in axes.flat:
        axis.set_xlabel("step", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3)
    figure.tight_layout()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)


def smooth(values: list[float], index: int, width: int = 8) -> float:
    """Mean of the last `width` values."""
    part = values[max(0, index - width + 1) : index + 1]
    return sum(part) / len(part)


COLOURS = {"baseline": "tab:gray", "mask": "tab:blue", "activation": "tab:orange", "both": "tab:red", "mask-50": "tab:cyan", "both-50": "tab:pink"}


def plot_ablation(rows: list[dict], out: Path) -> None:
    """Table 2's arms over FLOPS, seed by seed; Figures 2 and 3 with the runs of the same seed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(12, 7.6), dpi=90)
    for row_axes, name in zip(axes, ("scifact", "cranfield"), strict=True):
        _plot_arms(row_axes[0], rows, name)
        _plot_figure(row_axes[1], rows, name, "figure-2", "lambda", "λ")
        _plot_figure(row_axes[2], rows, name, "figure-3", "t", "t")
        for axis in row_axes:
            axis.set_ylabel("NDCG@10", fontsize=8)
            axis.tick_params(labelsize=7)
            axis.grid(alpha=0.3)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    handles, labels = axes[0][0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="lower center", ncol=6, fontsize=7, frameon=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)


def _plot_arms(axis, rows: list[dict], name: str) -> None:
    table = [row for row in rows if row.get("part") == "table-2"]
    for arm, seed in dict.fromkeys((row["arm"], row["seed"]) for row in table):
        points = sorted((r[name]["flops"], r[name]["ndcg10"]) for r in table if (r["arm"], r["seed"]) == (arm, seed))
        axis.plot(*zip(*points, strict=True), marker="os^D"[seed % 4], ms=4, lw=1, color=COLOURS.get(arm), label=f"{arm}, seed {seed}")
    others = [row for row in rows if row.get("part") == "table-3"]
    for number, arm in enumerate(dict.fromkeys(row["arm"] for row in others)):
        points = [row[name] for row in others if row["arm"] == arm]
        axis.scatter([p["flops"] for p in points], [p["ndcg10"] for p in points], marker="x+12"[number % 4], s=30, color="black", lw=0.8, label=arm)
    for row in rows:
        if row["steps"] == 0:
            axis.scatter([row[name]["flops"]], [row[name]["ndcg10"]], marker="*", s=40, color="tab:green" if row["log1p"] == 1 else "tab:olive", label=row["arm"])
    axis.set_title(f"{name}: Tables 2 and 3", fontsize=9)
    axis.set_xlabel("FLOPS", fontsize=8)


def _plot_figure(axis, rows: list[dict], name: str, part: str, key: str, label: str) -> None:
    """NDCG@10 and FLOPS (dashed, right-hand axis) against λ or t."""
    points = sorted((row for row in rows if row.get("part") == part), key=lambda row: row[key])
    axis.set_title(f"{name}: Figure {part[-1]}, {label} varied", fontsize=9)
    axis.set_xlabel(label, fontsize=8)
    if not points:
        return
    x = [row[key] for row in points]
    axis.plot(x, [row[name]["ndcg10"] for row in points], marker="o", ms=4, lw=1)
    axis.set_xscale("log", base=2)
    axis.set_xticks(x, [f"{value:g}" for value in x])
    right = axis.twinx()
    right.plot(x, [row[name]["flops"] for row in points], marker="s", ms=3, lw=1, ls="--", color="tab:gray")
    right.set_ylabel("FLOPS (dashed)", fontsize=7)
    right.tick_params(labelsize=7)
