"""`docker-compose.yml`, `Dockerfile` and `make secrets`, held against schema,
linter and the rules of this house; no Docker needed.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.fernet import Fernet

from spark_jobs.base.project import PROJECT
from tests.compose_file import filled, make_secrets, read_compose, read_secrets
from tests.compose_rules import problems_of

SCHEMA = PROJECT / "tests" / "vendored" / "compose-spec.json"
DOCKERFILE = PROJECT / "Dockerfile"
Break = Callable[[dict[str, Any]], object]


@pytest.fixture
def made(tmp_path: Path) -> dict[str, str]:
    make_secrets(tmp_path / ".env")
    return read_secrets(tmp_path / ".env")


def test_the_compose_file_has_the_form_of_the_specification(made: dict[str, str]) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(filled(read_compose(), made))] == []
    broken = read_compose() | {"services": {"kafka": {"image": "a", "depends_on": {"b": {"condition": "service_happy"}}}}}
    assert not validator.is_valid(broken)


def test_the_compose_file_keeps_the_rules_of_this_house(made: dict[str, str]) -> None:
    assert problems_of(read_compose(), made) == []


def _service(name: str, **changes: Any) -> Break:
    return lambda compose: compose["services"][name].update(changes)


def _environment(name: str, **changes: str) -> Break:
    return lambda compose: compose["services"][name]["environment"].update(changes)


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (lambda c: c["services"]["kafka"].pop("healthcheck"), "kafka: needs a health check, or is one-shot and has none"),
        (_service("kafka", ports=["9092:9092"]), "kafka: publishes 9092:9092 beyond loopback"),
        (_service("kafka", ports=["0.0.0.0:1:1"]), "kafka: publishes 0.0.0.0:1:1 beyond loopback"),
        (_service("kafka", read_only=False), "kafka: read_only is not True"),
        (_service("kafka", cap_drop=[]), "kafka: cap_drop is not ['ALL']"),
        (_service("kafka", restart="always"), "kafka: has no restart policy"),
        (_service("kafka", deploy={}), "kafka: has no limit of memory"),
        (_service("kafka", tmpfs=["/tmp"]), "kafka: cannot load the native libraries that Java unpacks in /tmp"),
        (
            _service("kafka", command=["kafka", "${KAFKA_ADMIN_PASSWORD:?run make secrets}"]),
            "shows KAFKA_ADMIN_PASSWORD in an arg",
        ),
        (_service("postgres", image="postgres:latest"), "postgres: uses postgres:latest, which is not pinned"),
        (
            _service("postgres", profiles=["core"]),
            "airflow-init: cannot start without postgres, which its profile does not start",
        ),
        (
            _service("airflow-init", restart="unless-stopped"),
            "to be service_completed_successfully, which is not service_healthy",
        ),
        (_environment("postgres", POSTGRES_PASSWORD="airflow"), "postgres: POSTGRES_PASSWORD does not come from make secrets"),
        (_environment("postgres", POSTGRES_PASSWORD="${A:-a}"), "postgres: POSTGRES_PASSWORD does not come from make secrets"),
        (_environment("airflow-init", A="postgresql://a:b@c/d"), "airflow-init: A holds a password"),
        (_environment("kafka", A="${NEVER_MADE:?run make secrets}"), "NEVER_MADE is not made by make secrets"),
        (_environment("kafka", A="${BARE}"), "BARE is neither asked for nor given a default"),
        (_environment("notebooks", JUPYTER_TOKEN="none"), "JUPYTER_TOKEN is made by make secrets, but nobody uses it"),
        (lambda c: c["volumes"].update(attic={}), "volumes: attic is declared but not used"),
        (lambda c: c["networks"].clear(), "networks: dayfold is used but not declared"),
        (_service("notebooks", profiles=["analysts"]), "profiles are ['airflow', 'analysts', 'core', 'load', 'spark'], but"),
    ],
)
def test_each_rule_sees_what_breaks_it(made: dict[str, str], broken: Break, problem: str) -> None:
    compose = read_compose()
    broken(compose)
    assert any(problem in found for found in problems_of(compose, made)), problems_of(compose, made)


def test_every_file_that_a_container_is_told_to_use_exists() -> None:
    told = re.findall(r"docker/[\w./]+", (PROJECT / "docker-compose.yml").read_text())
    assert len(told) > 5
    assert [path for path in told if not (PROJECT / path).is_file()] == []


def test_the_dockerfile_keeps_the_linters_rules(tmp_path: Path) -> None:
    linter = [str(Path(sys.executable).with_name("hadolint"))]
    done = subprocess.run([*linter, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    careless = tmp_path / "Dockerfile"
    careless.write_text("FROM debian:latest\nRUN apt-get install curl\n")
    assert subprocess.run([*linter, str(careless)], capture_output=True, check=False).returncode == 1


def test_the_image_is_pinned_ends_without_root_and_is_built_from_what_there_is() -> None:
    lines = DOCKERFILE.read_text().splitlines()
    assert re.fullmatch(r"ARG PYTHON_IMAGE=python:3\.12\.\d+-slim-\w+", next(line for line in lines if line.startswith("ARG")))
    assert [line for line in lines if line.startswith("USER")][-1] == "USER 10001:10001"
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    copied = {part for line in lines if line.startswith("COPY ") and "--from" not in line for part in line.split()[1:-1]}
    assert sorted(part for part in copied if not (PROJECT / part).exists()) == []
    sent = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {part for part in copied if not any(part == one or part.startswith(f"{one}/") for one in sent)} == set()
    assert not any(name.startswith(".env") for name in sent)


def test_secrets_are_random_and_for_their_owner_only(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        make_secrets(path)
        assert path.stat().st_mode & 0o777 == 0o600
    one, other = read_secrets(first), read_secrets(second)
    assert one.keys() == other.keys()
    assert {name for name in one if one[name] == other[name]} == {"COMPOSE_PROFILES"}
    assert all(re.fullmatch(r"[\w=-]{22,}", value) for name, value in one.items() if name != "COMPOSE_PROFILES")
    assert Fernet(one["AIRFLOW_FERNET_KEY"])


def test_secrets_that_are_there_stay_until_new_ones_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("POSTGRES_PASSWORD=chosen\nMINE=1")
    path.chmod(0o644)
    make_secrets(path)
    kept = path.read_text()
    assert kept.startswith("POSTGRES_PASSWORD=chosen\nMINE=1\nCOMPOSE_PROFILES=")
    assert path.stat().st_mode & 0o777 == 0o600
    assert "nothing was changed" in make_secrets(path)
    assert path.read_text() == kept
    make_secrets(path, new=True)
    anew = read_secrets(path)
    assert "MINE" not in anew
    assert anew["POSTGRES_PASSWORD"] != "chosen"


def test_secrets_never_reach_version_control() -> None:
    asked = subprocess.run(["git", "check-ignore", "-q", ".env"], cwd=PROJECT, check=False)
    assert asked.returncode == 0
