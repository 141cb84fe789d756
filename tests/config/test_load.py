"""A run file is either right, or refused with the key that is wrong and what to do."""

from pathlib import Path

import pytest

from leaf_ray.config import load_config
from leaf_ray.errors import ConfigError


def refusal(file: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as refused:
        load_config(file, overrides)
    return str(refused.value)


def refusal_of(text: str, file: Path) -> str:
    file.write_text(text, "utf-8")
    return refusal(file)


def test_what_is_written_is_read_and_the_rest_has_its_default(run_file: Path) -> None:
    config = load_config(run_file)
    assert (config.root, config.space.teacher, config.space.max_length) == (
        "runs/test",
        "big-model",
        64,
    )
    assert config.distill.epochs == 3.0
    assert config.embed.dtype == "float32"


def test_overrides_set_keys_in_their_order_and_make_sections(run_file: Path) -> None:
    overrides = ["space.max_length=32", "index.table=docs", "index.table=again", "root=elsewhere"]
    config = load_config(str(run_file), overrides)
    assert config.space.max_length == 32
    assert config.index.table == "again"
    assert config.root == "elsewhere"
    assert config.space.teacher == "big-model"


def test_the_value_of_an_override_may_hold_an_equals_sign(run_file: Path) -> None:
    assert load_config(run_file, ["texts.path=a=b"]).texts.path == "a=b"


def test_an_override_can_put_a_key_back_to_none(run_file: Path) -> None:
    assert load_config(run_file, ["space.max_length=null"]).space.max_length is None


@pytest.mark.parametrize("written", ["3e-4", "3.0e-4", "0.0003"])
def test_a_learning_rate_is_a_number_however_it_is_written(run_file: Path, written: str) -> None:
    # YAML 1.1 reads 3e-4, without a point, as a text.
    config = load_config(run_file, [f"distill.learning_rate={written}"])
    assert config.distill.learning_rate == 3e-4
    assert load_config(run_file).distill.learning_rate == 3e-4


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "cannot read the run file" in refusal(tmp_path / "no.yaml")
    assert "no.yaml" in refusal(tmp_path / "no.yaml")


def test_a_folder_or_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    assert "cannot read the run file" in refusal(tmp_path)
    (tmp_path / "model.bin").write_bytes(b"\xff\xfe\x00\x81")
    assert "cannot read the run file" in refusal(tmp_path / "model.bin")


def test_bad_yaml_is_refused_with_its_line(run_file: Path) -> None:
    message = refusal_of("root: [unclosed\nspace: {}", run_file)
    assert "is not valid YAML" in message
    assert "line 2" in message


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "42"])
def test_yaml_that_is_no_mapping_is_refused(run_file: Path, text: str) -> None:
    assert "should hold sections such as `space:` and `texts:`" in refusal_of(text, run_file)


def test_a_missing_section_and_a_missing_key_are_named(run_file: Path) -> None:
    message = refusal_of("root: here\ntexts: {}\n", run_file)
    assert "space is missing" in message
    assert "texts.path is missing" in message


def test_an_unknown_section_offers_the_nearest_one(run_file: Path) -> None:
    message = refusal(run_file, "distil.epochs=1")
    assert "unknown key 'distil': did you mean 'distill'?" in message
    assert "known keys: root, space, texts" in message


def test_an_unknown_key_offers_the_nearest_one_of_its_section(run_file: Path) -> None:
    message = refusal(run_file, "distill.learning_rte=1")
    assert "unknown key 'distill.learning_rte': did you mean 'learning_rate'?" in message


def test_an_unknown_key_that_is_near_none_lists_the_known_ones(run_file: Path) -> None:
    message = refusal(run_file, "index.zzz=1")
    assert "did you mean" not in message
    assert "known keys: table, vector_index_rows" in message


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("space.max_length=long", "space.max_length"),
        ("space.max_length=0", "space.max_length"),
        ("space.max_length=1.5", "space.max_length"),
        ("embed.backend=cuda", "embed.backend"),
        ("embed.dtype=int8", "embed.dtype"),
        ("distill.loss=cosine", "distill.loss"),
        ("distill.epochs=-1", "distill.epochs"),
        ("distill.epochs=.nan", "distill.epochs"),
        ("distill.epochs=.inf", "distill.epochs"),
        ("distill.learning_rate=.inf", "distill.learning_rate"),
        ("distill.weight_decay=.inf", "distill.weight_decay"),
        ("distill.validation_share=1", "distill.validation_share"),
        ("distill.init_layers=[0]", "distill.init_layers.0"),
        ("distill.weights={wiki: -1}", "distill.weights.wiki"),
        ("distill.weights={wiki: .inf}", "distill.weights.wiki"),
        ("distill.prefix_weights={0: 1}", "distill.prefix_weights.0.[key]"),
        ("distill.patience=0", "distill.patience"),
        ("serve.port=65536", "serve.port"),
        ("serve.documents=perhaps", "serve.documents"),
        ("root=7", "root"),
        ("space=big-model", "space"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_and_what_was_given(
    run_file: Path, override: str, key: str
) -> None:
    message = refusal(run_file, override)
    assert message.startswith(f"{run_file}: {key}: ")
    assert "(given: " in message


def test_one_value_where_a_list_belongs_is_told_how_to_write_one(run_file: Path) -> None:
    message = refusal(run_file, "distill.vectors=runs/other")
    assert "distill.vectors: write a list, [runs/other]" in message


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("distill.workers=[4, 2]", "workers [4, 2]: write the smaller number first"),
        ("distill.final_learning_rate=1", "final_learning_rate 1 is above learning_rate 0.0003"),
    ],
)
def test_values_that_do_not_go_together_are_refused(
    run_file: Path, override: str, expected: str
) -> None:
    assert expected in refusal(run_file, override)


def test_all_problems_are_told_at_once(run_file: Path) -> None:
    message = refusal(run_file, "serve.port=0", "distill.loss=cosine", "index.tabel=a")
    assert all(key in message for key in ("serve.port", "distill.loss", "index.tabel"))


@pytest.mark.parametrize("override", ["space.max_length", "=3", "", "--again"])
def test_an_override_without_a_key_and_an_equals_sign_is_refused(
    run_file: Path, override: str
) -> None:
    assert "is not an override: write stage.key=value" in refusal(run_file, override)


def test_an_override_below_a_scalar_is_refused(run_file: Path) -> None:
    assert "'teacher' is a single value and has no keys below it" in refusal(
        run_file, "space.teacher.name=x"
    )
    assert "'root' is a single value and has no keys below it" in refusal(run_file, "root.x=1")


def test_an_override_with_bad_yaml_is_refused(run_file: Path) -> None:
    assert "the value is not valid YAML" in refusal(run_file, "texts.path=[a")


def test_a_refused_section_does_not_show_its_other_values(run_file: Path) -> None:
    said = refusal(
        run_file, "embed.long_texts=window", "space.endpoint=https://host/v1?api-key=SECRET"
    )
    assert "long_texts=window" in said
    assert "SECRET" not in said


def test_a_misspelt_key_of_a_section_inside_a_section_is_offered_the_nearest(
    run_file: Path,
) -> None:
    assert "did you mean 'concurrency'?" in refusal(run_file, "embed.endpoint.concurency=3")


@pytest.mark.parametrize("teacher", ["space.endpoint=http://host/v1", "embed.vectors=v.npy"])
def test_windows_are_refused_where_nobody_can_tell_their_tokens(
    run_file: Path, teacher: str
) -> None:
    said = refusal(run_file, "embed.long_texts=window", teacher)
    assert "long_texts=window needs a local teacher" in said


def test_a_pool_does_not_shrink_under_load(run_file: Path) -> None:
    assert "max_actors 1 is less than actors 2" in refusal(
        run_file, "embed.actors=2", "embed.max_actors=1"
    )


@pytest.mark.parametrize("price", ["-1", ".nan", ".inf", "free"])
@pytest.mark.parametrize("key", ["machine_per_hour", "storage_gb_month", "tokens_per_million"])
def test_a_price_is_a_number_and_not_below_nothing(run_file: Path, key: str, price: str) -> None:
    assert f"cost.{key}" in refusal(run_file, f"cost.{key}={price}")
    assert getattr(load_config(run_file, [f"cost.{key}=0"]).cost, key) == 0


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "is empty"),
        ("- a\n- b\n", "holds list"),
        ("hello", "holds str"),
        ("root: a\n\tspace: b\n", "line 2"),
        ("root: a\nspace: b\nroot: c\n", "'root' stands there twice, first in line 1, line 3"),
        ("root: a\nspace: {teacher: b, teacher: c}\n", "'teacher' stands there twice"),
        ("a: " + "[" * 3000, "nested too deeply"),
        ("root: 2020-13-45\n", "not valid YAML"),
        ("root: ''\nspace: {teacher: b}\ntexts: {path: c}\n", "root: String should have"),
        ("root: a\nspace:\ntexts: {path: c}\n", "space: write its keys below it"),
        ("root: a\nspace: {teacher: b}\ntexts: {path: c}\n1: 2\n", "a key is a word, not 1"),
    ],
)
def test_an_odd_run_file_is_refused_in_plain_words(tmp_path: Path, content: str, part: str) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(content)
    said = refusal(file)
    assert part in said and "\n" not in said and "<unicode string>" not in said


def test_a_byte_order_mark_and_anchors_are_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    lines = "root: a\nspace: &s {teacher: b}\ntexts: {path: c}\n"
    file.write_text("\ufeff" + lines, "utf-8")
    assert load_config(file).space.teacher == "b"
    file.write_text(
        "root: a\nspace:\n  <<: {teacher: b}\n  <<: {max_length: 9}\ntexts: {path: c}\n"
    )
    assert (load_config(file).space.teacher, load_config(file).space.max_length) == ("b", 9)


def test_the_forms_of_a_value_are_not_listed_as_keys(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("root: a\nspace: {teacher: b}\ntexts: {path: c}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file, ["distill.workers=[a]"])
    assert "distill.workers: " in str(caught.value) and "constrained" not in str(caught.value)
