import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
torch.set_num_threads(1)

from lzero_training.model import SparseEncoder  # noqa: E402
from lzero_training.text import VOCABULARY_SIZE  # noqa: E402


@pytest.fixture
def small_encoder() -> SparseEncoder:
    """Two layers of 16 over a full vocabulary; random weights large enough that many logits are positive."""
    torch.manual_seed(7)
    config = {
        "vocab_size": VOCABULARY_SIZE, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 32, "max_position_embeddings": 64, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
    }
    model = SparseEncoder(config)
    with torch.no_grad():
        model.body.words.weight.mul_(0.3)
        model.decoder_bias.fill_(-2.2)
    return model
