import json

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from lzero_training import train
from lzero_training.batches import BatchSource
from lzero_training.data import load_pool
from lzero_training.export import calibration_passages
from lzero_training.lexical import LexicalOptions
from lzero_training.settings import Settings
from lzero_training.teachers import CANDIDATES, TeacherScores, find_candidates
from lzero_training.text import VOCABULARY_SIZE

PASSAGES, QUERIES = 40, 60


@pytest.fixture
def pool_folder(tmp_path):
    """Two sources of 20 passages; query i belongs to passage i mod 40; teachers' vectors are random."""
    rng = np.random.default_rng(5)
    folder = tmp_path / "pool"
    folder.mkdir()
    lengths = rng.integers(5, 20, PASSAGES)
    query_passage = np.arange(QUERIES) % PASSAGES
    np.savez(
        folder / "pool.npz",
        passages=rng.integers(1000, 9000, lengths.sum()).astype(np.uint16),
        passage_offsets=np.concatenate([[0], np.cumsum(lengths)]),
        queries=rng.integers(1000, 9000, QUERIES * 4).astype(np.uint16),
        query_offsets=np.arange(QUERIES + 1) * 4,
        passage_source=(np.arange(PASSAGES) >= 20).astype(np.uint8),
        query_source=(query_passage >= 20).astype(np.uint8),
        query_passage=query_passage.astype(np.int32), query_kind=np.zeros(QUERIES, np.uint8),
    )
    (folder / "pool.json").write_text(json.dumps({"sources": ["a", "b"]}))
    np.savez(
        folder / "dense.npz",
        passages=rng.standard_normal((PASSAGES, 8)).astype(np.float16),
        queries=rng.standard_normal((QUERIES, 8)).astype(np.float16),
    )
    sp.save_npz(folder / "bm25-passages.npz", sp.random(PASSAGES, 30, 0.4, "csr", np.float32, rng))
    sp.save_npz(folder / "bm25-queries.npz", sp.random(QUERIES, 30, 0.4, "csr", np.float32, rng))
    find_candidates(load_pool(folder), TeacherScores(folder, ("bm25", "dense")), folder)
    return folder


def settings_for(**changes):
    values = {
        "name": "t", "seed": 3, "steps": 6, "queries_per_step": 4, "candidates": 3, "max_length": 24, "threads": 1,
        "teachers": ("bm25", "dense"), "most_queries": 10, "query_idf": "none", "query_idf_floor": 0.0,
        "lexical": LexicalOptions(alpha=0.0, stem_share=0.0), "flops": 0.01, "learning_rate": 1e-3,
    }
    return Settings(**{**values, **changes})


def test_candidates_hold_the_labelled_passage_and_stay_in_the_source(pool_folder):
    pool = load_pool(pool_folder)
    arrays = np.load(pool_folder / "candidates.npz")
    for query in range(QUERIES):
        ids = arrays["ids"][query]
        ids = ids[ids >= 0]
        assert len(set(ids.tolist())) == len(ids) <= CANDIDATES
        assert pool.query_passage[query] in ids
        assert (pool.passage_source[ids] == pool.query_source[query]).all()
        assert (np.diff(arrays["values"][query][: len(ids)].astype(np.float32)) <= 0).all()


def test_a_batch_points_at_every_query_s_own_passage(pool_folder):
    pool = load_pool(pool_folder)
    settings = settings_for()
    source = BatchSource(pool, TeacherScores(pool_folder, settings.teachers), pool_folder, settings, np.random.default_rng(1))
    for _ in range(30):
        batch = source.draw()
        assert (batch.passages[batch.positive] == pool.query_passage[batch.queries]).all()
        assert len(set(batch.queries.tolist())) == len(batch.queries) <= 10
        assert len(set(pool.passage_source[batch.passages].tolist())) == 1
        assert batch.teacher.shape == (len(batch.queries), len(batch.passages))
        assert 0 <= batch.teacher.min() and batch.teacher.max() <= 30


@pytest.fixture
def offline(monkeypatch, small_encoder):
    """The trainer without files of the shared folder: the small encoder and an IDF table of ones."""
    state = {k: v.clone() for k, v in small_encoder.state_dict().items()}

    def fresh(folder):
        model = type(small_encoder)(small_encoder.config)
        model.load_state_dict(state)
        return model

    monkeypatch.setattr(train, "load_encoder", fresh)
    monkeypatch.setattr(train, "load_idf", lambda: np.ones(VOCABULARY_SIZE, np.float32))


def test_a_killed_run_goes_on_to_the_same_weights(offline, pool_folder, tmp_path):
    settings = settings_for()
    whole = train.Trainer(settings, tmp_path / "whole", pool_folder)
    whole.run()

    class Killed(Exception):
        pass

    first = train.Trainer(settings, tmp_path / "cut", pool_folder)
    made = first._train_step

    def step(done):
        if first.step == 3:
            first._save_state()
            raise Killed
        return made(done)

    first._train_step = step
    with pytest.raises(Killed):
        first.run()
    second = train.Trainer(settings, tmp_path / "cut", pool_folder)
    second.run()
    assert second.step == whole.step == 6
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


def test_other_settings_do_not_resume_silently(offline, pool_folder, tmp_path):
    train.Trainer(settings_for(steps=1), tmp_path / "run", pool_folder).run()
    with pytest.raises(ValueError, match="other settings"):
        train.Trainer(settings_for(steps=2), tmp_path / "run", pool_folder).run()


def test_frozen_words_stay_and_the_rest_moves(offline, pool_folder, tmp_path, small_encoder):
    trainer = train.Trainer(settings_for(), tmp_path / "run", pool_folder)
    trainer.run()
    assert torch.equal(trainer.model.body.words.weight, small_encoder.body.words.weight)
    assert not torch.equal(trainer.model.transform.weight, small_encoder.transform.weight)


def test_the_running_mean_is_kept_and_survives_a_kill(offline, pool_folder, tmp_path):
    settings = settings_for(average=0.9)
    whole = train.Trainer(settings, tmp_path / "whole", pool_folder)
    whole.run()
    assert whole.kept() is whole.mean
    assert not torch.equal(whole.mean.transform.weight, whole.model.transform.weight)
    again = train.Trainer(settings, tmp_path / "whole", pool_folder)
    again.run()
    assert torch.equal(again.mean.transform.weight, whole.mean.transform.weight)


def test_dev_figures_come_with_a_copy_of_the_weights(offline, pool_folder, tmp_path):
    trainer = train.Trainer(settings_for(evaluate_steps=3), tmp_path / "run", pool_folder)
    trainer.run(lambda model: {"mean": 0.5})
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if row["kind"] == "dev"] == [3, 6]
    assert (tmp_path / "run" / "step-3" / "model.safetensors").exists()


def test_only_named_sources_are_drawn(pool_folder):
    pool = load_pool(pool_folder)
    settings = settings_for(sources={"b": 1})
    source = BatchSource(pool, TeacherScores(pool_folder, settings.teachers), pool_folder, settings, np.random.default_rng(1))
    assert {int(s) for _ in range(20) for s in pool.query_source[source.draw().queries]} == {1}


def test_scales_come_from_the_named_sources_alone(pool_folder):
    pool = load_pool(pool_folder)
    assert calibration_passages(pool, settings_for(sources={"b": 1})).tolist() == list(range(20, 40))
    everything = calibration_passages(pool, settings_for())
    drawn = [np.random.default_rng(1).choice(among, 9, replace=False).tolist() for among in (everything, PASSAGES)]
    assert drawn[0] == drawn[1]


def test_interpolation_ends_are_the_two_encoders(small_encoder):
    other = type(small_encoder)(small_encoder.config)
    for share, end in ((0.0, small_encoder), (1.0, other)):
        mixed = train.interpolate(small_encoder, other, share)
        assert all(torch.equal(v, mixed.state_dict()[k]) for k, v in end.state_dict().items())
