"""Counts of training texts of two sources, and settings to train on them with."""

from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.stages.distill.counts import Counts

# Ten queries and forty documents, of two sources.
VALIDATION = {QUERY: {"mine": 5}, DOCUMENT: {"mine": 1}}


COUNTS = Counts({QUERY: {"mine": 10}, DOCUMENT: {"mine": 30, "wiki": 10}}, VALIDATION)


ONLY_DOCUMENTS = Counts({QUERY: {}, DOCUMENT: {"mine": 40}}, {DOCUMENT: {"mine": 5}})


def settings(**distill: object) -> DistillConfig:
    return DistillConfig.model_validate({"batch_size": 5, **distill})
