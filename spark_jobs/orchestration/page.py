"""What the page of a pipeline's DAG says, beside what all of them have in common."""

from pathlib import Path

from spark_jobs.config import Pipeline
from spark_jobs.pipeline_files import fresh_name, maintenance_name

_FACTS = """
### This pipeline

- reads `{pipeline.input.topic}`
- publishes to `{pipeline.output.topic}`, to the partition number a record was read from
- keeps its tables in `{pipeline.lake}/{pipeline.name}/`
- has its settings in `{config}`
- beside it: [what a run made fresh](dags/{fresh}), [maintenance of its tables](dags/{maintenance}), [assets](assets)

### Parameters

*Trigger* asks for them, or `airflow dags trigger {pipeline.name} --conf '{{"max_records_per_batch": 1000000}}'`.

### Where it runs

The connection `spark_default` names the Spark master, for example
`AIRFLOW_CONN_SPARK_DEFAULT='{{"conn_type": "spark", "host": "local[*]"}}'`; the driver runs beside the Airflow worker (client mode).

### When `submit` fails

Its log ends with the reason. The exit code of the job decides what happens next:

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
    fresh, maintenance = fresh_name(pipeline.name), maintenance_name(pipeline.name)
    return f"{story or ''}{_FACTS.format(pipeline=pipeline, config=config, fresh=fresh, maintenance=maintenance)}"
