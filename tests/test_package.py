"""What `import leaf_ray` offers."""

import pkgutil

import pytest

import leaf_ray


def test_no_package_takes_the_name_of_something_that_is_offered() -> None:
    # Python binds a package to its name once it is imported, and would hide the function.
    packages = {module.name for module in pkgutil.iter_modules(leaf_ray.__path__)}
    assert not packages & set(leaf_ray.__all__)


@pytest.mark.parametrize("name", leaf_ray.__all__)
def test_what_is_offered_is_there_however_often_it_is_asked_for(name: str) -> None:
    first = getattr(leaf_ray, name)
    assert callable(first)
    assert getattr(leaf_ray, name) is first
