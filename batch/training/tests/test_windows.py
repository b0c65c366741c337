import numpy as np
import scipy.sparse as sp

from lzero_training.windows import join_windows, plan_windows

WORDS = np.zeros(100, bool)


def test_a_short_document_is_one_window():
    assert plan_windows(np.arange(5), 8, 4, 2, WORDS) == [(0, 5)]
    assert plan_windows(np.zeros(0, int), 8, 4, 2, WORDS) == [(0, 0)]


def test_windows_overlap_and_the_last_is_cut():
    assert plan_windows(np.arange(20), 8, 4, 2, WORDS) == [(0, 8), (6, 14), (12, 20)]
    assert plan_windows(np.arange(50), 8, 2, 2, WORDS) == [(0, 8), (6, 14)]


def test_edges_lie_where_words_begin():
    continues = WORDS.copy()
    continues[[8, 6]] = True
    assert plan_windows(np.arange(12), 8, 4, 1, continues) == [(0, 7), (5, 12)]


def test_joining_takes_the_maximum_of_each_term():
    vectors = sp.csr_matrix(np.array([[1, 0, 3], [2, 0, 0], [0, 5, 0]], np.float32))
    joined = join_windows(vectors, np.array([0, 0, 2]), 3)
    assert joined.toarray().tolist() == [[2, 0, 3], [0, 0, 0], [0, 5, 0]]
