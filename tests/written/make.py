"""Writes what this version leaves behind, for later versions to go on with: `python -m tests.written.make NAME`, in its checkout.

`NAME.tar.xz` holds a broker's files and a lake, with one finished batch of each pipeline and one that was ended in the middle;
`results.json` what this version makes of them when it goes on itself: the same as every version before it.
"""

import json
import os
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from spark_jobs.launch.java import find_java
from spark_jobs.launch.session import build_session
from spark_jobs.local.kafka.server import start_kafka
from spark_jobs.local.setup.jars import jar_paths
from tests import oracle
from tests.world import World, make_world, reading

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PARTITIONS = 2


@dataclass(frozen=True)
class Left:
    """Where the second batch was ended, and what is special about the pipeline."""

    fault: str
    settings: Mapping[str, Any] = field(default_factory=dict)


STATES = {
    "stored": Left("after:records_commit:raise"),
    "merged": Left("after:averages_commit:raise"),
    "published": Left("after:commit_transaction:raise"),
    "counted": Left("after:counted_commit:raise", {"records": False}),
}
"""Name of the pipeline, and how far its second batch came."""


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        spark = _session()
        with start_kafka(folder / "kafka", tied_to_us=True) as kafka:
            for state, left in STATES.items():
                world = _world(folder, kafka.bootstrap, spark, state, create=True)
                send_first(world)
                world.run(run_id="first")
                send_second(world)
                assert world.run_with_fault(left.fault, run_id="second"), f"{left.fault} was never passed"
        with tarfile.open(HERE / f"{name}.tar.xz", "w:xz") as archive:
            for part in ("kafka", "lake"):
                archive.add(folder / part, part, filter=_kept)
        with start_kafka(folder / "kafka", tied_to_us=True) as kafka:
            results = {state: _finished(_world(folder, kafka.bootstrap, spark, state, create=False)) for state in STATES}
        require_same(results)


def require_same(results: Mapping[str, Any]) -> None:
    """Store what came out, or compare it with what is stored."""
    if RESULTS.exists():
        assert json.loads(RESULTS.read_text()) == results, "this version makes something else of the same messages"
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def _session() -> Any:
    arguments = (
        f"--master local[1] --driver-class-path '{os.pathsep.join(map(str, jar_paths('spark')))}' --conf spark.ui.enabled=false"
    )
    os.environ.update(JAVA_HOME=str(find_java()), PYSPARK_SUBMIT_ARGS=f"{arguments} pyspark-shell")
    return build_session("written")


def _world(folder: Path, bootstrap: str, spark: Any, state: str, *, create: bool) -> World:
    settings = {"lake": str(folder / "lake"), "create": create, **STATES[state].settings}
    return make_world(folder, bootstrap, lambda: spark, PARTITIONS, name=state, **settings)


def send_first(world: World) -> None:
    world.send(0, reading("16/12/2006 17:24:00", "234.840"), reading("16/12/2006 17:25:00", "233.630"), b"junk")
    world.send(0, reading("17/12/2006 00:00:00", "-0.001"))
    world.send(1, reading("16/12/2006 23:59:59", "1e3"), *[reading("16/12/2006 23:59:58", "0.333333")] * 2)


def send_second(world: World) -> None:
    world.send(0, reading("16/12/2006 01:02:03", "235.290"), reading("18/12/2006 05:00:00", "241.5"))
    world.send(0, reading("17/12/2006 00:00:01", "7"))
    world.send(1, reading("19/12/2006 00:00:00", "12"), b"{}", reading("16/12/2006 00:00:00", "250.001"))


def _kept(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Neither scratch files nor what names this machine."""
    name = Path(info.name)
    left_out = name.parts[1:2] and name.parts[1] in ("tmp", "kafka.log", "broker.json", "server.properties", "log4j2.properties")
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return None if left_out or name.name.endswith(".lock") else info


def _finished(world: World) -> dict[str, Any]:
    world.run(run_id="third")
    return {"averages": averages(world), "output": published(world.bootstrap, world.pipeline.output_name)}


def averages(world: World) -> list[dict[str, str]]:
    """The table `daily_averages`, every value as text."""
    rows = [{name: str(value) for name, value in row.items()} for row in oracle.rows(f"{world.tables}/daily_averages")]
    return sorted(rows, key=lambda row: (row["partition"], row["date"]))


def published(bootstrap: str, topic: str) -> list[dict[str, Any]]:
    """Every record that a read_committed consumer sees, as text, by partition and in order."""
    settings = {
        "group.id": "written",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    consumer = Consumer({"bootstrap.servers": bootstrap, **settings})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    found, ended = [], set[int]()
    while len(ended) < PARTITIONS:
        message = consumer.poll(20)
        assert message is not None, f"{topic} was not read to its end"
        if message.error():
            ended.add(message.partition() or 0)
        else:
            found.append(_as_text(message))
    consumer.close()
    return sorted(found, key=lambda one: int(one["partition"]))


def _as_text(message: Any) -> dict[str, Any]:
    headers = {name: value.decode() for name, value in message.headers() or []}
    return {
        "partition": message.partition(),
        "key": message.key().decode(),
        "value": message.value().decode(),
        "headers": headers,
    }


if __name__ == "__main__":
    main(sys.argv[1])
