"""A notebook executed in a kernel of its own, as an analyst does it, on the tables of a test."""

import json
import os
from dataclasses import dataclass
from typing import Any

import nbformat
from nbclient import NotebookClient

from spark_jobs.base.project import PROJECT
from spark_jobs.launch.java import find_java
from tests.world import World

NOTEBOOKS = PROJECT / "notebooks"


@dataclass(frozen=True)
class Executed:
    """A notebook after its last cell: its cells with their outputs, and what was asked of its variables."""

    cells: list[Any]
    answers: dict[str, Any]

    @property
    def pictures(self) -> list[str]:
        """All plots, base64 of PNG."""
        outputs = [output for cell in self.cells for output in cell.get("outputs", [])]
        return [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]


def execute(name: str, world: World, questions: dict[str, str]) -> Executed:
    """Run the notebook to its end in a kernel of its own, and then one more cell that answers questions in Python."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    answers = ", ".join(f"{question!r}: {expression}" for question, expression in questions.items())
    asking = f"import json\nprint(json.dumps({{{answers}}}, default=str))"
    notebook.cells.append(nbformat.v4.new_code_cell(asking))  # type: ignore[no-untyped-call]
    environment = {**os.environ, "DAYFOLD_PIPELINE": str(world.config), "JAVA_HOME": str(find_java())}
    environment |= {"IPYTHONDIR": str(world.config.parent / "ipython")}
    # Of the Spark of this test process.
    environment.pop("PYSPARK_SUBMIT_ARGS", None)
    resources = {"metadata": {"path": str(NOTEBOOKS)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute(env=environment)
    *cells, last = notebook.cells
    return Executed(cells, json.loads(last["outputs"][0]["text"]))
