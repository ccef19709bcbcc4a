"""One session: a broker of its own, each work's topic loaded once, and every contestant run on it in turn, checked and measured.

Everybody runs once before anybody runs again, and each round begins with another one, so that ours is measured beside every
other.
"""

import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.contestants import ours
from benchmarks.contestants.contestant import Contestant, Place
from benchmarks.measure import Kept, Measurement, kept_in, run_measured
from benchmarks.oracle import Oracle
from benchmarks.pieces import Expected, Piece, expected_of, pieces_of
from benchmarks.works import Work
from spark_jobs.launch.java import find_java
from spark_jobs.local.kafka.sending import send_all
from spark_jobs.local.kafka.server import create_topics
from spark_jobs.local.screen import Screen

LOG_LINES = 5
GROUP_SECONDS = 60.0


@dataclass(frozen=True)
class Run:
    """One run of one contestant, number 0 over the history. It counts only if there is no `objection`.

    `load` is the machine's, just before it began. `steps` are the seconds of each step of each batch, where many are read at
    once.
    """

    contestant: str
    number: int
    idle: bool
    records: int
    load: float
    measured: Measurement
    kept: Kept
    objection: str | None
    steps: list[dict[str, float]] = field(default_factory=list)


@dataclass
class Session:
    """What all works share; `folder` holds everything that is made."""

    bootstrap: str
    folder: Path
    screen: Screen
    environment: dict[str, str] = field(default_factory=dict)
    places: int = 0

    def __post_init__(self) -> None:
        # Loopback only: Spark's web UI, which nobody switches off in a tutorial, would be reachable from elsewhere.
        java = {"JAVA_HOME": str(find_java()), "SPARK_LOCAL_IP": "127.0.0.1"}
        self.environment = {**os.environ, **java, "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
        self.environment.pop("PYSPARK_SUBMIT_ARGS", None)

    def await_groups(self) -> None:
        """Until consumer groups have a coordinator, which a new cluster finds when first asked; no contestant waits for it."""
        client = {"bootstrap.servers": self.bootstrap, "group.id": "first", "log_level": "2"}
        consumer, deadline = Consumer(client), time.monotonic() + GROUP_SECONDS
        create_topics(self.bootstrap, {"first": 1})
        try:
            while True:
                try:
                    consumer.committed([TopicPartition("first", 0)], timeout=5)
                    return
                except KafkaException:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
        finally:
            consumer.close()

    def place(self, contestant: Contestant, topic: "Topic", work: Work) -> Place:
        """A folder and an output topic that nobody has used."""
        self.places += 1
        name = f"{contestant.name}_{self.places}"
        folder = self.folder / "places" / name
        folder.mkdir(parents=True)
        output = f"{name}-out"
        create_topics(self.bootstrap, {output: topic.partitions})
        return Place(
            name,
            self.bootstrap,
            topic.name,
            output,
            topic.partitions,
            folder,
            topic.oracle.count,
            batch=work.batch,
            cores=work.cores,
        )

    def leave(self, place: Place) -> None:
        """Give back the disk."""
        shutil.rmtree(place.folder)
        self.delete_topic(place.output)

    def delete_topic(self, name: str) -> None:
        # Kept until the answer is there: a client that is collected ends its unfinished requests.
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": "2"})
        admin.delete_topics([name])[name].result(30)

    def run(self, contestant: Contestant, place: Place, topic: "Topic", number: int) -> Run:
        """One run, measured and checked against what was sent."""
        os.sync()
        load, log = os.getloadavg()[0], self.folder / f"{place.name}.log"
        with self.screen.waiting(contestant.title):
            measured = run_measured(self._pinned(contestant.command(place), place), self.environment, log)
        objection = _objection(contestant, place, topic, measured, log)
        if objection is None:
            self.screen.done(contestant.title, f"{place.fresh:,} records" if not place.idle else "nothing new", measured.seconds)
        else:
            self.screen.say(f"✗ {contestant.title}: not counted: {objection}", style="red")
        steps = contestant.steps(place) if place.batch and contestant.steps and objection is None else []
        kept = kept_in(place.folder)
        return Run(contestant.name, number, place.idle, place.fresh, load, measured, kept, objection, steps)

    def _pinned(self, command: list[str], place: Place) -> list[str]:
        """On the first so many cores; the broker keeps them all."""
        return command if place.cores is None else ["taskset", "--cpu-list", f"0-{place.cores - 1}", *command]


@dataclass
class Topic:
    """An input topic and what was sent to it."""

    name: str
    partitions: int
    oracle: Expected = field(default_factory=Oracle)

    def send(self, bootstrap: str, piece: Piece, screen: Screen) -> None:
        """Load a piece."""
        self.oracle.add(piece)
        with screen.counting(f"loading {self.name}", piece.count) as on_sent:
            send_all({"bootstrap.servers": bootstrap}, self.name, piece.messages(), on_sent)

    def ends(self) -> dict[int, int]:
        """Where each partition ends."""
        return self.oracle.ends(self.partitions)


def _objection(contestant: Contestant, place: Place, topic: Topic, measured: Measurement, log: Path) -> str | None:
    """Why a run must not count; none if it did what it says."""
    said = log.read_text(errors="replace")
    if measured.exit_code or measured.left_behind:
        left = " and left processes behind" if measured.left_behind else ""
        return f"exit code {measured.exit_code}{left}; {log.name} ends with: " + " / ".join(
            said.strip().splitlines()[-LOG_LINES:]
        )
    try:
        return _wrong(contestant, place, topic, said)
    except (OSError, ValueError, LookupError) as error:
        return f"its results cannot be read: {error!r}"


def _wrong(contestant: Contestant, place: Place, topic: Topic, said: str) -> str | None:
    wanted = topic.oracle.count
    if contestant.counted is not None:
        counted, wanted = contestant.counted(said), wanted - sum(place.starts.values())
        return None if counted == wanted else f"read {counted} records of {wanted}"
    if objection := topic.oracle.objection_to(contestant, place):
        return objection
    if contestant.records is not None and (found := contestant.records(place)) != wanted:
        return f"its table of records holds {found} rows, {wanted} messages were sent"
    return None


def run_work(session: Session, work: Work, contestants: Sequence[Contestant], repeats: int) -> list[Run]:
    """All runs of a work. A contestant that failed takes no further part where it would go on from what it has."""
    topic = Topic(work.name.replace("_", "-"), work.shape.partitions, expected_of(work.shape))
    create_topics(session.bootstrap, {topic.name: topic.partitions})
    try:
        return (_at_once if work.increments is None else _in_increments)(session, work, topic, contestants, repeats)
    finally:
        session.delete_topic(topic.name)


def rotated(contestants: Sequence[Contestant], number: int) -> list[Contestant]:
    """Each round begins with the next one."""
    first = number % len(contestants) if contestants else 0
    return [*contestants[first:], *contestants[:first]]


def _at_once(session: Session, work: Work, topic: Topic, contestants: Sequence[Contestant], repeats: int) -> list[Run]:
    pieces, _ = pieces_of(work.shape, work.records)
    for piece in pieces:
        topic.send(session.bootstrap, piece, session.screen)
    runs = []
    for number in range(repeats):
        session.screen.say(f"  round {number + 1} of {repeats}")
        for contestant in rotated(contestants, number):
            place = session.place(contestant, topic, work)
            runs.append(session.run(contestant, place, topic, number + 1))
            session.leave(place)
    return runs


def _in_increments(session: Session, work: Work, topic: Topic, contestants: Sequence[Contestant], repeats: int) -> list[Run]:
    count = (work.increments or repeats) * (2 if work.maintained else 1)
    history, increments = pieces_of(work.shape, work.records, count)
    for piece in history:
        topic.send(session.bootstrap, piece, session.screen)
    taking_part = [one for one in contestants if one.goes_on]
    places = {one.name: session.place(one, topic, work) for one in taking_part}
    runs = _read_history(session, topic, taking_part, places) if topic.oracle.count else []
    taking_part = _still_right(taking_part, runs)
    for number, increment in enumerate(increments, start=1):
        if work.maintained and 2 * (number - 1) == len(increments):
            taking_part = _maintained(session, places)
        session.screen.say(f"  increment {number} of {len(increments)}")
        starts = topic.ends()
        topic.send(session.bootstrap, increment, session.screen)
        for idle in (False, True) if work.idle else (False,):
            now = _places_now(places, topic, topic.ends() if idle else starts)
            asked = [one for one in rotated(taking_part, number) if not idle or one.counted is None]
            runs += [session.run(one, now[one.name], topic, number) for one in asked]
            taking_part = _still_right(taking_part, runs)
    for place in {place.name: place for place in places.values()}.values():
        session.leave(place)
    return runs


def _places_now(places: dict[str, Place], topic: Topic, starts: dict[int, int]) -> dict[str, Place]:
    records = topic.oracle.count
    return {name: replace(place, records=records, starts=starts, batch=None) for name, place in places.items()}


def _read_history(session: Session, topic: Topic, contestants: Sequence[Contestant], places: dict[str, Place]) -> list[Run]:
    session.screen.say("  the history, which is not compared:")
    return [session.run(one, places[one.name], topic, 0) for one in contestants if one.counted is None]


def _still_right(contestants: Sequence[Contestant], runs: Sequence[Run]) -> list[Contestant]:
    """Who went wrong once has nothing right to go on from."""
    wrong = {run.contestant for run in runs if run.objection}
    return [one for one in contestants if one.name not in wrong]


def _maintained(session: Session, places: dict[str, Place]) -> list[Contestant]:
    """Ours goes on under another name, on tables that `dayfold maintain` has compacted."""
    place = places[ours.MAINTAINED.name] = places[ours.EVERYTHING.name]
    measured = run_measured(ours.maintain_command(place), session.environment, session.folder / f"{place.name}.maintain.log")
    session.screen.done("dayfold maintain", f"exit code {measured.exit_code}", measured.seconds)
    return [ours.MAINTAINED] if measured.exit_code == 0 else []
