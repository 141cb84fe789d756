"""What each choice of a distillation is worth: one changed at a time, equal texts seen.

Trains fifteen leaves without Ray, each from the same vectors, and asks their queries of five
collections that the teacher embedded. An hour on two cores; what is trained is kept in
the cache, so that a killed run goes on (delete `benchmarks/ablation` in it to begin anew).
"""

import hashlib
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.ablation_plot import plot_ablation
from benchmarks.searched import COLLECTIONS, TEACHER, searched
from benchmarks.targets import RESULTS, Target, finish
from benchmarks.training_vectors import training_run
from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.core.encoding.sentence import SentenceVectors
from leaf_ray.core.evaluation.bootstrap import Sampling, mean_interval, paired_difference
from leaf_ray.core.training.autocast import autocast
from leaf_ray.core.training.leaf import build_leaf, freeze_unused, word_embeddings
from leaf_ray.core.training.loss import objective, score_root
from leaf_ray.core.training.optimizer import LeafOptimizer, linear_cycles, touch_rows_only
from leaf_ray.core.training.ridge import Head, fit_head
from leaf_ray.core.training.sampler import Sampler
from leaf_ray.core.training.stepper import EagerStepper, Recipe
from leaf_ray.core.training.train import train
from leaf_ray.core.training.training_texts import TrainingTexts
from leaf_ray.encoders.tokenizer import Tokenizer
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.resolve import cache_folder, resolve_model
from leaf_ray.runs import Run
from leaf_ray.runs.parts import read_space
from leaf_ray.stages.distill.sources import own_source
from leaf_ray.stages.distill.texts import TRAIN_FILE, TRAIN_FILES, TokeniseAndSplit, WritePiece
from leaf_ray.stages.distill.validation import FORWARD_TEXTS, FORWARD_TOKENS
from leaf_ray.stages.distill.worker import HEAD_TEXTS, SPREAD_TEXTS

DEFAULT = DistillConfig()
TEXTS_SEEN = 32_000
SAMPLING = Sampling(10_000)
WORK = cache_folder() / "benchmarks" / "ablation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What is chosen; the defaults are those that everything is compared with."""

    loss: str = DEFAULT.loss
    scores: float = DEFAULT.covariance_weight
    spread: Literal["documents", "both"] = "both"
    head_texts: int = HEAD_TEXTS
    layers: tuple[int, ...] = (6,)
    batch: int = DEFAULT.batch_size
    texts: Literal["queries", "documents", "both"] = "both"
    rate: float = DEFAULT.learning_rate
    floor: float = DEFAULT.final_learning_rate
    init: str = DEFAULT.init
    init_layers: tuple[int, ...] = ()
    similarity: float = DEFAULT.similarity_weight


BASE = Choices()
VARIANTS: Mapping[str, Choices] = {
    "as it is": BASE,
    "without scores": replace(BASE, scores=0.0),
    "scores by documents": replace(BASE, spread="documents"),
    "scores weigh 3": replace(BASE, scores=3.0),
    "rate 2e-4": replace(BASE, rate=2e-4),
    "queries only": replace(BASE, texts="queries"),
    "batch 16": replace(BASE, batch=16),
    "batch 256": replace(BASE, batch=256, rate=3e-4),
    "squared l2": replace(BASE, loss="squared_l2"),
    "similarity matrix": replace(BASE, scores=0.0, similarity=5.0),
    "head of 4,096 texts": replace(BASE, head_texts=4096),
    "layers 6, 4, 2": replace(BASE, layers=(6, 4, 2)),
    "random head": replace(BASE, head_texts=0),
    "teacher's layers 1, 12": replace(BASE, init=TEACHER, init_layers=(1, 12), layers=(2,)),
    "documents only": replace(BASE, texts="documents"),
}


class SeveralLayers(nn.Module):
    """Mean-pooled states of several layers side by side, then a head: no plain folder has it."""

    def __init__(self, leaf: Any, layers: tuple[int, ...], head: nn.Linear) -> None:
        super().__init__()
        self.encoder, self.layers, self.head = leaf[0].auto_model, layers, head

    def pooled(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True
        ).hidden_states
        mask_BL1 = attention_mask.unsqueeze(-1)
        means = [(states[n] * mask_BL1).sum(1) / mask_BL1.sum(1) for n in self.layers]
        return torch.cat(means, dim=1)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(self.head(self.pooled(input_ids, attention_mask)))


def training_texts(init: Path) -> TrainingTexts:
    """The kept vectors with the token ids of an encoder's own tokenizer."""
    config = training_run()
    run = Run.open(config.root)
    space, folder = read_space(run.vectors), ModelFolder.read(init)
    source = own_source(run.vectors, source_column="source")
    tokenise = TokeniseAndSplit(folder, space, validation_share=config.distill.validation_share)
    made_with = json.dumps([source.version, *tokenise.made_with()])
    key = hashlib.sha256(made_with.encode()).hexdigest()[:8]
    into = Run.open(str(WORK)).work(f"texts-{init.name}-{key}")
    write = WritePiece(into, tokenise)
    for number, piece in enumerate(source.pieces):
        if not into.exists(TRAIN_FILE.format(number)):
            write({"number": number, "piece": piece})
    files = sorted(Path(into.path).glob(TRAIN_FILES))
    return TrainingTexts(files, pad_id=folder.pad_id)


def student_of(choices: Choices, texts: TrainingTexts) -> tuple[Any, nn.Module]:
    """The leaf before its first step, and the module that is trained."""
    torch.manual_seed(0)
    space = read_space(Run.open(training_run().root).vectors)
    leaf = build_leaf(resolve_model(choices.init), space, layers=choices.init_layers)
    touch_rows_only(word_embeddings(leaf))
    freeze_unused(leaf)
    student: nn.Module = SentenceVectors(leaf)
    if len(choices.layers) > 1:
        width = len(choices.layers) * leaf[0].get_embedding_dimension()
        student = SeveralLayers(leaf, choices.layers, nn.Linear(width, space.dimension))
    if choices.head_texts:
        head = fitted_head(
            choices.init,
            choices.init_layers,
            choices.layers,
            choices.head_texts,
            choices.texts,
        )
        linear = student.head if isinstance(student, SeveralLayers) else leaf[2].linear
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(head.weight_FD.T))
            linear.bias.copy_(torch.from_numpy(head.bias_D))
    return leaf, student


def taken_N(texts: TrainingTexts, kinds: str) -> np.ndarray:
    """Which texts are of these kinds."""
    queries = texts.is_query_N
    everything = np.ones_like(queries)
    return {"queries": queries, "documents": ~queries}.get(kinds, everything)


@cache
def fitted_head(
    init: str, init_layers: tuple[int, ...], layers: tuple[int, ...], number: int, taken: str
) -> Head:
    """The head in closed form; many variants begin with the same."""
    folder = resolve_model(init)
    texts = training_texts(folder)
    leaf = build_leaf(folder, read_space(Run.open(training_run().root).vectors), layers=init_layers)
    several = SeveralLayers(leaf, layers, nn.Linear(1, 1))
    rows = texts.sample(number, among=taken_N(texts, taken))
    features: dict[int, np.ndarray] = {}
    with torch.inference_mode():
        for batch in texts.by_length(rows, batch_size=FORWARD_TEXTS, batch_tokens=FORWARD_TOKENS):
            feature_BF = several.pooled(batch.input_ids_BL, batch.attention_mask_BL).numpy()
            features.update(zip(batch.rows_B.tolist(), feature_BF, strict=True))
    return fit_head(np.stack([features[row] for row in rows.tolist()]), texts.vectors(rows))


class Asked:
    """A trained student as what a collection's queries are asked of."""

    def __init__(self, student: nn.Module, tokenizer: Tokenizer) -> None:
        self._student, self._tokenizer = student.eval(), tokenizer

    def encode(self, texts: list[str], *, kind: str) -> np.ndarray:
        vectors: list[np.ndarray] = []
        with torch.inference_mode():
            for text in texts:
                ids = torch.tensor(self._tokenizer([text]))
                vectors.append(self._student(ids, torch.ones_like(ids)).numpy()[0])
        return np.stack(vectors)


def trained(choices: Choices) -> dict[str, Any]:
    """Train one leaf, and ask its queries."""
    init = resolve_model(choices.init)
    texts = training_texts(init)
    leaf, student = student_of(choices, texts)
    sampler = Sampler(
        texts.lengths_N,
        taken_N(texts, choices.texts).astype(np.float64),
        batch_size=choices.batch,
        micro_batches=1,
        seed=0,
    )
    spread_N = taken_N(texts, choices.spread) & taken_N(texts, choices.texts)
    spread = texts.sample(SPREAD_TEXTS, among=spread_N)
    num_steps = TEXTS_SEEN // choices.batch
    batches = ([texts.take(rows) for rows in step_GB] for step_GB in sampler.steps(0))
    recipe = Recipe(
        loss=objective(
            choices.loss,
            covariance_weight=choices.scores,
            score_root_DD=torch.from_numpy(score_root(texts.vectors(spread))),
            similarity_weight=choices.similarity,
        ),
        learning_rate=lambda step: linear_cycles(
            step,
            num_steps=num_steps,
            cycles=1,
            peak=choices.rate,
            floor=choices.floor,
            warmup_steps=min(DEFAULT.warmup_steps, num_steps // 10),
        ),
    )
    optimizer = LeafOptimizer(student, weight_decay=DEFAULT.weight_decay)
    began = time.process_time()
    with autocast(torch.device("cpu"), "auto"):
        for step in train(EagerStepper(student, optimizer, recipe), batches):
            if step.index + 1 == num_steps:
                break
    seconds = (time.process_time() - began) / torch.get_num_threads()
    asked = Asked(student, Tokenizer(ModelFolder.read(init), max_length=leaf.max_seq_length))
    return {
        "seconds": seconds,
        "kept": {name: searched(name).kept(asked) for name in COLLECTIONS},
    }


def piece(name: str, choices: Choices) -> dict[str, Any]:
    """What `trained` gives, made once and kept while the choices stay."""
    file = WORK / f"{name.replace(' ', '-').replace(chr(39), '')}.json"
    wanted = json.loads(json.dumps({**asdict(choices), "texts seen": TEXTS_SEEN}))
    if not file.exists() or json.loads(file.read_text())["choices"] != wanted:
        made = {**trained(choices), "choices": wanted}
        WORK.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(made))
    kept: dict[str, Any] = json.loads(file.read_text())
    print(f"{name}: {kept['seconds']:.0f} s, {shown(kept)}", flush=True)
    return kept


def shown(made: Mapping[str, Any]) -> str:
    return (
        f"overlap@10 {of(made, 'overlap@10').mean():.4f}, nDCG@10 {of(made, 'ndcg@10').mean():.4f}"
    )


def of(made: Mapping[str, Any], metric: str) -> np.ndarray:
    """Each query's figure, weighted so that every collection counts alike in the mean."""
    values = [np.array(made["kept"][name][metric]) for name in COLLECTIONS]
    total = sum(map(len, values))
    return np.concatenate([v * total / (len(values) * len(v)) for v in values])


def main() -> None:
    made = {name: piece(name, choices) for name, choices in VARIANTS.items()}
    base = made["as it is"]
    rows: dict[str, Any] = {}
    for name, one in made.items():
        rows[name] = {"seconds": round(one["seconds"], 1), "choices": one["choices"]}
        for metric in ("overlap@10", "ndcg@10"):
            mean = mean_interval(of(one, metric), SAMPLING)
            gain = paired_difference(of(one, metric), of(base, metric), SAMPLING)
            rows[name][metric] = {
                "mean": mean.mean,
                "low": mean.low,
                "high": mean.high,
                "gain": {"mean": gain.mean, "low": gain.low, "high": gain.high},
            }
    print_table(rows)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ablation.png").write_bytes(plot_ablation(rows))
    others = [name for name in rows if made[name] is not base]
    gain = max(rows[name]["overlap@10"]["gain"]["low"] for name in others)
    targets = [Target("overlap@10 that another choice surely gains", "<=", 0.0, gain)]
    figures = {"texts seen": TEXTS_SEEN, "rows": rows}
    finish("ablation", targets, figures)


def print_table(rows: Mapping[str, Any]) -> None:
    print("\n| choice | overlap@10 | gain [95 %] | nDCG@10 | gain [95 %] | s |")
    print("|---|---|---|---|---|---|")
    for name, row in rows.items():
        cells = []
        for metric in ("overlap@10", "ndcg@10"):
            gain = row[metric]["gain"]
            cells.append(f"{row[metric]['mean']:.4f}")
            cells.append(f"{gain['mean']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]")
        print(f"| {name} | {' | '.join(cells)} | {row['seconds']:.0f} |")


if __name__ == "__main__":
    main()
