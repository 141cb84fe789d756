import pytest

from leaf_ray.stages.serve.instance import Instance, application_name, conflict

HERE = Instance("127.0.0.1", 8000, ["10.0.0.1"], {"queries-mine-1": "/", "documents-mine-1": "/d"})
NEW = {"queries-new-2": "/new", "documents-new-2": "/new/documents"}


def test_what_has_names_routes_and_the_port_of_its_own_fits_in() -> None:
    assert conflict(HERE, host="127.0.0.1", port=8000, routes=NEW) is None


@pytest.mark.parametrize(
    ("port", "routes", "said"),
    [
        (8000, {"queries-mine-1": "/"}, "served on this Ray cluster already.*127.0.0.1:8000"),
        (8001, {"documents-mine-1": "/d"}, "served on this Ray cluster already"),
        (8000, {"queries-new-2": "/"}, "the route / .* belongs to the application queries-mine-1"),
        (8001, {**NEW, "x": "/d"}, "the route /d .* belongs to the application documents-mine-1"),
        (8001, NEW, "listens on 127.0.0.1:8000 .* serve.host=127.0.0.1 serve.port=8000"),
    ],
)
def test_what_does_not_fit_is_named_with_what_to_do(
    port: int, routes: dict[str, str], said: str
) -> None:
    reason = conflict(HERE, host="127.0.0.1", port=port, routes=routes)
    assert reason is not None
    with pytest.raises(ValueError, match=said):
        raise ValueError(reason)


def test_another_host_does_not_fit() -> None:
    reason = conflict(HERE, host="0.0.0.0", port=8000, routes=NEW)
    assert reason is not None and "serve.host=127.0.0.1" in reason


def test_a_name_is_of_one_run_and_always_the_same() -> None:
    roots = [
        "/runs/mine",
        "/other/mine",
        "s3://bucket/mine",
        "/runs/Mein Lauf \u00e4!",
        "/",
        "s3://b",
    ]
    names = [application_name("queries", root) for root in roots]
    assert len(set(names)) == len(roots)
    assert names == [application_name("queries", root) for root in roots]
    assert names[0].startswith("queries-mine-") and names[3].startswith("queries-mein-lauf-")
    assert application_name("queries", "/runs/mine/") == names[0]
    assert application_name("documents", "/runs/mine") != names[0]
    assert len(application_name("queries", "/runs/" + "x" * 500)) < 60


@pytest.mark.parametrize(
    ("host", "own_node", "url"),
    [
        ("127.0.0.1", "10.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "10.0.0.1", "http://0.0.0.0:8000"),
        ("0.0.0.0", "10.0.0.9", "http://10.0.0.1:8000"),
        ("::1", "10.0.0.1", "http://[::1]:8000"),
        ("leaf.example", "10.0.0.9", "http://leaf.example:8000"),
    ],
)
def test_the_url_is_one_that_the_asking_machine_reaches(host: str, own_node: str, url: str) -> None:
    assert Instance(host, 8000, ["10.0.0.1"], {}).url(own_node=own_node) == url
