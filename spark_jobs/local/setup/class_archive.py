"""Making the class archive: a real run of the job on a Kafka of its own, at whose end the JVM writes down what it has loaded.

An archive is in place or it is not: it is written beside its place and then renamed, with a stamp of what it was made for.
Nothing depends on it but the time that a start takes, so it is reported that none could be made, and that is no error.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from confluent_kafka import Producer

from spark_jobs.base.errors import DayfoldError, TryAgain
from spark_jobs.launch.class_archive import ARCHIVE, ARCHIVE_FOLDER, STAMP, read_stamp
from spark_jobs.launch.spark_environment import in_one_text, without_jvm_options
from spark_jobs.launch.submit import Submission, job_arguments, spark_jars, submit_command, submitted_environment
from spark_jobs.local.exclusive import exclusively
from spark_jobs.local.kafka.server import create_topics, start_kafka

SECONDS = 300
_NAME, _PARTITIONS = "class_archive", 2
_MESSAGES = (
    # One of each kind, so that the classes of every way through the parser are in the archive.
    *('{"datetime": "23/12/2006 16:52:00", "voltage": 239.94}', '{"voltage": "240", "datetime": "24/12/2006 16:53:00", "a": 1}'),
    *('{"datetime": "23/12/2006 16:54:00", "voltage": 2.4e2, "b": {"c": []}}', '{"datetime": "", "voltage": NaN}', "no reading"),
)


def make_archive(java: Path, folder: Path = ARCHIVE_FOLDER) -> None:
    """Bring `folder` to an archive for this Java and today's jars; milliseconds when it is there.

    Two set-ups at once make one archive. Killed anywhere, the next call goes on.
    """
    try:
        _bring_up_to_date(java, folder, facts(java))
    except (DayfoldError, OSError, subprocess.TimeoutExpired) as error:
        print(f"no archive of classes was made, Spark only starts more slowly: {error}", file=sys.stderr)


def _bring_up_to_date(java: Path, folder: Path, wanted: dict[str, Any]) -> None:
    if is_made_for(wanted, folder):
        return
    print("preparing Java's classes for quicker starts, once for these versions: about a minute", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    # A folder and so a lock of its own: the broker looks after the jars meanwhile.
    with exclusively(folder):
        if not is_made_for(wanted, folder):
            begun = time.monotonic()
            _replace(java, folder, wanted)
            megabytes = (folder / ARCHIVE).stat().st_size / 1e6
            print(f"class archive: {megabytes:,.0f} MB in {time.monotonic() - begun:.0f} s", flush=True)


def facts(java: Path) -> dict[str, Any]:
    """What an archive depends on: the JVM's build, and the jars in the order in which the JVM finds them in their folders."""
    return {"java": _state(java.resolve() / "lib" / "server" / "libjvm.so"), "class_path": list(_class_path())}


def _class_path() -> Iterator[list[str | int]]:
    for jars in spark_jars():
        with os.scandir(jars) as entries:
            yield from (_state(Path(entry)) for entry in entries if entry.name.endswith(".jar"))


def _state(path: Path) -> list[str | int]:
    """The JVM compares an archive with the same: a file changed since has another size or time."""
    state = path.stat()
    return [str(path), state.st_size, state.st_mtime_ns]


def is_made_for(wanted: dict[str, Any], folder: Path = ARCHIVE_FOLDER) -> bool:
    """Whether the archive in `folder` is whole and was made for this Java and these jars."""
    with suppress(OSError):
        return read_stamp(folder) == {**wanted, "bytes": (folder / ARCHIVE).stat().st_size}
    return False


def _replace(java: Path, folder: Path, wanted: dict[str, Any]) -> None:
    beside = folder / f"{ARCHIVE}.new"
    # First of all: neither the run that makes the new archive nor another one may use the old one meanwhile.
    for stale in (folder / STAMP, folder / ARCHIVE, beside):
        stale.unlink(missing_ok=True)
    _run_once(java, beside)
    if not beside.exists():
        raise TryAgain(f"{java} wrote none (has it an archive of its own, lib/server/classes.jsa?)")
    beside.rename(folder / ARCHIVE)
    stamp = folder / f"{STAMP}.new"
    stamp.write_text(json.dumps({**wanted, "bytes": (folder / ARCHIVE).stat().st_size}))
    stamp.rename(folder / STAMP)


def _run_once(java: Path, archive: Path) -> None:
    """One batch of a pipeline that is gone afterwards. What the user has set for all JVMs is not to be in the archive."""
    writing = in_one_text([f"-XX:ArchiveClassesAtExit={archive}", "-Xlog:disable", "-Xlog:all=off"])
    conf = {"spark.master": "local[2]", "spark.driver.extraJavaOptions": writing}
    environment = submitted_environment(without_jvm_options(os.environ), java, conf["spark.master"])
    with TemporaryDirectory() as name, start_kafka(Path(name) / "kafka", tied_to_us=True) as kafka:
        config = _pipeline(Path(name), kafka.bootstrap)
        _send(kafka.bootstrap)
        command = submit_command(job_arguments(config, "set-up", [], []), Submission(conf=tuple(conf.items()), offsets=0))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise TryAgain(f"the run that makes it ended with exit code {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")


def _pipeline(folder: Path, bootstrap: str) -> Path:
    (folder / "kafka.properties").write_text(f"bootstrap.servers={bootstrap}\n")
    settings = {
        "name": _NAME,
        "kafka": str(folder / "kafka.properties"),
        "lake": str(folder / "lake"),
        "state": str(folder / "state"),
        "input": {
            "topic": f"{_NAME}-in",
            "time": {"field": "datetime", "format": "dd/MM/yyyy HH:mm:ss"},
            "value": {"field": "voltage"},
        },
        "output": {"topic": f"{_NAME}-out"},
        "limits": {"max_rejected_fraction": 1.0},
    }
    config = folder / f"{_NAME}.yaml"
    config.write_text(json.dumps(settings))
    return config


def _send(bootstrap: str) -> None:
    create_topics(bootstrap, {f"{_NAME}-in": _PARTITIONS, f"{_NAME}-out": _PARTITIONS})
    producer = Producer({"bootstrap.servers": bootstrap})
    for number, message in enumerate(_MESSAGES):
        producer.produce(f"{_NAME}-in", message, partition=number % _PARTITIONS)
    if producer.flush(SECONDS):
        raise TryAgain("the embedded Kafka took no messages")
