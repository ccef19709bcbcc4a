"""A pipeline on one lake in simulated surroundings, whose disk fails and whose runs die when they are told to."""

import errno
import json
import os
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from deltalake import DeltaTable

from spark_jobs.base.faults import InjectedFault, calling
from spark_jobs.base.machine import Machine, running_on
from spark_jobs.base.outages import as_ours
from spark_jobs.broker.clients import made_by
from spark_jobs.pipeline.settings import Pipeline, load_pipeline
from spark_jobs.run.job import RunRequest
from spark_jobs.run.story import run_pipeline
from tests.daily_tables import SCHEMAS
from tests.worlds.backends import SimulatedBackend
from tests.worlds.clients import clients_on
from tests.worlds.engine import SimulatedEngine
from tests.worlds.machines import BEGINNING, Disk
from tests.worlds.operator import Operator
from tests.worlds.truth import INPUT, OUTPUT, PIPELINE, Truth, reading


class Machines:
    """One pipeline on one lake, whose disk fails when it is told to."""

    def __init__(self, folder: Path, *, keeps_records: bool = True) -> None:
        self.place = SimulatedBackend(folder)
        self.disk = Disk(folder / "lake")
        self.kept = self._committed = 0
        self.dies_at = 0
        """At which of its commits to tables, right after it, a run dies; 0: at none."""
        self.written = 0
        self.risked: set[str] = set()
        """What was at risk when something was committed, to a table or to Kafka, that rests on it."""
        self.meanwhile: dict[str, Callable[[], object]] = {}
        """What somebody else does while a run is at that point."""
        self.lake = folder / "lake" / PIPELINE
        self._planned: list[float] = []
        self.truth = Truth(self.place.cluster, str(self.lake), {"run": self._planned})
        self.operator = Operator(self.place.cluster, self.truth, lambda: None)
        for topic in (INPUT, OUTPUT):
            self.place.create(topic, 2)
        config = folder / "p.yaml"
        settings = {
            "name": PIPELINE,
            **{"kafka": str(folder / "contract.properties"), "lake": str(folder / "lake"), "state": str(folder / "state")},
            "input": {"topic": INPUT, "time": {"field": "datetime", "format": "iso8601"}, "value": {"field": "voltage"}},
            "output": {"topic": OUTPUT},
            "records": keeps_records,
        }
        config.write_text(json.dumps(settings))
        self.pipeline: Pipeline = load_pipeline(config)

    def run(self, fails_at: int = 0, values: Sequence[Decimal] = (Decimal("1.5"),)) -> bool:
        """A run over new messages; whether it came to its end. The disk fails at that time that it is asked to keep anything."""
        self.place.write(INPUT, *(reading(1, value) for value in values))
        self.written += len(values)
        self.kept = self._committed = 0

        def keep(path: Path) -> None:
            self.kept += 1
            if self.kept == fails_at:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
            self.disk.keep(path)

        cluster = self.place.cluster
        machine = Machine(now=lambda: BEGINNING, monotonic=lambda: cluster.now, sleep=self.place.wait, keep=keep)
        with made_by(clients_on(self.place)), running_on(machine), calling(self._look):
            try:
                run_pipeline(self.pipeline, RunRequest("run"), SimulatedEngine(cluster))
            except OSError as error:
                return as_ours(error) is None
        return True

    def _look(self, point: str) -> None:
        self.meanwhile.get(point, lambda: None)()
        if point == "before:plan_commit":
            self._planned.append(self.place.cluster.now)
        self._committed += point == "after:table_commit"
        if point == "after:table_commit" and self._committed == self.dies_at:
            raise InjectedFault(point)
        if point in ("before:table_commit", "before:commit_transaction"):
            self.risked |= self.at_risk()

    def at_risk(self) -> set[str]:
        """What the tables need and a power cut could take."""
        root = self.disk.root / PIPELINE
        needed = {Path(path) for name in SCHEMAS for path in DeltaTable(root / name).file_uris()}
        logs = {path for name in SCHEMAS for path in (root / name / "_delta_log").glob("*.json")}
        return {str(path.relative_to(root)) for path in self.disk.at_risk() if path in needed | logs}
