"""The section of a run file that says how a leaf is distilled."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from leaf_ray.config.section import NotNegative, Positive, Section, Share


class DistillConfig(Section):
    """How the leaf is trained into the teacher's space."""

    init: str = "sentence-transformers/all-MiniLM-L6-v2"
    """The model that the leaf begins as: the folder of a model of sentence-transformers or
    transformers, or a model id. It has to read `space.max_length` tokens and to be pooled by mean.
    Name the teacher to make a leaf of some of its layers."""
    init_layers: tuple[Positive, ...] = ()
    """Layers of `init` that the leaf keeps, counted from 1. []: all."""
    vectors: tuple[str, ...] = ()
    """Vectors to train on instead of this run's own: folders of other runs in the same space, or
    tables of documents (runs/mine/index/documents.lance)."""
    source_column: str = "source"
    """The column that names where a text is from, for `weights`. Texts without it are from the run
    itself."""
    weights: dict[str, NotNegative] = Field(default_factory=dict)
    """How often an epoch takes each text of a source, by the name of the source: 0.5 takes half of
    the texts, other ones in each epoch; 2 takes each text twice; 0 takes none. {}: once."""
    documents_per_query: NotNegative = 1.0
    """Most documents in an epoch for each of its queries. 0: train on queries only."""
    loss: Literal["l2", "squared_l2"] = "l2"
    """The distance between the leaf's and the teacher's vectors that is minimised."""
    prefix_weights: dict[Positive, NotNegative] = Field(default_factory=dict)
    """Weights of the same distance between leading dimensions, such as {64: 0.5, 256: 0.5}; the
    distance between whole vectors weighs 1."""
    covariance_weight: NotNegative = 1.0
    """Weight of a second distance beside the plain one, which weighs 1. The second distance weights
    an error by the covariance of the teacher's vectors, which is what it changes in the scores of
    documents. 0: the objective of the LEAF paper."""
    similarity_weight: NotNegative = 0.0
    """Weight of the error in the similarities between texts of one batch."""
    head: Literal["ridge", "random", "init"] = "ridge"
    """What the head, the last linear layer, begins as. ridge: fitted in closed form. random: random
    numbers. init: the head of `init`, which has to be a leaf of this space."""
    epochs: NotNegative = 3.0
    """Passes over the training texts, in all cycles together. 0: no training step; with
    `head: init` this takes an existing leaf as it is."""
    batch_size: Positive = 32
    """Texts in a forward pass; small batches train as well or better."""
    workers: Positive | tuple[Positive, Positive] = 1
    """Number of training processes. Each has a GPU if the cluster has GPUs, and otherwise a share
    of its machine's cores, so that more than one gains nothing on one machine without a GPU.
    [1, 4]: between 1 and 4, as the cluster has room. A step always takes `batch_size` texts for
    each of the largest number, however many processes share them."""
    accumulate: Positive = 1
    """Forward passes of each process before a step."""
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-4
    """Learning rate at the start of each cycle."""
    final_learning_rate: NotNegative = 1e-5
    """Learning rate at the end of each cycle."""
    cycles: Positive = 1
    """Number of cycles; in each the learning rate falls linearly."""
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    """Steps at the very start in which the learning rate rises; at most a tenth of all steps."""
    weight_decay: NotNegative = 0.01
    """Weight decay of matrices. Biases, norms and, on CPUs, token embeddings are not decayed."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of matrix products on CPUs and of whole passes on GPUs; weights stay float32. auto:
    bfloat16 if the processor computes in it."""
    validation_share: Share = 0.02
    """Share of the texts that the leaf is validated on during training instead of trained on."""
    patience: Positive | None = None
    """Number of validations without a better overlap with the teacher after which training stops.
    None: training goes on to its end."""
    seed: int = 0
    """Seed of the order of texts and of a random head."""
    checkpoint_steps: Positive = 500
    """Steps between validations. Each validation also makes a checkpoint, unless the last one is
    less than 5 s old or still being uploaded. A lost worker costs the steps since the last one."""

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
            raise ValueError("head: init needs all layers of init: leave init_layers out")
        return self

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.final_learning_rate > self.learning_rate:
            raise ValueError(
                f"final_learning_rate {self.final_learning_rate:g} is above learning_rate "
                f"{self.learning_rate:g}: set final_learning_rate to that or less"
            )
        return self

    @model_validator(mode="after")
    def _workers_range(self) -> Self:
        if not isinstance(self.workers, int) and self.workers[0] > self.workers[1]:
            raise ValueError(f"workers {list(self.workers)}: write the smaller number first")
        return self
