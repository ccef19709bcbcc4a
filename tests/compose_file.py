"""`docker-compose.yml` as tests use it: parsed, its variables filled in, and which variables `make secrets` makes."""

import copy
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from spark_jobs.base.project import PROJECT

FILE = PROJECT / "docker-compose.yml"
SCRIPT = PROJECT / "scripts" / "make_secrets.sh"
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<text>[^}]*))?\}")


def read_compose() -> dict[str, Any]:
    """The file as it is written, merge keys resolved."""
    # A deep copy: what YAML anchors share would otherwise be one object in many services.
    parsed: dict[str, Any] = copy.deepcopy(yaml.safe_load(FILE.read_text()))
    parsed["services"] = {name: copy.deepcopy(service) for name, service in parsed["services"].items()}
    return parsed


def make_secrets(path: Path, *, new: bool = False) -> str:
    """Run the script of `make secrets` for this file; what it says."""
    environment = {"PATH": "/usr/bin:/bin", **({"NEW": "1"} if new else {})}
    done = subprocess.run(["sh", str(SCRIPT), str(path)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def read_secrets(path: Path) -> dict[str, str]:
    """The names and values of an `.env` file that `make secrets` wrote."""
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def filled(value: Any, variables: Mapping[str, str]) -> Any:
    """Part of the file with its variables filled in as Compose does; a missing one that is asked for raises `KeyError`."""
    if isinstance(value, dict):
        return {key: filled(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, variables) for one in value]
    return VARIABLE.sub(lambda match: _value(match, variables), value) if isinstance(value, str) else value


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    if match["kind"] == "-":
        return variables.get(match["name"]) or match["text"]
    return variables[match["name"]]
