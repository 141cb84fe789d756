"""The section of a run file that says how a leaf is distilled."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from leaf_ray.config.section import NotNegative, Positive, Section, Share


class DistillConfig(Section):
    """The leaf, trained into the teacher's space."""

    init: str = "sentence-transformers/all-MiniLM-L6-v2"
    """The encoder to start from, the folder of a model of sentence-transformers or transformers, or
    a model id, which reads `space.max_length` tokens and is pooled by mean; the teacher's own for a
    leaf made of some of its layers."""
    init_layers: tuple[Positive, ...] = ()
    """Layers of `init` that the leaf is made of, counted from 1. []: all."""
    vectors: tuple[str, ...] = ()
    """Where the vectors to train on are, instead of this run's: folders of other runs in the same
    space, or tables of documents (runs/mine/index/documents.lance)."""
    source_column: str = "source"
    """The column that says where a text is from, for `weights`; without it that is the run."""
    weights: dict[str, NotNegative] = Field(default_factory=dict)
    """How often an epoch takes the texts of a source, by its name: 0.5 takes half of them, drawn
    anew for each epoch, 2 takes each twice, 0 none. {}: each once."""
    documents_per_query: NotNegative = 1.0
    """Documents of an epoch for each of its queries, at most; 0 trains on queries only."""
    loss: Literal["l2", "squared_l2"] = "l2"
    """The distance to the teacher."""
    prefix_weights: dict[Positive, NotNegative] = Field(default_factory=dict)
    """What the same distance between leading dimensions weighs beside that between all, which
    weighs 1: {64: 0.5, 256: 0.5}."""
    covariance_weight: NotNegative = 1.0
    """Weight of a second distance beside the plain one, which weighs 1: it counts an error by what
    it changes in the scores of documents (by the covariance of the teacher's vectors). 0 is the
    objective of LEAF."""
    similarity_weight: NotNegative = 0.0
    """Weight of the error in the similarities between the texts of a batch."""
    head: Literal["ridge", "random", "init"] = "ridge"
    """What the head begins as: fitted in closed form, by chance, or as `init` has it, which is a
    leaf of this space then."""
    epochs: NotNegative = 3.0
    """Passes over the training texts, over all cycles. 0: take no step; with `head: init` that is
    a leaf that exists already, as it is."""
    batch_size: Positive = 32
    """Texts of a forward pass; small batches are as good or better."""
    workers: Positive | tuple[Positive, Positive] = 1
    """Training processes, each with a GPU where the cluster has some, else with a share of its
    machine's cores: on one machine without a GPU more than one gains nothing. [1, 4]: as many as
    there is room for. A step takes `batch_size` texts for each of the most there may be, whoever
    computes them."""
    accumulate: Positive = 1
    """Forward passes of each worker before a step."""
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-4
    """At the start of each cycle."""
    final_learning_rate: NotNegative = 1e-5
    """At the end of each cycle."""
    cycles: Positive = 1
    """Linear decays, one after the other."""
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    """Steps of rising learning rate at the very start, a tenth of all at most."""
    weight_decay: NotNegative = 0.01
    """Weight decay of matrices; biases, norms and, on CPUs, token embeddings are not decayed."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of matrix products on CPUs, of whole passes on GPUs; weights are float32. auto:
    bfloat16 where the chip has it."""
    validation_share: Share = 0.02
    """Share of the texts that are not trained on, but validated on as the leaf is trained."""
    patience: Positive | None = None
    """Validations without a better overlap with the teacher, after which training
    stops. None: it goes on to its end."""
    seed: int = 0
    """Seed of the order of texts, and of a random head."""
    checkpoint_steps: Positive = 500
    """Steps between validations. Each makes a checkpoint too, unless the last is
    less than 5 s old or still on its way to storage; a lost worker costs the steps since."""

    # What decides is their product.
    execution: ClassVar[frozenset[str]] = frozenset({"workers", "accumulate"})

    def made_with(self) -> dict[str, Any]:
        """The settings that decide what is made, and the forward passes of a step."""
        return {**super().made_with(), "micro_batches": self.micro_batches}

    @property
    def most_workers(self) -> int:
        """The upper end of the range of workers, or the number itself."""
        return self.workers if isinstance(self.workers, int) else self.workers[1]

    @property
    def micro_batches(self) -> int:
        """Forward passes of a step, over all workers."""
        return self.most_workers * self.accumulate

    @model_validator(mode="after")
    def _head_of_all_layers(self) -> Self:
        if self.head == "init" and self.init_layers:
            raise ValueError("head: init is of all layers of init: leave init_layers out")
        return self

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.final_learning_rate > self.learning_rate:
            raise ValueError(
                f"final_learning_rate {self.final_learning_rate:g} is above learning_rate "
                f"{self.learning_rate:g}: the rate has to fall"
            )
        return self

    @model_validator(mode="after")
    def _workers_range(self) -> Self:
        if not isinstance(self.workers, int) and self.workers[0] > self.workers[1]:
            raise ValueError(f"workers {list(self.workers)}: the fewest come first")
        return self
