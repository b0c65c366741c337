import numpy as np
import torch

from lzero_training.encode import encode_sparse
from lzero_training.model import activate, dense_weights, load_encoder, pad_rows, save_encoder
from lzero_training.text import SPECIAL_IDS, VOCABULARY_SIZE, Ragged

ROWS = [np.arange(1000, 1000 + n, dtype=np.uint16) * 3 % 30000 for n in (4, 17, 9)]


def full_head(model, ids, mask, log1p_count):
    """The plain way: all logits, masked, maximum, activation."""
    x = model.transform_norm(torch.nn.functional.gelu(model.transform(model.body(ids, mask))))
    logits = x @ model.body.words.weight.t() + model.decoder_bias
    logits = logits.masked_fill(~mask[:, :, None], -torch.inf).amax(1)
    weights = activate(logits, log1p_count)
    return weights * torch.ones(VOCABULARY_SIZE).index_fill(0, torch.tensor(SPECIAL_IDS), 0.0)


def gradients(model, weights):
    model.zero_grad()
    target = torch.linspace(-1, 1, VOCABULARY_SIZE)
    ((weights * target).sum() + (weights**2).sum()).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_active_terms_give_the_weights_and_gradients_of_the_full_head(small_encoder):
    ids, mask = pad_rows(ROWS, 32)
    full = full_head(small_encoder, ids, mask, 2)
    expected = gradients(small_encoder, full)
    for low_precision in (False, True):
        ours = dense_weights(small_encoder.active(ids, mask, low_precision), 2, VOCABULARY_SIZE)
        assert (full > 0).sum() > 100
        assert torch.allclose(ours, full, atol=1e-5)
        found = gradients(small_encoder, ours)
        assert found.keys() == expected.keys()
        # One bound for all tensors: key biases have no gradient but rounding.
        largest = max(float(gradient.abs().max()) for gradient in expected.values())
        for name, gradient in expected.items():
            assert float((found[name] - gradient).abs().max()) < 1e-5 * largest, name


def test_a_text_has_the_same_vector_alone_and_padded_in_a_batch(small_encoder):
    together = encode_sparse(small_encoder, Ragged.of(ROWS), 2, 32).toarray()
    for index, row in enumerate(ROWS):
        alone = encode_sparse(small_encoder, Ragged.of([row]), 2, 32).toarray()[0]
        assert np.allclose(alone, together[index], atol=1e-5)


def test_exact_and_low_precision_encoding_agree(small_encoder):
    rows = Ragged.of(ROWS)
    fast, exact = (encode_sparse(small_encoder, rows, 2, 32, exact=e).toarray() for e in (False, True))
    assert np.abs(fast - exact).max() < 1e-4


def test_special_tokens_never_have_weight(small_encoder):
    with torch.no_grad():
        small_encoder.decoder_bias[list(SPECIAL_IDS)] = 50.0
    vectors = encode_sparse(small_encoder, Ragged.of(ROWS), 2, 32)
    assert vectors.nnz > 0 and vectors[:, list(SPECIAL_IDS)].nnz == 0


def test_saving_and_loading_gives_the_same_weights(small_encoder, tmp_path):
    save_encoder(small_encoder, tmp_path)
    again = load_encoder(tmp_path)
    for name, value in small_encoder.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_rows_are_cut_with_both_special_tokens_inside():
    ids, mask = pad_rows([np.arange(200, 260, dtype=np.uint16)], 16)
    assert ids.shape == (1, 16) and ids[0, 0] == 101 and ids[0, -1] == 102 and ids[0, 1] == 200
    assert mask.all()
