"""What deploy/ and jobs/ hold is what the package takes."""

import json
import subprocess
import sys
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[1]
JOBS = sorted((CHECKOUT / "jobs").glob("*.yaml"))
# Ray's own configuration classes use a form that pydantic deprecates, and say so on import.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def serve_config() -> dict[str, Any]:
    fields: dict[str, Any] = yaml.safe_load((CHECKOUT / "deploy" / "serve.yaml").read_text("utf-8"))
    return fields


def builder_of(application: dict[str, Any]) -> Any:
    module, _, name = application["import_path"].partition(":")
    return getattr(import_module(module), name)


def test_serve_takes_the_configuration(serve_config: dict[str, Any]) -> None:
    from ray.serve.schema import ServeDeploySchema

    checked = ServeDeploySchema.model_validate(serve_config)
    assert len(checked.applications) == 2
    # Nothing was dropped as unknown on the way.
    given = {key for application in serve_config["applications"] for key in application}
    assert given <= set(type(checked.applications[0]).model_fields)


def test_applications_are_those_of_the_package(serve_config: dict[str, Any]) -> None:
    from leaf_ray.stages.serve.deployments import ROUTES

    applications = serve_config["applications"]
    assert {entry["name"]: entry["route_prefix"] for entry in applications} == ROUTES


def test_builders_take_their_arguments(serve_config: dict[str, Any]) -> None:
    for application in serve_config["applications"]:
        builder = builder_of(application)
        assert callable(builder)
        (parameter,) = signature(builder).parameters
        args = get_type_hints(builder)[parameter].model_validate(application["args"])
        assert (CHECKOUT / args.run_file) in JOBS


def test_builders_build_what_is_named_without_starting_ray(serve_config: dict[str, Any]) -> None:
    # In an interpreter of its own, because other tests start Ray in this one.
    program = (
        "import json, sys; from tests.test_deploy import build; build(json.loads(sys.argv[1]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, json.dumps(serve_config["applications"])],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def build(applications: list[dict[str, Any]]) -> None:
    from ray import is_initialized
    from ray.serve import Application

    for application in applications:
        builder = builder_of(application)
        (model,) = (hint for name, hint in get_type_hints(builder).items() if name != "return")
        built = builder(model.model_validate(application["args"]))
        assert isinstance(built, Application)
    assert not is_initialized()


def test_the_service_is_not_open_to_the_network(serve_config: dict[str, Any]) -> None:
    assert serve_config["http_options"]["host"] == "127.0.0.1"
