"""A DAG of a running Airflow, as a client of its REST API sees it, and whether a process of it still lives."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import psutil

from spark_jobs.local.airflow.api import AirflowApi
from tests.submitted import wait_until

FINAL = ("success", "failed")
RUN_SECONDS = 600.0


@dataclass(frozen=True)
class RemoteDag:
    """One DAG; runs are named by their ids, tasks by their names with the map index behind: `verify[2]`."""

    api: AirflowApi
    dag_id: str

    def switch_on(self) -> str:
        """Unpause it; the id of the scheduled run that this makes, once it is over."""
        self.unpause()
        run_id = self.scheduled_run()
        assert self.wait(run_id) == "success"
        return run_id

    def scheduled_run(self) -> str:
        """The id of the only scheduled run, once there is one."""
        wait_until(lambda: bool(self.runs("scheduled")), f"a scheduled run of {self.dag_id}", RUN_SECONDS)
        (run_id,) = self.runs("scheduled")
        return run_id

    def unpause(self) -> None:
        self.api.ask("PATCH", f"/dags/{self.dag_id}", {"is_paused": False})

    def trigger(self, **conf: Any) -> str:
        """Trigger it by hand with these parameters; the id of the run. `Refused` if they make no sense."""
        run = self.api.ask("POST", f"/dags/{self.dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def runs(self, kind: str) -> list[str]:
        found = self.api.ask("GET", f"/dags/{self.dag_id}/dagRuns?limit=100")["dag_runs"]
        return [run["dag_run_id"] for run in found if run["run_type"] == kind]

    def state(self, run_id: str) -> str:
        return str(self.api.ask("GET", self._path(run_id))["state"])

    def wait(self, run_id: str, seconds: float = RUN_SECONDS) -> str:
        """How the run ended."""
        wait_until(lambda: self.state(run_id) in FINAL, f"the end of {self.dag_id}, {run_id}", seconds)
        return self.state(run_id)

    def started(self, run_id: str) -> str:
        """When the run began, or began again."""
        return str(self.api.ask("GET", self._path(run_id))["start_date"])

    def next_run_after(self) -> datetime:
        """When the next scheduled run is due."""
        return datetime.fromisoformat(self.api.ask("GET", f"/dags/{self.dag_id}")["next_dagrun_run_after"])

    def tasks(self, run_id: str) -> dict[str, dict[str, Any]]:
        found = self.api.ask("GET", f"{self._path(run_id)}/taskInstances?limit=100")["task_instances"]
        return {one["task_id"] if one["map_index"] < 0 else f"{one['task_id']}[{one['map_index']}]": one for one in found}

    def states(self, run_id: str) -> dict[str, str]:
        return {name: one["state"] for name, one in self.tasks(run_id).items()}

    def xcom(self, run_id: str, task: str, key: str = "return_value", map_index: int = -1) -> Any:
        path = f"{self._path(run_id)}/taskInstances/{task}/xcomEntries/{key}?map_index={map_index}"
        value = self.api.ask("GET", path)["value"]
        # The database keeps JSON as text or as such, depending on who wrote it.
        return json.loads(value) if isinstance(value, str) else value

    def log(self, run_id: str, task: str, map_index: int = -1, try_number: int = 1) -> str:
        """What the task said, one line for each event, and what an error in it said."""
        asked = urlencode({"map_index": map_index, "full_content": "true"})
        answer = self.api.ask("GET", f"{self._path(run_id)}/taskInstances/{task}/logs/{try_number}?{asked}")
        return "\n".join(line for one in answer["content"] for line in _lines(one))

    def clear(self, run_id: str, *tasks: str) -> None:
        """Have these tasks of a run, or all of them, run again."""
        asked = {"dry_run": False, "only_failed": False, "dag_run_id": run_id, **({"task_ids": list(tasks)} if tasks else {})}
        self.api.ask("POST", f"/dags/{self.dag_id}/clearTaskInstances", asked)

    def mark_failed(self, run_id: str, task: str) -> None:
        """As the button does."""
        self.api.ask("PATCH", f"{self._path(run_id)}/taskInstances/{task}", {"new_state": "failed"})

    def asset_events(self, run_id: str) -> list[dict[str, Any]]:
        asked = urlencode({"source_dag_id": self.dag_id, "source_run_id": run_id})
        return [one["extra"] for one in self.api.ask("GET", f"/assets/events?{asked}")["asset_events"]]

    def _path(self, run_id: str) -> str:
        return f"/dags/{self.dag_id}/dagRuns/{quote(run_id, safe='')}"


def _lines(entry: Any) -> Iterator[str]:
    """Of an entry of a log, which is text or has an event and the causes of an error one by one."""
    if not isinstance(entry, dict):
        yield str(entry)
        return
    yield str(entry["event"])
    yield from (str(one["exc_value"]) for one in entry.get("error_detail") or [])


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs: one that nobody has waited for yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
