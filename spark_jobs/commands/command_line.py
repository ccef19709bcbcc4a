"""What all commands share: their arguments, how settings are loaded, and how results, sentences and problems are printed.

Knows no command; results come from elsewhere as plain values and as tables.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from spark_jobs.base import machine
from spark_jobs.base.errors import DecisionNeeded
from spark_jobs.base.plain_tables import plain_console
from spark_jobs.base.wording import printable_lines
from spark_jobs.pipeline.settings import Pipeline, load_pipeline

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="Pipeline file, for example conf/pipelines/daily_voltage.yaml.")]
Overrides = Annotated[list[str], typer.Option("--set", metavar="KEY.PATH=VALUE", help="Override a setting; may be repeated.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

PIPE_WIDTH = 200


def by_hand() -> str:
    """The label of what somebody types without naming one."""
    return f"by hand {machine.now().isoformat(timespec='seconds')}"


def load_with_environment(config: Path, overrides: list[str]) -> Pipeline:
    """The settings with the environment's and the command line's overrides."""
    return load_pipeline(config, overrides=overrides, environment=os.environ)


def show(report: dict[str, Any], table: RenderableType | Callable[[int], RenderableType], as_json: bool) -> None:
    """The report, or the table, which may depend on how many characters a line has room for."""
    if as_json:
        typer.echo(json.dumps(report, indent=2, default=str))
    else:
        # A pipe has no width to fit into; a line that is searched for must stay in one piece.
        console = plain_console(None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH)
        console.print(table(console.width) if callable(table) else table)


def say(text: str) -> None:
    """A sentence of a result."""
    typer.echo(printable_lines(text))


def complain(text: object) -> None:
    """A sentence about what is wrong."""
    typer.echo(printable_lines(f"dayfold: {text}"), err=True)


def require_none(problems: list[str]) -> None:
    """End with the exit code of what needs an operator, one sentence for each."""
    for problem in problems:
        complain(problem)
    if problems:
        sys.exit(DecisionNeeded.exit_code)
