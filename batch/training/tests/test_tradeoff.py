import numpy as np
import pytest

from lzero_training.findings import findings_of, markdown_of
from lzero_training.plots import plot_ablation
from lzero_training.tradeoff import Line, common_points, compare_pair, compare_point, compare_runs, overlap_of


def row(arm, seed, flops, scores, part="table-2", **more):
    figures = {"flops": flops, "perQuery": scores, "ndcg10": float(np.mean(scores)), "docLen": 10.0, "documents": 5}
    return {
        "part": part, "arm": arm, "seed": seed, "steps": 3, "lambda": 0.1, "t": 0, "log1p": 1, "allMinutes": 0.5,
        "scifact": figures, "cranfield": figures, **more,
    }


def straight(arm, seed, low, high, base):
    """A line of three queries on which NDCG@10 is base + FLOPS / 10."""
    return [row(arm, seed, x, [base + x / 10] * 3) for x in (high, low, (low + high) / 2)]


def test_a_line_is_linear_between_points_and_ends_at_the_outermost():
    line = Line(np.array([1.0, 3.0]), np.array([[0.2, 0.4], [0.4, 0.0]]))
    assert line.at(1.5) == pytest.approx([0.25, 0.3])
    assert line.between(1.0, 3.0) == pytest.approx([0.3, 0.2])
    for outside in (0.9, 3.1):
        with pytest.raises(ValueError, match="outside"):
            line.at(outside)


def test_lines_overlap_where_all_of_them_are():
    lines = [Line(np.array(ends), np.zeros((2, 1))) for ends in ([1.0, 3.0], [2.0, 5.0])]
    assert overlap_of(lines) == (2.0, 3.0)
    assert overlap_of([*lines, Line(np.array([3.5, 4.0]), np.zeros((2, 1)))]) is None


def test_a_pair_is_compared_at_equal_flops_and_not_at_equal_points():
    rows = straight("baseline", 1, 1.0, 2.0, 0.3) + straight("mask", 1, 1.5, 3.0, 0.35)
    assert np.mean([r["scifact"]["ndcg10"] for r in rows[3:]]) - np.mean([r["scifact"]["ndcg10"] for r in rows[:3]]) > 0.1
    found = compare_pair(rows, "mask", "baseline", [1])
    assert found["scifact"]["flops"] == [1.5, 2.0]
    assert found["scifact"]["bySeed"] == [pytest.approx(0.05)]
    assert found["all"]["difference"] == pytest.approx(0.05)
    assert (found["all"]["wins"], found["all"]["losses"]) == (6, 0)


def test_a_pair_without_common_flops_has_no_figures():
    rows = straight("baseline", 1, 1.0, 2.0, 0.3) + straight("mask", 1, 2.5, 3.0, 0.3)
    assert set(compare_pair(rows, "mask", "baseline", [1])) == {"arm", "against"}
    assert common_points(rows, ["baseline", "mask"], [1]) == {}


def test_a_single_run_is_held_against_the_line_at_its_own_flops():
    rows = straight("activation", 1, 1.0, 2.0, 0.3)
    inside = compare_point(row("de", 1, 1.25, [0.4] * 3), rows, "activation")
    assert inside["scifact"]["difference"] == pytest.approx(0.4 - 0.425)
    outside = compare_point(row("de", 1, 2.5, [0.4] * 3), rows, "activation")
    assert outside["cranfield"] == {"flops": 2.5, "outside": [1.0, 2.0]}


def test_runs_of_one_length_are_held_against_a_line_and_those_outside_are_left_out():
    rows = straight("baseline", 1, 1.0, 2.0, 0.3) + [row("mask", 1, x, [0.5] * 3) for x in (1.2, 1.4, 2.5)]
    found = compare_runs(rows, "mask", "baseline")["scifact"]
    assert (found["runs"], found["flops"]) == (2, [1.2, 1.4])
    assert found["bySeed"] == [pytest.approx(0.5 - 0.43)]


def test_findings_hold_every_run_and_are_plotted(tmp_path):
    rows = []
    for number, arm in enumerate(("baseline", "activation", "mask-50", "both-50", "mask", "both")):
        for seed in (1, 2):
            rows += straight(arm, seed, 1.0, 2.0, 0.3 + number / 100)
    rows += [row("de", 1, 1.5, [0.4] * 3, part="table-3"), row("mask", 1, 1.5, [0.4] * 3, part="figure-2"), row("mask", 1, 1.5, [0.4] * 3, part="figure-3", t=50)]
    result = findings_of(rows)
    assert "perQuery" not in result["rows"][0]["scifact"]
    assert [p["all"]["difference"] for p in result["table2"]["pairs"]] == pytest.approx([0.01, 0.02, 0.03, 0.01, 0.02])
    assert [p["all"]["difference"] for p in result["table2"]["runs"]] == pytest.approx([0.04, 0.05, 0.04])
    assert result["table2"]["common"]["scifact"]["arms"]["mask-50"]["at"][1] == pytest.approx([0.47, 0.47])
    text = markdown_of(result)
    assert "| both − activation | all |" in text and "| de − baseline | 1 | scifact | 1.50 | -0.0500 | 0/0/3 |" in text
    plot_ablation(result["rows"], tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_arms_that_are_not_all_there_still_give_a_table_of_runs():
    result = findings_of(straight("mask", 1, 1.0, 2.0, 0.3))
    assert result["table2"]["pairs"] == [] and result["table2"]["common"] == {}
    assert markdown_of(result).count("| table-2 | mask |") == 3
