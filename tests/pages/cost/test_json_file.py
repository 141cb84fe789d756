"""JSON holds what the page holds."""

import json

from leaf_ray.pages.cost.json_file import cost_to_json
from leaf_ray.pages.cost.verdict import cost_verdict
from tests.examples.costs import costed


def test_json_holds_the_figures_and_the_words() -> None:
    fields = json.loads(json.dumps(cost_to_json(costed())))
    assert fields["verdict"] == cost_verdict(costed())
    assert fields["prices"]["machine_per_hour"] == 0.36
    assert [row["role"] for row in fields["rows"]] == ["teacher", "asymmetric", "symmetric"]
    assert fields["timings"]["leaf"]["documents"]["per_second"] == 100
