"""Whatever a run did not make the disk keep before it ended, the next one does: a power cut takes nothing that counts."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from spark_jobs.base.faults import calling
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
from tests.worlds.truth import INPUT, OUTPUT, PIPELINE

pytestmark = pytest.mark.group("SC")

READING = b'{"datetime": "2026-05-01T10:00:00", "voltage": 1.5}'


class Machines:
    """One pipeline on one lake, whose disk fails when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.place = SimulatedBackend(folder)
        self.disk = Disk(folder / "lake")
        self.kept = 0
        self.risked: set[str] = set()
        """What was at risk when a publication was committed that rests on it."""
        for topic in (INPUT, OUTPUT):
            self.place.create(topic, 2)
        config = folder / "p.yaml"
        settings = {
            "name": PIPELINE,
            **{"kafka": str(folder / "contract.properties"), "lake": str(folder / "lake"), "state": str(folder / "state")},
            "input": {"topic": INPUT, "time": {"field": "datetime", "format": "iso8601"}, "value": {"field": "voltage"}},
            "output": {"topic": OUTPUT},
        }
        config.write_text(json.dumps(settings))
        self.pipeline: Pipeline = load_pipeline(config)

    def run(self, fails_at: int = 0) -> bool:
        """A run over a new message; whether it came to its end. The disk fails at that time that it is asked to keep anything."""
        self.place.write(INPUT, READING)
        self.kept = 0

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
        if point == "before:commit_transaction":
            self.risked |= self.at_risk()

    def at_risk(self) -> set[str]:
        """What the tables need and a power cut could take."""
        root = self.disk.root / PIPELINE
        needed = {Path(path) for name in SCHEMAS for path in DeltaTable(root / name).file_uris()}
        logs = {path for name in SCHEMAS for path in (root / name / "_delta_log").glob("*.json")}
        return {str(path.relative_to(root)) for path in self.disk.at_risk() if path in needed | logs}


@pytest.fixture(autouse=True)
def fault_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYFOLD_ALLOW_FAULTS", "1")


@pytest.fixture
def machines(tmp_path: Path) -> Callable[[str], Machines]:
    def new(name: str) -> Machines:
        (tmp_path / name).mkdir()
        return Machines(tmp_path / name)

    return new


@pytest.mark.parametrize("history", [0, pytest.param(1, marks=pytest.mark.thorough)])
def test_a_run_makes_the_disk_keep_what_the_run_before_it_could_not(machines: Callable[[str], Machines], history: int) -> None:
    one = machines("whole")
    for _ in range(history + 1):
        assert one.run()
    assert one.at_risk() == set()
    assert one.kept > 30
    lost = {}
    for nth in range(1, one.kept + 1):
        other = machines(f"failed-{nth}")
        for _ in range(history):
            other.run()
        assert not other.run(fails_at=nth)
        assert other.run()
        lost[nth] = other.risked | other.at_risk()
    assert {nth: files for nth, files in lost.items() if files} == {}
