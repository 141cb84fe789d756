"""What was timed of a teacher and a leaf, made up."""

from leaf_ray.core.cost.timings import (
    Latency,
    Machine,
    Throughput,
    Timed,
    Timings,
)

TEACHER = Timed(
    place="machine",
    backend="openvino-f32",
    query=Latency(p50_ms=30.0, p99_ms=45.0, mean_ms=32.0, num_timed=200),
    search=Latency(p50_ms=33.0, p99_ms=50.0, mean_ms=36.0, num_timed=200),
    documents=Throughput.of(200, 20.0),
    tokens_per_query=20.0,
    tokens_per_document=150.0,
)


LEAF = Timed(
    place="machine",
    backend="openvino-bf16",
    query=Latency(p50_ms=4.0, p99_ms=9.0, mean_ms=8.0, num_timed=1000),
    search=Latency(p50_ms=7.0, p99_ms=12.0, mean_ms=8.0, num_timed=600),
    documents=Throughput.of(1000, 10.0),
    tokens_per_query=20.0,
    tokens_per_document=150.0,
)


TIMINGS = Timings(
    machine=Machine("AMD EPYC", 2),
    texts_of="data/adi",
    teacher=TEACHER,
    leaf=LEAF,
    num_indexed=82,
    others=0.02,
)
