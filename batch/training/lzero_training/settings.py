"""One experiment, as a YAML file says it. Unknown keys are errors: a misspelt setting must not fall back silently."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import yaml

from .lexical import LexicalOptions


@dataclass(frozen=True)
class Settings:
    name: str
    seed: int = 1
    pool: str = "pool"
    """Folder under the cache that `prepare` and `teach` filled."""
    checkpoint: str = "splade-tiny"
    """Folder under shared/model to start from; also what the anchor holds to."""
    start: str = ""
    """Another run's name: start from its weights instead."""
    sources: dict[str, int] = field(default_factory=dict)
    """prepare: source -> most pairs."""
    synthetic: int = 12000
    """prepare: unlabelled queries of each kind."""

    steps: int = 6000
    minutes: float | None = None
    """Where set, the schedule runs by processor time of the steps, so that a shared machine ends it as a free one."""
    learning_rate: float = 2e-4
    embedding_learning_rate: float = 0.0
    """0 freezes the tied word matrix."""
    clip: float = 5.0
    """Largest norm of a step's gradient."""
    score_scale: float = 0.35
    """Starting factor on the student's scores in the ranking losses; learned, of no effect on a ranking."""
    scale_learning_rate: float = 2.0e-3
    warm_up: float = 0.04
    """Share of the schedule in which the learning rate rises."""
    queries_per_step: int = 8
    candidates: int = 6
    """Passages a query brings, its own included."""
    most_queries: int = 0
    """A batch is filled up to this many with other queries of the passages it encodes anyway."""
    hard_share: float = 0.6
    """Share of the candidates drawn from the teachers' first 16."""
    topic_share: float = 0.5
    """Share of the batches made of neighbouring queries."""
    max_length: int = 256
    log1p_count: int = 2
    ranking_log1p_count: int | None = None
    """Table 3's arms: another activation in the ranking loss alone."""
    flops_log1p_count: int | None = None

    teachers: tuple[str, ...] = ("bm25", "dense", "splade")
    teacher_weights: tuple[float, ...] | None = None
    """One a teacher, in their order, normalized to 1; None: the plain mean."""
    kl: float = 1.0
    contrastive: float = 0.2
    margin_mse: float = 0.0
    exclude_ratio: float = 0.95
    """Passages with at least this share of the positive's teacher score are no negatives."""
    flops: float = 0.05
    """λ_d."""
    flops_warm_up: float = 0.3
    """Share of the schedule over which λ_d rises quadratically."""
    mask_threshold: int = 0
    """t of Eq. 4; 0: no mask."""
    flops_on_expansion: bool = True
    """Own tokens and their stem classes cost nothing: the lexical part holds a posting for them anyway."""
    anchor: float = 0.0
    anchor_every: int = 10

    lexical: LexicalOptions = field(default_factory=LexicalOptions)
    mu: float = 2000.0
    query_idf_floor: float = 3.0
    query_idf: str = "blended"
    """blended, table, or none (all ones)."""
    served_stem_share: float | None = None
    """Where set, the share that the manifest gets instead of the training's: smaller, it costs fewer postings."""
    prune_value: float = 2.0
    """Served terms have at least this IDF_j · d_j (shared/model/pruning.ts), between the two numbers below."""
    prune_least: int = 16
    prune_most: int = 256
    impact_bits: int = 5
    """Of a served impact, 4 to 8 (shared/model/quantize.ts): 5 lose nothing that can be measured and save a fifth of the bytes."""
    bfloat16: bool = False
    """Products of the body in bfloat16 (where the processor has them, a third faster); weights stay float32."""
    average: float = 0.0
    """Decay of the running mean of the weights, which is what is judged and kept; 0: the last weights."""
    evaluate_steps: int = 300
    """Dev figures every so many steps, and a copy of the weights that they are of."""
    checkpoint_minutes: float = 4.0
    threads: int = 2

    def as_dict(self) -> dict:
        return asdict(self)


def load_settings(path: Path, **changes: object) -> Settings:
    """Reads a YAML file; `extends` names another file in its folder whose values it changes.

    Raises KeyError with the file and the key for anything unknown.
    """
    values = _read(path)
    values.update({key: value for key, value in changes.items() if value is not None})
    known = {item.name for item in fields(Settings)}
    for key in values:
        if key not in known:
            raise KeyError(f"{path}: unknown setting {key!r}")
    lexical = values.pop("lexical", {})
    if not isinstance(lexical, LexicalOptions):
        unknown = set(lexical) - {item.name for item in fields(LexicalOptions)}
        if unknown:
            raise KeyError(f"{path}: unknown lexical settings {sorted(unknown)}")
        lexical = replace(LexicalOptions(), **lexical)
    for key in ("teachers", "teacher_weights"):
        if values.get(key) is not None:
            values[key] = tuple(values[key])
    return Settings(lexical=lexical, **{"name": path.stem, **values})


def _read(path: Path) -> dict:
    values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    base = values.pop("extends", None)
    if base is None:
        return values
    merged = _read(path.parent / base)
    merged["lexical"] = {**merged.get("lexical", {}), **values.pop("lexical", {})}
    merged.update(values)
    return merged
