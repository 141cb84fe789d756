"""A training asks for no more workers than there is room for."""

import pytest

from leaf_ray.errors import ConfigError
from leaf_ray.stages.distill.training import check_room
from tests.examples.training_counts import settings


@pytest.mark.parametrize("workers", [3, (3, 9)])
def test_the_fewest_workers_have_to_fit_unless_the_cluster_may_grow(workers: object) -> None:
    config = settings(workers=workers)
    assert check_room(config, room=3, unit="GPU", may_grow=False) == ""
    with pytest.raises(ConfigError, match=r"asks for 3, and .* room for 2 \(GPUs\): lower it"):
        check_room(config, room=2, unit="GPU", may_grow=False)
    assert "waiting for nodes" in check_room(config, room=2, unit="GPU", may_grow=True)
