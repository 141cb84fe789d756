"""embed by teachers that are no local model: faulty endpoints, and vectors that exist already."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaf_ray.config import RunConfig
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.errors import ConfigError, EncodingError, EndpointError, SpaceMismatch
from leaf_ray.runs import Part, Run
from leaf_ray.runs.parts import read_space, write_space
from leaf_ray.runs.progress import Silent
from leaf_ray.runs.shards import finished_shards
from leaf_ray.stages import verbs
from leaf_ray.stages.embed.stage import working_folder
from leaf_ray.stages.teacher import describe_teacher, endpoint_spec
from tests.examples.endpoint_faults import Fault, random_faults
from tests.examples.endpoint_faults import vectors_of as endpoint_vectors_of
from tests.examples.families import write_family
from tests.examples.faulty_endpoint import FaultyEndpoint
from tests.stages.embedding import (
    Key,
    a_config,
    a_job,
    asking,
    assert_reconciled,
    assert_same,
    by_key,
    embedded,
    of_endpoint,
    rejected_in,
    texts_of,
)

pytestmark = pytest.mark.ray


@pytest.fixture
def local(root: Path, source: Path, tiny_teacher: Path) -> RunConfig:
    return a_config(root, source, space={"teacher": str(tiny_teacher), "max_length": 32})


FAULTS: list[Fault | None] = [
    None, None, None, None, None, None, None, None,
    "429", "500", None, "cut", "nan", "dimension", None, "html", "count", "503",
]  # fmt: skip


def test_faults_of_an_endpoint_change_no_vector_and_a_text_it_refuses_can_be_tried_again(
    root: Path, source: Path
) -> None:
    with FaultyEndpoint(faults=FAULTS) as endpoint:
        config = asking(endpoint, root, source)
        manifest = verbs.embed(config)
        assert {"429", "500", "cut", "nan", "dimension"} <= set(endpoint.answers)
        texts = texts_of(config)
        poison = {key for key, text in texts.items() if "POISON" in text}
        well = {key: text for key, text in texts.items() if key not in poison}
        assert_same(by_key(embedded(config)), of_endpoint(well))
        rejected = rejected_in(root / "vectors/rejected")
        assert rejected.keys() == poison == {(DOCUMENT, "p0"), (DOCUMENT, "p1")}
        assert all("one of the inputs is not accepted" in reason for reason in rejected.values())
        assert_reconciled(manifest, config)
        again = verbs.retry_rejected(config)
        assert again.counts["rejected"] == 2, "it is refused once more"
        assert_reconciled(again, config)
        asked = endpoint.texts.total()
        endpoint.poison = "no such text"
        after = verbs.retry_rejected(config)
        # What the endpoint is known by is asked once more, and the text of both copies.
        assert endpoint.texts.total() - asked == 1 + 16 + 1
    assert (after.counts["vectors"], after.counts["rejected"]) == (len(texts), 0)
    assert_same(by_key(embedded(config)), of_endpoint(texts))
    assert_reconciled(after, config)


def test_an_endpoint_that_refuses_us_is_one_error_that_names_the_key(
    root: Path, source: Path
) -> None:
    with FaultyEndpoint() as endpoint:
        config = asking(endpoint, root, source)
        write_space(working_folder(a_job(config)), describe_teacher(config))
        endpoint.status = 401
        asked = endpoint.requests
        with pytest.raises(EndpointError, match="LEAF_RAY_ENDPOINT_KEY") as caught:
            verbs.embed(config)
        assert type(caught.value) is EndpointError
        assert "\n" not in str(caught.value)
        # The actor, and those that Ray starts in its place; not once for every shard.
        assert endpoint.requests - asked < 5


def test_an_outage_stops_the_run_and_rejects_nothing_and_a_text_that_always_fails_is_rejected(
    root: Path, source: Path
) -> None:
    def down_after(requests: int) -> Iterator[Fault | None]:
        for _ in range(requests):
            yield None
        endpoint.status = 503
        yield None

    with FaultyEndpoint(poison="no such text", sick={"POISON": "500"}) as endpoint:
        asked = {"batch_texts": 4, "concurrency": 4, "attempts": 3}
        space = {"teacher": "faulty", "endpoint": endpoint.url}
        config = a_config(root, source, space=space, embed={"actors": 2, "endpoint": asked})
        endpoint.faults_of(down_after(40))
        with pytest.raises(EndpointError, match="answered 503: always 503"):
            verbs.embed(config)
        assert not (root / "vectors/manifest.json").exists()
        endpoint.status = None
        endpoint.faults_of(random_faults(4, rate=0.1, kinds=("500", "cut", "nan", "html")))
        manifest = verbs.embed(config)
    texts = texts_of(config)
    poison = {key for key, text in texts.items() if "POISON" in text}
    well = {key: text for key, text in texts.items() if key not in poison}
    assert_same(by_key(embedded(config)), of_endpoint(well))
    rejected = rejected_in(root / "vectors/rejected")
    assert rejected.keys() == poison and len(poison) == 2
    assert all("answered 500: planned 500" in reason for reason in rejected.values())
    assert_reconciled(manifest, config)


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({}, ("Authorization", "Bearer")),
        ({"key_header": "api-key"}, ("api-key", "")),
        ({"key_header": "authorization"}, ("authorization", "Bearer")),
        ({"key_header": "X-Key", "key_scheme": "Token"}, ("X-Key", "Token")),
        ({"key_scheme": ""}, ("Authorization", "")),
    ],
)
def test_the_header_and_scheme_of_the_key_are_settings_that_may_change_at_any_time(
    tmp_path: Path, settings: dict[str, str], sent: tuple[str, str]
) -> None:
    space = {"teacher": "m", "endpoint": "https://host/v1"}
    config = a_config(tmp_path, tmp_path, space=space, embed={"endpoint": settings})
    spec = endpoint_spec(config)
    assert (spec.key_header, spec.key_scheme) == sent
    assert "endpoint" not in config.embed.made_with()


def given_npy(config: RunConfig, file: Path, *, without: set[str], dimension: int = 16) -> Path:
    """Vectors of all ids but some, the same for a query and a document of one id."""
    ids = sorted({key[1] for key in texts_of(config)} - without)
    np.save(file, endpoint_vectors_of(ids, dimension=dimension))
    file.with_suffix(".ids.txt").write_text("\n".join(ids), "utf-8")
    return file


def test_more_rejected_texts_than_allowed_stop_the_run_until_the_limit_is_raised(
    root: Path, source: Path, local: RunConfig, tmp_path: Path
) -> None:
    missing = {f"d{i}" for i in range(0, 458, 10)}
    file = given_npy(local, tmp_path / "given.npy", without=missing)
    space = {"teacher": "/models/only-known-by-name"}
    embed = {"vectors": str(file), "max_rejected": 3}
    config = a_config(root, source, space=space, embed=embed)
    wanted = r"more than embed\.max_rejected=3; .*--retry-rejected"
    with pytest.raises(EncodingError, match=wanted):
        verbs.embed(config)
    work = working_folder(a_job(config))
    kept = sum(stats.vectors for stats in finished_shards(work))
    assert kept > 0
    with pytest.raises(EncodingError, match=wanted):
        verbs.embed(config)
    assert rejected_of(work) <= {(DOCUMENT, name) for name in missing}
    embed["max_rejected"] = len(missing)
    allowed = a_config(root, source, space=space, embed=embed)
    assert working_folder(a_job(allowed)) == work, "a limit changes no vector"
    manifest = verbs.embed(allowed)
    assert manifest.counts["rejected"] == len(missing)
    assert_reconciled(manifest, allowed)
    assert set(rejected_in(root / "vectors/rejected").values()) == {"there is no vector of this id"}
    assert manifest.counts["encoder"] == "given"
    in_part = read_space(Run.open(str(root)).vectors)
    assert (in_part.teacher, in_part.probe.is_known) == ("only-known-by-name", False)


def rejected_of(work: Part) -> set[Key]:
    return set(rejected_in(Path(work.path) / "rejected"))


def test_given_vectors_of_a_teacher_that_can_be_loaded_are_in_its_space(
    root: Path, source: Path, local: RunConfig, tiny_teacher: Path, tmp_path: Path
) -> None:
    file = tmp_path / "given.parquet"
    verbs.embed(local)
    made = embedded(local)
    shutil.rmtree(root / "vectors")
    pq.write_table(made.select(["id", "kind", "vector"]), file)
    space = {"teacher": str(tiny_teacher), "max_length": 32}
    config = a_config(root, source, space=space, embed={"vectors": str(file), "dtype": "float16"})
    manifest = verbs.embed(config)
    assert manifest.space == describe_teacher(config).fingerprint
    assert (manifest.counts["rejected"], manifest.counts["encoder"]) == (0, "given")
    wanted, found = by_key(made), by_key(embedded(config))
    assert wanted.keys() == found.keys()
    for key, vector_D in found.items():
        assert np.array_equal(vector_D, wanted[key].astype(np.float16))


def test_given_vectors_that_are_not_those_of_their_teacher_are_refused(
    root: Path, source: Path, local: RunConfig, tiny_teacher: Path, tmp_path: Path
) -> None:
    file = given_npy(local, tmp_path / "given.npy", without=set(), dimension=32)
    space = {"teacher": str(tiny_teacher), "max_length": 32}
    config = a_config(root, source, space=space, embed={"vectors": str(file)})
    with pytest.raises(SpaceMismatch, match="is not the teacher's: cosine"):
        verbs.embed(config)


@pytest.mark.parametrize("is_at_hand", [False, True])
def test_given_vectors_are_taken_as_they_are_and_not_scaled(
    root: Path, source: Path, tiny_teacher: Path, tmp_path: Path, *, is_at_hand: bool
) -> None:
    rows = {"id": ["d0"], "vector": [[3.0] * 32]}
    pq.write_table(pa.table(rows), tmp_path / "given.parquet")
    teacher = str(tiny_teacher) if is_at_hand else "/models/only-known-by-name"
    space = {"teacher": teacher, "max_length": 32, "normalize": True}
    config = a_config(root, source, space=space, embed={"vectors": str(tmp_path / "given.parquet")})
    with pytest.raises(
        ConfigError, match="not of unit length, and vectors that exist already are not changed"
    ):
        verbs.embed(config)


class Told(Silent):
    """What people are told, as it comes."""

    def __init__(self) -> None:
        self.remarks: list[str] = []
        self.summary = ""

    def tell(self, remark: str) -> None:
        self.remarks.append(remark)

    def end(self, summary: str) -> None:
        self.summary = summary


def test_who_computes_in_place_of_a_backend_that_cannot_is_told_and_recorded(
    root: Path, source: Path, tmp_path: Path
) -> None:
    teacher, told = write_family("modernbert", tmp_path / "modernbert"), Told()
    config = a_config(root, source, space={"teacher": str(teacher)})
    manifest = verbs.embed(config, progress=told)
    why = "openvino-f32 gives a padded text a vector that is not finite"
    assert manifest.counts["encoder"] == "torch-f32"
    assert manifest.counts["encoder_note"] == why
    said = f"computed by torch-f32, since {why}"
    assert told.remarks.count(said) == 1
    assert said in told.summary
    assert manifest.counts["rejected"] == 0
    assert_reconciled(manifest, config)
