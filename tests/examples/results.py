"""The results of one evaluation, made up."""

import dataclasses

from leaf_ray.core.evaluation.bootstrap import Interval
from leaf_ray.core.evaluation.evaluation import AverageRow, Evaluation
from leaf_ray.core.evaluation.results import Cell, Difference, LengthRow, Report, Row

TEACHER = Row(
    queries_by="big",
    documents_by="big",
    role="teacher",
    ndcg=Interval(0.6, 0.55, 0.65),
    recall=Interval(0.9, 0.85, 0.95),
    overlap=None,
    mrr=Interval(0.7, 0.6, 0.8),
    map=Interval(0.5, 0.4, 0.6),
    correlation=None,
    query_ms=13.7,
    kept=None,
)


LEAF = dataclasses.replace(
    TEACHER,
    queries_by="small",
    role="asymmetric",
    overlap=Interval(0.68, 0.66, 0.7),
    correlation=Interval(0.8, 0.7, 0.9),
    query_ms=None,
    kept=Interval(0.845, 0.82, 0.871),
)


TRAINED = Difference("asymmetric", "untrained", "overlap@10", Interval(0.12, 0.10, 0.14))


SIDES = Difference("asymmetric", "symmetric", "nDCG@10", Interval(0.03, 0.01, 0.05))


REPORT = Report(
    collection="adi",
    num_documents=82,
    num_queries=350,
    query_form="judged",
    space="9f2c1ab34d",
    teacher="big",
    leaf="small",
    rows=(TEACHER, LEAF),
    differences=(TRAINED, SIDES),
    grid=(
        Cell("teacher", 8, "float32", 32, Interval(0.6, 0.5, 0.7), None, None),
        Cell("asymmetric", 8, "int8", 8, None, Interval(0.5, 0.4, 0.6), Interval(0.8, 0.7, 0.9)),
    ),
    lengths=(LengthRow("asymmetric", 9, None, 12, None, Interval(0.5, 0.4, 0.6)),),
)


SEVERAL = Evaluation(
    (REPORT, dataclasses.replace(REPORT, num_queries=20)),
    (
        AverageRow("teacher", Interval(0.6, 0.55, 0.65), None, None),
        AverageRow(
            "asymmetric",
            Interval(0.55, 0.5, 0.6),
            Interval(0.7, 0.68, 0.72),
            Interval(0.85, 0.8, 0.9),
        ),
    ),
)
