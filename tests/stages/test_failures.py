"""Ray wraps what fails in its workers; users meet what failed."""

import pytest
import ray

from leaf_ray.errors import EncodingError
from leaf_ray.stages.failures import own_errors


@pytest.mark.ray
def test_an_error_of_ours_in_a_worker_is_raised_as_itself(ray_local: None) -> None:
    @ray.remote
    def fails() -> None:
        raise EncodingError("a vector is zero")

    with pytest.raises(EncodingError, match=r"^a vector is zero$") as caught, own_errors():
        ray.get(fails.remote())
    assert type(caught.value) is EncodingError


def test_advice_that_ray_adds_to_our_message_is_left_out() -> None:
    said = (
        "a vector is zero\nFailed to apply UDF transform after 1/1 attempts (total backoff 0.0s)."
    )
    with pytest.raises(EncodingError, match=r"^a vector is zero$"), own_errors():
        raise RuntimeError("outer") from EncodingError(said)


def test_our_error_is_found_below_others() -> None:
    with pytest.raises(EncodingError, match="deep"), own_errors():
        try:
            raise EncodingError("deep")
        except EncodingError as error:
            raise RuntimeError("outer") from error


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(KeyError), own_errors():
        raise KeyError("not ours")
