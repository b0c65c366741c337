import math

import pytest
import torch

from lzero_training import losses
from lzero_training.model import activate

D = torch.tensor([[1.0, 0.0, 2.0], [3.0, 0.0, 0.0]])


def test_flops_is_the_sum_of_squared_means():
    # means 2, 0, 1
    assert losses.flops_loss(D).item() == pytest.approx(5.0)


def test_idf_aware_flops_on_weighted_vectors_equals_plain_flops_on_unweighted_ones():
    idf = torch.tensor([0.5, 4.0, 7.0])
    assert losses.idf_aware_flops_loss(D * idf, idf).item() == pytest.approx(losses.flops_loss(D).item())
    assert losses.idf_aware_flops_loss(D * idf, idf, 1).item() == pytest.approx(losses.flops_loss(D, 1).item())


def test_mask_drops_documents_with_at_most_t_non_zeros_and_keeps_n():
    assert losses.l0_mask(D, 1).tolist() == [1.0, 0.0]
    assert losses.l0_mask(D, 2).tolist() == [0.0, 0.0]
    # only the first document stays, the batch is still 2: means 0.5, 0, 1
    assert losses.flops_loss(D, 1).item() == pytest.approx(1.25)
    assert losses.flops_loss(D, 2).item() == 0.0


def test_mask_may_count_other_weights_than_it_penalises():
    penalised = torch.tensor([[1.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    assert losses.flops_loss(penalised, 1, lengths_of=D).item() == pytest.approx(0.25)


def test_no_gradient_flows_through_the_mask():
    weights = D.clone().requires_grad_()
    losses.flops_loss(weights, 1).backward()
    # d/dw_0j of Σ (w_0j / 2)² = w_0j / 2; the masked document gets none
    assert torch.allclose(weights.grad, torch.tensor([[0.5, 0.0, 1.0], [0.0, 0.0, 0.0]]))


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_activation_applies_log1p_count_times(count):
    expected = 4.0
    for _ in range(count):
        expected = math.log1p(expected)
    assert activate(torch.tensor([4.0, -3.0]), count).tolist() == pytest.approx([expected, 0.0])


def test_quadratic_warm_up():
    assert [losses.quadratic_warm_up(s, 0.08, 100) for s in (0, 50, 100, 999)] == pytest.approx([0, 0.02, 0.08, 0.08])


def test_kl_by_hand():
    student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[math.log(3.0), 0.0]])
    expected = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert losses.kl_loss(student, teacher).item() == pytest.approx(expected, rel=1e-5)
    assert losses.kl_loss(teacher + 5, teacher).item() == pytest.approx(0.0, abs=1e-6)


def test_margin_mse_by_hand():
    student, teacher = torch.tensor([[5.0, 3.0, 1.0]]), torch.tensor([[4.0, 1.0, 2.0]])
    # margins 2, 4 against 3, 2
    assert losses.margin_mse_loss(student, teacher, torch.tensor([0])).item() == pytest.approx((1 + 4) / 2)


def test_contrastive_by_hand_and_with_likely_positives_left_out():
    scores = torch.tensor([[2.0, 1.0, 0.0]])
    everything = math.log(math.exp(2) + math.exp(1) + 1) - 2
    assert losses.contrastive_loss(scores, torch.tensor([0])).item() == pytest.approx(everything, rel=1e-5)
    excluded = torch.tensor([[True, True, False]])
    without = math.log(math.exp(2) + 1) - 2
    assert losses.contrastive_loss(scores, torch.tensor([0]), excluded).item() == pytest.approx(without, rel=1e-5)


def test_anchor_is_the_squared_distance():
    assert losses.anchor_loss(D, torch.zeros_like(D)).item() == pytest.approx((5 + 9) / 2)


def test_agrees_with_sentence_transformers():
    st = pytest.importorskip("sentence_transformers.sparse_encoder.losses", reason="sentence-transformers is not installed")
    torch.manual_seed(3)
    weights = torch.relu(torch.randn(6, 50))
    for threshold in (None, 20, 25):
        theirs = st.FlopsLoss(model=None, threshold=threshold).compute_loss_from_embeddings(weights)
        assert losses.flops_loss(weights, threshold or 0).item() == pytest.approx(float(theirs), rel=1e-5)
