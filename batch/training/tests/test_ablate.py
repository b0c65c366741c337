import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from lzero_training import ablate
from lzero_training.paths import PLANS
from lzero_training.settings import Settings

PLAN = """
configs: here
parts:
  one:
    - { config: a, flops: [0.1, 0.2], seeds: [1, 2] }
    - { config: b, seeds: [1] }
  two:
    - { config: a, mask_threshold: [50, 100], flops: 0.1, seeds: [1] }
"""


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "here").mkdir()
    for name in "ab":
        (tmp_path / "here" / f"{name}.yaml").write_text(f"name: arm-{name}\nsteps: 3\n")
    (tmp_path / "plan.yaml").write_text(PLAN)
    return tmp_path / "plan.yaml"


def test_a_plan_is_all_combinations_the_first_seed_first(plan):
    settings = [point.settings() for point in ablate.read_plan(plan, ["one"])]
    assert [(s.seed, s.flops) for s in settings] == [(1, 0.1), (1, 0.2), (1, 0.05), (2, 0.1), (2, 0.2)]
    assert [s.name for s in settings][:3] == ["arm-a-flops-0.1-seed-1", "arm-a-flops-0.2-seed-1", "arm-b-seed-1"]
    assert [p.settings().mask_threshold for p in ablate.read_plan(plan)[5:]] == [50, 100]
    with pytest.raises(KeyError, match="no part 'three'"):
        ablate.read_plan(plan, ["three"])


def test_the_committed_plans_name_settings_that_exist():
    for path in PLANS.glob("*.yaml"):
        names = [point.settings().name for point in ablate.read_plan(path)]
        assert len(names) > 4
        assert all(name.startswith("ablation-") for name in names)


def test_what_is_judged_is_not_made_again_and_other_settings_are_refused(tmp_path):
    made = []

    def make():
        made.append(1)
        return {"minutes": 2.0, "scifact": {"ndcg10": 0.5}}

    first = ablate._judged(tmp_path / "run", Settings("x").as_dict(), {"arm": "mask"}, make)
    assert first["allMinutes"] >= first["minutes"]
    assert ablate._judged(tmp_path / "run", Settings("x").as_dict(), {"arm": "mask"}, make) == first
    assert len(made) == 1
    few = {"log1p": 1, "max_length": 96}
    assert [ablate._judged(tmp_path / "few", few, {"arm": "untrained"}, make)["minutes"] for _ in range(2)] == [2.0, 2.0]
    assert len(made) == 2
    with pytest.raises(ValueError, match="other settings"):
        ablate._judged(tmp_path / "run", replace(Settings("x"), steps=7).as_dict(), {"arm": "mask"}, make)


def test_a_setting_that_came_later_counts_as_its_default(tmp_path):
    then = Settings("x").as_dict()
    del then["impact_bits"]
    first = ablate._judged(tmp_path / "run", then, {"arm": "mask"}, lambda: {"minutes": 1.0})
    assert ablate._judged(tmp_path / "run", Settings("x").as_dict(), {"arm": "mask"}, pytest.fail) == first
    with pytest.raises(ValueError, match="other settings"):
        ablate._judged(tmp_path / "run", Settings("x", impact_bits=8).as_dict(), {"arm": "mask"}, pytest.fail)


def test_a_run_that_stands_in_two_parts_is_counted_once():
    row = {"arm": "mask", "seed": 1, "lambda": 0.1, "t": 200, "allMinutes": 1.5}
    assert ablate.minutes_of([{**row, "part": "figure-2"}, {**row, "part": "figure-3"}, {"arm": "untrained", "allMinutes": 0.2}]) == 1.7


def test_tables_leave_single_queries_out():
    rows = [{"arm": "mask", "scifact": {"ndcg10": 0.5, "perQuery": [0.5]}, "cranfield": {"ndcg10": 0.4, "perQuery": [0.4]}}]
    assert json.dumps(ablate.without_queries(rows)) == '[{"arm": "mask", "scifact": {"ndcg10": 0.5}, "cranfield": {"ndcg10": 0.4}}]'


def test_flops_count_the_queries_that_were_scored(monkeypatch):
    vectors = sp.csr_matrix(np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]], np.float32))
    whole = sp.csr_matrix(np.array([[1.0, 1.0, 0.0]], np.float32))
    monkeypatch.setattr(ablate, "encode_sparse", lambda *args: vectors)
    bench = SimpleNamespace(
        collection=SimpleNamespace(name="scifact"), tokens=[0, 1], table_queries=whole,
        queries=sp.csr_matrix(np.array([[1.0, 0.0, 0.0]], np.float32)), ndcg=lambda documents, queries: np.array([0.25]),
    )
    row = ablate.Judge([bench])(None, 1, 96)
    assert row["scifact"] == {"ndcg10": 0.25, "docLen": 2.0, "longest": 2, "flops": 1.5, "documents": 2, "perQuery": [0.25]}
