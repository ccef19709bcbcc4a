"""`dayfold broker`: the embedded Kafka by hand. How it is run is known elsewhere."""

import json
from pathlib import Path
from typing import Annotated

import typer

from spark_jobs.base.project import PROJECT
from spark_jobs.commands.command_line import AsJson, say
from spark_jobs.local.kafka import server as kafka_server

app = typer.Typer(help="The embedded single-node Kafka for development, on loopback only.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option(help="Where the broker keeps its data.")]

BROKER_FOLDER = PROJECT / "data" / "kafka"


@app.command("start")
def broker_start(folder: Folder = BROKER_FOLDER, as_json: AsJson = False) -> None:
    """Start the embedded Kafka, or find the one that runs already."""
    running = kafka_server.start_broker(folder)
    text = f"Kafka is running at {running.bootstrap} (process {running.pid}, data in {folder})"
    if folder.resolve() != BROKER_FOLDER.resolve():
        text += f"\nIt is not this project's; to use it, give the other commands --set kafka={kafka_server.client_file(folder)}"
    say(json.dumps({"bootstrap": running.bootstrap, "pid": running.pid}) if as_json else text)


@app.command("stop")
def broker_stop(folder: Folder = BROKER_FOLDER) -> None:
    """Stop the embedded Kafka; its data stays."""
    say("stopped" if kafka_server.stop_broker(folder) else "no broker is running")
