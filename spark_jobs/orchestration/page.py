"""What the page of a pipeline's DAG says, beside what all of them have in common."""

from pathlib import Path

from spark_jobs.config import Pipeline

_FACTS = """
| | |
|---|---|
| reads | `{pipeline.input.topic}` |
| publishes to | `{pipeline.output.topic}`, to the partition number a record was read from |
| tables | `{pipeline.lake}/{pipeline.name}/` |
| settings | `{config}` |

**Parameters.** *Trigger* asks for them, or `airflow dags trigger {pipeline.name} --conf '{{"max_records_per_batch": 1000000}}'`.

**Where it runs.** The connection `spark_default` names the Spark master, for example
`AIRFLOW_CONN_SPARK_DEFAULT='{{"conn_type": "spark", "host": "local[*]"}}'`; the driver runs beside the Airflow worker (client mode).

**When `submit` fails**, its log ends with the reason. The exit code of the job decides what happens next:

| exit code | meaning | tried again |
|---|---|---|
| 64 | wrong arguments | no |
| 65 | the data needs a decision: records were lost, a topic was created anew, too many were rejected | no |
| 70 | an error nobody foresaw | no |
| 75 | passes by itself: another run is at work, the broker does not answer | yes |
| 76 | a newer run took over | no |
| 78 | settings, permissions or topics are wrong | no |
| ended by a signal | the machine was short of memory, or somebody stopped it | yes |
"""


def page_of(story: str | None, pipeline: Pipeline, config: Path) -> str:
    """The DAG's `doc_md`: its story and the facts of this pipeline."""
    return f"{story or ''}{_FACTS.format(pipeline=pipeline, config=config)}"
