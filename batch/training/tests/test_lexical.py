import math

import numpy as np
import pytest
import scipy.sparse as sp

from lzero_training import lexical
from lzero_training.lexical import LexicalOptions
from lzero_training.text import VOCABULARY_SIZE, Ragged


def test_saturation_by_hand():
    rows = Ragged.of([[2000, 2000, 3000, 101], [3000]])
    part = lexical.lexical_part(rows, LexicalOptions(alpha=0.5, k1=0.9, b=0.4, average_length=6, stem_share=0))
    norm = 0.9 * (0.6 + 0.4 * 3 / 6)
    assert part[0, 2000] == pytest.approx(0.5 * 2 / (2 + norm))
    assert part[0, 3000] == pytest.approx(0.5 * 1 / (1 + norm))
    assert part[1, 3000] == pytest.approx(0.5 / (1 + 0.9 * (0.6 + 0.4 / 6)))
    assert part[0, 101] == 0 and part.nnz == 3


def test_stem_classes_share_frequency_but_not_length():
    share = sp.identity(VOCABULARY_SIZE, dtype=np.float32, format="lil")
    share[2000, 2001] = share[2001, 2000] = 0.3
    rows = Ragged.of([[2000, 2000, 2001]])
    part = lexical.lexical_part(rows, LexicalOptions(1.0, 0.9, 0.4, 3, 0.3), share.tocsr())
    assert part[0, 2000] == pytest.approx(2.3 / (2.3 + 0.9))
    assert part[0, 2001] == pytest.approx(1.6 / (1.6 + 0.9))


def test_classes_hold_words_of_one_stem_only():
    pytest.importorskip("Stemmer")
    vocabulary = ("[CLS]", "run", "runs", "running", "##run", "ran", "a", "42", "flows", "flow")
    assert lexical.stem_classes(vocabulary) == [[1, 2, 3], [8, 9]]


def test_blended_idf_is_the_table_without_documents_and_the_corpus_with_many():
    table = np.array([1.0, 5.0], np.float32)
    assert lexical.blended_idf(table, np.zeros(2), 0) == pytest.approx(table)
    many = lexical.blended_idf(table, np.array([500_000, 10_000]), 1_000_000, mu=2000)
    assert many == pytest.approx(-np.log([0.5, 0.01]), abs=0.01)
    half = lexical.blended_idf(table, np.array([100.0, 0.0]), 2000, mu=2000)
    assert half[0] == pytest.approx(-math.log((100 + 2000 * math.exp(-1)) / 4000))
    assert lexical.blended_idf(np.zeros(1, np.float32), np.array([9]), 9)[0] == 0


def test_floor_is_held_against_the_table_and_never_empties_a_query():
    table = np.zeros(VOCABULARY_SIZE, np.float32)
    table[[2000, 3000]] = 2.0, 5.0
    idf = np.full(VOCABULARY_SIZE, 4.0, np.float32)
    queries = lexical.query_matrix(Ragged.of([[2000, 3000, 3000], [2000], [101]]), idf, 3.0, table)
    assert queries[0].indices.tolist() == [3000] and queries[0, 3000] == 4.0
    assert queries[1].indices.tolist() == [2000]
    assert queries[2].nnz == 0


def test_pruning_goes_by_idf_times_weight():
    vectors = sp.csr_matrix(np.array([[3.0, 2.0, 1.0, 0.1]], np.float32))
    idf = np.array([0.1, 1.0, 5.0, 1.0], np.float32)
    assert lexical.prune(vectors, idf, 2, least=1).toarray().tolist() == [[0, 2, 1, 0]]
    assert lexical.prune(vectors, idf, 4, threshold=0.25, least=1).indices.tolist() == [0, 1, 2]
    assert lexical.prune(vectors, idf, 4, threshold=99, least=2).indices.tolist() == [1, 2]
