"""Commands as an operator types them, in processes of their own, and tables as a terminal shows them."""

import os
import subprocess
import sys
from pathlib import Path

from rich.console import RenderableType

from spark_jobs.base.plain_tables import plain_console
from spark_jobs.base.project import PROJECT
from spark_jobs.launch.java import find_java

BIN = Path(sys.executable).parent


def type_in(*arguments: str, fault: str = "") -> "subprocess.CompletedProcess[str]":
    """Run `dayfold` with these arguments; with a `fault` it fails at that point."""
    # A pipe is as wide as the program says, whatever terminal the tests were started in.
    ours = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment = ours | ({"DAYFOLD_ALLOW_FAULTS": "1", "DAYFOLD_FAULT": fault} if fault else {})
    command = [str(BIN / "dayfold"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def type_command(*command: str, seconds: float = 400) -> "subprocess.CompletedProcess[str]":
    """Any command of the README: in the project folder, with the installed launchers and Java."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "JAVA_HOME": str(find_java())}
    environment.pop("PYSPARK_SUBMIT_ARGS", None)
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=seconds, check=False)


def text_of(table: RenderableType, width: int = 200) -> str:
    """A table as a terminal of this width shows it, without colours."""
    console = plain_console(width, colours=False)
    with console.capture() as shown:
        console.print(table)
    return shown.get()
