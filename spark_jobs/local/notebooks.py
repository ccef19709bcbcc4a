"""`make notebooks` opens the notebooks in JupyterLab; `make notebooks-refresh` executes them on the demo's tables, stores their
outputs, and stores the first plot as the README's picture.

JupyterLab listens on loopback only, asks for a token whatever the user's own Jupyter settings say, and looks for no news outside.
"""

import base64
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from confluent_kafka import Producer

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.answers.readers import find_tables
from spark_jobs.base.errors import ConfigurationError, DayfoldError
from spark_jobs.base.project import PROJECT
from spark_jobs.broker.cluster import connect
from spark_jobs.local.demo.readings import find_csv, message, read_readings
from spark_jobs.local.kafka.server import RunningKafka, client_file, start_broker
from spark_jobs.pipeline.settings import Pipeline

NOTEBOOKS, EXAMPLE = PROJECT / "notebooks", PROJECT / "conf" / "pipelines" / "daily_voltage.yaml"
PICTURE = PROJECT / "docs" / "demo.png"
"""The README's picture: the first plot of the first notebook."""
OPTIONS = (
    "--ServerApp.ip=127.0.0.1",
    f"--ServerApp.root_dir={PROJECT}",
    "--LabApp.default_url=/lab/tree/notebooks/01_daily_averages.ipynb",
    # Neither update checks, nor news, nor the list of extensions on a package index; and nobody is asked whether he wants news.
    f"--LabApp.app_settings_dir={PROJECT / 'conf' / 'jupyter'}",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.news_url=None",
    "--LabApp.extension_manager=readonly",
)

LATE_DAY = "2010-11-26"
LATE = tuple(message(f"{LATE_DAY} 21:{minute:02}:00", f"240.{minute:02}") for minute in range(3, 33))
"""Invented: they go on where the household's readings end, after that day was published."""
BAD = (
    b'{"datetime": "31/11/2010 00:00:00", "voltage": 240.1}',
    b'{"datetime": "26/11/2010 21:40:00", "voltage": "n/a"}',
    b'{"datetime": "26/11/2010 21:41:00"}',
    b'{"datetime": "26/11/2010 21:42:00", "volt',
)


def lab_command(arguments: list[str]) -> list[str]:
    """The command line of JupyterLab; root has to say that it is meant."""
    root = ["--allow-root"] if os.geteuid() == 0 else []
    return [sys.executable, "-m", "jupyterlab", *OPTIONS, *root, *arguments]


def lab_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of JupyterLab. The user's settings stay out: they may have switched the token off.

    The token is `JUPYTER_TOKEN`; if that is not set or empty, JupyterLab makes one and prints it with the address.
    """
    kept = {key: value for key, value in environment.items() if key != "JUPYTER_TOKEN" or value}
    return {**kept, "JUPYTER_NO_CONFIG": "1"}


def refresh() -> int:
    """Execute both notebooks on the demo's tables, to which some late and some bad messages are added once, and store them.

    Returns the exit code of the run that counts these messages if it fails, else 0.
    """
    pipeline, _ = find_tables(EXAMPLE)
    kafka = start_broker(PROJECT / "data" / "kafka")
    _send_once(kafka, pipeline)
    settings = {"DAYFOLD__KAFKA": str(client_file(kafka.folder))}
    # Most of so small a batch is bad on purpose.
    accepted = ["--set", "limits.max_rejected_fraction=1"]
    dayfold = Path(sys.executable).with_name("dayfold")
    code = subprocess.run([dayfold, "run", EXAMPLE, *accepted], env={**os.environ, **settings}, check=False).returncode
    if code == 0:
        for path in sorted(NOTEBOOKS.glob("*.ipynb")):
            execute(path)
        PICTURE.write_bytes(first_plot(min(NOTEBOOKS.glob("*.ipynb"))))
    return code


def _send_once(kafka: RunningKafka, pipeline: Pipeline) -> None:
    """The late and the bad messages, unless the topic holds more than the household's readings already."""
    broker = connect(load_kafka_settings(client_file(kafka.folder), {}))
    held = sum(one.high for one in broker.topic(pipeline.input.topic).partitions)
    if held > read_readings(find_csv()).count:
        return
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2", "enable.idempotence": True})
    for number, value in enumerate([*LATE, *BAD]):
        # Every third one by another partition than the day's, as readings of a second gateway would come.
        producer.produce(pipeline.input.topic, value, b"second" if number % 3 == 2 else LATE_DAY.encode())
    if producer.flush(30):
        raise ConfigurationError(f"the late messages could not be sent to {kafka.bootstrap}; is the demo's Kafka running?")


def execute(path: Path) -> None:
    """Execute a notebook in a kernel of its own, and store it with its outputs."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=600, record_timing=False, resources=resources).execute()
    for cell in (one for one in notebook.cells if one["cell_type"] == "code"):
        # What a JVM says about itself when it starts is no result.
        cell["outputs"] = [output for output in cell["outputs"] if output.get("name") != "stderr"]
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    print(f"{path.relative_to(PROJECT)}: {path.stat().st_size / 1000:,.0f} kB")


def first_plot(path: Path) -> bytes:
    """The first picture among the stored outputs of a notebook, as PNG."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    outputs = (output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))
    return base64.b64decode(next(data["image/png"] for data in outputs if "image/png" in data))


def open_lab(arguments: list[str]) -> NoReturn:
    """Become JupyterLab, after a word if the notebooks will find no tables."""
    try:
        find_tables(os.environ.get("DAYFOLD_PIPELINE", EXAMPLE))
    except DayfoldError as error:
        print(f"The notebooks will not work yet: {error}", file=sys.stderr, flush=True)
    os.execve(sys.executable, lab_command(arguments), lab_environment(os.environ))


def main(arguments: list[str]) -> int:
    """`refresh`, or else JupyterLab with these arguments of its own."""
    if arguments != ["refresh"]:
        open_lab(arguments)
    try:
        return refresh()
    except DayfoldError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
