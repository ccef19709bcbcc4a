"""What the page of a pipeline's DAG says, beside what all of them have in common."""

import shlex
from pathlib import Path

from spark_jobs.orchestration.markdown import as_code
from spark_jobs.pipeline.files import fresh_name, maintenance_name
from spark_jobs.pipeline.settings import Pipeline

_FACTS = """
### This pipeline

- reads {topic}, of each message the time in {time} and {value}
- publishes to {output}{where}
- keeps its tables in {tables}
- has its settings in {config}
- beside it: [what a run made fresh](dags/{fresh}), [maintenance of its tables](dags/{maintenance}), [assets](assets)

### When it runs

{schedule}. While the DAG is paused nothing runs. Switched on, it makes up at once for the midnight it has missed: one run reads all that
has arrived meanwhile.

*Trigger* on a paused DAG also switches it on (*Unpause on trigger*), which makes two runs: the daily one and yours. The first of them
reads everything. The other finds nothing new: its log of `new_records` and its XCom `nothing_new` name the run and the batch that have
read it. Tasks that had nothing to do are skipped: Airflow shows them in pink, and the run is a success.

### What a run shows

| task | log and XCom |
|---|---|
| `new_records` | what there is to read (`plan`), or why there is nothing (`nothing_new`) |
| `submit` | the Spark job, step by step |
| `finished_batches` | the newest averages that the run changed (`averages`), what it read and rejected (`summary`) |
| `verify` | in its first line, whether table and group agree with what was read of the partition; then the offsets |
| `retention` | warnings, if there are any |

### Parameters

*Trigger* asks for them, or on the command line: {trigger}. A run needs none of them. The decisions are for a run that follows one which has
stopped with exit code 65 and said which of them goes on.

### Where it runs

The connection `spark_default` names the Spark master, for example
`AIRFLOW_CONN_SPARK_DEFAULT='{{"conn_type": "spark", "host": "local[*]"}}'`; the driver runs beside the Airflow worker (client mode).

### When `submit` fails

Its log ends with the reason. The exit code of the job decides what happens next:

| exit code | meaning | tried again |
|---|---|---|
| 64 | wrong arguments | no |
| 65 | the data needs a decision: records were lost, a topic was created again, too many were rejected | no |
| 70 | an error nobody foresaw | no |
| 75 | passes by itself: another run is at work, the broker does not answer | yes |
| 76 | a newer run took over | no |
| 78 | settings, permissions or topics are wrong | no |
| ended by a signal | the machine was short of memory, or somebody stopped it | yes |
"""  # noqa: E501 - a page


def _of_aggregates(pipeline: Pipeline) -> dict[str, str]:
    """What is read of a message, and where totals go."""
    if not pipeline.aggregates:
        value = f"the value in {as_code(pipeline.value.field)}"
        return {"value": value, "where": ", to the partition number a record was read from"}
    fields = ", ".join(map(as_code, pipeline.input.fields or {}))
    named = ", ".join(map(as_code, pipeline.aggregates))
    return {"value": f"the fields {fields}", "where": f"; makes the aggregates {named}"}


def averages_page(story: str | None, pipeline: Pipeline, config: Path) -> str:
    """The DAG's `doc_md`: its story and the facts of this pipeline."""
    facts = {
        "topic": pipeline.input.topic,
        "time": pipeline.input.time.field,
        "output": " ".join(pipeline.output_topics) or "-",
        "tables": f"{pipeline.lake}/{pipeline.name}/",
        "config": config,
        "trigger": f"airflow dags trigger {shlex.quote(pipeline.name)} --conf '{{\"max_records_per_batch\": 1000000}}'",
    }
    shown = {name: as_code(text) for name, text in facts.items()} | _of_aggregates(pipeline)
    messages = pipeline.airflow.messages_connection
    schedule = f"Daily at midnight UTC{f', and when messages arrive ({as_code(messages)})' if messages else ''}"
    beside = {"fresh": fresh_name(pipeline.name), "maintenance": maintenance_name(pipeline.name)}
    return f"{story or ''}{_FACTS.format(schedule=schedule, **beside, **shown)}"
