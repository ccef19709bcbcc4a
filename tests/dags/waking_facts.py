"""What a real Airflow makes of a pipeline that messages start; `test_waking.py` judges it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from spark_jobs.orchestration.failures import failures_of_tasks
from spark_jobs.orchestration.waking import PROVIDERS, messages_asset, require_fit
from spark_jobs.pipeline.files import load_pipeline_files
from tests.dags.airflow_facts import _outcome, parse


def waking_facts(pipelines: str) -> dict[str, Any]:
    """The schedule of a pipeline that messages start, what watches them, and which connections it is refused."""
    pipeline = next(iter(load_pipeline_files(Path(pipelines), {}).usable.values()))
    bag = parse(pipelines)
    schedule = bag.dags[pipeline.name].schedule

    def outcome(connection: str = "kafka_default", **extra: str) -> dict[str, Any]:
        def look() -> None:
            os.environ["AIRFLOW_CONN_KAFKA_DEFAULT"] = json.dumps({"conn_type": "kafka", "extra": extra})
            with failures_of_tasks():
                require_fit(pipeline.name, connection)

        return _outcome(look)

    return {
        "errors": list(bag.import_errors.values()),
        "schedule": [type(schedule).__name__, str(schedule)],
        "trigger": [one.trigger.serialize() for one in messages_asset(pipeline).watchers],
        "without providers": without_providers(pipelines, pipeline.name),
        "own group": outcome(**{"group.id": "watcher", "enable.auto.commit": "false"}),
        "pipeline's group": outcome(**{"group.id": pipeline.name, "enable.auto.commit": "false"}),
        "missing": outcome("kafka_elsewhere"),
        "commits": outcome(**{"group.id": "watcher"}),
    }


def without_providers(pipelines: str, name: str) -> dict[str, Any]:
    """The same DAG where nothing is installed that could listen."""
    hidden: dict[str, Any] = dict.fromkeys(PROVIDERS)
    before = {provider: sys.modules.get(provider) for provider in PROVIDERS}
    sys.modules.update(hidden)
    bag = parse(pipelines)
    for provider, module in before.items():
        sys.modules.pop(provider) if module is None else sys.modules.update({provider: module})
    errors = {Path(path).name: text for path, text in bag.import_errors.items()}
    return {"schedule": str(bag.dags[name].schedule), "errors": errors}
