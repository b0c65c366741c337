"""The losses of "Exploring l0 Sparsification for Inference-free Sparse Retrievers" (arXiv 2504.14839) and the ranking
losses that they are added to.

Weights here are d_j, the document vector *without* IDF (IDF stands on the query alone). Eq. 3 divides the paper's
w_j = IDF_j · d_j by IDF_j before it penalises, so on d_j it is the plain FLOPS loss: nothing divides twice.

    Eq. 2   L = L_rank + λ_d · L_FLOPS
    Eq. 3   L_FLOPS = Σ_j ( (1/N) Σ_i w_j(d_i) / IDF_j )²
    Eq. 4   M(d) = 1[ ‖w(d)‖₀ > t ]
    Eq. 5   L_FLOPS = Σ_j ( (1/N) Σ_i M(d_i) · w_j(d_i) / IDF_j )²        N stays the batch's size
    Eq. 6   d_j = log(1 + log(1 + relu(max_i w_ij)))                      (`model.activate`)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def l0_mask(weights: Tensor, threshold: int) -> Tensor:
    """Eq. 4: weights [documents, vocabulary] -> float [documents], 1 where more than `threshold` are non-zero."""
    return ((weights.detach() > 0).sum(dim=1) > threshold).to(weights.dtype)


def flops_loss(weights: Tensor, threshold: int = 0, lengths_of: Tensor | None = None) -> Tensor:
    """Eq. 3 (threshold 0 or less) and Eq. 5 on d [documents, vocabulary].

    lengths_of: the weights whose non-zeros the mask counts, where the penalty falls on a part of them only.
    """
    if threshold > 0:
        weights = weights * l0_mask(weights if lengths_of is None else lengths_of, threshold)[:, None]
    return (weights.mean(dim=0) ** 2).sum()


def idf_aware_flops_loss(weighted: Tensor, idf: Tensor, threshold: int = 0) -> Tensor:
    """Eq. 3 and 5 as printed, on w = IDF · d. Terms of IDF 0 cannot be divided and are left out."""
    return flops_loss(torch.where(idf > 0, weighted / idf.clamp(min=1e-12), 0.0), threshold)


def quadratic_warm_up(step: int, target: float, steps: int) -> float:
    """λ_d grows with the square of the step and is constant from `steps` on."""
    return target if step >= steps else target * (step / max(1, steps)) ** 2


def kl_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(softmax(teacher) ‖ softmax(student)) over candidates; both [queries, candidates]; mean over queries."""
    return F.kl_div(F.log_softmax(student, dim=1), F.log_softmax(teacher, dim=1), log_target=True, reduction="batchmean")


def margin_mse_loss(student: Tensor, teacher: Tensor, positive: Tensor) -> Tensor:
    """Mean squared difference of the margins positive − candidate; positive [queries] is its column."""
    rows = torch.arange(len(positive))
    ours = student[rows, positive][:, None] - student
    theirs = teacher[rows, positive][:, None] - teacher
    others = torch.ones_like(student).scatter(1, positive[:, None], 0.0)
    return (((ours - theirs) ** 2) * others).sum() / others.sum()


def contrastive_loss(student: Tensor, positive: Tensor, excluded: Tensor | None = None) -> Tensor:
    """−log softmax of the positive; `excluded` [queries, candidates] (bool) leaves likely positives out of the sum."""
    if excluded is not None:
        keep_positive = torch.zeros_like(excluded).scatter(1, positive[:, None], True)
        student = student.masked_fill(excluded & ~keep_positive, -torch.inf)
    return F.cross_entropy(student, positive)


def anchor_loss(weights: Tensor, reference: Tensor) -> Tensor:
    """Squared distance of document vectors to the starting checkpoint's, summed over terms, mean over documents."""
    return ((weights - reference) ** 2).sum(dim=1).mean()
