"""Where the pieces lie. Everything large goes under the cache folder, which git ignores."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("LZERO_SHARED", REPOSITORY.parent / "shared"))
DATA = SHARED / "data"
MODEL = SHARED / "model"
CACHE = Path(os.environ.get("LZERO_TRAINING_CACHE", REPOSITORY / ".cache" / "training"))
RESULTS = REPOSITORY / "batch" / "training" / "results"
CONFIGS = REPOSITORY / "batch" / "training" / "configs"
PLANS = REPOSITORY / "batch" / "training" / "plans"
