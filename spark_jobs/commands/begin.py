"""The commands that a newcomer begins with: a pipeline file from a topic's messages,
and the output topic. How is known elsewhere.
"""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from spark_jobs.base.errors import UsageError
from spark_jobs.base.wording import counted
from spark_jobs.beginning.first_pipeline import WantedPipeline, WrittenPipeline, write_pipeline
from spark_jobs.beginning.output_topic import COMPACTED, create_output_topic, creation_sentence
from spark_jobs.beginning.sample import counts_text
from spark_jobs.broker.cluster import connect_by
from spark_jobs.commands.broker import BROKER_FOLDER
from spark_jobs.commands.command_line import AsJson, Config, Overrides, load_with_environment, say
from spark_jobs.local.examples.beginning import MESSAGES, BegunExample, begin_example

topic_app = typer.Typer(help="The topic that a pipeline publishes to.", no_args_is_help=True)


@topic_app.callback()
def topic_commands() -> None:
    """The topic that a pipeline publishes to."""


@topic_app.command("create")
def topic_create(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    replication: Annotated[
        int | None,
        typer.Option(metavar="COUNT", min=1, max=32767, help="Copies of each partition; the broker's default if not given."),
    ] = None,
    compact: Annotated[
        bool,
        typer.Option(
            "--compact", help="Keep the newest average of each day and partition, whatever the broker's default deletes."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create the pipeline's output topic with as many partitions as the input topic; one that is there and fits stays. No Spark."""  # noqa: E501 - one line of the help
    pipeline = load_with_environment(config, overrides)
    with connect_by(pipeline.kafka, os.environ) as broker:
        made = create_output_topic(broker, pipeline, replicas=replication, config=COMPACTED if compact else None)
    if as_json:
        typer.echo(json.dumps(made.report, indent=2))
        return
    say(creation_sentence(made, pipeline.input.topic))
    if not made.created and replication not in (None, made.replicas):
        say(f"its replication is {made.replicas} and not {replication}; kafka-reassign-partitions.sh changes that")
    if not made.created and compact and made.settings["cleanup.policy"] != "compact":
        say("it is not compacted; kafka-configs.sh --alter changes that")


def init_command(
    topic: Annotated[str | None, typer.Argument(metavar="TOPIC", help="The topic whose messages are to be averaged.")] = None,
    example: Annotated[
        str | None,
        typer.Option(metavar="ads|bank|sensors", help="Begin this example instead: its file, topics and messages, on loopback."),
    ] = None,
    messages: Annotated[int, typer.Option(metavar="COUNT", min=1, help="Messages of the example.")] = MESSAGES,
    kafka: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Kafka properties file; conf/kafka.properties if not given.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file to write; conf/pipelines/NAME.yaml if not given.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the pipeline; made of the topic's if not given.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="TOPIC", help="The output topic; TOPIC-daily-averages if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at a topic's messages and write a pipeline file that reads them, with the reasons in it. No Spark."""
    if (topic is None) == (example is None):
        raise UsageError("give a topic, or --example with one of ads, bank, sensors")
    if topic is None:
        _say_begun(begin_example(str(example), messages, BROKER_FOLDER, os.environ), as_json=as_json)
        return
    written = write_pipeline(WantedPipeline(topic, kafka, to, name, output), os.environ)
    if as_json:
        typer.echo(json.dumps(_report(written), indent=2))
        return
    pipeline, path = written.pipeline, written.path
    say(
        f"wrote {path}: the average of {pipeline.value.field} per day of {pipeline.input.time.field}, for "
        f"{written.pipeline.output_name}"
    )
    say(f"of {counts_text(written.looked_at, written.accepted, written.rejected)}")
    say(f"next: look at the file, then\ndayfold topic create {path}\ndayfold plan {path} --sample 20\ndayfold run {path}")


def _say_begun(begun: BegunExample, *, as_json: bool) -> None:
    path, topic = begun.path, begun.pipeline.input.topic
    if as_json:
        report = {"file": str(path), "name": begun.pipeline.name, "topic": topic, "present": begun.present, "sent": begun.sent}
        typer.echo(json.dumps(report, indent=2))
        return
    there = f", which held {begun.present:,} before" if begun.present else ""
    say(f"wrote {path}, and sent {counted(begun.sent, 'message')} to {topic}{there}")
    say(f"next:\ndayfold plan {path}\ndayfold run {path}\ndayfold audit {path} --deep")


def _report(written: WrittenPipeline) -> dict[str, object]:
    time, value = written.pipeline.input.time, written.pipeline.value
    return {
        "file": str(written.path),
        "name": written.pipeline.name,
        "time": {"field": time.field, "format": time.format, "timezone": time.timezone},
        "value": {"field": value.field, "type": value.type},
        "output": written.pipeline.output_name,
        "messages": written.looked_at,
        "accepted": written.accepted,
        "rejected": dict(written.rejected),
    }
