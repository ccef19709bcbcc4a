"""Modules that files outside of Python start by name, as `python -m NAME` or by an import, are there and can be started."""

import importlib.util
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
FILES = ("Makefile", "Dockerfile", "docker-compose.yml")
STARTED = re.compile(r"-m,? (spark_jobs[\w.]*)")
IMPORTED = re.compile(r"from (spark_jobs[\w.]*) import (\w+)")


@pytest.mark.parametrize("file", FILES)
def test_what_is_started_by_name_begins_as_a_program(file: str) -> None:
    names = set(STARTED.findall((PROJECT / file).read_text()))
    assert names, file
    for name in names:
        assert 'if __name__ == "__main__":' in source_of(name), name


def test_what_is_imported_by_name_is_there() -> None:
    found = [one for file in FILES for one in IMPORTED.findall((PROJECT / file).read_text())]
    assert found
    for module, name in found:
        assert f"def {name}(" in source_of(module), (module, name)


def source_of(name: str) -> str:
    """The file that Python runs for the name: of a package its `__main__`."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{name}.__main__")
    assert spec is not None, name
    assert spec.origin is not None, name
    return Path(spec.origin).read_text()
