"""The commands that run the whole thing on this machine: the demo, and an Airflow until Ctrl-C.
Their parts are known elsewhere.
"""

from typing import Annotated

import typer


def demo_command() -> None:
    """Run the whole thing on four years of real readings: embedded Kafka, Airflow, Spark, Delta."""
    from spark_jobs.local.demo import story

    story.run_demo()


def airflow_command(
    port: Annotated[int | None, typer.Option(help="Of the web UI; the usual 8080, or a free one, if none is given.")] = None,
) -> None:
    """Run a whole Airflow on this machine until Ctrl-C: web UI, scheduler, the embedded Kafka, the demo's tables. No Docker."""
    from spark_jobs.local.demo import serving

    serving.serve_airflow(port=port)
