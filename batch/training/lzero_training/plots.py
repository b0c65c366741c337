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


def plot_ablation(rows: list[dict], out: Path) -> None:
    """NDCG@10 against FLOPS and against Doc_Len, one point a run, arms by colour."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(9, 6.5), dpi=90)
    for row_axes, name in zip(axes, ("scifact", "cranfield"), strict=True):
        for axis, key in zip(row_axes, ("flops", "docLen"), strict=True):
            for arm in dict.fromkeys(row["arm"] for row in rows):
                points = [row for row in rows if row["arm"] == arm]
                axis.scatter([r[name][key] for r in points], [r[name]["ndcg10"] for r in points], label=arm, s=18)
            axis.set_title(name, fontsize=9)
            axis.set_xlabel({"flops": "FLOPS", "docLen": "Doc_Len"}[key], fontsize=8)
            axis.set_ylabel("NDCG@10", fontsize=8)
            axis.tick_params(labelsize=7)
            axis.grid(alpha=0.3)
    axes[0][0].legend(fontsize=5, ncol=2)
    figure.tight_layout()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)
