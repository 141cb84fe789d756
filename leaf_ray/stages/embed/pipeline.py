"""The Ray Data pipeline of embed: shards to files, and a row of counts for each."""

from collections.abc import Callable, Generator, Sequence
from typing import Any

import pyarrow.parquet as pq
import ray
import ray.data

from leaf_ray.config import RunConfig
from leaf_ray.core.encoding.backend import needs_cpu
from leaf_ray.core.encoding.pool import Pool, plan_pool
from leaf_ray.runs import Part
from leaf_ray.runs.parts import texts_dataset
from leaf_ray.runs.shards import ShardStats
from leaf_ray.stages.cluster.cluster import working_nodes
from leaf_ray.stages.embed.shard import Prepare, ReadShard, WriteShard

# Reading, tokenising and writing take a fraction of a CPU each, so that they always find one.
TASK_CPUS = 0.25
# Shards that an encoder works on: with one alone its streams, or an endpoint's connections, would
# run dry at the end of each.
SHARDS_PER_ACTOR = 2
# Shards that are read, and that are written, at once for each encoder: more would only lie in
# memory, and the first task of each process costs a core some seconds of imports. A GPU is as
# fast as the tokenizer of one process.
TASKS_PER_ACTOR, TASKS_PER_GPU_ACTOR = 1, 2


def planned_shards(texts: Part) -> list[dict[str, Any]]:
    """Every row group of the texts: shard (its number), path, row_group, rows."""
    planned: list[dict[str, Any]] = []
    for path in texts_dataset(texts).files:
        with texts.filesystem.open_input_file(path) as source:
            metadata = pq.ParquetFile(source).metadata
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group).num_rows
            planned.append({"shard": len(planned), "path": path, "row_group": group, "rows": rows})
    return planned


def plan_actors(config: RunConfig, *, cores: int) -> Pool:
    """The pool that this cluster has room for. cores: of the node that has the fewest."""
    settings, nodes = config.embed, working_nodes()
    on_gpu = not needs_cpu(settings.backend) and settings.vectors is None
    return plan_pool(
        actors=settings.actors,
        max_actors=settings.max_actors,
        nodes=len(nodes),
        cores_per_node=cores,
        gpus=int(ray.cluster_resources().get("GPU", 0)) if on_gpu else 0,
        waits=config.space.endpoint is not None,
    )


def encode_shards(
    shards: Sequence[dict[str, Any]],
    *,
    texts: Part,
    work: Part,
    prepare: Prepare | None,
    encoder: tuple[Callable[..., Any], tuple[Any, ...]],
    pool: Pool,
) -> Generator[ShardStats, None, None]:
    """Yield the counts of each shard as soon as its file is there.

    encoder: the class that actors are of, and what they are made with.
    """
    encode, arguments = encoder
    per_actor = TASKS_PER_GPU_ACTOR if pool.gpus else TASKS_PER_ACTOR
    tasks = ray.data.TaskPoolStrategy(size=min(per_actor * pool.largest, len(shards)))
    planned = ray.data.from_items(list(shards), override_num_blocks=len(shards))
    # A shard is one block from its reading to its file, however large it is.
    planned.context.target_max_block_size = None
    # What wraps it otherwise arrives without it: own_errors would find nothing.
    planned.context.raise_original_map_exception = True
    rows = (
        planned.map_batches(
            ReadShard(texts.filesystem, prepare),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=TASK_CPUS,
            compute=tasks,
        )
        # Its public form wants a number of rows for each call of a GPU, and would mix shards.
        .map_batches_internal(
            encode,
            fn_constructor_args=arguments,
            batch_size=None,
            batch_format="pyarrow",
            zero_copy_batch=True,
            num_cpus=pool.cpus,
            num_gpus=pool.gpus,
            compute=ray.data.ActorPoolStrategy(
                min_size=pool.smallest,
                max_size=pool.largest,
                max_concurrent_calls_per_actor=SHARDS_PER_ACTOR,
                enable_true_multi_threading=True,
            ),
        )
        .map_batches(
            WriteShard(work),
            batch_size=None,
            batch_format="pyarrow",
            zero_copy_batch=True,
            num_cpus=TASK_CPUS,
            compute=tasks,
        )
    )
    for batch in rows.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        for row in batch.to_pylist():
            yield ShardStats(**row)
