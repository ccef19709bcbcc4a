"""The house is built as its table says: a room leans on the rooms that are listed with it, all of them on lower floors."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
PACKAGE = PROJECT / "spark_jobs"


@dataclass(frozen=True)
class Room:
    """A folder of `spark_jobs`, the floor it is on, and the rooms that it may import."""

    floor: int
    leans_on: tuple[str, ...]


ROOMS = {
    "base": Room(1, ()),
    "pipeline": Room(2, ("base",)),
    "launch": Room(2, ("base",)),
    "aggregates": Room(3, ("pipeline",)),
    "progress": Room(3, ("base", "pipeline")),
    "access": Room(3, ("base", "pipeline")),
    "broker": Room(4, ("base", "progress", "access")),
    "lake": Room(4, ("base", "pipeline", "aggregates", "progress")),
    "readings": Room(4, ("base", "pipeline", "progress")),
    "outlook": Room(5, ("base", "pipeline", "launch", "progress", "access", "broker", "lake", "readings")),
    "audit": Room(5, ("base", "pipeline", "aggregates", "progress", "broker", "lake")),
    "run": Room(6, ("base", "pipeline", "aggregates", "progress", "access", "broker", "lake", "readings", "outlook")),
    "answers": Room(6, ("base", "pipeline", "aggregates", "progress", "broker", "lake", "readings", "outlook")),
    "removal": Room(6, ("base", "pipeline", "access", "broker", "lake")),
    "beginning": Room(6, ("base", "pipeline", "progress", "broker", "lake", "readings", "outlook")),
    "maintenance": Room(6, ("base", "pipeline", "progress", "lake", "audit")),
    "orchestration": Room(7, ("base", "pipeline", "launch", "progress", "lake", "outlook", "answers", "maintenance")),
    "local": Room(7, ("base", "pipeline", "launch", "progress", "access", "broker", "lake", "outlook", "answers")),
    "commands": Room(
        8,
        (
            *("base", "pipeline", "launch", "broker", "outlook", "audit"),
            *("run", "answers", "removal", "beginning", "maintenance", "local"),
        ),
    ),
}
DOORS = "doors"
"""What a person or Airflow starts: the files of `spark_jobs` itself, and the DAG files. No room imports them."""
DOORS_LEAN_ON = ("base", "pipeline", "launch", "run", "orchestration", "commands")
MOST_ARROWS, MOST_FLOORS = 100, 9
"""An arrow is a room, or the doors, that leans on a room."""


@cache
def imports() -> dict[str, frozenset[str]]:
    """What each module of `spark_jobs`, and each DAG file, imports of it:
    dotted names below the package, type hints and late imports as well.
    """
    dags = {f"dags.{path.stem}": path for path in sorted((PROJECT / "dags").glob("*.py"))}
    return {module: frozenset(_imported(path)) - {module} for module, path in {**_modules(), **dags}.items()}


def leans_on(name: str) -> tuple[str, ...]:
    """What the table allows."""
    return DOORS_LEAN_ON if name == DOORS else ROOMS[name].leans_on


@cache
def _modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "spark_jobs":
            package = ".".join((node.module or "").split(".")[1:])
            for name in node.names:
                below = f"{package}.{name.name}".lstrip(".")
                yield below if below in _modules() else package
        elif isinstance(node, ast.Import):
            yield from (name.name.removeprefix("spark_jobs.") for name in node.names if name.name.startswith("spark_jobs."))


def room_of(module: str) -> str:
    """
    >>> room_of("lake.tables"), room_of("cli"), room_of("dags.daily_averages")
    ('lake', 'doors', 'doors')
    """
    first = module.split(".")[0]
    return first if first in ROOMS else DOORS


def test_every_folder_is_a_room_and_every_room_a_folder_that_says_in_one_sentence_what_it_is() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == set(ROOMS)
    for name in ROOMS:
        said = _sentence(name)
        assert said.endswith("."), f"spark_jobs/{name}/__init__.py"
        assert said.count(". ") == 0, f"spark_jobs/{name}/__init__.py"


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_leans_on_lower_floors_only(name: str) -> None:
    room = ROOMS[name]
    assert [one for one in room.leans_on if ROOMS[one].floor >= room.floor] == []


@pytest.mark.parametrize("name", [*ROOMS, DOORS])
def test_a_room_imports_what_the_table_allows_and_the_table_allows_nothing_else(name: str) -> None:
    found = {
        (module, other) for module, others in imports().items() for other in others if room_of(module) == name != room_of(other)
    }
    allowed = set(leans_on(name))
    assert sorted(f"{module} imports {other}" for module, other in found if room_of(other) not in allowed) == []
    assert allowed - {room_of(other) for _, other in found} == set(), "rooms that nothing here imports"


def test_the_house_stays_small_enough_to_be_seen_as_a_whole() -> None:
    assert sum(len(leans_on(name)) for name in (*ROOMS, DOORS)) <= MOST_ARROWS
    assert max(room.floor for room in ROOMS.values()) + 1 <= MOST_FLOORS, "the doors are on a floor of their own"


def test_the_folders_of_unit_tests_have_the_names_of_rooms() -> None:
    unit = PROJECT / "tests" / "unit"
    assert list(unit.glob("test_*.py")) == []
    assert {file.relative_to(unit).parts[0] for file in unit.rglob("test_*.py")} - ROOMS.keys() == {"house"}


def test_modules_stand_in_no_circle() -> None:
    graph = {module: set(others) for module, others in imports().items()}
    while leaves := {module for module, others in graph.items() if not others & graph.keys()}:
        graph = {module: others for module, others in graph.items() if module not in leaves}
    assert graph == {}


def test_the_page_on_the_design_shows_the_table() -> None:
    page = (PROJECT / "docs" / "design.md").read_text()
    assert "\n".join(_shown()) in page


def _shown() -> Iterator[str]:
    """The table as Markdown."""
    yield "| floor | room | what it is | leans on |"
    yield "|---|---|---|---|"
    for name, room in ROOMS.items():
        yield f"| {room.floor} | `{name}/` | {_sentence(name)} | {', '.join(room.leans_on)} |"
    doors = "`cli.py`, `daily_averages.py`, `__main__.py`, `dags/`"
    yield f"| {MOST_FLOORS} | {doors} | The doors: arguments in, exit code out. | {', '.join(DOORS_LEAN_ON)} |"


def _sentence(name: str) -> str:
    return ast.get_docstring(ast.parse((PACKAGE / name / "__init__.py").read_text())) or ""
