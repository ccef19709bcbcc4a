"""What several test files use is in a helper file: no test file is imported by another."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[2]
PROJECT = TESTS.parent


def imported(module: ast.Module) -> Iterator[str]:
    """Dotted names of all that is imported, late imports as well."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{name.name}" for name in node.names)


def is_of_a_test_file(name: str) -> bool:
    return any(part.startswith("test_") for part in name.split("."))


def test_no_test_file_is_imported() -> None:
    files = [*TESTS.rglob("*.py"), *(PROJECT / "benchmarks").rglob("*.py")]
    assert len(files) > 200
    found = {str(file.relative_to(PROJECT)): list(imported(ast.parse(file.read_text()))) for file in files}
    assert {file: names for file, names in found.items() if any(map(is_of_a_test_file, names))} == {}


def test_an_import_of_a_test_file_is_seen_in_every_form() -> None:
    forms = (
        "import tests.unit.test_a as b",
        "from tests.unit.test_a import b",
        "from tests.unit import test_a as cases",
        "def f():\n    from .test_a import b",
        "from . import test_a",
    )
    for form in forms:
        assert any(map(is_of_a_test_file, imported(ast.parse(form)))), form
    assert not any(map(is_of_a_test_file, imported(ast.parse("from tests.world import World\nimport latest_b"))))
