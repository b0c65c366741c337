"""Encodes many texts without gradient: sorted by length, packed batches, bfloat16 head products where asked.

Enters: an encoder and Ragged ids. Leaves: one CSR matrix [texts, vocabulary] in the order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
import torch

from .model import SparseEncoder, activate, pad_rows
from .text import SPECIAL_IDS, VOCABULARY_SIZE, Ragged


@torch.no_grad()
def encode_sparse(
    model: SparseEncoder,
    rows: Ragged,
    log1p_count: int,
    max_length: int = 256,
    batch_tokens: int = 8192,
    exact: bool = False,
    keep_special: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> sp.csr_matrix:
    """All positive weights. `exact`: float32 products; else maxima in bfloat16 and candidate terms again in float32."""
    model.eval()
    order = np.argsort(rows.lengths(), kind="stable")
    parts: list[tuple[np.ndarray, np.ndarray] | None] = [None] * len(rows)
    at = 0
    while at < len(order):
        batch = [order[at]]
        at += 1
        while at < len(order) and (len(batch) + 1) * (min(len(rows[order[at]]), max_length - 2) + 2) <= batch_tokens:
            batch.append(order[at])
            at += 1
        ids, mask = pad_rows([rows[i] for i in batch], max_length)
        if exact or keep_special:
            states = model.states(ids, mask)
            found = activate(model.maxima(states, mask.sum(1).tolist(), low_precision=not exact), log1p_count)
            if not keep_special:
                found[:, list(SPECIAL_IDS)] = 0
            for index, row in enumerate(found.numpy()):
                terms = np.flatnonzero(row)
                parts[batch[index]] = (terms.astype(np.int32), row[terms])
        else:
            active = model.active(ids, mask)
            weights = (activate(active.logits, log1p_count) * active.valid).numpy()
            terms = active.terms.numpy()
            for index in range(len(batch)):
                kept = np.flatnonzero(weights[index])
                kept = kept[np.argsort(terms[index][kept])]
                parts[batch[index]] = (terms[index][kept].astype(np.int32), weights[index][kept])
        progress(len(batch))
    indptr = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(p[0]) for p in parts], out=indptr[1:])
    return sp.csr_matrix(
        (np.concatenate([p[1] for p in parts]), np.concatenate([p[0] for p in parts]), indptr),
        shape=(len(rows), VOCABULARY_SIZE),
    )
