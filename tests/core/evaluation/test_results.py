"""A report keeps what it was given, and claims no more than its intervals allow."""

import json
from typing import Any

import pytest

from leaf_ray.core.evaluation.results import from_json, to_json
from leaf_ray.errors import InputError
from tests.examples.results import REPORT


def test_a_report_survives_json() -> None:
    assert from_json(json.loads(json.dumps(to_json(REPORT)))) == REPORT


def test_json_of_a_report_is_the_same_before_and_after_text() -> None:
    assert json.loads(json.dumps(to_json(REPORT))) == to_json(REPORT)


@pytest.mark.parametrize(
    "damage",
    [
        lambda fields: fields.pop("space"),
        lambda fields: fields.update(extra=1),
        lambda fields: fields.update(rows=3),
        lambda fields: fields.update(query_form="guessed"),
        lambda fields: fields["rows"][0].update(role="friend"),
        lambda fields: fields["rows"][0].pop("ndcg"),
        lambda fields: fields["differences"][0].update(metric="BLEU"),
        lambda fields: fields["grid"][0].update(stored="int4"),
        lambda fields: fields["differences"][0]["interval"].pop("low"),
    ],
)
def test_a_damaged_report_is_refused(damage: Any) -> None:
    fields = to_json(REPORT)
    damage(fields)
    with pytest.raises(InputError, match=r"evaluation\.json .*run `leaf evaluate` again"):
        from_json(fields)
