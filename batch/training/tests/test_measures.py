import math

import numpy as np
import pytest
import scipy.sparse as sp

from lzero_training import measures
from lzero_training.evaluate import quantize
from lzero_training.teachers import average_min_max, keep_largest


def test_ndcg_by_hand():
    grades = {3: 2, 5: 1}
    ideal = 2 + 1 / math.log2(3)
    assert measures.ndcg([3, 5], grades) == pytest.approx(1.0)
    assert measures.ndcg([7, 5, 3], grades) == pytest.approx((1 / math.log2(3) + 2 / 2) / ideal)
    assert measures.ndcg([1, 2], grades) == 0.0


def test_ties_go_to_the_earlier_document_and_zero_scores_are_no_hits():
    documents = sp.csr_matrix(np.array([[0.0], [1.0], [1.0], [0.0]], np.float32))
    queries = sp.csr_matrix(np.array([[2.0]], np.float32))
    order, scores = next(measures.top_documents(queries, documents, 3))
    assert order.tolist() == [1, 2, 0] and scores.tolist() == [2, 2, 0]
    assert measures.ndcg_of(queries, documents, [{0: 1}])[0] == 0.0


def test_flops_and_length():
    queries = sp.csr_matrix(np.array([[1, 0, 1], [0, 0, 1]], np.float32))
    documents = sp.csr_matrix(np.array([[1, 1, 0], [1, 0, 1]], np.float32))
    assert measures.flops(queries, documents) == pytest.approx(0.5 * 1 + 1 * 0.5)
    assert measures.mean_length(documents) == 2.0


def test_randomisation_separates_a_clear_difference_from_none():
    rng = np.random.default_rng(0)
    a = rng.random(200)
    assert measures.paired_randomisation(a + 0.1, a, 2000) < 0.01
    assert measures.paired_randomisation(a, a, 2000) == 1.0
    assert measures.wins_ties_losses(np.array([1, 0, 0.5]), np.array([0, 1, 0.5])) == (1, 1, 1)


def test_run_files_round_trip(tmp_path):
    path = tmp_path / "a.trec"
    hits = iter([(np.array([1, 0]), np.array([2.0, 1.0])), (np.array([0, 1]), np.array([1.0, 0.0]))])
    measures.write_run(path, "tag", ["q1", "q2"], ["a", "b"], hits)
    assert measures.read_run(path) == {"q1": ["b", "a"], "q2": ["a"]}


def test_impacts_are_linear_clipped_and_drop_zero():
    impacts = quantize(sp.csr_matrix(np.array([[2.0, 1.0, 0.001, 9.0]], np.float32)), 2.0)
    assert impacts.toarray().tolist() == [[255, 128, 0, 255]] and impacts.nnz == 3


def test_teacher_average_is_of_each_teachers_stretched_row():
    a, b = np.array([[0.0, 5.0, 10.0]]), np.array([[1.0, 1.0, 1.0]])
    assert average_min_max([a, b]).tolist() == [[0.0, 0.25, 0.5]]
    assert average_min_max([a, b], [3, 1]).tolist() == [[0.0, 0.375, 0.75]]


def test_keep_largest_keeps_the_largest_of_each_row():
    kept = keep_largest(sp.csr_matrix(np.array([[1, 3, 2], [0, 0, 1]], np.float32)), 2)
    assert kept.toarray().tolist() == [[0, 3, 2], [0, 0, 1]]
