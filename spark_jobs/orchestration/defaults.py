"""What holds for every task of every DAG here, unless it says otherwise itself."""

from datetime import timedelta
from typing import Any

from spark_jobs.orchestration.alerts import leave_failure

DEFAULTS: dict[str, Any] = {
    "owner": "dayfold",
    "retries": 3,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": 2,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(minutes=5),
    "on_failure_callback": leave_failure,
}
