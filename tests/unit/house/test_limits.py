"""The program keeps within the limits of CONTRIBUTING.md: short files, short functions, few parameters, no careless `except`."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
FILES = sorted([*(PROJECT / "spark_jobs").rglob("*.py"), *(PROJECT / "dags").glob("*.py")])
MOST_LINES, MOST_BODY_LINES, MOST_PARAMETERS = 300, 30, 5

EDGES = ("spark_jobs/cli.py", "spark_jobs/daily_averages.py")
"""Where a process ends: what was raised becomes its exit code."""

COMMANDS = "spark_jobs/commands/"
"""Their parameters are the options of a command line, which the library takes apart."""


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Everything in the program, with the file that it is in."""
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            yield str(path.relative_to(PROJECT)), node


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path, node in nodes():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield path, node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Named parameters, apart from the object or the class that a method belongs to."""
    given = function.args.posonlyargs + function.args.args
    own = given[:1] if given and given[0].arg in ("self", "cls") else []
    return len(given) - len(own) + len(function.args.kwonlyargs)


def is_broad(handler: ast.ExceptHandler) -> bool:
    named: list[ast.expr | None] = [*handler.type.elts] if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(one is None or (isinstance(one, ast.Name) and one.id in ("Exception", "BaseException")) for one in named)


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Whether it only cleans up: what was caught goes on in any case."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None and not any(isinstance(one, ast.Return) for one in ast.walk(handler))


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    assert len(FILES) > 100
    assert [str(path) for path in FILES if len(path.read_text().splitlines()) > MOST_LINES] == []


def test_no_function_is_too_long() -> None:
    assert [(path, one.name) for path, one in functions() if body_lines(one) > MOST_BODY_LINES] == []


def test_no_function_takes_too_much() -> None:
    found = {(path, one.name) for path, one in functions() if parameters(one) > MOST_PARAMETERS and not path.startswith(COMMANDS)}
    assert found == set()


def test_only_the_edge_of_a_process_catches_everything() -> None:
    handlers = [(path, node) for path, node in nodes() if isinstance(node, ast.ExceptHandler) and is_broad(node)]
    assert {path for path, _ in handlers} > set(EDGES)
    assert [(path, one.lineno) for path, one in handlers if path not in EDGES and not raises_again(one)] == []


def test_nothing_depends_on_a_statement_that_python_may_leave_out() -> None:
    assert [path for path, one in nodes() if isinstance(one, ast.Assert)] == []


@pytest.mark.parametrize(
    ("written", "lines", "takes"),
    [("def f(self, a, *, b):\n    'what'\n    return (\n        1\n    )", 3, 2), ("def f(a, /, b, *c, **d): ...", 1, 2)],
)
def test_lines_and_parameters_are_counted_as_they_are_read(written: str, lines: int, takes: int) -> None:
    (function,) = ast.parse(written).body
    assert isinstance(function, ast.FunctionDef)
    assert (body_lines(function), parameters(function)) == (lines, takes)


@pytest.mark.parametrize(
    ("caught", "broad", "cleans_up"),
    [
        ("except Exception:\n  1\n  raise", True, True),
        ("except (OSError, BaseException) as e:\n  raise e", True, False),
        ("except:\n  return\n  raise", True, False),
        ("except OSError:\n  pass", False, False),
    ],
)
def test_a_careless_except_is_seen(caught: str, broad: bool, cleans_up: bool) -> None:
    (attempt,) = ast.parse(f"try:\n  1\n{caught}").body
    assert isinstance(attempt, ast.Try)
    assert (is_broad(attempt.handlers[0]), raises_again(attempt.handlers[0])) == (broad, cleans_up)
