"""The shipped DAG with shorter pauses, and with limits that can be waited for where a test is about them."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from spark_jobs.base.project import PROJECT

RETRY_SECONDS, RUN_SECONDS, TASK_SECONDS = 3, 240, 120
OVERDUE, TARDY = "overdue", "tardy"
"""The pipelines whose run, or whose task `submit`, may take no longer than so many seconds: enough on a busy machine."""

_IMPORT = "from spark_jobs.pipeline.files import"
_END = "    return dag\n"


def write_dags(folder: Path) -> Path:
    """A DAG folder with a copy of the shipped file in which every DAG goes through `impatient`."""
    text = (PROJECT / "dags" / "daily_averages.py").read_text()
    assert text.count(_IMPORT) == text.count(_END) == 1
    text = text.replace(_IMPORT, f"from tests.airflow.impatient import impatient\n{_IMPORT}")
    folder.mkdir()
    (folder / "daily_averages.py").write_text(text.replace(_END, "    return impatient(dag)\n"))
    return folder


def impatient(dag: DAG) -> DAG:
    """The same DAG; the limits are those that the shipped one has, only shorter."""
    for task in dag.tasks:
        task.retry_delay = timedelta(seconds=RETRY_SECONDS)
    submit = dag.get_task("submit")
    assert dag.dagrun_timeout
    assert submit.execution_timeout
    if dag.dag_id == OVERDUE:
        dag.dagrun_timeout = timedelta(seconds=RUN_SECONDS)
    if dag.dag_id == TARDY:
        submit.execution_timeout = timedelta(seconds=TASK_SECONDS)
    return dag
