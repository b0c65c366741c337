"""Quantizes the head's matrix, which a tied checkpoint also looks words up in, and the head's input by static scales.

words[v, k] ≈ matrix[v, k] · row_scale[v] · column_scale[k],                    matrix in −WORD_LIMIT..WORD_LIMIT
state[k]    ≈ (code[k] − STATE_MIDDLE) · step / column_scale[k] + center[k],    code in 0..STATE_LIMIT

so that logit[v] = bias[v] + logit_scale[v] · Σ_k code[k] · matrix[v, k]: an integer product, and all that depends on
v alone waits until after the maximum over positions.

Ranges: uint8 × int8 is the fast product of x64 runtimes, but without VNNI they add two neighbouring products in 16
saturating bits. 2 · STATE_LIMIT · WORD_LIMIT ≤ 32,767 rules that out, so that every processor gives the same integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .checkpoint import Checkpoint

STATE_LIMIT = 200
STATE_MIDDLE = STATE_LIMIT // 2
WORD_LIMIT = 81
assert 2 * STATE_LIMIT * WORD_LIMIT <= 32767


@dataclass(frozen=True)
class QuantizedHead:
    matrix: np.ndarray
    """[vocabulary, hidden] int8."""
    row_scale: np.ndarray
    column_scale: np.ndarray
    state_scale: np.ndarray
    """Scale and shift of the last layer normalization, with which its output is already the code before rounding."""
    state_shift: np.ndarray
    logit_scale: np.ndarray
    bias: np.ndarray


def quantize_head(checkpoint: Checkpoint, states: np.ndarray, balance: float = 0.7) -> QuantizedHead:
    """Chooses all scales.

    states [positions, hidden]: the head's input on calibration texts; what exceeds their range later is clipped.
    balance: how much of a column's range moves from the states to the matrix (0 none, 1 all).
    """
    center = ((states.max(axis=0) + states.min(axis=0)) / 2).astype(np.float32)
    spread = np.abs(states - center).max(axis=0)
    column = np.abs(checkpoint.decoder).max(axis=0)
    # A state's column shrinks where its matrix column grows; both sides then fill their bits better.
    column_scale = (column ** (1 - balance) / spread**balance).astype(np.float32)
    column_scale /= np.float32(np.exp(np.log(column_scale).mean()))
    balanced = checkpoint.decoder / column_scale
    row_scale = (np.abs(balanced).max(axis=1) / WORD_LIMIT).astype(np.float32)
    matrix = np.clip(np.rint(balanced / row_scale[:, None]), -WORD_LIMIT, WORD_LIMIT).astype(np.int8)
    step = np.float32((spread * column_scale).max() / STATE_MIDDLE)
    factor = column_scale / step
    logit_scale = row_scale * step
    # The float matrix meets the center exactly; the middle's share is that of the stored integers.
    bias = (
        checkpoint.decoder_bias.astype(np.float64)
        + checkpoint.decoder.astype(np.float64) @ center.astype(np.float64)
        - STATE_MIDDLE * logit_scale.astype(np.float64) * matrix.sum(axis=1, dtype=np.int64)
    )
    norm = checkpoint.transform_norm
    return QuantizedHead(
        matrix=matrix,
        row_scale=row_scale,
        column_scale=column_scale,
        state_scale=(norm.scale * factor).astype(np.float32),
        state_shift=((norm.shift - center) * factor + STATE_MIDDLE).astype(np.float32),
        logit_scale=logit_scale.astype(np.float32),
        bias=bias.astype(np.float32),
    )
